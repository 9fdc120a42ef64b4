"""Identities. Lane `base` owns every key that is rendered from `base`, in all its variants.

The variants collide only with each other: when cased ("a7", "A7"), trimmed ("a7", "a7 "), cast
("8", "08", "8.0"; 2**53 + 1), truncated to 32 bits, or joined with another key column.
"""

import re

import numpy as np
import numpy.typing as npt
import polars as pl

from skewtest.declare.kinds import Key

IntArray = npt.NDArray[np.int64]

PLAIN = ("a{n}", "b{n}", "c{n}", "d{n}")
TEMPLATES = (
    *PLAIN,
    *("A{n}", "a{n} ", " a{n}"),
    *("{m}", "0{m}", "{m}.0"),
    *("a{n}_a{n}", "a{n}|a{n}", "a{n}:a{n}", "a{n}-a{n}", "a{n}a{n}"),
)
COLLIDING_STRINGS = ((0, 4), (0, 4), (0, 5), (0, 6), (7, 8), (7, 9))
"""Slots that are one text once it is folded (twice as often: what is done most), trimmed, or read
as a number."""
JOINED = (10, 11, 12, 13, 14)
JOINED_ODDS = (0.4, 0.15, 0.1, 0.1, 0.25)
"""How often each of JOINED is taken: what people join with most is "_", and then nothing."""

BASES = 2**16
"""How many histories have keys of their own. One that comes later has those of an earlier one,
which keeps int32 keys in 32 bits; no pack is as large."""
LANE_STRIDE = 64
"""How far apart the plain int keys of two lanes are: more than any of OFFSETS modulo 2**32."""
IDS_STRIDE = 4096
"""Events of one lane that have ids of their own."""
OFFSETS = (1, 2, 3, 4, 1 + 2**32, 2**53 + 8, 2**53 + 9)
"""Int keys of a lane: plain ones, one that is the first again in 32 bits, and two that are one as
floats, which hold whole numbers up to 2**53."""
COLLIDING_INTS = ((0, 4), (5, 6))

# Templates cut at their number, by which it joins them again: five times faster than a format.
_COUNTED = frozenset(slot for slot, template in enumerate(TEMPLATES) if "{m}" in template)
_PARTS = tuple(tuple(template.replace("{m}", "{n}").split("{n}")) for template in TEMPLATES)

_ID = re.compile("e([1-9][0-9]*)")
_PATTERNS = tuple(
    re.compile(
        re.escape(template)
        .replace(r"\{n\}", "(?P<n>[0-9]*)", 1)
        .replace(r"\{n\}", "(?P=n)")
        .replace(r"\{m\}", "(?P<m>[1-9][0-9]*)")
    )
    for template in TEMPLATES
)


def render(column: Key, base: int, slot: int) -> str | int:
    """Return the key of a slot in the lane that owns `base`; base 0 reads best: "a", "b", 1, 2."""
    if column.type == "string":
        return TEMPLATES[slot].format(n=base or "", m=base + 1)
    return base * LANE_STRIDE + OFFSETS[slot]


def render_all(column: Key, bases: IntArray, slots: IntArray, name: str) -> pl.Series:
    """Return the keys of n (base, slot) pairs as a column.

    Args:
        column: the declared kind.
        bases: int64[n], which lane owns each.
        slots: int64[n], which spelling each has.
        name: of the column.
    """
    if column.type != "string":
        return pl.Series(name, bases * LANE_STRIDE + np.array(OFFSETS)[slots], dtype=column.dtype)
    rendered = [
        (f"{base + 1}" if slot in _COUNTED else f"{base or ''}").join(_PARTS[slot])
        for base, slot in zip(bases.tolist(), slots.tolist(), strict=True)
    ]
    return pl.Series(name, rendered, dtype=pl.String)


def parse(column: Key, value: object) -> tuple[int, int] | None:
    """Return (base, slot) of a rendered key, or None if it is not one of ours."""
    if column.type == "string":
        return _parse_string(value) if isinstance(value, str) else None
    if not isinstance(value, int):
        return None
    # The larger offsets first: 2**32 + 1 is also a plain key, of a lane that no run gets to.
    for slot in reversed(range(len(OFFSETS))):
        base, remainder = divmod(value - OFFSETS[slot], LANE_STRIDE)
        if remainder == 0 and 0 <= base < 2**20:
            return base, slot
    return None


def render_id(number: int) -> str:
    """Return the id of an event: "e1" is the first of the first lane."""
    return f"e{number + 1}"


def render_ids(bases: IntArray, positions: IntArray, name: str) -> pl.Series:
    """Return the ids of events as a column, by their lanes and their positions in these."""
    numbers = pl.Series(name, bases * IDS_STRIDE + positions + 1)
    return pl.Series(name, ["e"], dtype=pl.String) + numbers.cast(pl.String)


def parse_id(value: object) -> int | None:
    """Return the number of a rendered id, or None if it is not one of ours."""
    if not isinstance(value, str):
        return None
    match = _ID.fullmatch(value)
    return int(match[1]) - 1 if match else None


def collisions(column: Key) -> tuple[tuple[int, int], ...]:
    """Return the pairs of slots whose keys are confused by a careless implementation."""
    if not column.variants or column.type == "int32":
        return ()
    return COLLIDING_STRINGS if column.type == "string" else COLLIDING_INTS


def _parse_string(value: str) -> tuple[int, int] | None:
    for slot, (template, pattern) in enumerate(zip(TEMPLATES, _PATTERNS, strict=True)):
        if match := pattern.fullmatch(value):
            numbers = match.groupdict()
            base = int(numbers["m"]) - 1 if numbers.get("m") else int(numbers["n"] or 0)
            # "a0" and "a01" only look rendered: base 0 is "a", base 1 is "a1".
            rendered = template.format(n=base or "", m=base + 1)
            return (base, slot) if rendered == value else None
    return None
