"""Chinese postal addresses: a road with a house number, or a building with a room, with the places before them.

Keep out: names of cities, districts and roads alone.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

# A Chinese character that can stand in a place name: not one of the small words that come before an address.
_H = r"[^\P{Han}的了在是到我你他她它请把和与从去住送寄给于将就也都很为按对向离这那个有没不过来每次因所但又叫说问]"
_N = r"[0-9零〇一二三四五六七八九十百甲乙丙丁A-Za-z]"
_PLACES = (
    rf"(?:{_H}{{2,8}}(?:省|自治区))?(?:{_H}{{2,8}}(?:市|自治州|盟|地区))?"
    rf"(?:{_H}{{1,8}}(?:区|县|旗|市))?(?:{_H}{{1,8}}(?:街道|镇|乡))?"
)
_UNIT = rf"\s?[\-#]?{_N}{{1,6}}(?:\s?[\-#]\s?{_N}{{1,5}}){{0,3}}\s?(?:号楼|号院|号|弄|栋|幢|座|单元|室|楼|层|房|户|门|期|组|支弄)"
_ROAD = rf"{_H}{{1,10}}(?:路|街|大道|大街|巷|胡同|弄|村|里|道|屯|社区)(?:[东南西北中][一二三四]?[段路街])?(?:{_H}{{0,4}})?"
_ESTATE = rf"{_H}{{1,12}}(?:小区|花园|苑|公寓|新村|大厦|家园|城|府|庭|村|园|湾|山庄|名邸|里|院|校区|大学|广场|中心)?"
_ROOM = rf"{_N}{{1,5}}\s?(?:号楼|栋|幢|座|单元|室|房)"
_TAIL = rf"(?:\s?{_H}{{0,12}}{_UNIT}|\s?[0-9]{{3,5}}\b){{0,6}}"

RULE = Rule(
    name="address_zh",
    token="ADDRESS",
    order=130,
    needs=rf"{_N}\s?(?:号|弄|栋|幢|座|单元|室)",
    patterns=(
        Pattern(value=rf"{_PLACES}{_ROAD}\s?{_N}{{1,6}}(?:\s?[\-]\s?{_N}{{1,5}})?\s?(?:号楼|号院|号|弄|栋|幢){_TAIL}"),
        Pattern(value=rf"{_PLACES}{_ESTATE}\s?{_ROOM}(?:\s?{_UNIT}){{1,5}}(?:\s?[0-9]{{3,4}}\b)?"),
        Pattern(value=rf"{_PLACES}{_ESTATE}\s?[0-9]{{1,3}}\s?(?:号楼|栋|幢)\s?[0-9]{{3,4}}\b"),
    ),
)
