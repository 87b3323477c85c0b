"""Material for the record of processing and the impact assessment.

What the house knows, and blanks for what it does not.

Keep out: what is on file of sources and flows (privacy/flows.py) and the proof of checks (privacy/audit.py).

Two files in `ops/dpia/`, named after the moment: JSON, and one HTML page in Chinese and English. GDPR 30 and 35(7),
PIPL 55 and 56 say what belongs there; what a lawyer decides stands as a named blank. Check C16 tells when it has grown
old.
"""

import json
from collections import Counter
from importlib.metadata import version
from typing import Any

from orchestration.home import Home, now, write_durably
from orchestration.messages import translated
from orchestration.privacy import flows
from orchestration.privacy.affected import affected
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.serving.privacy_report import LIMITS, PrivacyReport, checks, digest_of, recall
from orchestration.serving.report import render
from orchestration.sources.contract import Settings

# What no house can know of itself: name, Chinese, English.
BLANKS = (
    ("necessity", "处理目的与方式是否合法、正当、必要；有无影响更小的办法（PIPL 56(1)，GDPR 35(7)(b)）",
     "Are purpose and means lawful, legitimate and necessary; is there a milder way (GDPR 35(7)(b), PIPL 56(1))"),
    ("bases", "各来源所列依据是否成立；以合法利益为依据者，权衡如下",
     "Does each basis hold; where it is a legitimate interest, the balance struck"),
    ("terms", "保存期限是否为实现目的所必要的最短时间", "Are terms of keeping as short as the purpose allows"),
    ("rights_and_freedoms", "对个人权益的影响：可能性与严重程度（PIPL 56(2)，GDPR 35(7)(c)）",
     "Impact on persons' rights and freedoms: likelihood and severity (GDPR 35(7)(c), PIPL 56(2))"),
    ("proportion", "所采取的保护措施是否与风险相适应（PIPL 56(3)，GDPR 35(7)(d)）",
     "Do the measures fit the risk (GDPR 35(7)(d), PIPL 56(3))"),
    ("transfers", "接收方所在国家或地区的法律与实践；另行的跨境评估（PIPL 38-40，GDPR 46）",
     "Law and practice where recipients are; the transfer's own assessment (GDPR 46, PIPL 38-40)"),
    ("staff", "坐席亦为数据主体：告知、依据、工会或职工代表的意见（PIPL 13(1)(2)，GDPR 88）",
     "Agents are data subjects too: notice, basis, works council (GDPR 88, PIPL 13(1)(2))"),
    ("views", "个人或其代表的意见；个人信息保护负责人的意见（GDPR 35(2)(9)，PIPL 52）",
     "Views of persons or their representatives; advice of the data protection officer (GDPR 35(2)(9), PIPL 52)"),
    ("prior_consultation", "残余风险高者：是否须事先征询监管机构（GDPR 36）",
     "Where the remaining risk is high: is the authority to be consulted first (GDPR 36)"),
    ("decision", "结论、条件、复评日期、签名（至少保存三年，PIPL 56）",
     "Decision, conditions, date of review, signature (kept three years at least, PIPL 56)"),
)  # fmt: skip
LEAST_RECALL = 0.9  # kinds of values that redaction finds less of are named among the risks


def write_dpia(home: Home, keyring: Keyring, sources: dict[str, Settings]) -> PrivacyReport:
    """Write the material as the house stands; its HTML lies beside the JSON. Returns the JSON's path and hash."""
    found = material(home, keyring, sources)
    digest = digest_of(found)
    path = home.folder("ops", "dpia") / f"{now():%Y%m%dT%H%M%S}.json"
    write_durably(path, json.dumps({**found, "sha256": digest}, ensure_ascii=False, indent=1, default=str).encode())
    page = render("dpia.html.jinja", report={**found, "sha256": digest}, run=None, now=now())
    write_durably(path.with_suffix(".html"), page.encode())
    return PrivacyReport(path, digest)


def material(home: Home, keyring: Keyring, sources: dict[str, Settings]) -> dict[str, Any]:
    """What the house knows: settings, counts of persons, exports so far, checks with their last proof, known risks."""
    policy = Policy.of(home)
    record = flows.record(sources.values(), policy, home.house.postgres, home.inbox)
    rows: Counter[str] = Counter()
    for line in AuditLog(home, keyring).lines():
        if line["action"] == "export":
            rows[line["facts"]["recipient"]] += line["facts"]["rows"]
    proved = checks(home, home.serving / "kpi.duckdb")
    return {
        "product": f"voicehouse {version('voicehouse')}",
        "home": home.root.name,
        "written_at": now().isoformat(),
        "record_sha256": flows.digest(record),
        "record": record,
        "lacking": [{"en": x, "zh": translated(x, "zh")} for x in record["lacking"]],
        "reasons": [{"en": x, "zh": translated(x, "zh")} for x in record["needs_assessment"]],
        "assessment": policy.assessment,
        "held": affected(home, keyring),
        "exported_rows": dict(sorted(rows.items())),
        "checks": proved,
        "profile": home.house.profile,
        "limits": [{"zh": zh, "en": en} for zh, en in LIMITS],
        "found_in_part": [r for r in recall() if r["recall"] < LEAST_RECALL],
        "blanks": [{"name": name, "zh": zh, "en": en} for name, zh, en in BLANKS],
    }
