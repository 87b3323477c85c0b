"""The report's charts: published rows in, SVG out, drawn by Vega without a browser.

Keep out: choosing what is drawn (report.py).
"""

import base64
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

INK = "#1c2733"
MUTED = "#5b6875"
LINE = "#0b5c7a"
BAND = "#9cc7d6"
RULE = "#e3e8ec"
SIZES = {"wide": (620, 210), "narrow": (300, 190)}  # pixels of the plot, beside the axis


@dataclass(frozen=True)
class Chart:
    """One picture in two widths, as data URIs, so that the report needs no other file."""

    wide: str
    narrow: str


def trend(rows: list[dict[str, Any]], unit: str) -> Chart:
    """A line with its interval over time; rows: period_start, value, ci_low, ci_high. A gap stays a gap."""
    frame = pd.DataFrame(rows, columns=["period_start", "value", "ci_low", "ci_high"])
    frame["period_start"] = pd.to_datetime(frame["period_start"])
    return Chart(**{name: _svg(_trend(frame, unit, *size)) for name, size in SIZES.items()})


def _trend(frame: pd.DataFrame, unit: str, width: int, height: int) -> alt.LayerChart:
    bounds = frame[["value", "ci_low", "ci_high"]].to_numpy(dtype=float)
    low, high = float(np.nanmin(bounds)), float(np.nanmax(bounds))
    room = (high - low) * 0.08 or 1.0
    limits = {"percent": (0.0, 100.0), "points": (-100.0, 100.0)}.get(unit, (0.0, float("inf")))
    domain = [max(low - room, limits[0]), min(high + room, limits[1])]
    time = alt.X(
        "period_start:T",
        title=None,
        axis=alt.Axis(format="%Y-%m", labelOverlap="greedy", tickCount=max(3, width // 90), grid=False),
    )
    scale = alt.Scale(domain=domain, nice=True, zero=False)
    axis = alt.Axis(tickCount=5, title=None, domain=False, ticks=False)
    base = alt.Chart(frame)
    band = base.mark_area(color=BAND, opacity=0.55).encode(
        x=time, y=alt.Y("ci_low:Q", scale=scale, axis=axis), y2="ci_high:Q"
    )
    lonely = frame[frame["value"].notna() & frame["value"].shift().isna() & frame["value"].shift(-1).isna()]
    bars = (  # an interval between two gaps has no width as a band
        alt.Chart(lonely)
        .mark_rule(color=BAND, opacity=0.55, strokeWidth=8)
        .encode(x=time, y=alt.Y("ci_low:Q", scale=scale, axis=axis), y2="ci_high:Q")
    )
    line = base.mark_line(color=LINE, strokeWidth=2.5, invalid="break-paths-show-domains").encode(
        x=time, y=alt.Y("value:Q", scale=scale, axis=axis)
    )
    points = base.mark_point(color=LINE, filled=True, size=28, opacity=1).encode(
        x=time, y=alt.Y("value:Q", scale=scale, axis=axis)
    )
    return (
        alt.layer(band, bars, line, points)
        .properties(width=width, height=height, background="transparent")
        .configure_view(stroke=None)
        .configure_axis(
            labelFont="sans-serif", labelFontSize=12, labelColor=MUTED, gridColor=RULE, domainColor=RULE,
            tickColor=RULE, labelPadding=6,
        )
    )  # fmt: skip


def _svg(chart: alt.LayerChart) -> str:
    svg = vl_convert.vegalite_to_svg(chart.to_dict(), vl_version=".".join(alt.SCHEMA_VERSION.split(".")[:2]))
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
