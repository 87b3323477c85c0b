"""Free text of the sample company, and the personal data planted in it.

Keep out: which records carry text. Every planted value is kept beside its text, for the truth.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.sample import figures, phrases
from orchestration.sample.identities import cards, ibans, resident_ids
from orchestration.sample.world import World, quoted

TONES: dict[str, phrases.ByLanguage] = {
    "negative": phrases.NEGATIVE,
    "positive": phrases.POSITIVE,
    "question": phrases.QUESTION,
    "reply": phrases.REPLY,
    "automatic": phrases.AUTOMATIC,
    "follow_up": phrases.FOLLOW_UP,
    "internal": phrases.INTERNAL,
    "call": phrases.CALL_NOTE,
    "post": phrases.POST,
    "interview": phrases.INTERVIEW,
}
ENTITIES = tuple(phrases.SNIPPETS)
DIGITS = ("own_phone", "phone", "resident_id", "card")
FULL_WIDTH = "０１２３４５６７８９"


def build(world: World, customers: int) -> None:
    """Create the table stranger: third persons' values to plant, by entity and number."""
    rng = world.rng("stranger")
    n = max(400, customers // 5)
    numbers = np.arange(n)
    friends = _spelled("friend", numbers, "@elsewhere.example")
    values: dict[str, object] = {
        "email": friends,
        "phone": np.char.add("1540000", np.char.zfill((numbers % 10_000).astype(str), 4)),
        "resident_id": resident_ids(rng, n),
        "card": cards(rng, n),
        "iban": ibans(rng, n),
        "address": np.char.add(
            _spelled("上海市示例区岚桥路", numbers % 900 + 1, "号"), _spelled("", numbers % 30 + 1, "栋502室")
        ),
        "plate": np.char.add("沪Z", np.char.add(np.char.zfill((numbers * 37 % 10_000).astype(str), 4), "K")),
        "url": np.char.add(_spelled("https://shop.lanqiao.example/track?order=", numbers, "&mail="), friends),
    }
    frames = [pd.DataFrame({"entity": entity, "k": np.arange(n), "value": v}) for entity, v in values.items()]
    world.add("stranger", pd.concat(frames, ignore_index=True))
    spoken = [
        (tone, language, len(words), n, text)
        for tone, by_language in TONES.items()
        for language, words in by_language.items()
        for n, text in enumerate(words)
    ]
    world.add("phrase", pd.DataFrame(spoken, columns=["tone", "language", "words", "n", "text"]))
    said = [
        (e, lang, text) for e, pair in phrases.SNIPPETS.items() for lang, text in zip(("zh", "en"), pair, strict=True)
    ]
    world.add("snippet", pd.DataFrame(said, columns=["entity", "language", "text"]))


def _spelled(before: str, numbers: npt.NDArray[np.int64], after: str) -> npt.NDArray[np.str_]:
    return np.char.add(np.char.add(before, numbers.astype(str)), after)


def compose(world: World, name: str, slots: str, share: float = figures.TEXTS_WITH_IDENTITIES) -> None:
    """Create the table `name`: slot, text, entity, form, value (null where nothing is planted).

    `slots`: a query giving slot (bigint, unique), person and agent (null for none), language, tone, product (0-11).
    """
    n = world.count(f"({slots})")
    rng = world.rng(name)
    draws = pd.DataFrame(
        {
            "n": np.arange(n),
            "k": rng.integers(0, 1 << 20, n),
            "pick": rng.integers(0, 1 << 20, n),
            "is_planted": rng.random(n) < share,
            "entity_index": rng.integers(0, len(ENTITIES), n),
            "form_index": rng.choice(3, n, p=[0.6, 0.2, 0.2]),
            "style": rng.integers(0, 1 << 20, n),
        }
    )
    world.add("text_draws", draws)
    entities = quoted(ENTITIES)
    strangers = world.count("stranger") // 8
    world.sql(
        f"""
        create table {name} as
        with numbered as (select *, row_number() over (order by slot) - 1 as n from ({slots})),
        d as (
            select s.*, t.* exclude (n),
                case when t.is_planted then {entities}[1 + t.entity_index] end as entity
            from numbered as s join text_draws as t using (n)
        ),
        chosen as (
            select d.slot, d.language, d.form_index, d.entity as wanted,
                replace(f.text, '{{product}}', p.name) as base,
                case d.entity
                    when 'own_name' then o.name
                    when 'own_email' then o.email
                    when 'own_phone' then as_written(o.phone, o.country, d.style)
                    when 'agent_name' then a.name
                    else s.value
                end as plain_value
            from d
            left join person as o on o.person = d.person
            left join agent as a on a.agent = d.agent
            left join product_name as p on p.product = d.product and p.language = d.language
            left join stranger as s on s.entity = d.entity and s.k = d.pick % {strangers}
            join phrase as f on f.tone = d.tone and f.language = d.language and f.n = d.k % f.words
        ),
        formed as (
            select *, case when plain_value is not null then wanted end as entity,
                case when plain_value is null then null
                    when wanted in {DIGITS} and form_index = 1 then 'full_width'
                    when wanted in {DIGITS} and form_index = 2 then 'spaced'
                    else 'plain' end as form
            from chosen
        ),
        written as (
            select *, case form
                when 'full_width' then translate(plain_value, '0123456789', '{FULL_WIDTH}')
                when 'spaced' then rtrim(regexp_replace(plain_value, '([0-9X])', '\\1 ', 'g'))
                else plain_value end as value
            from formed
        )
        select w.slot, w.entity, w.form, w.value,
            case when w.value is null then base
                else base || case when w.language = 'zh' then '' else ' ' end || replace(s.text, '{{value}}', w.value)
            end as text
        from written as w left join snippet as s using (entity, language)
        order by w.slot
        """
    )
    world.sql("drop table text_draws")
