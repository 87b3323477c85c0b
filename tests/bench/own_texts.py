"""Made-up persons, their own values in the spellings texts use, and the same with one slip, in labelled texts.

Keep out: identifiers of unknown persons (redaction_texts.py), and measuring.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import cycle
from random import Random

from orchestration.privacy.linked import syllables
from tests.bench.redaction_measure import Labelled, Own
from tests.bench.redaction_texts import Maker

# Even lines are the half "tune", odd lines the half "report".
TEMPLATES_ZH = """\
我是{V},订单还没发货
{V}反映的问题一直没人处理
上次也是{V}来投诉的
麻烦联系{V},谢谢
帮我查一下{V}的订单
登记的是{V},请更正
你们把{V}弄错了
不是写了{V}吗?怎么还问
"""
TEMPLATES_EN = """\
This is {V}, my order is late
Please ask for {V} when you arrive
It was registered under {V} last year
you have {V} on file, correct?
Regards, {V}
why does it say {V} on the invoice?
I gave you {V} twice already
the note says {V}, nothing else
"""
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹"
RARER_SURNAMES = "牛安庄鲁岳申耿关兰代苗"
GIVEN = "小明 晓红 建军 志强 丽华 雨桐 子涵 浩然 思远 佳怡 俊杰 欣妍 伟 芳 娜 静 敏 磊 洋 艳 超 霞 婷 鹏"
FIRST = "James Maria Robert Linda Michael Susan David Karen Daniel Nancy Thomas Laura Kevin Emma Brian Olivia Peter Hannah Anna Lukas"
LAST = "Smith Johnson Williams Miller Davis Garcia Wilson Anderson Thomas Martin Thompson Clark Lewis Robinson Schneider Weber Bauer Novak"


def own_labelled(half: str, count: int, seed: int = 21) -> Iterator[Labelled]:
    """`count` persons a language; each own value in each spelling once; tokens are NAME_full, NAME_slip and so on."""
    draw = Random(seed + (half == "report"))
    maker = Maker(seed + 2 + (half == "report"))
    syllable = dict(zip(*(column.to_pylist() for column in syllables().columns), strict=True))
    for language, templates in (("zh", TEMPLATES_ZH), ("en", TEMPLATES_EN)):
        lines = templates.splitlines()[half == "report" :: 2]
        for _ in range(count):
            own, spellings = _person(language, draw, maker, syllable)
            for kind, value in spellings:
                before, after = draw.choice(lines).split("{V}")
                text = before + value + after
                yield Labelled(text, ((len(before), len(before) + len(value), kind),), language, own)


def whose(half: str, count: int, others: Iterable[Labelled]) -> Iterator[Labelled]:
    """The texts of `own_labelled`, their values labelled SELF, and those of others, read as if they were somebody's.

    Each of the others has the own values of one of these persons, by turns, and none that is labelled: whatever is
    masked as the record's own there is somebody else's.
    """
    persons: dict[str, dict[int, Own]] = {}
    for text in own_labelled(half, count):
        persons.setdefault(text.language, {})[id(text.own)] = text.own
        yield replace(text, spans=tuple((start, end, "SELF") for start, end, _ in text.spans))
    turns = {language: cycle(found.values()) for language, found in persons.items()}
    for text in others:
        yield replace(text, spans=(), own=next(turns[text.language]))


def _person(
    language: str, draw: Random, maker: Maker, syllable: dict[str, str]
) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    email = (
        f"{draw.choice(['lotus', 'river', 'tiger'])}.{draw.choice(['sky', 'moon'])}{draw.randint(10, 999)}@example.com"
    )
    phone = maker.value("mobile") if language == "zh" else f"2{draw.randint(10, 99)}555{draw.randint(1000, 9999)}"
    plus = "+86" if language == "zh" else "+1"
    if language == "zh":
        surname, given = draw.choice(SURNAMES + RARER_SURNAMES), draw.choice(GIVEN.split())
        name, address = surname + given, maker.value("zh")
        family, first = syllable[surname].capitalize(), "".join(syllable[sign] for sign in given).capitalize()
        pinyin = [f"{first} {family}", f"{family} {first}", f"{family}{first}".lower()]
        names = [("NAME_full", name), ("NAME_title", surname + draw.choice(["先生", "女士", "小姐"]))]
        names += [("NAME_pinyin", draw.choice(pinyin))]
        if len(given) == 2:
            names += [("NAME_given", given)]
            names += [("NAME_initials", family[0] + "".join(syllable[s][0].upper() for s in given))]
        names += [
            (f"NAME_slip_{len(name)}", _slip_zh(name, draw, syllable)),
            ("NAME_slip_pinyin", _slip(pinyin[0], draw)),
        ]
        phones = [
            f"{phone[:3]} {phone[3:7]} {phone[7:]}",
            f"+86 {phone}",
            f"0086{phone}",
            f"0{phone}",
            f"{phone[:3]}-{phone[3:]}",
        ]
    else:
        first, last = draw.choice(FIRST.split()), draw.choice(LAST.split())
        name, address = f"{first} {last}", maker.value("en")
        names = [
            ("NAME_full", draw.choice([name, f"{last}, {first}", name.lower(), name.upper()])),
            ("NAME_given", draw.choice([first, last])),
            ("NAME_initials", draw.choice([f"{first[0]}. {last}", f"{first[0]}.{last[0]}.", f"{first[0]}{last}".lower()])),
            ("NAME_slip", _slip(name, draw)),
        ]  # fmt: skip
        phones = [f"({phone[:3]}) {phone[3:6]}-{phone[6:]}", f"+1 {phone}", f"1-{phone[:3]}-{phone[3:6]}-{phone[6:]}"]
    own = {"name": [name], "email": [email], "phone": [plus + phone], "address": [address]}
    spellings = [
        *names,
        ("EMAIL", draw.choice([email, email.upper()])),
        ("PHONE", phone),
        ("PHONE_spelling", draw.choice(phones)),
        ("ADDRESS", address),
        ("EMAIL_slip", _slip(email, draw)),
        ("PHONE_slip", _slip(phone, draw)),
        ("ADDRESS_slip", _slip(address, draw) if language == "en" else _slip_zh(address, draw, syllable)),
    ]
    return own, spellings


def _slip(value: str, draw: Random) -> str:
    """One letter or digit changed, left out, doubled or swapped with the next."""
    places = [i for i in range(len(value) - 1) if value[i].isalnum() and value[i + 1].isalnum()]
    i = draw.choice(places)
    other = str((int(value[i]) + draw.randint(1, 9)) % 10) if value[i].isdigit() else draw.choice("aeinorst")
    way = draw.randrange(4)
    if way == 0:
        return value[:i] + other + value[i + 1 :]
    if way == 1:
        return value[:i] + value[i + 1 :]
    if way == 2:
        return value[:i] + value[i] + value[i:]
    return value[:i] + value[i + 1] + value[i] + value[i + 2 :]


def _slip_zh(value: str, draw: Random, syllable: dict[str, str]) -> str:
    """One character written as another that sounds alike, or any other that names or places hold."""
    i = draw.choice([i for i, sign in enumerate(value) if sign in syllable])
    others = (
        SURNAMES
        if i == 0 and len(value) <= 3
        else GIVEN.replace(" ", "") + "名强宏华君俊嘉佳雅亚洁杰阳扬宇雨语维威婧竞雷蕾彭厦"
    )
    alike = [s for s in others if s != value[i] and syllable[s] == syllable[value[i]]]
    return value[:i] + draw.choice(alike or [s for s in others if s != value[i]]) + value[i + 1 :]
