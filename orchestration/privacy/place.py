"""Place: of where somebody lives the prefecture is kept (市, 自治州, 盟, 地区), of a municipality its name.

Keep out: streets and numbers that a place still shows (words.py, which refuses the row).
By its form alone, no gazetteer: a county city (伊宁市) or a district (浦东新区) that stands without what it lies in is
kept as it is filed.
"""

from orchestration.engine import literal

_BETWEEN = r"[\s,，、/·\-]*"
_START = rf"^\s*((?:中国{_BETWEEN})?"
_MUNICIPALITY = "(?:北京|上海|天津|重庆)市?"
_PROVINCE = r"\p{Han}{2,6}?(?:省|自治区|特别行政区)"
_NAMES = (
    "河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾|"
    "内蒙古|广西|西藏|宁夏|新疆|香港|澳门"
)
_WITHIN = "[县区旗街路村号]"  # in no prefecture's name, but in those of what lies in one
_NAME = r"(?:[^\P{Han}县区旗街路村号]|[\s,，、/·\-])"
# A market is no city, nor is a department of one; the three leagues by name, since shops and firms have theirs.
_PREFECTURE = (
    rf"(?:{_NAME}{{1,14}}?(?:[^\P{{Han}}超县区旗街路村号]市|自治州|地区)|{_NAME}{{0,4}}(?:锡林郭勒|兴安|阿拉善)盟)"
)

# The first that fits. What a province stands before, and is no prefecture, is cut where something smaller is named.
PATTERNS = (
    rf"{_START}{_MUNICIPALITY})",
    rf"{_START}(?:{_PROVINCE}{_BETWEEN})?{_PREFECTURE})(?:[^场]|$)",
    rf"{_START}(?:{_PROVINCE}|{_NAMES}))(?:\s*$|.{{2,}}?{_WITHIN})",
)


def generalised_sql(place: str) -> str:
    """SQL: the prefecture of a Chinese place, of any other the part before its first comma or slash."""
    found = ", ".join(f"nullif(regexp_extract({place}, {literal(p)}, 1), '')" for p in PATTERNS)
    first = f"split_part({place}, ',', 1)"
    return f"coalesce({found}, trim(split_part(split_part({first}, '，', 1), '/', 1)))"
