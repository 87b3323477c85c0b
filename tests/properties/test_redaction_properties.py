"""What redaction must hold for any text whatever: fixed point, batch independence, linear time, no exception.

Keep out: expected outputs of single texts.
"""

import random
import time

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestration.privacy import linked
from orchestration.privacy.rules.rule import TOKENS
from tests.bench.redaction_measure import redacted

PIECES = [
        "13800138000", "138 0013 8000", "+86", "010-65432109", "(415) 555-2671", "4111 1111 1111 1111", "4111111111111111",
        "11010519491231002X", "DE89370400440532013000", "123-45-6789", "192.168.10.25", "2001:db8::1:2:3", "京A12345",
        "a.b@example.com", "(at)", "@", ".com", "http://x.cn/?a=1", "微信号:abc123", "QQ", "电话", "call ", "phone: ",
        "一三八零零一三八零零零", "世纪大道100号", "5栋301室", "12 Baker Street", "Mr. Brown", "我叫王小明", "张先生",
        "<EMAIL>", "<SELF>", "&#64;", "&amp;", "&#", "64;", "%40", "%31", "%3", "\u200b", "\u00ad", "１３８", "①", "\x01", "\x0e",
        "\x90", "\n", " ", "-", ",", "0", "7", "x", "张", "路", "号", "order ", "2024-01-01", "卡号", "Anna", "张伟", "é",
        "%25", "%20", "%E5%BC", "%A0", "&uuml;", "&amp", "lt;",
]  # fmt: skip
ANY_TEXT = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=14).map("".join),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80),
    st.text(alphabet="0123456789 -.,:/@&#;%<>x+()一二三四五六七八九零张路号A", max_size=60),
)
OWN = {
    "name": ["Anna Bauer", "张伟"],
    "email": ["anna@example.com"],
    "phone": ["+8613912345678"],
    "address": ["世纪大道100号5栋"],
    "agent": ["王芳"],
}


def redact(texts: list[str]) -> list[dict]:
    """Redact texts in one batch, in their order, with the same own values for all."""
    return redacted(texts, [OWN] * len(texts))


CAUGHT = ["call 13800138000", "Anna, a.b@example.com"]  # what a redaction that does nothing leaves as it is


@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(texts=st.lists(ANY_TEXT, min_size=100, max_size=300))
def test_redaction_of_redacted_texts_changes_nothing(texts):
    texts = [*texts, *CAUGHT]
    first = redact(texts)
    assert [r["counts"] for r in first[-len(CAUGHT) :]] == [{"PHONE": 1}, {"SELF": 1, "EMAIL": 1}]
    for before, after in zip(first, redact([r["text"] for r in first]), strict=True):
        if not before["residual"]:
            assert after["text"] == before["text"]
            assert after["n"] == 0
        assert all(token in TOKENS for token in before["counts"])
        assert sum(before["counts"].values()) == before["n"]


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(texts=st.lists(ANY_TEXT, min_size=60, max_size=200), cut=st.integers(1, 59))
def test_a_text_is_redacted_alike_whatever_its_batch(texts, cut):
    cut = min(cut, len(texts) - 1)
    assert redact(texts) == redact(texts[:cut]) + redact(texts[cut:])


NAMES = [
    "Ann O'Brien", "Jean-Luc Picard", "José García", "Li Na", "欧阳小明", "张伟", "高兴", "Dr. Zoë Ōta", "Mary J Blige", "d'A Bo",
    "王小明 (Xiaoming Wang)", "Ng", "李 娜", "Élodie Dupont", "Ｊｏｈｎ Ｄｏｅ", "Иван Smith",
    "Mo Liang", "Maria Ng", "Bo Go",
]  # fmt: skip
MAILS = [
    "zhang.wei@example.com",
    "a@b.co",
    "O'Neil@x.org",
    "ｊｉｍ@example.com",
    "josé.luis@example.com",
    "_a_1@example.com",
    "张三@example.cn",
]
PHONES = [
    "+8613912345678",
    "(415) 555-2671 x12",
    "+49 (0)151 23456789",
    "0755-23456789",
    "123456",
    "0044 7700 900123",
    "１３９１２３４５６７８",
]
PLACES = [
    "上海市浦东新区世纪大道100号5栋301室",
    "12 Baker Street, London NW1 6XE",
    "世纪大道",
    "Flat 2; 33 Long Road, Town",
    "广东省深圳市南山区科技园",
]
SPELT = [
    *NAMES, *MAILS, *PHONES, *PLACES, "ou yang xiao ming", "oyxm", "z.w.", "W. Smith", "obrien", "O’Brien", "jean luc", "JOSE GARCIA", "z w",
    "wei zhang", "1391234 5678", "13912345679", "4155552671", "baker street", "12 bakr street", "科技园", "小明", "李先生", "老张", "Иван", "иван",
    "&#49;391234567&#56;", "张 伟", "e\u0301lodie", "john", "doe", "<SELF>", "order 139", "12345678", "xiaomin wang", "picard jean", "picrad jean",
    "mo lang", "liagn, mo", "m ng", "mara ng", "mr go", "b. g.", "m.l.", "13 Baker Street, London NW1 6XE", "35 long road", "12 bakre street",
    "浦东新区世纪大道101号5栋301室", "世纪大到100号5栋301室",
]  # fmt: skip


def test_what_is_not_near_would_not_have_been_found(monkeypatch):
    """The cheap sieve before the own values loses none: the same as when every value is held against its text."""
    draw = random.Random(3)
    texts = [
        draw.choice([" ", ", ", "", "。", "\n"]).join(draw.choices(SPELT, k=draw.randint(1, 6))) for _ in range(2_000)
    ]
    roles = {
        "name": NAMES,
        "email": MAILS,
        "phone": PHONES,
        "address": PLACES,
        "agent": NAMES,
        "handle": ["li_na", "@tom-1", "小明_9"],
    }
    own = [{role: [draw.choice(values)] for role, values in roles.items()} for _ in texts]
    sieved = redacted(texts, own)
    assert sum("SELF" in row["counts"] for row in sieved) > 500
    near = linked.near

    def all_near(con, seen, of_text):
        held = near(con, seen, of_text)
        for table in ("_near", "_near_number"):
            con.execute(
                f"create or replace temp table {table} as select row_no, field, value_no from {seen} join {of_text} using (row_no)"
            )
        return held

    monkeypatch.setattr(linked, "near", all_near)
    assert redacted(texts, own) == sieved


def test_texts_of_one_person_are_redacted_alike_side_by_side():
    """Texts with the same own values are masked in one go, long ones alone: each as if there were no other."""
    texts = [f"{n} anna，张小姐 {'x' * (5_000 if n % 40 == 0 else n)} annà{n} 王芳" for n in range(200)]
    for n, result in enumerate(redact(texts)):
        assert result["text"] == f"{n} <SELF>，<SELF> {'x' * (5_000 if n % 40 == 0 else n)} <SELF> <AGENT>"


PLANTED = [
    "13800138000", "+86 138 0013 8000", "4111 1111 1111 1111", "11010519491231002X", "DE89370400440532013000", "li.na@example.com",
    "192.168.10.25", "Anna Bauer", "bauer, anna", "张伟", "zhang wei", "Anna Bauwer", "anna@example.com", "13912345678", "139 1234 5678",
]  # fmt: skip


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(around=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), min_size=60, max_size=150))
def test_no_planted_value_is_left_whatever_stands_around_it(around):
    planted = [PLANTED[n % len(PLANTED)] for n in range(len(around))]
    texts = [f"{before}。{value}。{after}" for (before, after), value in zip(around, planted, strict=True)]
    for result, value, text in zip(redact(texts), planted, texts, strict=True):
        assert result["residual"] or result["text"].count(value) <= text.count(value) - 1


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(names=st.lists(st.text(alphabet="aA .*\\\\1'();<>will高兴伟", max_size=8), min_size=60, max_size=150))
def test_no_name_however_odd_masks_much_of_ordinary_text(names):
    """Names may be one letter, empty, a pattern, a word: what is masked stays small."""
    text = "Will you call again? 我很高兴, the parcel came in 3 days and nothing was broken, 下次还会来."
    for result in redacted([text] * len(names), [{"name": [n], "handle": [n], "agent": [n]} for n in names]):
        assert len(result["text"]) >= len(text) // 2


def test_batches_beyond_a_vector_are_redacted_alike():
    texts = [f"电话1380013{n:04} order {n} a{n}@example.com 世纪大道{n}号" for n in range(5000)]
    whole = redact(texts)
    assert whole == [r for start in range(0, 5000, 617) for r in redact(texts[start : start + 617])]
    assert {r["text"] for r in whole[100:]} == {f"电话<PHONE> order {n} <EMAIL> <ADDRESS>" for n in range(100, 5000)}


def of_random_pieces(seed: int) -> str:
    """Two thousand random pieces, side by side."""
    return "".join(random.Random(seed).choices(PIECES, k=2_000))


@pytest.mark.parametrize(
    "piece",
    [
        "1 ", "0 ", "a@", "a.", "&#6", "&uuml;", "&amp;", "%20", "%25", "一", "路1号", "A1:", "13800138000", "4111 ", "call me ", "\u200b",
        "𝟏", "Anna ", "GB82 WEST ", *map(of_random_pieces, range(2)),
    ],
)  # fmt: skip
def test_time_is_linear_on_a_megabyte_of_the_worst(piece):
    """Four times the text may take about four times as long, what a call costs anyway apart; quadratic: 16 times."""

    def seconds(size: int) -> float:
        text = piece * (size // len(piece.encode()) + 1)
        started = time.process_time()
        redact([text])
        return time.process_time() - started

    seconds(1)
    anyway = seconds(1)
    short, long = (seconds(size) - anyway for size in (250_000, 1_000_000))
    assert long < 10 * max(short, 0.1), (anyway, short, long)
