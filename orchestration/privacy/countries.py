"""Countries: the ISO 3166-1 alpha-2 code of a country, written as a code of two or three letters or as a name.

Keep out: which law a country has (policy.py). Names, in English and Chinese, and codes of three letters are those of
the Unicode CLDR (Babel); what is written beside them stands here. What is neither is no country: NULL, so that its
person's law is not known (decision 0019).
"""

import re
from functools import cache

import duckdb
import pyarrow as pa

from orchestration.engine import literal

# The CLDR's territories that are no countries: groups, parts of a country, codes to test with.
_NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
# As countries are written otherwise: UK and EL (the European Union's code of Greece), and names.
_WRITTEN = {
    "CN": "PRC, PR China, People's Republic of China, Mainland China, Chinese Mainland, 中华人民共和国, 中國大陸, 中国大陆, "
    "中国内地, 大陆, 内地",
    "HK": "Hong Kong, Hong Kong SAR, Hongkong, 香港, 中国香港, 中國香港, 香港特别行政区, 香港特別行政區",
    "MO": "Macao, Macau, Macao SAR, Macau SAR, 澳门, 澳門, 中国澳门, 中國澳門, 澳门特别行政区, 澳門特別行政區",
    "TW": "Chinese Taipei, 中国台湾, 中國台灣, 臺灣",
    "GB": "UK, Great Britain, Britain, England, Scotland, Wales, Northern Ireland, United Kingdom of Great Britain and "
    "Northern Ireland, 大不列颠, 英格兰, 苏格兰",
    "GR": "EL, Hellas",
    "IE": "Republic of Ireland",
    "CZ": "Czech Republic, 捷克共和国",
    "DE": "Deutschland, Federal Republic of Germany, 德意志联邦共和国",
    "AT": "Österreich",
    "FR": "French Republic",
    "NL": "Holland, The Netherlands, 尼德兰",
    "ES": "España",
    "IT": "Italia",
    "SK": "Slovak Republic",
    "US": "United States of America, 美利坚合众国",
    "KR": "Korea, Republic of Korea, 大韩民国, 南韩",
    "RU": "Russian Federation, 俄国",
    "TR": "Turkey",
    "VN": "Viet Nam",
    "AE": "UAE, 阿联酋",
    "MK": "Macedonia",
    "CI": "Ivory Coast",
    "CV": "Cape Verde",
    "SZ": "Swaziland",
}  # fmt: skip


@cache
def words() -> dict[str, str]:
    """The code of every country by what may be written, as `as_compared` has it."""
    from babel.core import get_global

    names = [_names(language) for language in ("en", "zh", "zh_Hant")]
    codes = {c for c in names[0] if re.fullmatch("[A-Z]{2}", c)} - _NO_COUNTRIES
    aliases = get_global("territory_aliases").items()  # of two letters they are codes long gone, and states of the US
    found = [(alias, to[0]) for alias, to in aliases if len(to) == 1 and re.fullmatch("[A-Z]{3}", alias)]
    found += [(name, code) for listed in names for code, name in listed.items()]
    found += [(name, code) for code, listed in _WRITTEN.items() for name in listed.split(", ")]
    found += [(code, code) for code in codes]
    with duckdb.connect() as con:
        con.register("found", pa.table({"word": [w for w, _ in found], "code": [c for _, c in found]}))
        rows = con.execute(f"SELECT {as_compared('word')}, code FROM found").fetchall()
    return {word: code for word, code in rows if code in codes}


def _names(language: str) -> dict[str, str]:
    from babel import Locale

    return {str(code): str(name) for code, name in Locale.parse(language).territories.items()}


def as_compared(expression: str) -> str:
    """SQL: a country's word without case, accents, blanks and marks."""
    return f"regexp_replace(upper(strip_accents({expression})), '[^\\p{{L}}\\p{{N}}]+', '', 'g')"


def prepare(con: duckdb.DuckDBPyConnection, written: str) -> None:
    """Temp table `_countries` (written, code) of what a select of one column gives; code is NULL where it is none."""
    con.register("_country_words", pa.table({"word": list(words()), "code": list(words().values())}))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _countries AS SELECT written, code FROM (SELECT DISTINCT written FROM ({written}) "
        f"AS told(written) WHERE trim(written) <> '') LEFT JOIN _country_words ON word = {as_compared('written')}"
    )
    con.unregister("_country_words")


def code_of(written: str) -> str | None:
    """The code of one country as written; None where it is none."""
    with duckdb.connect() as con:
        row = con.execute(f"SELECT {as_compared(literal(written))}").fetchone()
    return words().get(row[0]) if row else None
