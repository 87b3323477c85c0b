"""Place: of where somebody lives the prefecture is kept (市, 自治州, 盟, 地区), of a municipality its name.

Keep out: streets and numbers that a place still shows (words.py, which refuses the row).
By its form, and by the names of cities that lie in no prefecture (prefectures.py): 江苏省昆山市 lies in one that it
does not name, so its province is kept; 湖北省仙桃市, which its province runs itself, is kept whole, a county such as
神农架林区 is not. No gazetteer tells what else lies where: a county's city (伊宁市) or a district (浦东新区) that
stands without what it lies in is kept as it is filed.
"""

import hashlib
from functools import cache

from orchestration.engine import literal
from orchestration.privacy.prefectures import AUTONOMOUS, CITIES, UNDER_A_PROVINCE

_BETWEEN = r"[\s,，、/·\-]*"
_START = rf"^\s*((?:中国{_BETWEEN})?"
_MUNICIPALITY = "(?:北京|上海|天津|重庆)市?"
_PROVINCE = r"\p{Han}{2,6}?(?:省|自治区|特别行政区)"
_NAMES = (
    "河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|"
    "内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_WITHIN = "[县区旗街路村号]"  # in no prefecture's name, but in those of what lies in one
_NAME = r"(?:[^\P{Han}市县区旗街路村号]|[\s,，、/·\-])"
_CITY = r"[^\P{Han}超县区旗街路村号]市"  # a market is no city, nor is a department of one
_KNOWN = "|".join(name for found in (CITIES, UNDER_A_PROVINCE) for names in found.values() for name in names.split())
_STATE = rf"(?:{'|'.join(AUTONOMOUS.split())})州"  # as autonomous prefectures are called
# The three leagues by name, since shops and firms have theirs.
_PREFECTURE = rf"(?:(?:{_KNOWN})市|{_NAME}{{1,14}}?(?:自治州|地区)|{_NAME}{{0,4}}(?:锡林郭勒|兴安|阿拉善)盟)"
_AFTER = "(?:[^场]|$)"

# The first that fits. A city by its short name is one behind a province, else where something smaller follows. What a
# province stands before, and is no prefecture, is cut where something smaller is named.
PATTERNS = (
    rf"{_START}{_MUNICIPALITY})",
    rf"{_START}(?:(?:{_PROVINCE}|{_NAMES}){_BETWEEN})?{_PREFECTURE}){_AFTER}",
    rf"{_START}(?:{_PROVINCE}|{_NAMES}){_BETWEEN}(?:{_KNOWN}|{_STATE}))",
    rf"{_START}{_STATE})",
    rf"{_START}(?:{_KNOWN}))(?:\s*$|[\s,，、/·\-]|[^市县区旗街路村号镇乡].*?{_WITHIN})",
    rf"{_START}(?:{_PROVINCE}|{_NAMES}))(?:\s*$|.{{2,}}?{_WITHIN}|.+?{_CITY}{_AFTER})",
    rf"{_START}{_NAME}{{1,14}}?{_CITY}){_AFTER}",
)


def generalised_sql(place: str) -> str:
    """SQL: the prefecture of a Chinese place, of any other the part before its first comma or slash."""
    found = ", ".join(f"nullif(regexp_extract({place}, {literal(p)}, 1), '')" for p in PATTERNS)
    first = f"split_part({place}, ',', 1)"
    return f"coalesce({found}, trim(split_part(split_part({first}, '，', 1), '/', 1)))"


@cache
def version() -> str:
    """A short hash of everything that decides how a place is cut."""
    return hashlib.sha256(generalised_sql("place").encode()).hexdigest()[:12]
