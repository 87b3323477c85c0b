"""The privacy report of a publication: what was checked, kept out, kept and for how long, for the one who signs it.

Keep out: proving anything (privacy/audit.py) and the managers' report (report.py).

Two files in `ops/privacy/`, named after the moment of publication: JSON for machines, and one HTML page without
network, in Chinese and English, that prints on A4. `sha256` is that of the JSON without it; a sign-off names it. A
report that would say what the newest says is not written anew, and none is written over a signed one.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import connect, identifier, literal, open_read_only
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.messages import translated
from orchestration.privacy import incidents, measured, reports, unnamed
from orchestration.privacy.audit import CATALOGUE, failing, found_last
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import MASTER, Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.rules.rule import TOKENS
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from orchestration.records.contract import Privacy
from orchestration.serving.privacy_defaults import defaults
from orchestration.serving.report import render
from orchestration.sources.contract import Settings

# Which rules of the law a check speaks for. Defaults for a lawyer to confirm.
GROUNDS = {
    "C1": "GDPR 5(1)(a)(b), 6, 13, 14 · PIPL 13, 16, 17, 27", "C2": "GDPR 5(1)(b), 6(4) · PIPL 14",
    "C3": "GDPR 7(3), 18, 19, 21 · PIPL 15, 44, 47", "C4": "GDPR 25 · PIPL 51(2)", "C5": "GDPR 5(1)(c), 25 · PIPL 6, 51(3)",
    "C6": "GDPR 32 · PIPL 51", "C7": "GDPR 4(5), 32 · PIPL 73(3)", "C8": "GDPR 32 · PIPL 51(3)",
    "C9": "GDPR 32(4) · PIPL 51(4)", "C10": "GDPR 5(2), 33, 34 · PIPL 54, 57", "C11": "GDPR 17 · PIPL 47",
    "C12": "GDPR 17 · PIPL 47", "C13": "GDPR 5(1)(e) · PIPL 19", "C14": "GDPR 25 · PIPL 23, 73 · WP216 singling out, linkability, inference",
    "C15": "WP216 singling out, inference · PIPL 25, 73(4)", "C16": "GDPR 30, 35, 36, 88 · PIPL 48, 52, 55, 56",
    "C17": "GDPR 12, 15, 16, 20 · PIPL 45, 46, 49, 50", "C18": "GDPR 32 · PIPL 51", "C19": "GDPR 25, 32 · PIPL 51",
    "C20": "GDPR 44-49 · PIPL 38-40", "C21": "GDPR 8 · PIPL 31", "C22": "GDPR 9, 22 · PIPL 24, 26, 28-30",
    "C23": "GDPR 28 · PIPL 20-23",
}  # fmt: skip

# What tells when a report was written, and not what it found.
OF_WRITING = ("written_at", "audit_log", "age_days", "days_left", "hours_left")
TOKENS_IN_TEXT = f"<({'|'.join(TOKENS)})>"
NOT_TOLD_APART = "not_told_apart"

LIMITS = (
    ("自由文本中第三人的姓名、绰号与暗示只能部分识别；文本因此按个人数据加密保存，从不发布。",
     "Names of third persons in free text, nicknames and hints are found in part only: text stays personal data, lies encrypted and is never published."),
    ("保险库已知的第三人姓名，单词姓名、小写或词序与登记不同的西文姓名、前面无提示词且姓氏不在所列姓氏之内或仅两字的中文姓名不被识别。",
     "Of third persons' names that the vault knows, not found are those of one word, in small letters or otherwise ordered than on record, and Chinese ones of a surname that is not listed, or of two characters, without a word before them that tells of a person."),
    ("internal 档次中，关于本公司自身工作的数字（时效、时长、积压等）仅因人数不足或团队过小而隐藏：可能由总数与显示的各部分相减得出，包括不足五名员工的团队的数字。external 档次不允许。",
     "In profile internal, figures of our own work (service levels, times, backlog) are hidden by size only and may follow by subtraction of those shown from their total, those of a team of fewer than five too. Profile external lets none follow."),
    ("“不能推算”只就所声明的分组及其总数而言：一个维度包含于另一个维度（如问卷包含于其来源）所形成的总数，不在隐藏与审计之列，隐藏的问卷可能由来源减去其他问卷得出。",
     "What cannot be computed is so by the breakdowns that are declared, and their totals: of one dimension within another (a survey within its source) neither hiding nor the audit asks the total, and a hidden survey may follow from its source less the others."),
    ("同一发布档次内逐次刷新的差分只在 external 档次受控；internal 档次的读者若保存多次发布，可推知个别变化。",
     "Differences between refreshes are controlled in profile external only: who keeps several publications of profile internal can learn of single changes."),
    ("被保留不动的若干单元合在一起、跨越不相邻两次发布的变化不受监控。",
     "What several held cells gain together between publications that do not follow each other is not watched."),
    ("五个以内账号共用的邮箱或号码视为同一人。",
     "An address or number shared by up to five accounts is taken for one person's."),
    ("仅以姓名或昵称出现、没有账号、经验证的邮箱或手机号的人，身份库中没有记载：其记录不带假名，个人提出查阅或删除请求时无法找到，只能向来源查询。",
     "Who stands in records by name or handle alone, without an account, a verified e-mail or a mobile number, is nobody the vault knows: their rows bear no pseudonym and are not found when they ask for access or erasure; only the source can be asked."),
    ("记录进入时其本人国家未知的，按来源所列各法中最严者处理；以后得知国家，下次运行按该国法律增加用途，或撤下该国法律不承认其依据的用途。",
     "A row let in while its person's country was not known stands on the strictest of the laws that its source names. Once the country is learnt, the next run adds the purposes that its law allows and takes away those for which it knows no ground; until then they were used."),
    ("以字母代数字、拼音数字、逐字隔开的地址、倒写的号码、以其他符号代替 @ 等写法不被识别。",
     "Not recognised: letters for digits, numerals in pinyin, an address in spaced letters, numbers backwards, another sign for @."),
    ("本人地址有一处笔误时，若其余写法与记录不同，则只遮盖含号码的一段，其后的单元或城市可能留下。",
     "An own address with a slip, written otherwise than on record, is masked up to its line with the number: a flat or a town after it may stay."),
    ("两字中文姓名，或单用的姓、名，有一处笔误时不追查：否则会遮盖过多普通词语。",
     "One slip in a Chinese name of two characters, or in a surname or given name alone, is not followed: too many ordinary words would be masked."),
    ("前面既无省也无地级市的县级市、区、县，以及当作地点填写的邮政编码，按来源所填保留。",
     "A county-level city, a district or a county that neither province nor prefecture stands before is kept as it is filed, and so is a postcode given as a place."),
    ("法律依据、期限与阈值为默认值，须由律师确认。",
     "Legal grounds, terms and thresholds are defaults for a lawyer to confirm."),
)  # fmt: skip


@dataclass(frozen=True)
class PrivacyReport:
    """Where a report lies, its hash, and whether it is a new one and not one that said the same already."""

    path: Path
    sha256: str
    is_new: bool = True


def write_privacy_report(
    home: Home, keyring: Keyring, sources: dict[str, Settings], kpi: Path, dry_run: bool = False
) -> PrivacyReport:
    """Write the report of the publication in the file `kpi`, served or waiting; its HTML lies beside the JSON.

    A dry run writes nothing. The hash of a new one is that of this moment then: when it is written is part of it.

    Raises VoicehouseError when there is no such file.
    """
    if not kpi.exists():
        raise VoicehouseError("nothing is published yet: run `voicehouse run` first")
    found = _collected(home, keyring, sources, kpi)
    if kept := _newest_saying(home, found):
        if not dry_run:
            write_page(home, kept.path)
        return kept
    digest = digest_of(found)
    at = datetime.fromisoformat(found["publication"]["published_at"])
    path = reports.place(home, at, datetime.fromisoformat(found["written_at"]))
    if not dry_run:
        write_durably(path, json.dumps({**found, "sha256": digest}, ensure_ascii=False, indent=1, default=str).encode())
        write_page(home, path)
    return PrivacyReport(path, digest)


def _newest_saying(home: Home, found: dict[str, Any]) -> PrivacyReport | None:
    """The newest report where it is whole and says the same, whenever it was written."""

    def said(report: dict[str, Any]) -> Any:
        told = json.dumps(report, default=str)
        return json.loads(told, object_hook=lambda o: {k: v for k, v in o.items() if k not in OF_WRITING})

    path = newest(home)
    if path is None:
        return None
    report = json.loads(path.read_text())
    digest = report.pop("sha256")
    is_whole = digest_of(report) == digest
    return PrivacyReport(path, digest, is_new=False) if is_whole and said(report) == said(found) else None


def write_page(home: Home, path: Path) -> Path:
    """The HTML of a report, with its sign-off where there is one; days, hours and ages are those of this moment."""
    found, at = json.loads(path.read_text()), now()
    _count_time(found, at)
    written_at = datetime.fromisoformat(found["written_at"])
    page = render("privacy.html.jinja", report=found, sign_off=sign_off_of(path), run=None, now=written_at, as_of=at)
    target = path.with_suffix(".html")
    write_durably(target, page.encode())
    return target


def _count_time(found: dict[str, Any], at: datetime) -> None:
    """Set the days and hours left and the ages of keys: those at the moment `at`, by the dates that the report says."""
    for request in found["requests"]:
        request["days_left"] = (datetime.fromisoformat(request["due_at"]) - at.replace(tzinfo=None)).days
    for incident in found.get("incidents", []):
        left = datetime.fromisoformat(incident["due_at"]) - at
        incident["hours_left"] = round(left.total_seconds() / 3600, 1)
    for key in found["keys"]:
        made_on = key["made_on"]
        key["age_days"] = (at.date() - date.fromisoformat(made_on)).days if made_on else None


def newest(home: Home) -> Path | None:
    """The JSON of the newest report."""
    found = reports.every(home)
    return found[-1] if found else None


def sign_off_of(path: Path) -> dict[str, Any] | None:
    """Who signed a report, when, and what they remarked; None where it is unsigned or signed for other content."""
    signed = path.with_suffix(reports.SIGN_OFF)
    if not signed.exists():
        return None
    found: dict[str, Any] = json.loads(signed.read_text())
    return found if found["sha256"] == json.loads(path.read_text())["sha256"] else None


def read(path: Path) -> dict[str, Any]:
    """A report as it was written. Raises VoicehouseError when it was changed since."""
    found: dict[str, Any] = json.loads(path.read_text())
    content = {k: v for k, v in found.items() if k != "sha256"}
    if digest_of(content) != found["sha256"]:
        raise VoicehouseError(
            "the report was changed after it was written: have it written anew by `voicehouse privacy report`"
        )
    return found


def digest_of(content: dict[str, Any]) -> str:
    """SHA-256 of what a report says."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True, default=str).encode()).hexdigest()


def sign_off(home: Home, keyring: Keyring, path: Path, name: str, remark: str) -> dict[str, Any]:
    """Sign a report: an audit line, then the sign-off beside it, and the page anew.

    Raises VoicehouseError when the report was changed after it was written.
    """
    digest = read(path)["sha256"]
    line = AuditLog(home, keyring).append("privacy_signed_off", report=path.name, sha256=digest, remark=remark)
    signed = {"name": name, "remark": remark, "at": now().isoformat(), "sha256": digest, "audit_line": line}
    write_durably(path.with_suffix(reports.SIGN_OFF), json.dumps(signed, ensure_ascii=False).encode())
    write_page(home, path)
    return signed


def _collected(home: Home, keyring: Keyring, sources: dict[str, Settings], kpi: Path) -> dict[str, Any]:
    with open_read_only(kpi) as con:
        publication = _rows(con, "SELECT * FROM publication")[0]
        ledger = _rows(
            con,
            "SELECT level, source, reason, CAST(sum(n) AS BIGINT) AS n FROM load_ledger "
            "WHERE measure = 'rejected' GROUP BY ALL ORDER BY n DESC, source, reason, level",
        )
        withheld = _rows(
            con,
            "SELECT coalesce(reason, '') AS reason, CAST(sum(n) AS BIGINT) AS n FROM load_ledger "
            "WHERE measure = 'withheld' GROUP BY ALL ORDER BY n DESC, reason",
        )
        hidden = _rows(
            con,
            "SELECT suppressed_reason AS reason, count(*) AS n FROM kpi_values WHERE suppressed_reason IS NOT NULL "
            "GROUP BY ALL ORDER BY n DESC, reason",
        )
        by_class = _rows(
            con,
            "SELECT m.disclosure AS class, count(*) AS n FROM kpi_values v JOIN kpi_metrics m ON m.metric_id = v.metric_id "
            "AND m.variant = v.variant AND m.version = v.metric_version WHERE v.suppressed_reason IS NOT NULL "
            "GROUP BY ALL ORDER BY class DESC",
        )
        covered = _covered(con)
        tables = [str(r["name"]) for r in _rows(con, "SELECT table_name AS name FROM duckdb_tables() ORDER BY 1")]
    found, stops = checks(home, kpi), failing(home)
    report = {
        "product": f"voicehouse {version('voicehouse')}",
        "home": home.root.name,
        "written_at": now().isoformat(),
        "publication": {k: v.isoformat() if isinstance(v, datetime) else v for k, v in publication.items()},
        "checks": found,
        "unpublished": [c["check_id"] for c in found if c.get("unpublished") and c["check_id"] in stops],
        "rejected": ledger,
        "withheld": withheld,
        "covered": covered,
        "hidden": hidden,
        "hidden_by_class": by_class,
        "redacted": redacted(home, keyring),
        "recall": recall(),
        "keys": _keys(keyring),
        "audit_log": AuditLog(home, keyring).end(),
        "requests": _requests(home, keyring),
        "incidents": [i.as_row() for i in incidents.listed(home, open_only=True)],
        "retention": _retention(home, sources),
        "defaults": defaults(home),
        "tables": _tables(tables, publication["profile"], bool(home.house.postgres.get("schema"))),
        "limits": [{"zh": zh, "en": en} for zh, en in LIMITS],
    }
    _count_time(report, now())
    return report


def checks(home: Home, kpi: Path) -> list[dict[str, Any]]:
    """The privacy checks as the published file tells them; before there is one, as the last run found the home.

    What the file leaves out since it counts rows or persons (`registers.COUNTS`) is told as the last run found it, and
    so is a check that has come to another word since: it is `unpublished`.
    """
    found: list[dict[str, Any]] = []
    exact = found_last(home)
    if kpi.exists():
        with open_read_only(kpi) as con:
            found = _rows(
                con,
                "SELECT * REPLACE (strftime(last_proved_at, '%Y-%m-%dT%H:%M:%S.%g') AS last_proved_at) FROM privacy_checks",
            )
    else:
        found = list(exact.values())
    unproved = {"status": "not_proved", "evidence": "", "n_checked": 0, "n_failed": 0, "last_proved_at": None}
    told = {c["check_id"]: c for c in found}
    rows = []
    for check_id, (zh, en, cadence) in CATALOGUE.items():
        row = told.get(check_id, unproved)
        known = exact.get(check_id, {})
        row = row | {k: known.get(k) for k in ("n_checked", "evidence") if row[k] is None}
        if known and known["status"] != row["status"] and _moment(known) > _moment(row):
            row = known | {"unpublished": True}
        elif row["status"] == known.get("status") == "failed":
            row = row | {"checked_at": known.get("checked_at")}
        about = {"check_id": check_id, "name_zh": zh, "name_en": en, "cadence": cadence, "ground": GROUNDS[check_id]}
        rows.append({**row, "evidence_zh": translated(row["evidence"] or "", "zh"), **about})
    return rows


def _moment(check: dict[str, Any]) -> datetime:
    """When a check came to its status, UTC."""
    at = None if check["status"] == "not_proved" else check.get("checked_at") or check["last_proved_at"]
    return datetime.fromisoformat(at).replace(tzinfo=None) if at else datetime.min


def _covered(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What want of a ground left of the records behind each headline; metrics of the same kinds share a row.

    Empty for a file that an earlier release published.
    """
    if not con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'kpi_coverage'").fetchone():
        return []
    return _rows(
        con,
        "SELECT string_agg(m.name_zh, '、' ORDER BY m.metric_id) AS zh, string_agg(m.name_en, ' · ' ORDER BY m.metric_id) AS en, "
        "c.n_in_analysis, c.n_refused, c.n_withheld, round(c.coverage, 1) AS coverage "
        "FROM kpi_coverage c JOIN kpi_metrics m ON c.metric_id = m.metric_id AND c.variant = m.variant AND m.is_in_force "
        "WHERE c.source IS NULL AND m.is_headline AND coalesce(c.n_records, 1) > 0 "
        "GROUP BY c.record_kind, c.n_in_analysis, c.n_refused, c.n_withheld, c.coverage ORDER BY c.coverage NULLS LAST, min(m.metric_id)",
    )


def redacted(home: Home, keyring: Keyring) -> list[dict[str, Any]]:
    """How often each kind of identifier was taken out of texts: the tokens that stand in the lake for them.

    What was taken out of a text that held more tokens than that, typed by somebody, is not told apart.
    """
    con = connect(home.temp)
    try:
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        texts = [
            f"SELECT regexp_extract_all({identifier(f.name)}, {literal(TOKENS_IN_TEXT)}, 1) AS found, "
            f"{identifier(f.name + '_redactions')} AS n FROM lake.{identifier(kind)}"
            for kind, record in KINDS.items()
            for f in record.fields
            if f.privacy is Privacy.TEXT
        ]
        types = f"CASE WHEN len(found) = n THEN found ELSE list_transform(range(n), lambda i: {literal(NOT_TOLD_APART)}) END"
        return _rows(
            con,
            f"SELECT type, count(*) AS n FROM (SELECT unnest({types}) AS type FROM ({' UNION ALL '.join(texts)}) WHERE n > 0) "
            "GROUP BY 1 ORDER BY n DESC, type",
        )
    finally:
        con.close()


def recall() -> list[dict[str, Any]]:
    """Recall and precision of redaction on the labelled texts, with their intervals, as the release measured them."""
    return [r | _precise(r) for r in measured.measured()["rows"] if "recall" in r]


def _precise(row: dict[str, Any]) -> dict[str, float]:
    """The interval of a precision, where tokens were put."""
    if "put" not in row:
        return {}
    low, high = measured.wilson(round(row["precision"] * row["put"]), row["put"])
    return {"precision_low": low, "precision_high": high}


def _keys(keyring: Keyring) -> list[dict[str, Any]]:
    """Every key by purpose, and the master key.

    The keys of single loads, which go with their pages, stand as one: the oldest.
    """
    master = {"purpose": MASTER, "version": 1, "keys": 1, "made_on": keyring.made_on(MASTER)}
    found: dict[str, dict[str, Any]] = {MASTER: master}
    for name in keyring.purposes():
        purpose = name.partition(":")[0]
        made_on = keyring.made_on(name)
        row = found.setdefault(purpose, {"purpose": purpose, "version": 0, "keys": 0, "made_on": made_on})
        row["keys"] += 1
        row["version"] = max(row["version"], keyring.version(name))
        row["made_on"] = min(row["made_on"], made_on) if row["made_on"] and made_on else None
    return list(found.values())


def _requests(home: Home, keyring: Keyring) -> list[dict[str, Any]]:
    """Open requests of persons with the day they are due; ids of requests only."""
    if not (home.folder("vault") / "vault.duckdb").exists():
        return []
    con = connect(home.temp)
    try:
        with open_vault(con, home, keyring, read_only=True):
            has = con.execute(
                "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'vault' AND table_name = 'request'"
            ).fetchone()
            if not has or not has[0]:
                return []
            rows = _rows(
                con,
                "SELECT request_id, action, received_at, due_at FROM vault.request WHERE closed_at IS NULL ORDER BY due_at, request_id",
            )
    finally:
        con.close()
    return [{k: str(v) for k, v in r.items()} for r in rows]


def _retention(home: Home, sources: dict[str, Settings]) -> dict[str, Any]:
    listed = [
        {
            "source": s.name,
            "name_zh": s.name_zh,
            "name_en": s.name_en,
            "months": s.retention_months,
            "text_months": s.text_retention_months,
            "identity_months": s.identity_retention_months,
            "place": s.place,
            "transfer": s.transfer,
            "agreement": s.vendor.get("agreement"),
            "purposes": list(s.purposes),
            "vendor_role": (s.vendor or {}).get("role"),
            "public_set": s.public_set,
        }
        for s in sources.values()
    ]
    return {"sources": listed, "unnamed": [asdict(w) for w in unnamed.standing(home, Policy.of(home))]}


def _tables(served: list[str], profile: str, on_postgres: bool) -> list[dict[str, str]]:
    """What each table is, in the law's words; pseudonymised data is personal data."""

    def row(tables: str, kind: str, zh: str, en: str) -> dict[str, str]:
        return {"tables": tables, "kind": kind, "zh": zh, "en": en}

    of_rows = ("kpi_metrics", "kpi_columns", "kpi_coverage", "kpi_data_quality")
    figures = [t for t in served if t.startswith("kpi_") and t not in of_rows]
    registers = [t for t in served if t not in figures]
    published = {
        "external": ("anonymous", "每格人数达到门槛，变动不足门槛则保持不变", "enough persons in every cell; changes wait until enough differ"),
        "internal": ("deidentified", "供公司内部使用的汇总；逐次刷新可能显出个别变化", "aggregates for colleagues; refreshes may show a single change"),
        "open_data": ("deidentified", "公开数据集的全部单元，不论大小", "every cell of declared public sets, whatever its size"),
    }[profile]  # fmt: skip
    team = "serving/team.duckdb" + (", PostgreSQL (restricted schema)" if on_postgres else "")
    return [
        row(", ".join(figures), *published),
        row(", ".join(registers), "none", "登记表、名称与行数", "registers, names, counts of rows"),
        row("lake, warehouse.duckdb", "deidentified", "密钥假名与去除身份的文本，加密", "keyed pseudonyms and redacted text, encrypted"),
        row("published", "deidentified", "发布历史：曾发布的每个数字，以及（state-*.parquet）未经隐藏的准确数；加密",
            "published history: every figure ever served and, in state-*.parquet, exact ones with nothing hidden; encrypted"),
        row("known_at", "deidentified", "回看所得的准确数，未经隐藏；加密", "exact figures of looks back, nothing hidden; encrypted"),
        row(team, "deidentified", "工单明细与去除身份的文本", "rows per case with redacted text"),
        row("voicehouse export", "deidentified", "接收方专有假名的行", "rows with pseudonyms of the recipient's own"),
        row("vault, landing, quarantine", "identified", "身份信息，密封保存", "identities, sealed"),
        row("ops/copies, ops/answers", "identified", "对个人与经办人的答复，密封，短期保存", "answers to persons and handlers, sealed, gone soon"),
        row("audit", "identified", "哪个账号何时做了何事、因何理由；记载员工，不含客户身份",
            "which account did what, when and why: of staff; customers by pseudonym or number of a request"),
        row("erased", "deidentified", "要求删除者的密钥散列，撤回同意或提出反对者的编号；加密",
            "keyed hashes of who asked to be forgotten, ids of who took a consent back or objected; encrypted"),
    ]  # fmt: skip


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    result = con.execute(sql)
    names = [d[0] for d in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
