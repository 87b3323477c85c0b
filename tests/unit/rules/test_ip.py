"""The rule ip, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("来自192.168.10.25的登录", "来自<IP>的登录"),
        ("ip = ?%//!%20\\|106.31.73.20|%20/", "ip = ?%//!%20\\|<IP>|%20/"),
        ("2001:db8:85a3:0:0:8a2e:370:7334", "<IP>"),
        ("at 2001:db8::8a2e:7334 now", "at <IP> now"),
        ("mac 00:1B:44:11:3A:B7", "mac <IP>"),
    ],
)
def test_ip_masks_network_addresses_and_nothing_around_them(rule, text, expected):
    assert rule("ip", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "版本10.2.13.4",
        "version 10.12.1.0",
        "v12.0.0.1",
        "1.2.3.4",
        "256.1.1.1",
        "12:30:45",
        "1.2.3",
        "std::vector",
        "10.20.30.40.50",
        "2024-01-01 12:30",
    ],
)
def test_ip_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("ip", text) == text
