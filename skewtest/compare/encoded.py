"""Two results of any shape, as a worker encodes them: where they differ, and how.

Values are compared bit by bit: the same code on the same rows has no rounding to excuse. Types
count as well. A Python number is the same as numpy's of its usual width.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from skewtest.compare.floats import ulps_between
from skewtest.compare.tags import (
    CONTAINERS,
    NOTHINGS,
    identify,
    items_of,
    split_type,
    tag_of,
    to_readable,
    unwidth,
)
from skewtest.compare.values import difference
from skewtest.declare.divergence import Kind
from skewtest.declare.tolerance import Tolerance

MOST = 1_000
"""More differences say no more, and a table of millions of cells may differ in all of them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two results differ.

    Attributes:
        path: such as `['spend'][3]`; "" for the result itself.
        kind: "value", "null" or "dtype".
        left: what the first one has there.
        right: what the other one has there.
        ulps: how many floats lie between them, None where they are not both floats.
    """

    path: str
    kind: Kind
    left: Any
    right: Any
    ulps: int | None = None


def find_differences(left: Any, right: Any, tolerance: Tolerance | None = None) -> list[Difference]:
    """Return where two encoded results differ, at most a thousand places.

    Args:
        left: as `skewtest.worker.codec.encode` makes it.
        right: the same.
        tolerance: for floats; None: bit by bit.
    """
    return list(islice(_compare(left, right, "", tolerance), MOST))


def _compare(left: Any, right: Any, path: str, tolerance: Tolerance | None) -> Iterator[Difference]:
    """Yield the differences of two values of any kind; `path` is where they are."""
    tags = tag_of(left), tag_of(right)
    are_containers = tags[0] in CONTAINERS, tags[1] in CONTAINERS
    if not any(are_containers):
        yield from _compare_leaves(left, right, path, tolerance)
    elif not all(are_containers) or _shape(tags[0]) != _shape(tags[1]):
        yield _of_values(path, left, right)
    else:
        if tags[0] != tags[1]:
            yield Difference(path, "dtype", tags[0], tags[1])
        yield from _COMPARERS[tags[0]](left, right, path, tolerance)


def _shape(tag: str) -> str:
    # A list and a tuple hold the same in the same order: they differ in type alone.
    return "list" if tag == "tuple" else tag


def _of_values(path: str, left: Any, right: Any) -> Difference:
    return Difference(path, "value", to_readable(left), to_readable(right))


def _compare_leaves(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    (left_kind, left_value), (right_kind, right_value) = split_type(left), split_type(right)
    if left_kind in NOTHINGS or right_kind in NOTHINGS:
        if left_kind != right_kind:
            yield Difference(path, "null", to_readable(left), to_readable(right))
    elif isinstance(left_value, float) and isinstance(right_value, float):
        if not _are_same_floats(left_value, right_value, tolerance):
            is_single = left_kind == right_kind == "float32"
            ulps = ulps_between(left_value, right_value, single=is_single)
            yield Difference(path, "value", to_readable(left), to_readable(right), ulps)
        elif left_kind != right_kind:
            yield Difference(path, "dtype", left_kind, right_kind)
    elif left_value != right_value:
        yield _of_values(path, left, right)
    elif left_kind != right_kind:
        yield Difference(path, "dtype", left_kind, right_kind)


def _are_same_floats(left: float, right: float, tolerance: Tolerance | None) -> bool:
    # As bits: 0.0 equals -0.0, and yet divides into another infinity.
    if struct.pack("<d", left) == struct.pack("<d", right):
        return True
    return tolerance is not None and difference(left, right, tolerance, frozenset()) is None


def _compare_sequences(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    left_items, right_items = items_of(left), items_of(right)
    if len(left_items) != len(right_items):
        left_text = f"{len(left_items)} items: {to_readable(left)}"
        right_text = f"{len(right_items)} items: {to_readable(right)}"
        yield Difference(path, "value", left_text, right_text)
        return
    for number, pair in enumerate(zip(left_items, right_items, strict=True)):
        yield from _compare(*pair, f"{path}[{number}]", tolerance)


def _compare_mappings(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    left_items = {identify(key): (key, value) for key, value in left["v"]}
    right_items = {identify(key): (key, value) for key, value in right["v"]}
    for identity, (key, value) in left_items.items():
        inner_path = f"{path}[{to_readable(key)!r}]"
        if identity in right_items:
            yield from _compare(value, right_items[identity][1], inner_path, tolerance)
        else:
            yield Difference(inner_path, "value", to_readable(value), "no such key")
    for identity, (key, value) in right_items.items():
        if identity not in left_items:
            inner_path = f"{path}[{to_readable(key)!r}]"
            yield Difference(inner_path, "value", "no such key", to_readable(value))


def _compare_frames(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    left_names = [to_readable(name) for name in left["columns"]]
    right_names = [to_readable(name) for name in right["columns"]]
    # Columns under other names, or in another order, have no counterpart to be compared with.
    if left_names != right_names:
        yield Difference(f"{path}.columns", "value", left_names, right_names)
        return
    yield from _compare_own_indices(left, right, path, tolerance)
    for number, name in enumerate(left_names):
        dtypes = left["dtypes"][number], right["dtypes"][number]
        cells = left["v"][number], right["v"][number]
        yield from _compare_columns(*cells, f"{path}[{name!r}]", dtypes, tolerance)


def _compare_series(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    if left.get("name") != right.get("name"):
        yield _of_values(f"{path}.name", left.get("name"), right.get("name"))
    yield from _compare_own_indices(left, right, path, tolerance)
    dtypes = left["dtype"], right["dtype"]
    yield from _compare_columns(left["v"], right["v"], path, dtypes, tolerance)


def _compare_arrays(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    if left["shape"] != right["shape"]:
        texts = f"shape {left['shape']}", f"shape {right['shape']}"
        yield Difference(path, "value", *texts)
        return
    dtypes = unwidth(left["dtype"]), unwidth(right["dtype"])
    yield from _compare_columns(left["v"], right["v"], path, dtypes, tolerance)


def _compare_own_indices(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    """Yield how the indices of two frames or series differ; polars has none."""
    if "index" in left and "index" in right:
        yield from _compare_indices(left["index"], right["index"], f"{path}.index", tolerance)


def _compare_indices(
    left: Any, right: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Difference]:
    if left["names"] != right["names"]:
        yield _of_values(f"{path}.names", left["names"], right["names"])
    dtypes = ", ".join(left["dtypes"]), ", ".join(right["dtypes"])
    yield from _compare_columns(left["v"], right["v"], path, dtypes, tolerance)


def _compare_columns(
    left: Any, right: Any, path: str, dtypes: tuple[str, str], tolerance: Tolerance | None
) -> Iterator[Difference]:
    """Yield what differs in a column: values first; of its types alone where no value does."""
    for cell_difference in _compare_sequences(left, right, path, tolerance):
        # In a column of another type every cell has another type: the column says it once.
        if cell_difference.kind != "dtype" or dtypes[0] == dtypes[1]:
            yield cell_difference
    if dtypes[0] != dtypes[1]:
        yield Difference(path, "dtype", *dtypes)


def _compare_sets(
    left: Any, right: Any, path: str, _tolerance: Tolerance | None
) -> Iterator[Difference]:
    if set(map(identify, left["v"])) != set(map(identify, right["v"])):
        yield _of_values(path, left, right)


_COMPARERS: dict[str, Callable[[Any, Any, str, Tolerance | None], Iterator[Difference]]] = {
    "list": _compare_sequences,
    "tuple": _compare_sequences,
    "set": _compare_sets,
    "dict": _compare_mappings,
    "frame": _compare_frames,
    "series": _compare_series,
    "array": _compare_arrays,
    "index": _compare_indices,
}
