"""Draws docs/flow.svg: how a piece of feedback walks through the house.

Keep out: everything else. Run `python docs/flow.py` after a change.
"""

from pathlib import Path

WIDTH, BOX_W, BOX_H, GAP = 980, 168, 74, 24
INK, FAINT, PAPER, CLOSED, OPEN = "#1f2933", "#52606d", "#ffffff", "#e8eef7", "#e6f4ea"
FILL = {True: OPEN, False: CLOSED, None: PAPER}

# (column, row, title, second line, third line, is open to readers; None: not ours)
BOXES = [
    (0, 0, "sources", "APIs, inbox files", "what a product exports", None),
    (1, 0, "extract", "dlt: paging, cursors", "pages sealed in memory", False),
    (2, 0, "guard", "conform · resolve", "redact · pseudonyms", False),
    (3, 0, "check", "great-expectations", "batch by batch", False),
    (4, 0, "lake", "encrypted Parquet", "commit file last", False),
    (1, 1, "landing", "AES-256-GCM pages", "sealed before a disk", False),
    (2, 1, "vault · keys", "who is who, sealed", "pseudonyms outside", False),
    (3, 1, "quarantine", "batches that failed", "reasons and counts", False),
    (4, 1, "model", "dbt: staging, core,", "exact KPI marts", False),
    (2, 2, "report", "static page", "zh and en", True),
    (3, 2, "serve", "kpi.duckdb · Parquet", "any BI tool", True),
    (4, 2, "disclosure + check", "small cells hidden,", "then swapped in", False),
]
# (from, to): straight from edge to edge, or down.
ARROWS = [
    ("sources", "extract"), ("extract", "guard"), ("guard", "check"), ("check", "lake"), ("extract", "landing"),
    ("guard", "vault · keys"), ("check", "quarantine"), ("lake", "model"), ("model", "disclosure + check"),
    ("disclosure + check", "serve"), ("serve", "report"),
]  # fmt: skip


def place(column: int, row: int) -> tuple[int, int]:
    """Upper left corner of a box."""
    return 20 + column * (BOX_W + GAP), 46 + row * (BOX_H + 34)


def draw() -> str:
    """The picture as SVG."""
    at = {title: place(column, row) for column, row, title, *_ in BOXES}
    height = 46 + 3 * (BOX_H + 34)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', 'Noto Sans SC', sans-serif\">",
        "<title>From source to report: extract, guard, check, lake, model, disclosure, serve</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{FAINT}"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" rx="10" fill="{PAPER}"/>',
        f'<text x="20" y="28" font-size="13" fill="{FAINT}">blue: closed and encrypted · green: open to readers · '
        "identities are replaced in the guard and stay in the vault</text>",
    ]
    for start, end in ARROWS:
        (x1, y1), (x2, y2) = at[start], at[end]
        if y1 == y2:
            a, b = (x1 + BOX_W, x2 - 2) if x1 < x2 else (x1, x2 + BOX_W + 2)
            line = f"M{a} {y1 + BOX_H // 2} H{b}"
        else:
            line = f"M{x1 + BOX_W // 2} {y1 + BOX_H} V{y2 - 2}"
        parts.append(f'<path d="{line}" stroke="{FAINT}" stroke-width="1.5" fill="none" marker-end="url(#tip)"/>')
    for column, row, title, second, third, is_open in BOXES:
        x, y = place(column, row)
        parts += [
            f'<rect x="{x}" y="{y}" width="{BOX_W}" height="{BOX_H}" rx="8" fill="{FILL[is_open]}" '
            f'stroke="{FAINT}" stroke-width="1"/>',
            f'<text x="{x + 12}" y="{y + 24}" font-size="15" font-weight="600" fill="{INK}">{title}</text>',
            f'<text x="{x + 12}" y="{y + 44}" font-size="12.5" fill="{INK}">{second}</text>',
            f'<text x="{x + 12}" y="{y + 61}" font-size="12.5" fill="{INK}">{third}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("flow.svg").write_text(draw(), encoding="utf-8")
