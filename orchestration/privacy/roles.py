"""Roles: which operation asks for which role, and whether the person at work has it.

Keep out: the operations. Who has which role stands in policy.toml, [roles], by account name; a house that names nobody
is run by one person, who says in which role. Files are closed by their modes; roles bind those who may run the command.
"""

from orchestration.errors import UsedWronglyError, VoicehouseError
from orchestration.home import Home
from orchestration.privacy.audit_log import AuditLog, actor
from orchestration.privacy.keys import Keyring
from orchestration.settings import read_toml

ROLES = ("engineer", "analyst", "handler", "compliance")
ALLOWED = {
    "subject": ("compliance",),
    "reidentify": ("compliance", "handler"),
    "worklist": ("handler",),
    "answer": ("compliance", "handler"),  # and whoever may not do what was asked may not read the answer
    "keys rotate": ("engineer",),
    "keys rewrap": ("engineer",),
    "vault reinit": ("engineer",),
    "retention run": ("engineer", "compliance"),
    "backup": ("engineer",),
    "restore": ("engineer",),
    "export": ("analyst", "compliance"),
    "team key": ("handler", "compliance"),
    "team names": ("handler",),
    "privacy sign-off": ("compliance",),
    "incident": ("engineer", "compliance"),
    "incident export": ("compliance",),
    "incident close": ("compliance",),
}


class NotAllowedError(VoicehouseError):
    """The role does not go with the operation, or the person not with the role."""

    exit_code = 5


def require(home: Home, keyring: Keyring, role: str, operation: str) -> None:
    """Let the operation go on, or write the attempt into the audit log and raise NotAllowedError."""
    if reason := refusal(home, role, operation):
        AuditLog(home, keyring).append("refused", operation=operation, role=role)
        raise NotAllowedError(reason)


def stated(reason: str) -> str:
    """A reason that says something, which takes a letter or digit at least. Raises UsedWronglyError."""
    if any(sign.isalnum() for sign in reason):
        return reason
    raise UsedWronglyError("why one asks goes to the record: a reason says it in words")


def names_nobody(home: Home) -> bool:
    """Whether the house is run by one person, who says in which role."""
    return not read_toml(home.root / "policy.toml").get("roles")


def refusal(home: Home, role: str, operation: str) -> str | None:
    """Why the operation may not go on; None where it may."""
    named = read_toml(home.root / "policy.toml").get("roles", {})
    if role not in ALLOWED[operation]:
        return f"role {role} may not do this: {operation} asks for {' or '.join(ALLOWED[operation])}"
    if named and actor() not in named.get(role, []):
        return f"policy.toml does not name you as {role}"
    return None
