"""What an authority and the persons concerned are told of an incident.

The house's facts, and blanks for what it cannot know.

Keep out: the register (privacy/incidents.py). Two files in `ops/incidents/`, named after the incident: JSON, and one
HTML page in Chinese and English (GDPR 33(3), 34; PIPL 57). Nothing in them is anybody's data.
"""

import json
from importlib.metadata import version
from typing import Any

from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.incidents import HOURS, Incident
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.serving.privacy_report import PrivacyReport, checks, digest_of
from orchestration.serving.report import render

# Consequences to think of, by what was touched: a key of the scope, Chinese, English.
CONSEQUENCES = (
    ("contacts", "联系方式可被用于诈骗、骚扰或钓鱼", "Contact data serve fraud, nuisance, phishing"),
    ("texts", "自由文本可能暴露处境，并含有未识别出的姓名", "Free texts may tell of circumstances, and keep names that were not found"),
    ("sensitive_texts", "涉及健康、信仰等敏感事项的文本可致歧视或人身、财产受损（PIPL 28）",
     "Texts on health, faith and the like may lead to discrimination or harm to person or property (GDPR 9, PIPL 28)"),
    ("minors", "涉及未成年人：须告知监护人", "Minors are concerned: guardians are to be told"),
    ("staff", "坐席亦受影响：工作表现可被推断", "Staff are concerned: their work may be judged by it"),
    ("exports", "数据已离开本家：接收方须协助", "Rows have left the house: recipients have to help"),
)  # fmt: skip
BLANKS = (
    ("cause", "事件经过与原因", "What happened, and why"),
    ("reached", "密钥或明文是否被取得；上列哪些存储实际被触及", "Were keys or clear values reached; which of the stores were really touched"),
    ("consequences", "已造成和可能造成的危害（GDPR 33(3)(c)，PIPL 57(1)）", "Harm done and likely (GDPR 33(3)(c), PIPL 57(1))"),
    ("measures", "已采取与拟采取的补救措施；个人可采取的减轻措施（GDPR 33(3)(d)，PIPL 57(2)）",
     "Measures taken and proposed; what persons can do (GDPR 33(3)(d), PIPL 57(2))"),
    ("authority", "主管机构、报告时间与编号；逾期的理由（GDPR 33(1)）", "Authority, time and number of the report; reasons for any delay (GDPR 33(1))"),
    ("persons", "是否告知个人，如何告知，或为何无需告知（GDPR 34，PIPL 57）",
     "Are persons told, how, or why not (GDPR 34, PIPL 57)"),
    ("processors", "须告知的委托方与受托人（GDPR 33(2)）", "Controllers and processors to be told (GDPR 33(2))"),
    ("signature", "姓名、职务、签名", "Name, function, signature"),
)  # fmt: skip
STORES = ("C8", "C9", "C10", "C18")  # checks that say how what was touched is protected


def write_notification(home: Home, keyring: Keyring, incident: Incident) -> PrivacyReport:
    """Write the material on an incident; its HTML lies beside the JSON. Returns the JSON's path and hash.

    Raises VoicehouseError before the incident has a scope.
    """
    found = material(home, keyring, incident)
    digest = digest_of(found)
    path = home.folder("ops", "incidents") / f"{incident.number}.json"
    write_durably(path, json.dumps({**found, "sha256": digest}, ensure_ascii=False, indent=1, default=str).encode())
    page = render("incident.html.jinja", report={**found, "sha256": digest}, run=None, now=now())
    write_durably(path.with_suffix(".html"), page.encode())
    return PrivacyReport(path, digest)


def material(home: Home, keyring: Keyring, incident: Incident) -> dict[str, Any]:
    """Nature, categories and counts, consequences, measures and terms, as far as the house knows them."""
    scope = incident.scope
    if scope is None:
        raise VoicehouseError(
            f"what {incident.number} touches was not counted yet: "
            f"`voicehouse privacy incident scope {incident.number} --role compliance`"
        )
    policy = Policy.of(home)
    known = scope["persons_by_identifier"]
    touched = {
        "contacts": sum(known.get(k, 0) for k in ("email", "phone", "address")),
        "texts": len(scope["fields"].get("text", ())),
        "sensitive_texts": scope["sensitive_texts"],
        "minors": scope["minors"],
        "staff": scope["staff"],
        "exports": sum(e["rows"] for e in scope["exports"]),
    }
    steps = [
        {"number": line["number"], "at": line["at"], "actor": line["actor"], "action": line["action"]}
        for line in AuditLog(home, keyring).lines()
        if line["facts"].get("incident") == incident.number
    ]
    proved = {c["check_id"]: c for c in checks(home, home.serving / "kpi.duckdb")}
    return {
        "product": f"voicehouse {version('voicehouse')}",
        "home": home.root.name,
        "written_at": now().isoformat(),
        **incident.as_row(),
        "opened_at": incident.begun["at"],
        "removed": incident.removed,
        "term_hours": HOURS,
        "controller": dict(policy.controller),
        "place": policy.place,
        "scope": scope,
        "terms": incident.terms(scope),
        "consequences": [{"of": of, "zh": zh, "en": en} for of, zh, en in CONSEQUENCES if touched[of]],
        "protection": [proved[i] for i in STORES],
        "steps": steps,
        "blanks": [{"name": name, "zh": zh, "en": en} for name, zh, en in BLANKS],
    }
