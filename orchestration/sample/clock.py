"""The sample company's time: a fixed span, and business time on shift calendars with holidays and 调休 days.

Keep out: the wall clock. Instants are whole seconds since 1970 UTC; ABSENT stands for "did not happen".
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Seconds = npt.NDArray[np.int64]

ABSENT = -1
REPORTING_TZ = "Asia/Shanghai"
DAY = 86_400


def instant(text: str, zone: str = REPORTING_TZ) -> int:
    """Seconds since 1970 of a local ISO time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())


START = instant("2024-01-01T00:00:00")
CUT = instant("2025-12-01T00:00:00")  # wave 2 begins
END = instant("2026-01-01T00:00:00")  # observed until


@dataclass(frozen=True)
class Calendar:
    """Working hours of one place.

    `shifts`: (ISO weekday, start minute, end minute). `exceptions`: days with hours of their own (调休).
    `holidays`: days off.
    """

    calendar_id: str
    timezone: str
    shifts: tuple[tuple[int, int, int], ...]
    exceptions: tuple[tuple[str, int, int], ...]
    holidays: tuple[str, ...]

    @cached_property
    def intervals(self) -> npt.NDArray[np.int64]:
        """Working intervals [start, end) in seconds, from a week before START to a year after END, shape (n, 2)."""
        zone = ZoneInfo(self.timezone)
        own = {d: [(a, b) for e, a, b in self.exceptions if e == d] for d, _, _ in self.exceptions}
        spans: list[tuple[int, int]] = []
        day = datetime.fromtimestamp(START, UTC).date() - timedelta(days=7)
        while day < datetime.fromtimestamp(END, UTC).date() + timedelta(days=365):
            hours = own.get(day.isoformat())
            if hours is None:
                free = day.isoformat() in self.holidays
                hours = [] if free else [(a, b) for w, a, b in self.shifts if w == day.isoweekday()]
            spans += [(_local(day, a, zone), _local(day, b, zone)) for a, b in sorted(hours)]
            day += timedelta(days=1)
        return np.array(spans, dtype=np.int64)

    @cached_property
    def _running(self) -> npt.NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.intervals[:, 1] - self.intervals[:, 0])])

    def elapsed(self, at: Seconds) -> Seconds:
        """Business seconds worked before each instant (a running total: the difference of two is business time)."""
        starts, ends = self.intervals[:, 0], self.intervals[:, 1]
        i = np.searchsorted(starts, at, side="right") - 1
        inside = np.minimum(at, ends[i]) - starts[i]
        return np.asarray(self._running[i] + inside, dtype=np.int64)

    def between(self, start: Seconds, end: Seconds) -> Seconds:
        """Business seconds from start to end."""
        return self.elapsed(end) - self.elapsed(start)

    def after(self, start: Seconds, seconds: Seconds) -> Seconds:
        """The instant at which `seconds` of business time have passed since start."""
        goal = self.elapsed(start) + seconds
        i = np.searchsorted(self._running, goal, side="left") - 1
        i = np.clip(i, 0, len(self.intervals) - 1)
        return np.asarray(self.intervals[i, 0] + goal - self._running[i], dtype=np.int64)


def _local(day: date, minute: int, zone: ZoneInfo) -> int:
    naive = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    return int(naive.replace(tzinfo=zone).timestamp())


def month_starts(zone: str = REPORTING_TZ) -> list[int]:
    """First instants of every month of the span, END included."""
    firsts = [f"{y}-{m:02d}-01T00:00:00" for y in (2024, 2025) for m in range(1, 13)] + ["2026-01-01T00:00:00"]
    return [instant(f, zone) for f in firsts]


# Public holidays and 调休 working days of mainland China as announced for 2024 and 2025 (main ones), and those of
# Berlin.
SHANGHAI = Calendar(
    "lanqiao_cn",
    "Asia/Shanghai",
    tuple((w, a, b) for w in range(1, 6) for a, b in ((540, 720), (780, 1080))) + ((6, 600, 960),),
    tuple(
        (d, a, b)
        for d in (
            "2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29",
            "2024-10-12", "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11",
        )
        for a, b in ((540, 720), (780, 1080))
    ),
    (
        "2024-01-01", "2024-02-10", "2024-02-11", "2024-02-12", "2024-02-13", "2024-02-14", "2024-02-15", "2024-02-16",
        "2024-02-17", "2024-04-04", "2024-04-05", "2024-04-06", "2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04",
        "2024-05-05", "2024-06-10", "2024-09-16", "2024-09-17", "2024-10-01", "2024-10-02", "2024-10-03", "2024-10-04",
        "2024-10-05", "2024-10-07", "2025-01-01", "2025-01-28", "2025-01-29", "2025-01-30", "2025-01-31", "2025-02-01",
        "2025-02-03", "2025-02-04", "2025-04-04", "2025-05-01", "2025-05-02", "2025-05-03", "2025-05-05", "2025-06-02",
        "2025-10-01", "2025-10-02", "2025-10-03", "2025-10-04", "2025-10-06", "2025-10-07", "2025-10-08", "2026-01-01",
    ),
)  # fmt: skip
BERLIN = Calendar(
    "lanqiao_de",
    "Europe/Berlin",
    tuple((w, 480, 1020) for w in range(1, 6)),
    (("2024-12-24", 480, 720), ("2025-12-24", 480, 720)),
    (
        "2024-01-01", "2024-03-08", "2024-03-29", "2024-04-01", "2024-05-01", "2024-05-09", "2024-05-20", "2024-10-03",
        "2024-12-25", "2024-12-26", "2025-01-01", "2025-04-18", "2025-04-21", "2025-05-01", "2025-05-29", "2025-06-09",
        "2025-10-03", "2025-12-25", "2025-12-26", "2026-01-01",
    ),
)  # fmt: skip
# Reviews are answered every day of the week, but for the first days of the Spring Festival. Named as their source.
REVIEW_DESK = Calendar(
    "reviews",
    "Asia/Shanghai",
    tuple((w, 600, 1200) for w in range(1, 8)),
    (),
    ("2024-02-10", "2024-02-11", "2024-02-12", "2025-01-29", "2025-01-30", "2025-01-31"),
)
CALENDARS = {c.calendar_id: c for c in (SHANGHAI, BERLIN, REVIEW_DESK)}
