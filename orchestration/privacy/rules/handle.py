"""Mentions of accounts: @name in posts and chats.

Keep out: e-mail addresses, which went before.
"""

from orchestration.privacy.rules.rule import HAN, Pattern, Rule

RULE = Rule(
    name="handle",
    token="HANDLE",
    order=140,
    needs="@",
    patterns=(
        Pattern(before=r"^|[^A-Za-z0-9_.@]", value=r"@[A-Za-z_][A-Za-z0-9_\-]{1,30}"),
        Pattern(value=rf"@[{HAN}A-Za-z_][{HAN}A-Za-z0-9_\-]{{1,15}}", after=r"[\s:：]|$"),
    ),
)
