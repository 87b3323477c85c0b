"""Files that are broken in one way each, and what is to come of them: the table behind test_bad_files.py.

Keep out: assertions.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

PLANTED = "planted.person@example.org"
PHONE = "13700001234"
FILE = f"export of 普兰特 {PHONE}"  # a file's name may be somebody's data too
HEADER = "id,at,stars,remark,email"
SOUND = f"{HEADER}\nS1,01/02/2025,满意,ok,a@example.org\nS2,02/02/2025,3,ok,b@example.org\n"
ROW = f"R1,03/02/2025,4,write to {PLANTED},{PLANTED}\n"
MORE = "R2,04/02/2025,5,fine,c@example.org\n"

Write = Callable[[Path], None]


@dataclass(frozen=True)
class Fault:
    """One way in which a file is broken.

    `write` makes it in the source's folder of the inbox, beside a sound file of two rows. `rows` of it are promoted;
    `records` and `refused` are what the ledger counts as rejected, by reason; `unselected` what it only mentions.
    `told` is what the run says of the file (empty: nothing, the counts are enough); `file` whose id it names. `holds`
    is what the source's rows in the lake come to: an aggregate, and its value.
    """

    name: str
    write: Write
    rows: int = 0
    records: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    unselected: Mapping[str, int] = field(default_factory=dict)
    told: str = ""
    file: str = f"{FILE}.csv"
    format: str = "csv"
    holds: tuple[str, object] | None = None


def content(data: str | bytes, file: str = f"{FILE}.csv") -> Write:
    """Write this into the file."""

    def write(folder: Path) -> None:
        (folder / file).write_bytes(data.encode() if isinstance(data, str) else data)

    return write


def archive(members: Mapping[str, str | bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return packed.getvalue()


def damaged_member() -> bytes:
    """An archive whose first file is broken inside and whose second is sound."""
    whole = bytearray(archive({"a.csv": HEADER + "\n" + ROW * 50, "b.csv": HEADER + "\n" + MORE}))
    start = whole.index(b"a.csv") + len("a.csv")
    whole[start + 4 : start + 14] = b"\xff" * 10
    return bytes(whole)


def parquet(rows: list[dict[str, str]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def loop(folder: Path) -> None:
    """A folder that holds a link to itself, and one whose target is gone."""
    content(f"{HEADER}\n{MORE}")(folder)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    (folder / f"{FILE} link.csv").symlink_to(folder / "gone.csv")


def climb(folder: Path) -> None:
    """Files that try to leave by their names; one above the inbox that nobody may read."""
    (folder.parent.parent / "above.csv").write_text(f"{HEADER}\n{ROW}")
    (folder / f"{FILE} up.csv").symlink_to(folder.parent.parent / "above.csv")
    (folder / "climbing.zip").write_bytes(archive({"../../climbed.csv": f"{HEADER}\n{MORE}"}))


JSON_SOUND = "".join(
    json.dumps({"id": f"S{i}", "at": "01/02/2025", "stars": "3", "email": "a@example.org"}) + "\n" for i in (1, 2)
)
LONG = "x" * (10 << 20)
SEVEN = "".join(f"A{i},03/02/2025,4,{'y' * (1 << 20)},{PLANTED}\n" for i in range(7))  # megabytes
BOMB = gzip.compress(b"0" * (4 << 20))
NONE = "has none of the columns of source.toml: check its delimiter"

FAULTS = (
    Fault("truncated_gzip", content(gzip.compress((HEADER + "\n" + ROW * 3000).encode())[:150], f"{FILE}.csv.gz"),
          file=f"{FILE}.csv.gz", records={"damaged_file": 1}, told=r"is damaged \(gzip ends early\): send it again"),
    Fault("damaged_zip_member", content(damaged_member(), f"{FILE}.zip"), rows=1, records={"damaged_file": 1},
          told=r"member 1, is damaged \(zip\): send it again", file=f"{FILE}.zip"),
    Fault("wrong_delimiter", content((HEADER + "\n" + ROW).replace(",", ";")), records={"damaged_file": 1}, told=NONE),
    Fault("without_header", content(ROW + MORE), records={"damaged_file": 1}, told=NONE),
    Fault("binary_named_csv", content(bytes(range(256)) * 64), records={"damaged_file": 1}, told="binary data where text should be: check what was dropped"),
    Fault("workbook_named_csv", content(archive({"[Content_Types].xml": "<x/>", "xl/sheet1.xml": ROW})),
          records={"damaged_file": 1}, told="office program: export it as CSV"),
    Fault("old_workbook_named_csv", content(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512),
          records={"damaged_file": 1}, told="office program: export it as CSV"),
    Fault("empty_file", content(""), records={"damaged_file": 1}, told="is empty, without even a header: check its export"),
    Fault("header_only", content(HEADER + "\n")),
    Fault("column_renamed", content(f"{HEADER}\n{MORE}".replace("remark", PHONE)), rows=1,
          told="lacks the columns remark: read without them, ask who exports it or mend source.toml",
          unselected={"a column whose name is not told": 3}),
    Fault("column_added", content(f"{HEADER},branch\n{MORE.strip()},north\n"), rows=1, unselected={"branch": 3}),
    Fault("column_named_after_a_person", content(f"{HEADER},Wang Xiaoming,Ann\n{MORE.strip()},4,5\n"), rows=1,
          unselected={"a column whose name is not told": 3}),
    Fault("required_column_removed", content("at,stars,remark,email\n" + MORE.partition(",")[2]),
          records={"all_rows_rejected": 1}, refused={"missing:review_id": 1}, told="lacks the columns id: read without them, ask"),
    Fault("columns_reordered", content(f"email,remark,stars,at,id\n{PLANTED},fine,5,04/02/2025,R2\n"), rows=1),
    Fault("number_turned_text", content(f"{HEADER}\nR1,03/02/2025,four {PHONE},x,{PLANTED}\n{MORE}"), rows=1,
          records={"all_rows_rejected": 1}, refused={"unparsable:rating": 1}),
    Fault("unknown_scale_label", content(f"{HEADER}\nR1,03/02/2025,超级满意,x,{PLANTED}\n{MORE}"), rows=1,
          records={"all_rows_rejected": 1}, refused={"unparsable:rating": 1}),
    Fault("score_out_of_range", content(f"{HEADER}\nR1,03/02/2025,-4,x,{PLANTED}\n{MORE}"), rows=1,
          records={"all_rows_rejected": 1}, refused={"out_of_range:rating": 1}),
    Fault("three_date_formats", content(f"{HEADER}\nR1,2025-02-03,4,x,{PLANTED}\nR3,Feb 3 2025,4,x,{PLANTED}\n{MORE}"),
          rows=1, records={"all_rows_rejected": 2}, refused={"unparsable:posted_at": 2}),
    Fault("day_and_month_ambiguous", content(f"{HEADER}\nR1,03/04/2025,4,x,\nR2,04/25/2025,4,x,{PLANTED}\n"), rows=1,
          records={"all_rows_rejected": 1}, refused={"unparsable:posted_at": 1}),
    Fault("future_date", content(f"{HEADER}\nR1,01/01/2150,4,x,{PLANTED}\n{MORE}"), rows=1,
          records={"all_rows_rejected": 1}, refused={"in_future:posted_at": 1}),
    Fault("years_1_and_9999", content(f"{HEADER}\nR1,02/02/0001,4,x,{PLANTED}\nR3,31/12/9999,4,x,\n{MORE}"), rows=1,
          records={"all_rows_rejected": 2}, refused={"out_of_range:posted_at": 1, "unparsable:posted_at": 1}),
    Fault("ten_megabytes_in_a_field", content(f"{HEADER}\nR1,03/02/2025,4,{LONG},{PLANTED}\n{MORE}"), rows=2,
          holds=("max(length(text))", len(LONG))),
    Fault("ten_megabytes_behind_other_rows", content(f"{HEADER}\n{SEVEN}R1,03/02/2025,4,{LONG},{PLANTED}\n{MORE}"), rows=9,
          holds=("max(length(text))", len(LONG))),
    Fault("ten_megabytes_in_json", content(json.dumps({"id": "R1", "at": "03/02/2025", "stars": LONG, "email": PLANTED})
          + "\n" + JSON_SOUND.replace("S", "R9"), f"{FILE}.jsonl"), rows=2, format="jsonl", file=f"{FILE}.jsonl",
          records={"all_rows_rejected": 1}, refused={"unparsable:rating": 1}),
    Fault("a_field_beyond_all_bounds", content(f"{HEADER}\nR1,03/02/2025,4,{LONG * 3},{PLANTED}\n{MORE}"),
          records={"damaged_file": 1}, told="has a row longer than 12 MB, from row 1 on: close the quote"),
    Fault("quote_never_closed", content(f'{HEADER}\n{MORE}R3,03/02/2025,"4,x,{PLANTED}\n' + ROW * 20), rows=1,
          records={"malformed_row": 1}, told="a quote is never closed, 2[01] lines went into one row that was rejected: mend it, send"),
    Fault("torn_rows", content(f"{HEADER}\nR1,{PLANTED}\n{MORE}R3,1,2,3,4,5,6\n"), rows=1,
          records={"malformed_row": 2}),
    Fault("nul_bytes", content(f"{HEADER}\nR1,03/02/2025,4,nul \0 inside {PLANTED},\n" + MORE), rows=2,
          holds=("count(*) FILTER (text LIKE 'nul%inside%')", 1)),
    Fault("nul_bytes_in_json", content(JSON_SOUND.replace("S1", "N\\u00001").replace("S2", "N\0002"), f"{FILE}.jsonl"),
          rows=1, records={"malformed_json": 1}, format="jsonl", file=f"{FILE}.jsonl"),
    Fault("lone_surrogate", content(SOUND.replace("S1", "R1").encode().replace(b"ok", b"\xed\xa0\x80")), rows=2,
          holds=("count(*) FILTER (contains(text, chr(65533)))", 2)),
    Fault("lone_surrogate_in_json", content(JSON_SOUND.replace("S1", "L1").replace("S2", "L2").replace('"3"', '"\\ud800"', 1),
          f"{FILE}.jsonl"), rows=1, records={"malformed_json": 1}, format="jsonl", file=f"{FILE}.jsonl"),
    Fault("equal_keys_with_other_content", content(HEADER + "\n" + MORE + MORE.replace("fine", "not so")), rows=2,
          holds=("count(DISTINCT review_key) FILTER (text IN ('fine', 'not so'))", 1)),
    Fault("a_million_columns", content(",".join(f"c{i}" for i in range(1_000_000)) + "\n1\n"),
          records={"damaged_file": 1}, told="has more than 2,000 columns: check its delimiter"),
    Fault("gzip_bomb", content(BOMB, f"{FILE}.csv.gz"), file=f"{FILE}.csv.gz", records={"damaged_file": 1},
          told="unpacks to more than 200 times its size, the rest of it was not read: check what .*, send it unpacked"),
    Fault("zip_bomb", content(archive({"a.csv": b"0" * (4 << 20)}), f"{FILE}.zip"), file=f"{FILE}.zip",
          records={"damaged_file": 1}, told="unpacks to more than 200 times its size, nothing of it was read: check what .*, send it unpacked"),
    Fault("path_that_climbs_out", climb, rows=1, records={"damaged_file": 1}, file=f"{FILE} up.csv",
          told="is a link that leads out of the inbox: put the file itself there"),
    Fault("symlink_loop", loop, rows=1, records={"damaged_file": 1}, file=f"{FILE} link.csv",
          told="is a link to nothing: mend the link or remove it"),
    Fault("truncated_parquet", content(parquet([{"id": "R1", "email": PLANTED}] * 99)[:-40], f"{FILE}.parquet"),
          file=f"{FILE}.parquet", format="parquet", records={"damaged_file": 1}, told="is no Parquet file, or a damaged one: send it again"),
    Fault("parquet_in_a_zip", content(archive({"a.parquet": parquet([{
              "id": "R2", "at": "04/02/2025", "stars": "5", "remark": "fine", "email": "c@example.org"}]),
              "b.parquet": PLANTED}), f"{FILE}.parquet.zip"), file=f"{FILE}.parquet.zip", format="parquet", rows=1,
          records={"damaged_file": 1}, told="member 2, is no Parquet file, or a damaged one: send it again"),
    Fault("utf_16_without_a_mark", content(f"{HEADER}\n{MORE}".encode("utf-16-le")), rows=1),
    Fault("utf_16_that_reads_both_ways", content(("一" * 9).encode("utf-16-le")), records={"damaged_file": 1},
          told="is UTF-16 without a byte order mark, and reads both ways: save it as UTF-8"),
)  # fmt: skip
