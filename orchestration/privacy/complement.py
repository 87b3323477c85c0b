"""Hiding more cells until no total gives one away: the fix-point of rule 4 of disclosure.py, over arrays.

Keep out: which cells are hidden for what they are, which equations there are, and the audit of the result
(disclosure.py).

A pass looks at every equation and changes a few cells, and there are a hundred passes: the temp tables `cells` and
`terms` are read once a call, and what changed is written back at its end.
"""

from collections.abc import Iterable
from typing import Any

import duckdb
import numpy as np

from orchestration.errors import VoicehouseError

# In the order of their names: where two meet about the same answers, the last stands for all.
REASONS = ("complement", "homogeneous", "small_cell", "small_team", "too_fine")
SHOWN, COMPLEMENT, TOO_FINE = 0, 1, 5


def spread(con: duckdb.DuckDBPyConnection) -> None:
    """The same fate for all figures about the same answers: one population, or the same counts at the same place."""
    fates = _Fates(con)
    fates.spread()
    fates.write(con)


def complement(con: duckdb.DuckDBPyConnection, threshold: int) -> int:
    """Hide one more part of each open equation, narrowest totals first, until none is open; the number of passes."""
    fates, passes = _Equations(con), 0
    while len(found := fates.opened(threshold)):
        passes += 1
        if not fates.reveal(found):
            fates.hide_cheapest(*fates.parts_of_narrowest(found), 1)
    fates.write(con)
    return passes


def widen(con: duckdb.DuckDBPyConnection, computable: Iterable[int], each: int) -> None:
    """For each computable cell, hide the `each` cheapest parts of its totals; the totals where no part is left.

    Raises VoicehouseError when there is nothing left to hide.
    """
    fates = _Equations(con)
    if not fates.hide_cheapest(*fates.neighbours(computable), each):
        raise VoicehouseError("disclosure: a hidden cell stays computable although all its neighbours are hidden")
    fates.write(con)


def answered(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Ids of hidden cells all of whose persons gave one answer, by a shown total and its shown parts."""
    fates = _Equations(con)
    if not len(fates.starts):
        return []
    return [int(i) for i in fates.ids[np.unique(fates.hidden_in(fates.alike()))]]


class _Fates:
    """Cells in the order of their ids.

    Where each stands, what it counts, and why it is hidden (a place in REASONS, or 0).
    """

    def __init__(self, con: duckdb.DuckDBPyConnection):
        figures = ", ".join(
            f"coalesce({c}, 'NaN'::DOUBLE) AS {c}" for c in ("n", "subjects", "numerator", "denominator")
        )
        found = con.execute(
            f"SELECT id, place, persons, counts, {figures}, coalesce(metric_unit = 'percent', false) AS is_percent, "
            "coalesce(metric_unit IN ('percent', 'points'), false) AS is_share, "
            "coalesce(list_position(?::VARCHAR[], reason), 0) AS reason FROM cells ORDER BY id",
            [list(REASONS)],
        ).fetchnumpy()
        self.ids, self.place, self.persons, self.counts = (found[c] for c in ("id", "place", "persons", "counts"))
        self.n, self.subjects = found["n"], found["subjects"]
        self.numerator, self.denominator = found["numerator"], found["denominator"]
        self.is_percent, self.is_share = found["is_percent"], found["is_share"]
        self.parts = self._parts(con)
        self.reason = np.asarray(found["reason"], dtype=np.int8)
        self._before = self.reason.copy()

    def _parts(self, con: duckdb.DuckDBPyConnection) -> Any:
        """One row per cell: how many gave each kind of answer, then zeros; NaN where that is not told."""
        told = con.execute("SELECT id, parts, len(parts) AS many FROM cells WHERE parts IS NOT NULL ORDER BY id")
        found = told.to_arrow_table()
        many = found["many"].to_numpy()
        parts = np.full((len(self.ids), np.max(many, initial=1)), np.nan)
        rows = np.searchsorted(self.ids, found["id"].to_numpy())
        parts[rows] = 0.0
        ends = np.cumsum(many)
        flat = found["parts"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        parts[np.repeat(rows, many), np.arange(len(flat)) - np.repeat(ends - many, many)] = flat
        return parts

    def spread(self) -> None:
        """Hide what counts the same persons, or the same numbers at one place, as a hidden cell, to a fix-point."""
        before = -1
        while before != (now := int(np.count_nonzero(self.reason))):
            before = now
            for group in (self.persons, self.counts):
                last = np.zeros(np.max(group, initial=0) + 1, dtype=np.int8)
                np.maximum.at(last, group, self.reason)
                shown = self.reason == SHOWN
                self.reason[shown] = last[group[shown]]

    def write(self, con: duckdb.DuckDBPyConnection) -> None:
        """What changed, into table `cells`."""
        changed = np.flatnonzero(self.reason != self._before)
        names = (None, *REASONS)
        con.execute(
            "UPDATE cells SET reason = f.reason FROM (SELECT unnest(?::BIGINT[]) AS id, unnest(?::VARCHAR[]) AS reason) f "
            "WHERE f.id = cells.id",
            [self.ids[changed].tolist(), [names[code] for code in self.reason[changed]]],
        )


class _Equations(_Fates):
    """Cells and the equations they stand in.

    Terms (a part of a total) lie equation by equation, the narrowest totals first.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection):
        super().__init__(con)
        found = con.execute("SELECT kind, total, part, is_needed FROM terms ORDER BY kind, total, part").fetchnumpy()
        kind, total = found["kind"], found["total"]
        is_first = np.ones(len(kind), dtype=bool)
        is_first[1:] = (kind[1:] != kind[:-1]) | (total[1:] != total[:-1])
        self.starts = np.flatnonzero(is_first)
        self.equation = np.cumsum(is_first) - 1  # of each term
        self.part = np.searchsorted(self.ids, found["part"])
        self.total = np.searchsorted(self.ids, total[self.starts])  # of each equation, as are kind and is_needed
        self.kind, self.is_needed = kind[self.starts], found["is_needed"][self.starts]

    def _hidden_parts(self) -> Any:
        return np.add.reduceat((self.reason != SHOWN)[self.part].astype(np.int64), self.starts)

    def _rest(self, figure: Any) -> Any:
        """What is left of each total after its shown parts are taken away; NaN where the total has no such figure."""
        shown = np.where(self.reason == SHOWN, np.nan_to_num(figure), 0.0)
        return figure[self.total] - np.add.reduceat(shown[self.part], self.starts)

    def alike(self) -> Any:
        """Equations whose hidden parts together hold one kind of answer, by what is shown."""
        open_total = (self._hidden_parts() > 0) & (self.reason[self.total] == SHOWN)
        numerator, denominator = (self._rest(f) for f in (self.numerator, self.denominator))
        close = 1e-9 * denominator
        one = (np.abs(np.abs(numerator) - denominator) <= close) | (
            self.is_percent[self.total] & (np.abs(numerator) <= close)
        )
        found = open_total & one & self.is_share[self.total] & (denominator > 1e-9)
        asked = np.flatnonzero(open_total & ~found & ~np.isnan(self.parts[self.total, 0]))
        found[asked] = self._is_one_part(asked)
        return np.flatnonzero(found)

    def _is_one_part(self, asked: Any) -> Any:
        """Of these equations, whether what is left of the total's answers is all of one kind."""
        if not len(asked):
            return np.zeros(0, dtype=bool)
        place = np.full(len(self.starts), -1)
        place[asked] = np.arange(len(asked))
        terms = np.flatnonzero((place[self.equation] >= 0) & (self.reason[self.part] == SHOWN))
        into, shown = place[self.equation[terms]], self.parts[self.part[terms]]
        taken = [np.bincount(into, weights=kind, minlength=len(asked)) for kind in shown.T]
        rest = self.parts[self.total[asked]] - np.stack(taken, axis=1)
        left = rest.sum(axis=1)
        return (left > 1e-6) & (rest.max(axis=1) >= left * (1 - 1e-9))

    def hidden_in(self, equations: Any) -> Any:
        """The hidden parts of these equations."""
        terms = np.isin(self.equation, equations) & (self.reason[self.part] != SHOWN)
        return self.part[terms]

    def opened(self, threshold: int) -> Any:
        """Equations that still give something away."""
        if not len(self.starts):
            return self.starts
        hidden = self._hidden_parts()
        n = self._rest(self.n)
        largest = np.where((self.reason == SHOWN) | np.isnan(self.subjects), -np.inf, self.subjects)
        largest = np.maximum.reduceat(largest[self.part], self.starts)
        subjects = np.fmax(self._rest(self.subjects), np.where(np.isinf(largest), 0.0, largest))
        alike = np.zeros(len(self.starts), dtype=bool)
        alike[self.alike()] = True
        told = (hidden == 1) | ((n > 0) & ((subjects < threshold) | alike))
        return np.flatnonzero(np.where(self.reason[self.total] == SHOWN, told, hidden == 0))

    def reveal(self, found: Any) -> int:
        """Show the cells that only their table hides where an equation gives them away.

        That costs nothing, hiding would.
        A cell is large enough to be known when no figure at its place is hidden for another reason.
        """
        hidden = self.reason != SHOWN
        total = self.total[found]
        parts = self._hidden_parts()[found]
        one = np.add.reduceat(np.where(hidden[self.part], self.part, 0), self.starts)[found]  # where it is one
        lone = np.where(hidden[total], total, one)[hidden[total] + parts == 1]
        places = np.setdiff1d(
            self.place[lone[self.reason[lone] == TOO_FINE]], self.place[hidden & (self.reason != TOO_FINE)]
        )
        self.reason[np.isin(self.place, places)] = SHOWN
        return len(places)

    def parts_of_narrowest(self, found: Any) -> tuple[Any, Any]:
        """Of the narrowest of these equations, (total, cell that may be hidden).

        Its shown parts, else the total itself.
        """
        found = found[self.kind[found] == self.kind[found].min()]
        terms = np.flatnonzero(np.isin(self.equation, found))
        terms = terms[self.reason[self.part[terms]] == SHOWN]
        wanted = self.total[self.equation[terms]]
        bare = np.setdiff1d(self.total[found], wanted)
        return np.r_[wanted, bare], np.r_[self.part[terms], bare]

    def neighbours(self, computable: Iterable[int]) -> tuple[Any, Any]:
        """For each of these cells, (it, cell that may be hidden): shown parts of its totals, else any shown member.

        Where all neighbours are hidden already, theirs are looked at.
        """
        from scipy.sparse import csr_array

        many, all_cells = len(self.starts), len(self.ids)
        ones = np.ones(len(self.part), dtype=np.int32)
        parts = csr_array((ones, (self.equation, self.part)), shape=(many, all_cells))
        members = parts + csr_array(
            (np.ones(many, dtype=np.int32), (np.arange(many), self.total)), shape=(many, all_cells)
        )
        needed = csr_array(
            (self.is_needed.astype(np.int32)[self.equation], (self.equation, self.part)), shape=parts.shape
        )
        cells = np.searchsorted(self.ids, np.fromiter(computable, dtype=np.int64))
        reached = csr_array(
            (np.ones(len(cells), dtype=np.int32), (np.arange(len(cells)), cells)), shape=(len(cells), all_cells)
        )
        is_shown = self.reason == SHOWN
        while True:
            wanted, found = (reached @ needed.T @ needed).nonzero()
            wanted, found = wanted[is_shown[found]], found[is_shown[found]]
            around, near = (reached @ members.T @ members).nonzero()
            others = is_shown[near] & ~np.isin(around, wanted)
            wanted, found = np.r_[wanted, around[others]], np.r_[found, near[others]]
            bare = ~np.isin(around, wanted)
            further = reached + csr_array(
                (np.ones(int(bare.sum()), dtype=np.int32), (around[bare], near[bare])), shape=reached.shape
            )
            further.data[:] = 1
            if further.nnz == reached.nnz:
                return wanted, found
            reached = further

    def hide_cheapest(self, wanted: Any, cells: Any, each: int) -> int:
        """Hide, for every `wanted`, the `each` cheapest of its `cells`; how many of whose persons that were.

        Cheap is a cell whose equations have a hidden member already, so that hiding it opens few new ones; then a small
        one.
        """
        whole = (self._hidden_parts() == 0) & (self.reason[self.total] == SHOWN)
        opens = np.bincount(self.part[whole[self.equation]], minlength=len(self.ids))
        opens += np.bincount(self.total[whole], minlength=len(self.ids))
        order = np.lexsort((self.place[cells], self.n[cells], self.subjects[cells], opens[cells], wanted))
        wanted, cells = wanted[order], cells[order]
        position = np.arange(len(wanted)) - np.searchsorted(wanted, wanted)
        chosen = np.unique(self.persons[cells[position < each]])
        self.reason[(self.reason == SHOWN) & np.isin(self.persons, chosen)] = COMPLEMENT
        self.spread()
        return len(chosen)
