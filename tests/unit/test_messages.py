"""Every language says everything: the same keys, the same named places; the reader's language is chosen.

Keep out: what single messages say.
"""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from orchestration import errors, messages
from orchestration.cli import main
from tests.typed import refusal

PACKAGE = Path(messages.__file__).parents[1]


def places(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def keyed(language: str) -> dict[str, str]:
    """Messages asked for by a key of ours: what the code says, and click, is its own key."""
    return {k: w for k, w in messages.catalogue(language).items() if not k.startswith(("errors.", "click."))}


def test_every_language_has_the_same_keys_and_places() -> None:
    english = keyed("en")
    assert {"en", "zh"} <= set(messages.languages())
    for language in messages.languages():
        found = keyed(language)
        assert not set(english) ^ set(found), f"{language} differs in {sorted(set(english) ^ set(found))}"
        differing = [k for k in english if places(english[k]) != places(found[k])]
        assert not differing, f"{language}: other places in {differing}"


def test_a_count_fits_one_as_well_as_many() -> None:
    things = "batches|pseudonyms|rows|files|lines|loads|persons|packages|leftovers|links|days|hours|identities|versions"
    slips = {k: w for k, w in messages.catalogue("en").items() if re.search(rf"\{{\w+\}} ({things})\b", w)}
    assert set(slips) == {"lake.compacted"}  # of two at least


def test_every_message_that_is_asked_for_exists_and_every_message_is_asked_for() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py"))
    named = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", code))
    asked = set(re.findall(r"""\btext\(\s*["']([a-z_]+\.[a-z_]+)["']""", code))
    known = set(keyed("en"))
    assert not asked - known, f"no catalogue has {sorted(asked - known)}"
    assert not known - named, f"nobody says {sorted(known - named)}"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "VOICEHOUSE_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "VOICEHOUSE_LANG": "en"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_locales(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VOICEHOUSE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert messages.language() == language


def test_an_error_is_translated_with_its_names_and_an_unknown_one_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        messages, "_errors", lambda language: [(re.compile("there is no (.*?) in (.*?)"), "{1} 里没有 {0}")]
    )
    assert messages.translated("there is no a in b") == "b 里没有 a"
    assert messages.translated("there is none") == "there is none"


def test_every_command_of_a_message_may_be_typed_as_it_stands() -> None:
    told = [words for x in messages.languages() for pair in messages.catalogue(x).items() for words in pair]
    commands = {command for words in told for command in re.findall(r"`(voicehouse [^`]+)`", words)}
    assert len(commands) > 20
    assert {f"{command}: {why}" for command in commands if (why := refusal(command))} == set()


# What holds a sentence that ends on somebody's terminal, where it is not raised: a page's problem, a source's failure.
SAID = {"problem", "problems", "fault", "failure", "wrong"}
SAYS = {"_unread", "_passing_fault", "_missing_columns", "_problems"}


def templates(node: ast.AST | None) -> set[str]:
    """An expression's sentences as the catalogues know them: `{}` for what is filled in."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.JoinedStr):
        return {"".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)}
    return {words for child in ast.iter_child_nodes(node) for words in templates(child)} if node else set()


def said(node: ast.AST) -> Iterator[ast.AST | None]:
    """The expressions in which a statement or a call says something to a person."""
    made = node.exc if isinstance(node, ast.Raise) else node.value if isinstance(node, ast.Return) else None
    if isinstance(made, ast.Call) and made.args:
        name = made.func.id if isinstance(made.func, ast.Name) else ast.unparse(made.func)
        if name == "dg.Failure" or hasattr(errors, name):
            yield made.args[0]
    elif isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(name, ast.Name) and name.id in SAID for t in targets for name in ast.walk(t)):
            yield node.value
    elif isinstance(node, ast.FunctionDef) and node.name in SAYS:
        yield from node.body[1:]
    elif isinstance(node, ast.Call):
        yield from (k.value for k in node.keywords if k.arg in SAID)
        by = node.func
        if isinstance(by, ast.Attribute) and by.attr == "append" and ast.unparse(by.value) in SAID:
            yield from node.args
        if isinstance(by, ast.Name) and by.id in SAYS:
            yield from node.args


def sentences(path: Path) -> set[str]:
    """Every sentence a module says to a person."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    found = {words for node in nodes for expression in said(node) for words in templates(expression)}
    found = {f"{w}{{}}" if w.endswith(": ") else w for w in found}  # a list is joined to it
    return {w for w in found if w.count(" ") > 1 and len(re.sub(r"\{\}|\W", "", w)) > 5}  # names need no translation


@pytest.mark.parametrize("language", [x for x in messages.languages() if x != messages.DEFAULT])
def test_errors_that_a_person_meets_are_translated(language: str) -> None:
    known = {k.removeprefix("errors.") for k in messages.catalogue(language) if k.startswith("errors.")}
    every = {words for path in PACKAGE.rglob("*.py") for words in sentences(path)}
    assert len(every) > 200
    assert not every - known, f"[errors] of {language}.toml lacks {sorted(every - known)}"


READERS = ("files.py", "jiandaoyun/client.py", "jiandaoyun/extract.py")
# What a person is told to do, in what is said of a source that could not be read, or not wholly.
REMEDY = re.compile(
    r"(: |, |\band |\bor )(ask|change|check|close|export|free|let|lower|look up|make|name|pack|put|raise|remove|"
    r"run again|save|send|set|grant)\b|must begin with|needs"
)
OF_SENTENCES = {"member {}, {}", "{}: {}: page {}: {} (asked {} times)"}  # what is filled in says it


def test_whatever_is_said_of_a_source_that_could_not_be_read_says_what_to_do() -> None:
    readers = [*(PACKAGE / "landing").glob("*.py"), *(PACKAGE / "sources" / name for name in READERS)]
    every = {words for path in readers for words in sentences(path)} - OF_SENTENCES
    assert len(every) > 40
    assert [words for words in sorted(every) if not REMEDY.search(words)] == []
    assert not REMEDY.search("{}: the key of load {} is gone: its pages can never be opened")  # the control


# What click says to who programs it, or of what no command of ours has: editors, colours, versions, date formats.
TO_PROGRAMMERS = re.compile(
    r"editor|Windows|[Dd]eprecat|iterable|declar|defined twice|same flag|Unknown|Bash|version|any key|UUID|env var|"
    r"dynamic|format|Choice\(|Confirm the action|len_type|executable|start character|^d$|Missing \{"
)


def of_click() -> set[str]:
    """What click says, as it asks gettext for it."""
    asked = [
        word.value
        for path in Path(click.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("_", "ngettext")
        for word in call.args
        if isinstance(word, ast.Constant)
    ]
    return {words for words in asked if not TO_PROGRAMMERS.search(words)} | {"required"}


@pytest.mark.parametrize("language", [x for x in messages.languages() if x != messages.DEFAULT])
def test_what_click_says_of_options_is_translated(language: str) -> None:
    found = {k.removeprefix("click."): w for k, w in messages.catalogue(language).items() if k.startswith("click.")}
    assert not set(found) ^ of_click(), f"[click] of {language}.toml and click differ in {set(found) ^ of_click()}"
    assert {k for k, w in found.items() if places(k) != places(w)} == set()


def test_options_that_are_wrong_and_headings_of_help_are_told_in_the_readers_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    for typed, words in (
        ("status --nope", "没有选项 '--nope'"),
        ("no-such", "没有命令 'no-such'"),
        ("--nope", "没有选项 '--nope'"),
        ("worklist --role x", "缺少选项 '--agent'"),
        ("audit list --last many", "'many' 不是有效的"),
        ("lake compact too much", "多余的参数"),
    ):
        done = CliRunner().invoke(main, typed.split())
        assert done.exit_code == 2 and words in done.stderr and "用法：" in done.stderr, done.stderr
        assert not re.search("Usage|Error|Try|No such|Missing|valid|extra", done.stderr), done.stderr
    told = CliRunner().invoke(main, ["lake", "compact", "--help"]).output
    assert "用法：" in told and "\n选项:" in told
    monkeypatch.setenv("VOICEHOUSE_LANG", "en")
    assert "Error: No such option '--nope'." in CliRunner().invoke(main, ["status", "--nope"]).stderr


def test_a_translated_error_keeps_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    told = messages.translated("run 1 (process 7, since noon) is writing to this home: wait for it to end")
    assert told == "run 1（进程 7，自 noon）正在写入这个家：请等待其结束"
    for words in (k.removeprefix("errors.") for k in messages.catalogue("zh") if k.startswith("errors.")):
        filled = words.replace("{}", "X")
        assert messages.translated(filled).count("X") == filled.count("X"), words


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "not all from desk (desk: file 'a.csv' (12ab): lacks the columns mood: read without them, ask who exports it "
            "or mend source.toml; a quote is never closed, 3 lines went into one row that was rejected: mend it, send it again; "
            "file 'b.zip' (34cd): member 2, is damaged (zip): send it again; and 4 more files: `voicehouse status --files` lists them)",
            "desk 未能完整读取（desk：文件 'a.csv' (12ab)：缺少列 mood：已在缺列的情况下读取，请询问导出者或修改 source.toml；"
            "有引号未闭合，3 行并入一行，该行被拒：请修正后重新发送；文件 'b.zip' (34cd)：第 2 个成员已损坏（zip）：请重新发送；另有 4 个文件：`voicehouse status --files` 可全部列出）",
        ),
        (
            "no news from forms (forms: /app/list: page 1: server error 503: run again later, and ask the vendor if it stays (asked 6 times)); "
            "not all from desk (desk: file 'c' (56ef): is a link to nothing: mend the link or remove it); "
            "the new figures failed their checks (C5): the last good ones are still served",
            "forms 没有新数据（forms：/app/list：第 1 页：服务器错误 503：请稍后再次运行，若仍如此请联系厂商（已请求 6 次））；"
            "desk 未能完整读取（desk：文件 'c' (56ef)：是一个失效的链接：请修复或删除它）；"
            "新指标未通过检查（C5）：仍发布上一次的合格指标",
        ),
        (
            "desk: file 12ab: is in the lake and could not be moved: let this user write to the inbox",
            "desk：文件 12ab 已入湖，但无法移走：请允许当前用户写入投放文件夹",
        ),
        (
            "desk: OSError while extracting, after page 3, of file 12ab: run again, and if it stays check the network, the "
            "source's extract.py and what it reads",
            "desk：抽取时（第 3 页之后，该页属于文件 12ab）出现 OSError：请再次运行，若仍如此请检查网络、该来源的 extract.py 及其所读的内容",
        ),
        (
            "the ledger does not add up: load 7, cards: staged 3 is not promoted + quarantined = 2",
            "台账对不上：装载 7，cards：staged 3 不等于 promoted + quarantined = 2",
        ),
        (
            "the webhook did not take it (404); the mail server did not take it (TimeoutError)",
            "webhook 没有接收（404）；邮件服务器没有接收（TimeoutError）",
        ),
    ],
)
def test_a_sentence_of_sentences_is_translated_to_its_last_one(english: str, chinese: str) -> None:
    assert messages.translated(english, "zh") == chinese
