"""The worker: runs user code in another interpreter, under other versions of its libraries.

One file, standard library only, for Python 3.8 and newer: it is started by its path in an
environment that knows nothing of skewtest. What it shares with the drivers in process (how frames
are made and values made plain) is defined here, once.

Messages go both ways as a line of JSON and raw buffers: never pickled, since frames and times of
one version cannot be read by another.
"""

from __future__ import annotations

import base64
import faulthandler
import importlib
import importlib.util
import inspect
import io
import json
import os
import signal
import struct
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

TAG = "$"
LENGTH = struct.Struct("<Q")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NAIVE_EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
LARGEST_ANSWER = 256 * 1024 * 1024
"""Bytes of one answer; what is larger is refused by name instead of filling the memory."""
DEEPEST = 100
TIMEOUTS = 3
"""So many lanes that hang are enough: the rest of the pack is not waited for."""
STRINGS_SINCE = 3
"""The pandas version in which strings got a type of their own."""
MOST_ITEMS = 1_000_000
PLAIN = (bool, int, float, str, bytes, date, datetime, timedelta, time, Decimal)


_NOTHINGS: dict[str, Nothing] = {}


def nothing_of_name(name: str) -> Nothing:
    """Return the absence of a name."""
    return _NOTHINGS[name]


class Nothing:
    """A named absence; each is a singleton, copies of another process included."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name
        _NOTHINGS[name] = self

    def __reduce__(self) -> Any:
        return nothing_of_name, (self.name,)

    def __repr__(self) -> str:
        return self.name


NULL_OR_NAN = Nothing("null or NaN")
"""What a numpy-backed pandas float column has where it has no number: it cannot tell which."""


class OddValueError(TypeError):
    """The value is of no type that features have."""


class Odd:
    """Stands for a value of another process that is of no type that features have."""

    __slots__ = ("kind",)

    def __init__(self, kind: str) -> None:
        self.kind = kind


_EXACT = frozenset([type(None), bool, int, float, str, Nothing])


# --- values


def plain(value: Any) -> Any:
    """Return `value` as a plain Python value.

    numpy and pyarrow scalars, pandas timestamps, arrays and Series become what they hold; NaT and
    NA become None; enums their value; tuples and arrays lists.

    Raises:
        OddValueError: it is none of these (a coroutine, a Future, an object of the owner's).
    """
    if type(value) in _EXACT:
        return value
    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):
        return None
    if isinstance(value, Enum):
        return plain(value.value)
    if kind == "Timestamp":
        return value.to_pydatetime(warn=False)
    if kind == "Timedelta":
        return value.to_pytimedelta()
    if isinstance(value, Decimal) and value.is_snan():
        return Decimal("NaN")  # a signalling one cannot even be compared
    if isinstance(value, PLAIN):
        return _base(value)
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return _converted(value)


def all_plain(column: list[Any]) -> bool:
    """Return whether every value of a column is plain already."""
    return _EXACT.issuperset(map(type, column))


def _base(value: Any) -> Any:
    """Return a subclass instance (numpy.float64 is a float) as the plain type."""
    for base in (bool, int, float, str):
        if isinstance(value, base):
            return base(value)
    return value


def _converted(value: Any) -> Any:
    if isinstance(value, Odd):
        raise OddValueError(value.kind)
    if callable(getattr(value, "as_py", None)):
        return plain(value.as_py())
    if type(value).__module__.startswith("numpy") and hasattr(value, "dtype"):
        if value.dtype.kind in "mM":
            unit = value.astype(f"{value.dtype.kind}8[us]")
            return plain(unit.tolist())
        return plain(value.tolist())
    if hasattr(value, "to_list") and hasattr(value, "dtype"):
        return plain(value.to_list())
    raise OddValueError(type(value).__name__)


# --- frames


def pandas_column(
    pd: Any, name: str, values: Any, zone: str | None = None, *, text: bool = False
) -> Any:
    """Return a pandas Series of a column, by its documented constructor.

    Args:
        pd: the module pandas.
        name: of the column.
        values: a numpy array of numbers, bools or UTC times, or a list of anything.
        zone: of times that are aware.
        text: whether the values are strings.
    """
    if zone is not None:
        return pd.Series(values, name=name).dt.tz_localize("UTC").dt.tz_convert(zone)
    if not isinstance(values, list):
        return pd.Series(values, name=name)
    dtype = "str" if text and int(pd.__version__.split(".")[0]) >= STRINGS_SINCE else object
    return pd.Series(values, name=name, dtype=dtype)


def pandas_columns(frame: Any) -> dict[str, list[Any]]:
    """Return the columns of a pandas frame as lists, those of a named index among them."""
    if any(name is not None for name in frame.index.names):
        clash = [name for name in frame.index.names if name in frame.columns]
        frame = frame.reset_index(drop=bool(clash))
    return {str(name): _pandas_values(frame[name]) for name in frame.columns}


def _pandas_values(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and not hasattr(column.dtype, "na_value"):
        return [NULL_OR_NAN if value != value else value for value in values]
    return values


def row_columns(rows: list[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of rows that are dicts."""
    names = {name: None for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


# --- the codec: Python values as JSON, each as the type that it is


def encode(value: Any, depth: int = 0) -> Any:
    """Return a value as JSON values, from which `decode` makes an equal one of the same type.

    What is no plain Python value becomes a tagged dict: a numpy scalar with its dtype, an array
    or frame with its columns' types and its values, anything else as text.
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if depth > DEEPEST:
        return {TAG: "odd", "kind": "nested more than %d levels deep" % DEEPEST}
    if kind is list:
        return [encode(inner, depth + 1) for inner in value]
    simple = _SIMPLE.get(kind)
    if simple is not None:
        tag, text = simple
        return {TAG: tag, "v": text(value)}
    return _encoded(value, depth + 1)


def _encoded(value: Any, depth: int) -> Any:
    kind = type(value)
    if isinstance(value, Mapping):
        pairs = [[encode(k, depth), encode(v, depth)] for k, v in value.items()]
        return {TAG: "dict", "v": pairs}
    if isinstance(value, Enum):
        return encode(value.value, depth)
    library = (kind.__module__ or "").split(".")[0]
    if library in _LIBRARIES:
        return _LIBRARIES[library](value, kind.__name__, depth)
    if isinstance(value, tuple):
        return {TAG: "tuple", "v": [encode(inner, depth) for inner in value]}
    if isinstance(value, (set, frozenset)):
        members = sorted((encode(inner, depth) for inner in value), key=json.dumps)
        return {TAG: "set", "v": members}
    if isinstance(value, datetime):
        return {TAG: "datetime", "v": _moment(value), "zone": zone_name(value.tzinfo)}
    if isinstance(value, (bool, int, float, str)):
        return _base(value)
    if isinstance(value, list):
        return [encode(inner, depth) for inner in value]
    if isinstance(value, (range, types.GeneratorType, map, filter, zip)) or _is_view(value):
        return [encode(inner, depth) for inner in _bounded(value)]
    fields = getattr(kind, "__dataclass_fields__", None)
    if fields is not None:
        held = [[name, encode(getattr(value, name, None), depth)] for name in fields]
        return {TAG: "dict", "v": held, "kind": kind.__name__}
    return {TAG: "odd", "kind": kind.__name__}


def _is_view(value: Any) -> bool:
    return isinstance(value, (type({}.keys()), type({}.values()), type({}.items())))


def _bounded(values: Any) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number >= MOST_ITEMS:
            raise OverflowError("an iterator gave more than %d items" % MOST_ITEMS)
        yield value


def _moment(moment: datetime) -> int:
    return (moment - (NAIVE_EPOCH if moment.tzinfo is None else EPOCH)) // MICROSECOND


def _time(value: time) -> str:
    return value.isoformat()


_SIMPLE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    bytes: ("bytes", lambda v: base64.b64encode(v).decode()),
    bytearray: ("bytes", lambda v: base64.b64encode(bytes(v)).decode()),
    date: ("date", date.isoformat),
    time: ("time", _time),
    timedelta: ("timedelta", lambda v: v // MICROSECOND),
    Decimal: ("decimal", str),
    Fraction: ("fraction", str),
    complex: ("complex", lambda v: [v.real, v.imag]),
    Nothing: ("nothing", lambda v: v.name),
    Odd: ("odd", lambda v: v.kind),
}


def zone_name(zone: Any) -> str | None:
    """Return the name of a time zone, None for no zone; a fixed offset as `+02:00`."""
    if zone is None:
        return None
    for attribute in ("key", "zone"):
        name = getattr(zone, attribute, None)
        if isinstance(name, str):
            return name
    offset = zone.utcoffset(None)
    if offset is None:
        found = getattr(zone, "_filename", "").partition("zoneinfo/")[2]
        return found or str(zone)
    if not offset:
        return "UTC"
    minutes = offset // timedelta(minutes=1)
    return "%s%02d:%02d" % ("+-"[minutes < 0], abs(minutes) // 60, abs(minutes) % 60)


def zone_of(name: str | None) -> Any:
    """Return the time zone of a name that `zone_name` gave."""
    if name is None:
        return None
    if name == "UTC":
        return timezone.utc
    if name[:1] in "+-" and ":" in name:
        hours, minutes = name[1:].split(":")
        length = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(length if name[0] == "+" else -length)
    for module, maker in (
        ("zoneinfo", "ZoneInfo"),
        ("backports.zoneinfo", "ZoneInfo"),
        ("dateutil.tz", "gettz"),
        ("pytz", "timezone"),
    ):
        try:
            return getattr(importlib.import_module(module), maker)(name)
        except ImportError:
            continue
    raise ImportError("no library of time zones is installed")


# --- what libraries hold, with their types


def _of_numpy(value: Any, kind: str, depth: int) -> Any:
    dtype = getattr(value, "dtype", None)
    if dtype is None or kind in ("dtype", "ufunc"):
        return {TAG: "text", "kind": kind, "v": str(value)}
    if kind in ("ndarray", "MaskedArray", "recarray"):
        return {
            TAG: "array",
            "dtype": str(dtype),
            "shape": list(value.shape),
            "v": [_cell(cell, dtype, depth) for cell in value.ravel().tolist()]
            if dtype.kind not in "mMgG"
            else _numpy_cells(value.ravel()),
        }
    if dtype.kind in "mMgG":
        return {TAG: "scalar", "dtype": str(dtype), "v": _numpy_cells(value.reshape(1))[0]}
    return {TAG: "scalar", "dtype": str(dtype), "v": encode(value.item(), depth)}


def _cell(cell: Any, dtype: Any, depth: int) -> Any:
    return encode(cell, depth) if dtype.kind in "OcVS" else cell


def _numpy_cells(flat: Any) -> list[Any]:
    """Return times as whole numbers of their unit, and long doubles as text."""
    if flat.dtype.kind in "mM":
        return [None if n == -(2**63) else n for n in flat.astype("i8").tolist()]
    return [repr(cell) for cell in flat]


def _of_pandas(value: Any, kind: str, depth: int) -> Any:
    if kind in ("NAType", "NaTType"):
        return {TAG: "text", "kind": kind, "v": str(value)}
    if kind == "Timestamp":
        zone = zone_name(value.tzinfo)
        text = value.tz_convert("UTC").isoformat() if zone else value.isoformat()
        return {TAG: "scalar", "dtype": "Timestamp", "v": text, "zone": zone}
    if kind == "Timedelta":
        return {TAG: "scalar", "dtype": "Timedelta", "v": value.isoformat()}
    if hasattr(value, "columns") and hasattr(value, "index"):
        columns = [value.iloc[:, n] for n in range(len(value.columns))]
        return {
            TAG: "frame",
            "library": "pandas",
            "columns": [encode(name, depth) for name in value.columns],
            "dtypes": [_pandas_type(column.dtype) for column in columns],
            "index": _index(value.index, depth),
            "v": [encode(column.tolist(), depth) for column in columns],
        }
    if hasattr(value, "index") and hasattr(value, "tolist"):
        return {
            TAG: "series",
            "library": "pandas",
            "name": encode(value.name, depth),
            "dtype": _pandas_type(value.dtype),
            "index": _index(value.index, depth),
            "v": encode(value.tolist(), depth),
        }
    if hasattr(value, "names") and hasattr(value, "tolist"):
        return {**_index(value, depth), TAG: "index"}
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        held = encode(value.tolist(), depth)
        dtype = _pandas_type(value.dtype)
        return {TAG: "array", "dtype": dtype, "shape": [len(value)], "v": held}
    return {TAG: "text", "kind": kind, "v": str(value)}


def _pandas_type(dtype: Any) -> str:
    """Return a type's name; of a categorical one with its categories."""
    categories = getattr(dtype, "categories", None)
    if categories is None:
        return str(dtype)
    order = " < " if dtype.ordered else ", "
    return "category of %s" % order.join(str(name) for name in categories)


def _index(index: Any, depth: int) -> dict[str, Any]:
    dtypes = getattr(index, "dtypes", None)
    return {
        "names": [encode(name, depth) for name in index.names],
        "dtypes": [_pandas_type(dtype) for dtype in ([index.dtype] if dtypes is None else dtypes)],
        "v": encode(index.tolist(), depth),
    }


def _of_polars(value: Any, kind: str, depth: int) -> Any:
    if kind == "DataTypeClass" or hasattr(value, "base_type"):
        return {TAG: "text", "kind": "dtype", "v": _polars_type(value)}
    if kind == "LazyFrame":
        value, kind = value.collect(), "DataFrame"
    if kind == "DataFrame":
        columns = [value[name] for name in value.columns]
        return {
            TAG: "frame",
            "library": "polars",
            "columns": list(value.columns),
            "dtypes": [_polars_type(column.dtype) for column in columns],
            "v": [encode(column.to_list(), depth) for column in columns],
        }
    if kind == "Series":
        return {
            TAG: "series",
            "library": "polars",
            "name": value.name,
            "dtype": _polars_type(value.dtype),
            "v": encode(value.to_list(), depth),
        }
    return {TAG: "text", "kind": kind, "v": str(value)}


def _polars_type(dtype: Any) -> str:
    """Return a type under one name in all versions, which have spelt types differently."""
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    if name in ("Datetime", "Duration"):
        unit = getattr(dtype, "time_unit", None) or getattr(dtype, "tu", None)
        zone = getattr(dtype, "time_zone", None) or getattr(dtype, "tz", None)
        return "%s(%s)" % (name, ", ".join(str(part) for part in (unit, zone) if part))
    if name in ("List", "Array") and getattr(dtype, "inner", None) is not None:
        return "%s(%s)" % (name, _polars_type(dtype.inner))
    if name == "Struct" and hasattr(dtype, "fields"):
        inner = ", ".join("%s: %s" % (f.name, _polars_type(f.dtype)) for f in dtype.fields)
        return "Struct(%s)" % inner
    if name == "Decimal":
        return "Decimal(%s, %s)" % (getattr(dtype, "precision", ""), getattr(dtype, "scale", ""))
    return {"Utf8": "String"}.get(name, name)


def _of_pyarrow(value: Any, kind: str, depth: int) -> Any:
    if hasattr(value, "schema") and hasattr(value, "to_pydict"):
        columns = value.to_pydict()
        return {
            TAG: "frame",
            "library": "pyarrow",
            "columns": list(columns),
            "dtypes": [str(field.type) for field in value.schema],
            "v": [encode(column, depth) for column in columns.values()],
        }
    if hasattr(value, "to_pylist"):
        held = encode(value.to_pylist(), depth)
        return {TAG: "series", "library": "pyarrow", "dtype": str(value.type), "v": held}
    if hasattr(value, "as_py"):
        return {TAG: "scalar", "dtype": str(value.type), "v": encode(value.as_py(), depth)}
    return {TAG: "text", "kind": kind, "v": str(value)}


_LIBRARIES: dict[str, Callable[[Any, str, int], Any]] = {
    "numpy": _of_numpy,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_pyarrow,
}


def decode(value: Any) -> Any:
    """Return the plain Python value that `encode` made JSON of.

    Raises:
        ValueError: it holds what has no plain value: a library's own object.
    """
    if type(value) is list:
        return [decode(inner) for inner in value]
    if type(value) is not dict:
        return value
    return _DECODERS[value[TAG]](value)


def _not_plain(value: Any) -> Any:
    return Odd(value.get("kind") or value[TAG])


def _decoded_moment(value: Any) -> datetime:
    return moment_of(value["v"], zone_of(value["zone"]))


def moment_of(instant: int, zone: Any) -> datetime:
    """Return the datetime of an instant in microseconds."""
    if zone is None:
        return NAIVE_EPOCH + timedelta(microseconds=instant)
    moment = EPOCH + timedelta(microseconds=instant)
    return moment if zone is timezone.utc else moment.astimezone(zone)


_DECODERS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda v: {decode(key): decode(inner) for key, inner in v["v"]},
    "tuple": lambda v: tuple(decode(v["v"])),
    "set": lambda v: set(decode(v["v"])),
    "bytes": lambda v: base64.b64decode(v["v"]),
    "date": lambda v: date.fromisoformat(v["v"]),
    "time": lambda v: time.fromisoformat(v["v"]),
    "timedelta": lambda v: timedelta(microseconds=v["v"]),
    "datetime": _decoded_moment,
    "decimal": lambda v: Decimal(v["v"]),
    "fraction": lambda v: Fraction(v["v"]),
    "complex": lambda v: complex(*v["v"]),
    "nothing": lambda v: NULL_OR_NAN,
    **dict.fromkeys(("odd", "text", "scalar", "array", "series", "frame", "index"), _not_plain),
}


def encode_column(column: list[Any]) -> Any:
    """Return a column of plain values as JSON values; times in bulk, which is quicker."""
    kinds = set(map(type, column))
    if kinds <= {type(None), bool, int, float, str}:
        return column
    if kinds <= {type(None), datetime}:
        zones = {zone_name(moment.tzinfo) for moment in column if moment is not None}
        if len(zones) == 1:
            instants = [None if moment is None else _moment(moment) for moment in column]
            return {TAG: "times", "zone": zones.pop(), "v": instants}
    return {TAG: "cells", "v": [encode(cell) for cell in column]}


def decode_column(column: Any) -> list[Any]:
    """Return the column that `encode_column` made JSON of."""
    if isinstance(column, list):
        return column
    if column[TAG] == "cells":
        return [decode(cell) for cell in column["v"]]
    zone = zone_of(column["zone"])
    return [None if at is None else moment_of(at, zone) for at in column["v"]]


# --- messages


def write_message(pipe: Any, message: dict[str, Any], buffers: tuple[bytes, ...] = ()) -> None:
    """Write a message: its length, JSON, and the buffers whose lengths it tells."""
    message["buffers"] = [len(buffer) for buffer in buffers]
    text = json.dumps(message).encode()
    pipe.write(LENGTH.pack(len(text)))
    pipe.write(text)
    for buffer in buffers:
        pipe.write(buffer)
    pipe.flush()


def read_message(read: Callable[[int], bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Read a message; `read` returns just as many bytes as asked for, or raises EOFError."""
    (length,) = LENGTH.unpack(read(LENGTH.size))
    message = json.loads(read(length))
    return message, [read(size) for size in message.pop("buffers")]


# --- the worker itself


class Inert:
    """Stands for skewtest, which is not here: a module may hold declarations beside its code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return itself, so that it can be a decorator or a factory."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __mro_entries__(self, bases: Any) -> tuple[type, ...]:
        return (Inert,)


class InertModule(types.ModuleType):
    """A module in which every name is there and nothing happens."""

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("per_as_of", "per_event", "micro_batch"):
            return _undecorated
        return Inert()


def _undecorated(function: Any = None, **_options: Any) -> Any:
    return function if function is not None else _undecorated


class InertFinder:
    """Finds inert modules for skewtest, and for pytest where there is none."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return a spec for a module that is to be inert."""
        if name.split(".", maxsplit=1)[0] in self.names:
            return importlib.util.spec_from_loader(name, self)  # type: ignore[arg-type]
        return None

    def create_module(self, spec: Any) -> types.ModuleType:
        """Return an inert module."""
        return InertModule(spec.name)

    def exec_module(self, module: Any) -> None:
        """Do nothing."""


class Worker:
    """Answers messages, one after the other."""

    def __init__(self) -> None:
        self.loaded: dict[int, Any] = {}

    def answer(
        self, message: dict[str, Any], buffers: list[bytes]
    ) -> tuple[dict[str, Any], tuple[bytes, ...]]:
        """Return the answer to a message; what user code raises is one."""
        try:
            return getattr(self, "do_" + message["do"])(message, buffers), ()
        except BaseException as error:  # polars panics with a BaseException
            return {"timeout": True} if isinstance(error, TimeUp) else {"error": told(error)}, ()

    def do_cpu(self, _message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Tell what the processor may be used for."""
        return {"cpu": cpu_features()}

    def do_load(self, message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Import an implementation; it is called by its number from then on."""
        for root in message["roots"]:
            if root not in sys.path:
                sys.path.append(root)
        found = [resolve(address) for address in message["addresses"]]
        kwargs = decode(message["kwargs"])
        number = len(self.loaded)
        if message["shape"] == "fold":
            self.loaded[number] = lambda: Folded(*found)
        elif message["shape"] == "sql":
            self.loaded[number] = Query(message["query"])
        elif kwargs:
            function = found[0]
            self.loaded[number] = lambda *args, **more: function(*args, **dict(kwargs, **more))
        else:
            self.loaded[number] = found[0]
        return {"number": number, "kinds": parameter_kinds(found[0]) if found else {}}

    def do_call(self, message: dict[str, Any], buffers: list[bytes]) -> dict[str, Any]:
        """Call a batch function with frames by name; return its columns."""
        given = {
            name: frame_of(sent, buffers)
            if isinstance(sent, dict) and "form" in sent
            else decode(sent)
            for name, sent in message["frames"].items()
        }
        with Limit(message["seconds"]):
            result = _awaited(self.loaded[message["number"]](**given))
            columns = columns_here(result)
        if columns is None:
            return {"type": type(result).__name__}
        return {"columns": {name: _sent_column(column) for name, column in columns.items()}}

    def do_value(self, message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Call any function with rows; return what it returned, twice, with all its types."""
        function = self.loaded[message["number"]]
        answers = []
        for _ in range(message["times"]):
            rows = [decode(row) for row in message["rows"]]
            try:
                given = rows_as(message["kind"], rows)
                with Limit(message["seconds"]):
                    answers.append({"value": encode(_awaited(function(given)))})
            except TimeUp:
                return {"timeout": True}
            except BaseException as error:
                answers.append({"error": told(error)})
        return {"answers": answers}

    def do_drive(self, message: dict[str, Any], _buffers: list[bytes]) -> dict[str, Any]:
        """Feed lanes to fresh online objects; return what they answer."""
        return Lanes(self.loaded[message["number"]], message).answers()


class Lanes:
    """Online objects, one a lane, on their way through events and requests."""

    def __init__(self, start: Callable[[], Any], message: dict[str, Any]) -> None:
        self.start = start
        self.tables = {
            name: (table["names"], [decode_column(column) for column in table["columns"]])
            for name, table in message["tables"].items()
        }
        self.lanes: list[list[Any]] = message["lanes"]
        self.seconds: float = message["seconds"]
        self.found: list[Any] = []
        self.loop: Any = None

    def answers(self) -> dict[str, Any]:
        """Return one list a lane: for each request an answer, and what ended the lane, if any."""
        ends = []
        timeouts = 0
        for number, lane in enumerate(self.lanes):
            if timeouts >= TIMEOUTS:
                ends.append([0, "skipped", {}])
                continue
            tell_progress(number)
            ends.append(self._lane(lane))
            timeouts += ends[-1] is not None and ends[-1][1] == "timeout"
        tell_progress(-1)
        if self.loop is not None:
            self.loop.close()
        rows, answers = [row for row, _ in self.found], [answer for _, answer in self.found]
        return {"rows": rows, "answers": _sent_answers(answers), "ends": ends}

    def _lane(self, lane: list[Any]) -> Any:
        """Run a lane; return None, or the operation that ended it and why."""
        done, started = 0, False
        try:
            with Limit(self.seconds):
                target = self.start()
                started = True
                for verb in ("update", "query"):
                    if not callable(getattr(target, verb, None)):
                        has = [name for name in dir(target) if not name.startswith("_")]
                        facts = {"verb": verb, "type": type(target).__name__, "has": has}
                        return [0, "no_method", facts]
                update, query = target.update, target.query
                named = takes_source(update)
                for row, source, place in lane:
                    names, columns = self.tables[source]
                    payload = {n: column[place] for n, column in zip(names, columns)}
                    if row < 0:
                        result = update(payload, source=source) if named else update(payload)
                        self._wait(result)
                    else:
                        self._ask(query, payload, row)
                    done += 1
        except TimeUp:
            return [done, "timeout", {}]
        except BaseException as error:
            return [done, "raised" if started else "start", told(error)]
        return None

    def _ask(self, query: Callable[[Any], Any], payload: Any, row: int) -> None:
        try:
            answer = self._wait(query(payload))
        except TimeUp:
            raise
        except BaseException as error:
            self.found.append((row, {TAG: "error", "v": told(error)}))
            return
        if isinstance(answer, Mapping):
            answer = {str(name): _plain_or_odd(value) for name, value in answer.items()}
        elif answer is not None:
            answer = {TAG: "shape", "type": type(answer).__name__, "value": repr(answer)[:60]}
        self.found.append((row, answer))

    def _wait(self, result: Any) -> Any:
        if result is None or type(result) is dict or not inspect.isawaitable(result):
            return result
        import asyncio

        if self.loop is None:
            self.loop = asyncio.new_event_loop()
        return self.loop.run_until_complete(_awaiting(result))


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable


def _awaited(result: Any) -> Any:
    if not inspect.iscoroutine(result):
        return result
    import asyncio

    return asyncio.run(result)


class Folded:
    """A functional state made to look like an online object."""

    def __init__(self, init: Any, fold: Any, value: Any) -> None:
        self.fold, self.value = fold, value
        self.state = init()

    def update(self, event: Any) -> None:
        """Fold one event into the state."""
        self.state = self.fold(self.state, event)

    def query(self, request: Any) -> Any:
        """Return the features of the state."""
        return self.value(self.state, request)


class Query:
    """A batch implementation in SQL."""

    def __init__(self, query: str) -> None:
        self.query = query

    def __call__(self, **frames: Any) -> Any:
        """Run the query over the frames by name."""
        duckdb = importlib.import_module("duckdb")
        connection = duckdb.connect(":memory:", config={"threads": 1})
        connection.execute("SET TimeZone = 'UTC'")
        for name, frame in frames.items():
            connection.register(name, frame)
        result = connection.sql(self.query)
        return result.to_arrow_table() if hasattr(result, "to_arrow_table") else result.arrow()


class TimeUp(BaseException):
    """User code ran into its time limit."""


class Limit:
    """Interrupt a block after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        signal.signal(signal.SIGALRM, _time_up)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_error: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _time_up(_signum: int, _frame: Any) -> None:
    raise TimeUp


_progress: list[int] = []


def tell_progress(lane: int) -> None:
    """Leave word of the lane that runs, for whoever finds this process dead."""
    if _progress:
        os.pwrite(_progress[0], b"%20d" % lane, 0)


def _plain_or_odd(value: Any) -> Any:
    try:
        return plain(value)
    except OddValueError as error:
        return Odd(str(error))


def _sent_column(column: list[Any]) -> Any:
    if not all_plain(column) or NULL_OR_NAN in column:
        column = [_plain_or_odd(value) for value in column]
    return encode_column(column)


def _sent_answers(answers: list[Any]) -> dict[str, Any]:
    """Return answers by feature where all have the same ones, which is shorter; else one by one."""
    names = list(answers[0]) if answers and isinstance(answers[0], dict) else None
    if names and TAG not in names and all(type(a) is dict and list(a) == names for a in answers):
        columns = {name: encode_column([answer[name] for answer in answers]) for name in names}
        return {"columns": columns}
    return {"each": [a if isinstance(a, dict) and TAG in a else encode(a) for a in answers]}


def takes_source(update: Any) -> bool:
    """Return whether an update method takes the name of the source."""
    code = getattr(update, "__code__", None)
    if code is None:
        return False
    return "source" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def resolve(address: dict[str, Any]) -> Any:
    """Return the object that an address names."""
    if "source" in address:
        held: dict[str, Any] = {
            name: importlib.import_module(module) for name, module in address["uses"].items()
        }
        held["__name__"] = "skewtest_given"
        exec(compile(address["source"], address["file"], "exec"), held)
        return held[address["name"]]
    try:
        found = _module_of(address)
    except ImportError:
        if not address.get("spare"):
            raise
        return resolve(address["spare"])
    for part in address["name"].split("."):
        found = getattr(found, part)
    return found


def _module_of(address: dict[str, Any]) -> Any:
    """Import a module by its name; a script, or one that has no place on the path, by its file."""
    name, file = address["module"], address["file"]
    if address["by_name"]:
        return importlib.import_module(name)
    alias = "skewtest_by_file_" + "".join(c if c.isalnum() else "_" for c in file)
    if alias not in sys.modules:
        spec = importlib.util.spec_from_file_location(alias, file)
        if spec is None or spec.loader is None:
            raise ImportError("cannot load %s" % file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[alias] = module
        spec.loader.exec_module(module)
    return sys.modules[alias]


def parameter_kinds(function: Any) -> dict[str, str]:
    """Return, for each parameter, the kind of frame that its annotation asks for."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: kind_of(parameter.annotation) for name, parameter in parameters.items()}


def kind_of(annotation: Any) -> str:
    """Return the frame kind that a parameter's annotation asks for; "" if it says nothing."""
    text = annotation if isinstance(annotation, str) else _qualified(annotation)
    lowered = text.lower()
    if "lazyframe" in lowered:
        return "polars lazy"
    if "polars" in lowered or lowered.startswith("pl."):
        return "polars"
    if "pandas" in lowered or lowered.startswith("pd."):
        return "pandas"
    if "pyarrow" in lowered or lowered.startswith("pa."):
        return "pyarrow"
    is_list = lowered.startswith(("list", "builtins.list", "typing.list"))
    return "rows" if is_list else ""


def _qualified(annotation: Any) -> str:
    module = getattr(annotation, "__module__", "")
    return "%s.%s" % (module, getattr(annotation, "__qualname__", annotation))


def rows_as(kind: str, rows: list[Any]) -> Any:
    """Return rows as the kind of frame that a function wants, by its documented constructor."""
    if kind == "pandas":
        return importlib.import_module("pandas").DataFrame(rows)
    if kind == "polars":
        return importlib.import_module("polars").DataFrame(rows)
    if kind == "polars lazy":
        return importlib.import_module("polars").DataFrame(rows).lazy()
    if kind == "pyarrow":
        names = list(row_columns(rows))
        arrow = importlib.import_module("pyarrow")
        return arrow.table({name: [row.get(name) for row in rows] for name in names})
    return rows


def frame_of(sent: dict[str, Any], buffers: list[bytes]) -> Any:
    """Return a frame that was sent, as the kind that user code wants."""
    kind = sent["kind"]
    if sent["form"] == "arrow":
        data = buffers[sent["buffer"]]
        if kind == "pyarrow":
            return importlib.import_module("pyarrow").ipc.open_stream(data).read_all()
        frame = importlib.import_module("polars").read_ipc_stream(io.BytesIO(data))
        return frame.lazy() if kind == "polars lazy" else frame
    if kind == "pandas":
        pd = importlib.import_module("pandas")
        columns = {c["name"]: _pandas_sent(pd, c, buffers) for c in sent["columns"]}
        return pd.DataFrame(columns)
    columns = {c["name"]: decode_column(c["values"]) for c in sent["columns"]}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _pandas_sent(pd: Any, column: dict[str, Any], buffers: list[bytes]) -> Any:
    if "dtype" in column:
        numpy = importlib.import_module("numpy")
        values = numpy.frombuffer(bytearray(buffers[column["buffer"]]), dtype=column["dtype"])
        return pandas_column(pd, column["name"], values, column["zone"])
    return pandas_column(pd, column["name"], decode_column(column["values"]), text=column["text"])


def columns_here(result: Any) -> dict[str, list[Any]] | None:
    """Return the columns of a frame of any library, None if it is no frame."""
    if isinstance(result, list) and all(isinstance(row, Mapping) for row in result):
        return row_columns(result)
    if type(result).__name__ == "DuckDBPyRelation":
        result = result.arrow()
    library = (type(result).__module__ or "").split(".")[0]
    if library == "pandas" and hasattr(result, "columns"):
        return pandas_columns(result)
    if library == "polars" and hasattr(result, "columns"):
        if hasattr(result, "collect"):
            result = result.collect()
        return {name: result[name].to_list() for name in result.columns}
    if library == "pyarrow" and hasattr(result, "to_pydict"):
        return dict(result.to_pydict())
    return None


def told(error: BaseException) -> dict[str, Any]:
    """Return what an exception says, and where in user code it was raised."""
    kind = type(error)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.abspath(frame.filename) != os.path.abspath(__file__)
        and "importlib" not in frame.filename
    ]
    lines = traceback.format_list(frames) + traceback.format_exception_only(kind, error)
    try:
        message = str(error)
    except Exception:
        message = "(its message cannot be made)"
    return {
        "type": kind.__name__,
        "message": message[:10_000],
        "traceback": "".join(lines)[-20_000:],
        "bases": [base.__name__ for base in kind.__mro__],
        "missing": getattr(error, "name", None) if isinstance(error, ImportError) else None,
    }


def cpu_features() -> list[str]:
    """Return the SIMD features that numpy has found and may use; none without numpy."""
    for name in ("numpy._core._multiarray_umath", "numpy.core._multiarray_umath"):
        try:
            features = importlib.import_module(name).__cpu_features__
        except (ImportError, AttributeError):
            continue
        return sorted(feature for feature, there in features.items() if there)
    return []


def serve() -> None:
    """Answer messages until there are no more."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)  # what user code prints does not belong among the answers
    faulthandler.enable(all_threads=False)
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    _progress.append(int(sys.argv[1]))
    names = ("skewtest",) if importlib.util.find_spec("pytest") else ("skewtest", "pytest")
    sys.meta_path.insert(0, InertFinder(names))
    worker = Worker()

    def read(size: int) -> bytes:
        data = incoming.read(size)
        if len(data) < size:
            raise EOFError
        return data

    while True:
        try:
            message, buffers = read_message(read)
        except EOFError:
            os._exit(0)  # user code's own threads and exit hooks are not waited for
        answer, sent = worker.answer(message, buffers)
        text = json.dumps(answer)
        if len(text) > LARGEST_ANSWER:
            size = "%.0f MB" % (len(text) / 1e6)
            answer = {"error": told(OverflowError("the answer is larger than 256 MB: " + size))}
        write_message(outgoing, answer, sent)


if __name__ == "__main__":
    # Under its own name: `__main__` is what user code expects a script to be.
    sys.modules["skewtest_worker"] = sys.modules.pop("__main__")
    sys.modules["__main__"] = types.ModuleType("__main__")
    serve()
