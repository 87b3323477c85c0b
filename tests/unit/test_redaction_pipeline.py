"""The whole pipeline on single texts: tokens, counts, own values, evasion, injection.

Keep out: single rules (rules/), shares over many texts (test_redaction_quality.py).
"""

from collections.abc import Callable
from typing import Any

import pytest

from orchestration.privacy.rules import all_rules
from tests.bench.redaction_measure import redacted
from tests.bench.redaction_texts import EVASION_LIMITS, EVASIONS


@pytest.fixture(scope="session")
def redact() -> Callable[..., dict[str, Any]]:
    """A function (text, name=[…], …, agent=[…]) → row without keys."""

    def run(text: str, **own: list[str | None]) -> dict[str, Any]:
        return redacted([text], [own])[0]

    return run


def test_types_and_counts_are_kept_and_values_are_not(redact):
    result = redact("我叫张小明,电话13800138000或13900139000,邮箱li@example.com", name=["张小明"])
    assert result["text"] == "我叫<SELF>,电话<PHONE>或<PHONE>,邮箱<EMAIL>"
    assert result["n"] == 4
    assert result["counts"] == {"SELF": 1, "EMAIL": 1, "PHONE": 2}
    assert not result["residual"]


def test_null_stays_null_and_empty_stays_empty(redact):
    assert redacted([None, ""])[0] == {"text": None, "n": 0, "counts": {}, "residual": False, "is_sensitive": False}
    assert redact("")["text"] == ""


def test_clean_chinese_text_is_returned_unchanged(redact):
    text = "东西很好,物流也快——就是价格“稍微”贵(¥1,299.00),希望以后有活动!😀"
    assert redact(text)["text"] == text


def test_literal_tokens_in_the_input_are_harmless_and_not_counted(redact):
    result = redact("<EMAIL> and <SELF> wrote to a@example.com, <email>", name=["Email Self"])
    assert result["text"] == "<EMAIL> and <SELF> wrote to <EMAIL>, <email>"
    assert result["n"] == 1


def test_absent_and_empty_own_values_are_passed_over(redact):
    assert redact("hi Anna", name=[None, "", " ", "x", "Anna Bauer"])["text"] == "hi <SELF>"


def test_texts_of_other_rows_do_not_know_a_rows_own_values():
    both = redacted(["hi Anna", "hi Anna"], [{"name": ["Anna Bauer"]}, {"name": ["Maria Weber"]}])
    assert [r["text"] for r in both] == ["hi <SELF>", "hi Anna"]


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("I am Will Smith. Will you help? SMITH", {"name": ["Will Smith"]}, "I am <SELF>. Will you help? <SELF>"),
        ("Smith, Will; W. Smith; willsmith", {"name": ["Will Smith"]}, "<SELF>; <SELF>; <SELF>"),
        ("annual Ann", {"name": ["Ann Lee"]}, "annual <SELF>"),
        ("José García, Jose Garcia", {"name": ["José García"]}, "<SELF>, <SELF>"),
        ("小明 Jose, 王小明, JOSÉ WANG", {"name": ["王小明 (José Wang)"]}, "<SELF> <SELF>, <SELF>, <SELF>"),
        ("O'Brien obrien O’Brien", {"name": ["Mary O'Brien"]}, "<SELF> <SELF> <SELF>"),
        ("欧阳小明,小明,欧阳先生", {"name": ["欧阳小明"]}, "<SELF>,<SELF>,<SELF>"),
        ("Zhāng Wěi, zhǎng wéi; Wěi Zhāng; ZW", {"name": ["张伟"]}, "<SELF>, <SELF>; <SELF>; ZW"),
        ("张伟和张 伟,张先生,伟大", {"name": ["张伟"]}, "<SELF>和<SELF>,<SELF>,伟大"),
        (
            "Lv Wei, LÜ Wei, Lü Wei, Lyu Wei, Wei Lu, Lu",
            {"name": ["吕伟"]},
            "<SELF>, <SELF>, <SELF>, <SELF>, <SELF>, Lu",
        ),
        ("張偉,張先生,张偉和張伟,偉大,張 偉", {"name": ["张伟"]}, "<SELF>,<SELF>,<SELF>和<SELF>,偉大,<SELF>"),
        ("张伟和張偉,陈晓东", {"name": ["張偉"], "agent": ["陳曉東"]}, "<SELF>和<SELF>,<AGENT>"),
        (
            "曉東說,王曉東,陳先生,陈小姐,小陳,陳曉明",
            {"name": ["陳曉東"]},
            "<SELF>說,<SELF>,<SELF>,<SELF>,<SELF>,<SELF>",
        ),
        ("寄世紀大道100號5棟301室", {"address": ["上海市浦东新区世纪大道100号5栋301室"]}, "寄<SELF>"),
        ("寄臺北市大安區羅斯福路4段1號", {"address": ["台北市大安区罗斯福路4段1号"]}, "寄<SELF>"),
        ("Mueller, Müller, MÜLLER, Muller", {"name": ["Anna Müller"]}, "<SELF>, <SELF>, <SELF>, <SELF>"),
        ("Müller, Mueller; herr müller", {"name": ["Anna Mueller"]}, "<SELF>, <SELF>; herr <SELF>"),
        ("Søren, Soeren, Soren Bøgh", {"name": ["Søren Bøgh"]}, "<SELF>, <SELF>, <SELF>"),
        ("Søren, Soeren Bøgh", {"name": ["Soeren Boegh"]}, "<SELF>, <SELF>"),
        ("Åse, Aase, von Åse Ålund", {"name": ["Åse Aalund"]}, "<SELF>, <SELF>, von <SELF>"),
        ("Groß, Gross und Özil; René", {"name": ["René Groß Özil"]}, "<SELF>, <SELF> und <SELF>; <SELF>"),
        ("Hauptstrasse 5 oder Hauptstraße 5", {"address": ["Hauptstraße 5, 10115 Berlin"]}, "<SELF> oder <SELF>"),
        ("Königstraße 5, Koenigstrasse 5", {"address": ["Koenigstrasse 5, 10115 Berlin"]}, "<SELF>, <SELF>"),
        ("Mu\u0308ller; Jose\u0301 Müller", {"name": ["José Müller"]}, "<SELF>; <SELF>"),
        ("Müller, José, Mueller", {"name": ["Jose\u0301 Mu\u0308ller"]}, "<SELF>, <SELF>"),
        ("ニャッ, が@x", {"handle": ["@がんばる_2000"]}, "ニャッ, が@x"),
        ("見て がんばる_2000", {"handle": ["@がんばる_2000"]}, "見て <SELF>"),
        ("阿卜杜·热合曼·买买提和阿卜杜热合曼买买提", {"name": ["阿卜杜·热合曼·买买提"]}, "<SELF>和<SELF>"),
        ("我很高兴,高兴先生也很高兴", {"name": ["高兴"]}, "我很高兴,<SELF>也很高兴"),
        ("ZHANG.Wei@Example.com and zhangXwei@x", {"email": ["zhang.wei@example.com"]}, "<SELF> and zhangXwei@x"),
        ("139-1234-5678,+86 13912345678", {"phone": ["+8613912345678"]}, "<SELF>,<SELF>"),
        ("0151 23456789 or +49 (0)151 23456789", {"phone": ["+4915123456789"]}, "<SELF> or <SELF>"),
        ("4155552671 order 4155559982", {"phone": ["+1 415-555-2671"]}, "<SELF> order 4155559982"),
        ("寄世纪大道100号5栋301室", {"address": ["上海市浦东新区世纪大道100号5栋301室"]}, "寄<SELF>"),
        ("at 12 baker street, london nw1 6xe ok", {"address": ["12 Baker Street, London NW1 6XE"]}, "at <SELF> ok"),
        ("寄世纪大到100号5栋301室", {"address": ["上海市浦东新区世纪大道100号5栋301室"]}, "寄<SELF>"),
        ("是世纪大道10号5栋301室吗", {"address": ["世纪大道100号5栋301室"]}, "是<SELF>吗"),
        ("at 12 bakre street or 21 Baker Street ok", {"address": ["12 Baker Street"]}, "at <SELF> or <SELF> ok"),
        ("at 14 Baxer Street", {"address": ["12 Baker Street"]}, "at <ADDRESS>"),
        ("@li_na: li_nate", {"handle": ["li_na"]}, "<SELF>: li_nate"),
    ],
)
def test_own_values_are_masked_in_their_variants(redact, text, values, expected):
    assert redact(text, **values)["text"] == expected


def test_the_agents_of_the_record_get_their_own_token(redact):
    assert redact("Anna, Joe Miller was kind. 客服王芳很好", agent=["Joe Miller", "王芳"], name=["Anna Bauer"])[
        "text"
    ] == ("<SELF>, <AGENT> was kind. 客服<AGENT>很好")


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("a b A. a x", ["A", "", " ", "x"]),
        ("anything at all, .* and \\1 or $1 (", [".*", "\\1", "(", "[a-", "$"]),
        ("will you call? I will, Will will.", ["Will"]),
        ("我很高兴,大家都高兴,高兴就好", ["高兴"]),
        ("May I mark the bill? Grace will hope so in June.", ["May", "Mark Bill", "Grace Hope"]),
        ("hello <NAME> and <SELF>", ["Name", "Self"]),
    ],
)
def test_names_that_are_common_words_or_patterns_mask_nothing_else(redact, text, own):
    assert redact(text, name=own, agent=own, handle=[h for h in own if len(h) < 3])["text"] == text


def test_text_and_names_that_look_like_sql_stay_data(redact):
    text = "'); ATTACH 'x.db' AS y; select 1; --"
    assert redact(text, name=["Robert'); drop table g; --"])["text"] == text
    masked = redact("I am Robert'); drop table g; --", name=["Robert'); drop table g; --"])
    assert masked["n"] and "Robert" not in masked["text"]


@pytest.mark.parametrize(("text", "expected"), EVASIONS)
def test_evasion_is_caught(redact, text, expected):
    assert redact(text)["text"] == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("J&uuml;rgen M&uuml;ller", "Jürgen Müller"),
        ("J%C3%BCrgen%20M%C3%BCller", "Jürgen Müller"),
        ("J%25C3%25BCrgen M&amp;uuml;ller", "Jürgen Müller"),
        ("J&uumlrgen M&UUML;LLER", "Jürgen Müller"),
        ("Fran&ccedil;ois Lef&egrave;vre", "François Lefèvre"),
        ("O&apos;Brien Sean", "Sean O'Brien"),
        ("%E5%BC%A0%E5%B0%8F%E6%98%8E", "张小明"),
        ("%e5%bc%a0%e5%b0%8f%E6%98%8E", "张小明"),
    ],
)
def test_own_names_are_read_through_html_and_percent(redact, text, name):
    assert "<SELF>" in redact(text, name=[name])["text"]
    assert redact(text, name=[name])["text"].replace("<SELF>", "").strip() == ""


@pytest.mark.parametrize(
    "text",
    [
        "50% off, 100%25, 100%, 10%30天, 5%-10% & more",
        "%20 indirim, 涨了10%20，跌了%30。",
        "%FF%FE %D5%C5%C8%FD %ED%A0%80 %C0%80 %",
        "fish&not chips, AT&T, R&D; a&b; ?a=1&copy=2&reg=3",
        "%25%25 %2 %zz 100%2500",
    ],
)
def test_percentages_and_what_decodes_to_nothing_stay(redact, text):
    assert redact(text)["text"] == text


@pytest.mark.parametrize(
    "text", ["%00%01%0E<EMAIL>%C2%90%C2%8E", "&#1;&#14;&#x90;&Tab;&NewLine;a%0Eb%C2%81c", "%25C2%2590"]
)
def test_control_characters_that_are_written_as_entities_or_percent_are_no_marks(redact, text):
    result = redact(text)
    assert result["n"] == 0 and not set(result["text"]) & {chr(n) for n in (1, *range(14, 32), *range(127, 160))}


@pytest.mark.parametrize(
    "text",
    [
        "%2525252540x",
        "&amp;amp;uuml;",
        "&#37;2537&#37;2540",
        "%26%2337%3B40",
        "%26amp%3Bamp%3Blt%3B",
        "%25%34%30%31%2541%41%25",
    ],
)
def test_what_is_escaped_many_times_is_a_fixed_point(redact, text):
    once = redact(text)["text"]
    assert redact(once)["text"] == once


@pytest.mark.parametrize("text", EVASION_LIMITS)
def test_known_limits_of_evasion_are_still_limits(redact, text):
    """A line that starts to fail here has become a strength: move it to the test above."""
    assert redact(text)["n"] == 0


@pytest.mark.parametrize(
    "text",
    [
        "I was diagnosed with diabetes",
        "我怀孕了,客服还让我等",
        "as a Muslim I need halal food",
        "客服问我的宗教信仰",
        "他们嘲笑我是同性恋",
        "my fingerprint login fails",
        "人脸识别总失败",
        "they asked for my bank account",
        "征信被影响了",
        "the driver tracked me",
        "暴露了我的定位",
        "my daughter is 9 years old",
        "我儿子未成年",
        "two tumors",
        "illnesses",
        "my medications ran out",
        "after two strokes and heart attacks",
        "for Muslims",
        "catholics",
        "lesbians",
        "people with disabilities",
        "my kids love it",
        "my children",
        "儿子三岁",
        "孩子发烧",
        "发烧三天",
        "乙肝",
        "精神疾病",
        "autistic",
        "bipolar",
    ],
)
def test_sensitive_matters_are_flagged(redact, text):
    assert redact(text)["is_sensitive"]


@pytest.mark.parametrize(
    "text", ["The parcel came late", "物流很快,质量不错", "a minor scratch, an hour late", "发烧友推荐, 二十五岁"]
)
def test_ordinary_complaints_are_not_flagged(redact, text):
    assert not redact(text)["is_sensitive"]


def test_every_rule_file_has_its_test_file():
    from pathlib import Path

    tested = {p.stem.removeprefix("test_") for p in (Path(__file__).parent / "rules").glob("test_*.py")}
    assert {rule.name for rule in all_rules()} == tested
