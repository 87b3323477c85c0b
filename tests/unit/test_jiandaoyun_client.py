"""How long the 简道云 client waits. Keep out: answers of the API (tests/faults/test_bad_answers.py)."""

import pytest
from requests import Response

from orchestration.sources.jiandaoyun.client import _asked_to_wait

DATE = "Mon, 23 Nov 2026 09:00:00 GMT"


@pytest.mark.parametrize(
    ("after", "seconds"),
    [
        ("17", 17),
        ("Mon, 23 Nov 2026 09:02:50 GMT", 170),
        ("Mon, 23 Nov 2026 08:59:00 GMT", 0),
        ("", 4),
        ("soon", 4),
        ("Mon, 23 Nov 2026 09:02:50 -0000", 4),
    ],
)
def test_a_wait_is_told_in_seconds_or_as_a_moment_of_the_servers_clock(after: str, seconds: float) -> None:
    response = Response()
    response.headers.update({"Retry-After": after, "Date": DATE})
    assert _asked_to_wait(response, otherwise=4) == seconds
