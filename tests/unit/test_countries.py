"""Countries as sources write them, and their codes. Keep out: which law follows (integration/test_gate.py)."""

import duckdb
import pytest

from orchestration.privacy import countries
from orchestration.privacy.policy import EU, jurisdiction_sql

WRITTEN = {
    "CN": ["CN", " cn ", "CHN", "China", "china", "中国", "中國", "中华人民共和国", "P.R. China", "中国大陆"],
    "GB": ["GB", "UK", "U.K.", "GBR", "United Kingdom", "英国", "Great Britain"],
    "GR": ["GR", "EL", "GRC", "Greece", "希腊"],
    "DE": ["DE", "DEU", "Germany", "GERMANY", "德国", "德國", "Deutschland"],
    "US": ["USA", "U.S.A.", "United States", "United States of America", "美国"],
    "TR": ["Türkiye", "Turkiye", "Turkey", "土耳其"],
    "HK": ["Hong Kong", "香港", "HKG"],
    None: ["", "  ", "XX", "ZZ", "EU", "European Union", "Narnia", "unknown", "未知", "1", "156", "SU", "北京", "MI "],
}


@pytest.mark.parametrize(("written", "code"), [(w, code) for code, listed in WRITTEN.items() for w in listed])
def test_a_country_is_known_by_code_or_name_and_else_is_none(written, code):
    assert countries.code_of(written) == code
    with duckdb.connect() as con:
        countries.prepare(con, f"SELECT '{written}'")
        assert con.execute("SELECT code FROM _countries").fetchall() == ([(code,)] if written.strip() else [])


def test_every_country_with_a_law_of_its_own_has_its_names_and_three_letters():
    known = list(countries.words().items())
    assert all(sum(code == country for _, code in known) >= 4 for country in (*EU, "CN"))


@pytest.mark.parametrize(
    ("written", "law"),
    [
        *(
            (w, "EU")
            for w in ("Réunion", "Guadeloupe", "Martinique", "French Guiana", "Mayotte", "St. Martin", "奥兰群岛")
        ),
        *((w, "other") for w in ("Greenland", "Faroe Islands", "New Caledonia", "French Polynesia", "St. Barthélemy")),
        *((w, "other") for w in ("Svalbard & Jan Mayen", "Hong Kong")),
    ],
)
def test_what_belongs_to_the_union_under_a_code_of_its_own_has_its_law(written, law):
    with duckdb.connect() as con:
        assert con.execute(f"SELECT {jurisdiction_sql(repr(countries.code_of(written)))}").fetchall() == [(law,)]
