"""Wire: payloads as they are after a real round trip through a message format.

The values of a column are encoded to bytes and decoded by its type, as a consumer does that knows
its types. What a format cannot hold is lost here as it is in production.
"""

import base64
import importlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import polars as pl

from skewtest.deliver.payloads import Reader, python_values
from skewtest.errors import DeclarationError
from skewtest.times import MICROSECOND, TimeType, micros

Convert = Callable[[Any], Any]
"""What is made of one value, which is not null."""
Leaf = Callable[[pl.DataType], Convert | None]
"""How values of a type without parts are converted; None: they stay as they are."""
Rename = Callable[[Sequence[str]], list[tuple[str, str]]]
"""What the fields of a struct are called before and after, in their order."""


def wire_reader(wire: str, dtype: pl.DataType) -> Reader:
    """Return what arrives of a column through a wire format.

    Args:
        wire: "json": text as RFC 8259 has it: times in ISO 8601 with microseconds, NaN and
            infinities null, whole numbers exact; "msgpack"; "avro"; or "arrow".
        dtype: of the column.

    Raises:
        DeclarationError: the library of the format is not installed.
    """
    return _MAKERS[wire](dtype)


def to_json(value: Any) -> Any:
    """Return a value as JSON has it: what JSON cannot hold becomes null or text."""
    for kinds, convert in _TO_JSON:
        if isinstance(value, kinds):
            return convert(value)
    return value


def _finite(value: float) -> float | None:
    return value if value - value == 0 else None


def _text_of_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _mapping_to_json(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): to_json(inner) for name, inner in value.items()}


def _items_to_json(value: Sequence[Any]) -> list[Any]:
    return list(map(to_json, value))


_TO_JSON: tuple[tuple[type | tuple[type, ...], Convert], ...] = (
    (float, _finite),
    ((datetime, date, time), lambda value: value.isoformat()),
    (timedelta, micros),
    (Decimal, str),
    (bytes, _text_of_bytes),
    (Mapping, _mapping_to_json),
    ((list, tuple), _items_to_json),
)


# -- conversions, decided once a column ------------------------------------------------------------


def _each(convert: Convert | None, values: list[Any]) -> list[Any]:
    """Return values converted one by one; null stays null."""
    if convert is None:
        return values
    return [None if value is None else convert(value) for value in values]


def _same_names(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _conversion(dtype: Any, leaf: Leaf, rename: Rename = _same_names) -> Convert | None:
    """Return how values of a type, and whatever is inside of them, are converted."""
    if isinstance(dtype, pl.List | pl.Array):
        return _items_conversion(_conversion(dtype.inner, leaf, rename))
    if isinstance(dtype, pl.Struct):
        names = rename([field.name for field in dtype.fields])
        inner = [_conversion(field.dtype, leaf, rename) for field in dtype.fields]
        return _struct_conversion(names, inner)
    return leaf(dtype)


def _items_conversion(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda values: _each(convert, values)


def _struct_conversion(
    names: Sequence[tuple[str, str]], inner: Sequence[Convert | None]
) -> Convert | None:
    if not any(inner) and all(old == new for old, new in names):
        return None
    fields = list(zip(names, inner, strict=True))

    def convert_fields(value: Mapping[str, Any]) -> dict[str, Any]:
        converted = {}
        for (old, new), convert in fields:
            (converted[new],) = _each(convert, [value[old]])
        return converted

    return convert_fields


_PLAIN = frozenset([pl.Boolean, pl.String, pl.Categorical, pl.Enum, pl.Null])


def _stays(dtype: pl.DataType) -> bool:
    """Return whether every format has the values of a type as they are."""
    return dtype.is_integer() or dtype.base_type() in _PLAIN


def _from_zone(dtype: pl.Datetime) -> Convert:
    """Return what gives a datetime the zone of its column; a naive column has naive ones."""
    zone = TimeType(zone=dtype.time_zone).tzinfo()
    if zone is None:
        return lambda moment: moment.replace(tzinfo=None)
    return lambda moment: moment.astimezone(zone)


# -- JSON ------------------------------------------------------------------------------------------


def _json(dtype: pl.DataType) -> Reader:
    write, read = _conversion(dtype, _json_out), _conversion(dtype, _json_in)

    # NaN is no JSON: a value that was missed above raises instead of passing as Python's own text.

    def through(column: pl.Series) -> list[Any]:
        message = json.dumps(_each(write, python_values(column)), allow_nan=False).encode()
        return _each(read, json.loads(message))

    return through


def _json_out(dtype: pl.DataType) -> Convert | None:
    if _stays(dtype):
        return None
    if dtype.is_float():
        return _finite
    # A type that is not known here, such as a team's own, shows by its values what it is.
    write, _ = _AS_TEXT.get(dtype.base_type(), (to_json, None))
    return write


def _json_in(dtype: pl.DataType) -> Convert | None:
    if isinstance(dtype, pl.Datetime):
        in_zone = _from_zone(dtype)
        return lambda text: in_zone(datetime.fromisoformat(text))
    if dtype.is_float():
        return float
    _, read = _AS_TEXT.get(dtype.base_type(), (to_json, None))
    return read


_AS_TEXT: Mapping[Any, tuple[Convert, Convert]] = {
    pl.Datetime: (datetime.isoformat, datetime.fromisoformat),
    pl.Date: (date.isoformat, date.fromisoformat),
    pl.Time: (time.isoformat, time.fromisoformat),
    pl.Duration: (micros, lambda length: length * MICROSECOND),
    pl.Binary: (_text_of_bytes, base64.b64decode),
    pl.Decimal: (str, Decimal),
}
"""How JSON writes and reads what it has no type for."""


# -- msgpack ---------------------------------------------------------------------------------------


def _msgpack(dtype: pl.DataType) -> Reader:
    msgpack = _library("msgpack", "msgpack", "skewtest[wire]")
    write, read = _conversion(dtype, _msgpack_out), _conversion(dtype, _msgpack_in)

    def through(column: pl.Series) -> list[Any]:
        # Timestamps of the format itself: microseconds and years before 1970 included.
        message = msgpack.packb(_each(write, python_values(column)), datetime=True)
        return _each(read, msgpack.unpackb(message, timestamp=3, strict_map_key=False))

    return through


def _msgpack_out(dtype: pl.DataType) -> Convert | None:
    """Return how values are written: datetimes as timestamps in UTC, the rest as in JSON."""
    if isinstance(dtype, pl.Datetime):
        return _to_utc
    if dtype.is_float() or dtype == pl.Binary:
        return None
    return _json_out(dtype)


def _msgpack_in(dtype: pl.DataType) -> Convert | None:
    if isinstance(dtype, pl.Datetime):
        return _from_zone(dtype)
    if dtype.is_float() or dtype == pl.Binary:
        return None
    return _json_in(dtype)


def _to_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


# -- Avro ------------------------------------------------------------------------------------------


def _avro(dtype: pl.DataType) -> Reader:
    fastavro = _library("fastavro", "fastavro", "skewtest[wire]")
    items = {"type": "array", "items": ["null", _avro_type(dtype, "value")]}
    schema = fastavro.parse_schema(items)
    write = _conversion(dtype, _avro_out, _number_names)
    read = _conversion(dtype, _msgpack_in, _restore_names)

    def through(column: pl.Series) -> list[Any]:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, schema, _each(write, python_values(column)))
        buffer.seek(0)  # the reader begins where the writer began
        return _each(read, fastavro.schemaless_reader(buffer, schema, None))

    return through


def _number_names(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return names that Avro takes: letters, digits and underscores."""
    return [(name, f"f{number}") for number, name in enumerate(names)]


def _restore_names(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(new, old) for old, new in _number_names(names)]


def _avro_out(dtype: pl.DataType) -> Convert | None:
    return None if isinstance(dtype, pl.Datetime) else _msgpack_out(dtype)


def _avro_type(dtype: Any, name: str) -> Any:
    """Return the Avro type of values; what Avro has no type for travels as text.

    Args:
        dtype: of the values.
        name: what a record is called: each of a schema needs a name of its own.
    """
    if isinstance(dtype, pl.Datetime):
        kind = "local-timestamp-micros" if dtype.time_zone is None else "timestamp-micros"
        return {"type": "long", "logicalType": kind}
    if isinstance(dtype, pl.List | pl.Array):
        return {"type": "array", "items": ["null", _avro_type(dtype.inner, name)]}
    if isinstance(dtype, pl.Struct):
        return {"type": "record", "name": name, "fields": _avro_fields(dtype, name)}
    if dtype.is_float():
        return "double"
    if dtype.is_integer():
        return "long"
    simple = {pl.Boolean: "boolean", pl.Binary: "bytes", pl.Duration: "long"}
    return simple.get(dtype.base_type(), "string")


def _avro_fields(dtype: pl.Struct, name: str) -> list[dict[str, Any]]:
    fields = []
    for number, field in enumerate(dtype.fields):
        kind = _avro_type(field.dtype, f"{name}_{number}")
        fields.append({"name": f"f{number}", "type": ["null", kind]})
    return fields


# -- Arrow -----------------------------------------------------------------------------------------


def _arrow(_dtype: pl.DataType) -> Reader:
    pa = _library("pyarrow", "pyarrow", "pyarrow")

    def through(column: pl.Series) -> list[Any]:
        table = pl.DataFrame({"value": column}).to_arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        received = pl.from_arrow(pa.ipc.open_stream(sink.getvalue()).read_all())
        assert isinstance(received, pl.DataFrame)
        return python_values(received["value"])

    return through


def _library(name: str, package: str, wanted: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DeclarationError(
            f"the wire format needs {package}; install it with: pip install '{wanted}'"
        ) from error


_MAKERS: Mapping[str, Callable[[pl.DataType], Reader]] = {
    "json": _json,
    "msgpack": _msgpack,
    "avro": _avro,
    "arrow": _arrow,
}
