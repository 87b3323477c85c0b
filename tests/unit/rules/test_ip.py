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
        ("系统192.168.1.12登录失败", "系统<IP>登录失败"),
        ("系统 10.10.0.1 打不开", "系统 <IP> 打不开"),
        ("更新到 10.20.30.40 的机器", "更新到 <IP> 的机器"),
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
        "系统版本 10.12.0.1",
        "升级到10.12.13.4版本后打不开",
        "固件已升级到 10.12.13.4",
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
