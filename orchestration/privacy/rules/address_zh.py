"""Chinese postal addresses: a road with a house number, or a building with a room, with the places before them.

Keep out: names of cities, districts and roads alone.
"""

from itertools import pairwise

from orchestration.privacy.rules.rule import Pattern, Rule

# A Chinese character that can stand in a place name: not one of the small words that come before an address.
_SMALL = sorted(map(ord, "的了在是到我你他她它请把与从去住送寄给就也很按对这那没不每但又叫说问"))
SIGN = (
    "["
    + "".join(rf"\x{{{a + 1:x}}}-\x{{{b - 1:x}}}" for a, b in pairwise([0x4DFF, *_SMALL, 0xA000]) if b - a > 1)
    + "]"
)
_N = r"[0-9零〇一二三四五六七八九十百甲乙丙丁A-Za-z]"
_UNIT = rf"\s?[\-#]?{_N}{{1,6}}(?:\s?[\-#]\s?{_N}{{1,5}}){{0,3}}\s?(?:号楼|号院|号|弄|栋|幢|座|单元|室|楼|层|房|户|门|期|组|支弄)"
_ROAD = rf"{SIGN}+(?:路|街|大道|大街|巷|胡同|弄|村|里|道|屯|社区)(?:[东南西北中][一二三四]?[段路街])?"
_ESTATE = rf"{SIGN}+"
_ROOM = rf"{_N}{{1,5}}\s?(?:号楼|栋|幢|座|单元|室|房)"
_TAIL = rf"(?:\s?{SIGN}*{_UNIT}|\s?[0-9]{{3,5}}\b){{0,6}}"

RULE = Rule(
    name="address_zh",
    token="ADDRESS",
    order=130,
    reads="chinese",
    needs=rf"{_N}\s?(?:号楼|栋|幢|座|单元|室|弄)|(?:[路街道巷弄村里屯段区同])\s?{_N}{{1,6}}(?:\s?-\s?{_N}{{1,5}})?\s?号",
    patterns=(
        Pattern(
            value=rf"{_ROAD}\s?{_N}{{1,6}}(?:\s?[\-]\s?{_N}{{1,5}})?\s?(?:号楼|号院|号|栋|幢){_TAIL}|{_ROAD}\s?[0-9]{{1,5}}\s?弄{_TAIL}"
        ),
        Pattern(value=rf"{_ESTATE}\s?{_ROOM}(?:\s?{_UNIT}){{1,5}}(?:\s?[0-9]{{3,4}}\b)?"),
        Pattern(value=rf"{_ESTATE}\s?[0-9]{{1,3}}\s?(?:号楼|栋|幢)\s?[0-9]{{3,4}}\b"),
    ),
)
