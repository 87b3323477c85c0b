"""Looking for very many values at once in very many bytes, in numpy alone.

Keep out: what is looked for, and assertions.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

WINDOW = 8  # bytes; shorter values are not looked for
SLOTS = 22  # bits of the table that tells most windows apart at once
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # Knuth, The Art of Computer Programming 3, 6.4: multiplicative hashing


class Needles:
    """Values to look for, in UTF-8 and, where it is told, in UTF-16-LE; those under 8 bytes are left out.

    A number inside the decimals of a fraction or the digits of a hash stands there by chance and is not found.

    Each form is known by the one window of 8 bytes that fewest other forms have. Every window of the content is looked
    up in a table; what is there by it is compared byte for byte.
    """

    def __init__(self, values: Iterable[str], encodings: tuple[str, ...] = ("utf-8",)):
        self.values = sorted(set(values))
        forms = {(v, form) for v in self.values for e in encodings if len(form := v.encode(e)) >= WINDOW}
        self.sought = {v for v, _ in forms}
        common = Counter(window for _, form in forms for window in set(_windows(form)))
        self.known: dict[int, list[tuple[str, bytes, int]]] = defaultdict(list)
        for value, form in forms:
            windows = _windows(form)
            at = min(range(len(windows)), key=lambda i: common[windows[i]])
            self.known[windows[at]].append((value, form, at))
        self.table = np.zeros(1 << SLOTS, dtype=bool)
        self.table[_slots(np.array(list(self.known), dtype="<u8"))] = True

    def found(self, content: bytes, whole_words: bool = False) -> set[str]:
        """Which values stand in the content.

        whole_words: not those inside of a longer run of ASCII letters and digits.
        """
        found: set[str] = set()
        for shift in range(WINDOW):
            n = (len(content) - shift) // WINDOW
            if n <= 0:
                continue
            windows = np.frombuffer(content, dtype="<u8", count=n, offset=shift)
            for i in np.flatnonzero(self.table[_slots(windows)]):
                for value, form, at in self.known.get(int(windows[i]), ()):
                    start = shift + int(i) * WINDOW - at
                    end = start + len(form)
                    if start < 0 or content[start:end] != form or (whole_words and _inside(content, start, end)):
                        continue
                    if not (form.isdigit() and _is_by_chance(content, start, end)):
                        found.add(value)
        return found


def _windows(form: bytes) -> list[int]:
    return [int.from_bytes(form[i : i + WINDOW], "little") for i in range(len(form) - WINDOW + 1)]


def _slots(windows: np.ndarray) -> np.ndarray:
    return (windows * FACTOR) >> np.uint64(64 - SLOTS)


def _inside(content: bytes, start: int, end: int) -> bool:
    return content[max(start - 1, 0) : start].isalnum() or content[end : end + 1].isalnum()


def _is_by_chance(content: bytes, start: int, end: int) -> bool:
    """Whether digits are decimals of a fraction as Python writes one (15 to 17), or part of 32 or more hex digits."""
    before, after = content[max(start - 64, 0) : start], content[end : end + 64]
    fraction = re.search(rb"\d+\.\d*\Z", before)
    if fraction and len(fraction[0]) + end - start + len(_run(rb"\d*", after)) >= 15:
        return True
    hash_before = re.search(rb"[0-9a-f]*\Z", before)
    return len(hash_before[0] if hash_before else b"") + end - start + len(_run(rb"[0-9a-f]*", after)) >= 32


def _run(pattern: bytes, content: bytes) -> bytes:
    found = re.match(pattern, content)
    return found[0] if found else b""
