"""The terms, ages and thresholds of a house as its privacy report prints them: defaults for a lawyer to confirm.

Keep out: keeping to them; each is read from where it is applied. Terms are settings, floors are code (decision 0023).
"""

from typing import Any

from orchestration.home import Home
from orchestration.privacy import disclosure, incidents, reidentification, requests
from orchestration.privacy.anonymity import GREATEST_T, LEAST_K, LEAST_L
from orchestration.privacy.policy import ADULT_AGE, Policy


def defaults(home: Home) -> list[dict[str, Any]]:
    """One row each: what it is, its value, and the file it is set in; null for a floor in code."""
    policy = Policy.of(home)
    months, working_days = requests.terms(home)
    terms = "policy.toml [terms]"
    rows: list[tuple[str, str, str, str | None]] = [
        ("封存页面（天）", "Sealed pages, days", f"{policy.landing_days}", f"{terms} landing_days"),
        ("隔离的批次（天）", "Refused batches, days", f"{policy.quarantine_days}", f"{terms} quarantine_days"),
        ("不再列出的目的（天）", "Purposes named no more, days", f"{policy.unnamed_days}", f"{terms} unnamed_days"),
        ("审计日志（天）", "Audit log, days", f"{policy.audit_days}", f"{terms} audit_days"),
        ("失效同意的证据（月）", "Evidence of a consent out of force, months", f"{policy.evidence_months}",
         f"{terms} evidence_months"),
        ("备份（天）", "Backups, days", f"{policy.backup_days}", f"{terms} backup_days"),
        ("答复请求：欧盟（月）", "Answer to a request, EU: months", f"{months}", "policy.toml [requests] gdpr_months"),
        ("答复请求：中国大陆（工作日）", "Answer to a request, mainland China: working days", f"{working_days}",
         "policy.toml [requests] mainland_working_days"),
        ("数据、文本与身份（月）", "Rows, texts and identities, months", "↑", "source.toml"),
        ("发布规则", "Publication profile", home.house.profile, "house.toml profile"),
        ("向主管机关报告事件：欧盟（小时）", "Incident told to the authority, EU: hours", f"{incidents.TERMS['EU'][0]}", None),
        ("向主管机关报告事件：中国大陆（小时）", "Incident told to the authority, mainland China: hours",
         f"{incidents.TERMS['CN'][0]}", None),
        ("监护人同意：中国大陆，未满（岁）", "A guardian consents, mainland China: under the age of", f"{ADULT_AGE['CN']}", None),
        ("监护人同意：其他，未满（岁）", "A guardian consents, elsewhere: under the age of", f"{ADULT_AGE['EU']}", None),
        *((f"每格至少人数（{p.name}）", f"Persons in a cell at least, profile {p.name}", f"{p.threshold}", None)
          for p in disclosure.PROFILES.values()),
        ("团队至少坐席数", "Agents in a team at least", f"{disclosure.AGENTS_PER_TEAM}", None),
        ("逐行导出：k 至少", "Export of rows: k at least", f"{LEAST_K}", None),
        ("逐行导出：l 至少", "Export of rows: l at least", f"{LEAST_L}", None),
        ("逐行导出：t 至多", "Export of rows: t at most", f"{GREATEST_T}", None),
        ("每小时无须第二人即可还原的人数", "Persons named again within an hour without a second person's approval",
         f"{reidentification.AT_MOST}", None),
    ]  # fmt: skip
    return [{"zh": zh, "en": en, "value": value, "set_in": where} for zh, en, value, where in rows]
