"""Roles: which operation asks for which role, and whether the person at work has it.

Keep out: the operations. Who has which role stands in policy.toml, [roles], by account name; a house that names nobody
is run by one person, who says in which role. Files are closed by their modes; roles bind those who may run the command.
"""

from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.privacy.audit_log import AuditLog, actor
from orchestration.privacy.keys import Keyring
from orchestration.settings import read_toml

ROLES = ("engineer", "analyst", "handler", "compliance")
ALLOWED = {
    "subject": ("compliance",),
    "reidentify": ("compliance", "handler"),
    "worklist": ("handler",),
    "keys rotate": ("engineer",),
    "vault reinit": ("engineer",),
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
    path = home.root / "policy.toml"
    named = read_toml(path).get("roles", {})
    if role not in ALLOWED[operation]:
        reason = f"a {role} may not do this: {operation} asks for {' or '.join(ALLOWED[operation])}"
    elif named and actor() not in named.get(role, []):
        reason = f"policy.toml does not name you as {role}"
    else:
        return
    AuditLog(home, keyring).append("refused", operation=operation, role=role)
    raise NotAllowedError(reason)
