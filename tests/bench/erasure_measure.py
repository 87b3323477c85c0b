"""How long it takes to erase one person: python -m tests.bench.erasure_measure HOME [--records N] [--models].

Keep out: asserting anything. Chooses the person with the most rows, erases them for good and prints the receipt; with
`--models` the warehouse and what is served are made anew too, as `voicehouse subject erase` does. With `--records` the
home is made first, of the sample company's history with so many records.
"""

import argparse
import json
import resource
import time
from dataclasses import asdict
from pathlib import Path
from shutil import copytree

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.home import Home
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import erasure, pseudonyms, requests, subjects
from orchestration.privacy.keys import Keyring
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from tests.bench import company, runs


def main() -> None:
    """Erase, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--models", action="store_true", help="make models and served files anew too")
    parser.add_argument("--records", type=int, help="make the home first, of so many records, in a folder that is new")
    given = parser.parse_args()
    records = _make(given.home, given.records) if given.records else None
    home = Home.open(given.home)
    keyring = Keyring(home)
    with home.writing("erasure measure"):
        request, rows, persons = _request(home, keyring)
        started, cpu = time.monotonic(), _cpu()
        receipt = erasure.erase(home, keyring, request)
        receipt.seconds["erase"] = round(time.monotonic() - started, 1)
        receipt.seconds["erase_cpu"] = round(_cpu() - cpu, 1)
        if given.models:
            started = time.monotonic()
            pipeline.rebuild(home, keyring, request.request_id)
            receipt.seconds["models_and_serving"] = round(time.monotonic() - started, 1)
            receipt.after |= erasure.traces_of(home, keyring, request.request_id)
        erasure.close(home, keyring, request.request_id, "erased" if receipt.is_complete else "not complete")
    told = {"records": records, "rows_of_lake": rows, "persons_of_vault": persons, **asdict(receipt)}
    print(json.dumps(told, indent=1))


def _make(home: Path, records: int) -> int:
    """A home that one run has filled; how many records that took in. Its input lies beside it."""
    written = home.with_name(f"{home.name}-written")
    history, _ = company.write(written, records)
    runs.make_home(home, written / "history")
    copytree(written / "reference", home / "reference", dirs_exist_ok=True)
    runs.run(home)
    return history


def _request(home: Home, keyring: Keyring) -> tuple[requests.Request, int, int]:
    """A request of the person with the most rows; rows of the lake, persons of the vault."""
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        union = " UNION ALL ".join(
            f'SELECT subject_key FROM lake."{k}" WHERE subject_key IS NOT NULL'
            for k, r in KINDS.items()
            if r.has_person
        )
        whole = " + ".join(f'(SELECT count(*) FROM lake."{k}")' for k in KINDS)
        (total,) = con.execute(f"SELECT {whole}").fetchone() or (0,)
        (key,) = con.execute(
            f"SELECT subject_key FROM ({union}) GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        ).fetchone() or ("",)
        with open_vault(con, home, keyring):
            (persons,) = con.execute("SELECT count(DISTINCT current_id) FROM vault.subject").fetchone() or (0,)
            ids = subjects.find(con, subjects.Sought(pseudonym=key))
            return requests.register(con, home, "erase", ids), int(total), int(persons)
    finally:
        con.close()


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


if __name__ == "__main__":
    main()
