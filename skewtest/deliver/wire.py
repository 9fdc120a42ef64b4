"""Wire: payloads as they are after a real round trip through a message format.

A payload is encoded to bytes and decoded by the schema of its source, as a consumer does that
knows its types. What a format cannot hold is lost here as it is in production.
"""

import base64
import importlib
import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from skewtest.declare.delivery import Wire
from skewtest.errors import DeclarationError
from skewtest.times import MICROSECOND, micros

Payload = dict[str, Any]
Codec = Callable[[Payload], Payload]


def codec_of(wire: Wire, schema: Mapping[str, pl.DataType]) -> Codec:
    """Return what a wire format makes of payloads of a schema.

    Args:
        wire: "none"; "json": text as RFC 8259 has it: times in ISO 8601 with microseconds, NaN
            and infinities null, whole numbers exact; "msgpack"; "avro"; "arrow"; or a function
            from payload to payload.
        schema: column names and types.

    Raises:
        DeclarationError: the library of the format is not installed.
    """
    if callable(wire):
        return wire
    if wire == "none":
        return lambda payload: payload
    return _MAKERS[wire](schema)


def _json(schema: Mapping[str, pl.DataType]) -> Codec:
    def through(payload: Payload) -> Payload:
        encoded = {name: to_json(value) for name, value in payload.items()}
        message = json.dumps(encoded, allow_nan=False).encode()
        return {name: _read(value, schema[name]) for name, value in json.loads(message).items()}

    return through


def to_json(value: Any) -> Any:
    """Return a value as JSON has it: what JSON cannot hold becomes null or text."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return micros(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return {str(name): to_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return value


def _read(value: Any, dtype: pl.DataType) -> Any:
    """Return a decoded JSON value as its column's type has it."""
    if value is None:
        return None
    if isinstance(dtype, pl.Datetime):
        return _zoned(datetime.fromisoformat(value), dtype.time_zone)
    if isinstance(dtype, pl.List | pl.Array):
        return [_read(inner, dtype.inner) for inner in value]  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        types = dict(dtype.to_schema())
        return {name: _read(inner, types[name]) for name, inner in value.items()}  # type: ignore[arg-type]
    for kind, reader in _READERS:
        if dtype == kind:
            return reader(value)
    if dtype.is_decimal():
        return Decimal(value)
    return float(value) if dtype.is_float() else value


_READERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (pl.Date, date.fromisoformat),
    (pl.Time, time.fromisoformat),
    (pl.Duration, lambda value: value * MICROSECOND),
    (pl.Binary, base64.b64decode),
)


def _zoned(moment: datetime, zone: str | None) -> datetime:
    """Return a datetime in the zone of its column; a naive column has naive ones."""
    if zone is None:
        return moment.replace(tzinfo=None)
    return moment.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))


def _msgpack(schema: Mapping[str, pl.DataType]) -> Codec:
    msgpack = _library("msgpack", "msgpack", "skewtest[wire]")

    def through(payload: Payload) -> Payload:
        encoded = {name: _packable(value) for name, value in payload.items()}
        message = msgpack.packb(encoded, datetime=True)
        found = msgpack.unpackb(message, timestamp=3, strict_map_key=False)
        return {name: _unpacked(value, schema[name]) for name, value in found.items()}

    return through


def _packable(value: Any) -> Any:
    """Return a value as msgpack holds it: datetimes are timestamps in UTC, the rest as in JSON."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, float | bytes):
        return value
    if isinstance(value, Mapping):
        return {name: _packable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_packable(inner) for inner in value]
    return to_json(value)


def _unpacked(value: Any, dtype: pl.DataType) -> Any:
    if isinstance(value, datetime) and isinstance(dtype, pl.Datetime):
        return _zoned(value, dtype.time_zone)
    if isinstance(value, float | bytes) or value is None:
        return value
    if isinstance(dtype, pl.List | pl.Array):
        return [_unpacked(inner, dtype.inner) for inner in value]  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        types = dict(dtype.to_schema())
        return {name: _unpacked(inner, types[name]) for name, inner in value.items()}  # type: ignore[arg-type]
    return _read(value, dtype)


def _avro(schema: Mapping[str, pl.DataType]) -> Codec:
    fastavro = _library("fastavro", "fastavro", "skewtest[wire]")
    names = {name: f"c{number}" for number, name in enumerate(schema)}
    fields = [
        {"name": names[name], "type": ["null", _avro_type(dtype, names[name])]}
        for name, dtype in schema.items()
    ]
    record = fastavro.parse_schema({"type": "record", "name": "event", "fields": fields})

    def through(payload: Payload) -> Payload:
        buffer = io.BytesIO()
        row = {names[n]: _avro_value(payload.get(n), dtype) for n, dtype in schema.items()}
        fastavro.schemaless_writer(buffer, record, row)
        buffer.seek(0)
        found = fastavro.schemaless_reader(buffer, record, None)
        return {
            name: _from_avro(found[names[name]], dtype)
            for name, dtype in schema.items()
            if name in payload
        }

    return through


def _avro_type(dtype: pl.DataType, name: str) -> Any:
    """Return the Avro type of a column; what Avro has no type for travels as text."""
    if isinstance(dtype, pl.Datetime):
        kind = "local-timestamp-micros" if dtype.time_zone is None else "timestamp-micros"
        return {"type": "long", "logicalType": kind}
    if isinstance(dtype, pl.List | pl.Array):
        return {"type": "array", "items": ["null", _avro_type(dtype.inner, name)]}  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        types = dict(dtype.to_schema())
        inner = [
            {"name": f"f{n}", "type": ["null", _avro_type(kind, f"{name}_{n}")]}  # type: ignore[arg-type]
            for n, kind in enumerate(types.values())
        ]
        return {"type": "record", "name": name, "fields": inner}
    if dtype == pl.Boolean:
        return "boolean"
    if dtype == pl.Binary:
        return "bytes"
    if dtype.is_integer() or isinstance(dtype, pl.Duration):
        return "long"
    return "double" if dtype.is_float() else "string"


def _avro_value(value: Any, dtype: pl.DataType) -> Any:
    if value is None or isinstance(value, datetime | float | bytes):
        return value
    if isinstance(dtype, pl.List | pl.Array):
        return [_avro_value(inner, dtype.inner) for inner in value]  # type: ignore[arg-type]
    if isinstance(dtype, pl.Struct):
        types = dict(dtype.to_schema())
        return {f"f{n}": _avro_value(value.get(k), t) for n, (k, t) in enumerate(types.items())}  # type: ignore[arg-type]
    return to_json(value)


def _from_avro(value: Any, dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Struct) and value is not None:
        types = dict(dtype.to_schema())
        return {k: _from_avro(value[f"f{n}"], t) for n, (k, t) in enumerate(types.items())}  # type: ignore[arg-type]
    if isinstance(dtype, pl.List | pl.Array) and value is not None:
        return [_from_avro(inner, dtype.inner) for inner in value]  # type: ignore[arg-type]
    return _unpacked(value, dtype)


def _arrow(schema: Mapping[str, pl.DataType]) -> Codec:
    pa = _library("pyarrow", "pyarrow", "pyarrow")

    def through(payload: Payload) -> Payload:
        kept = {name: schema[name] for name in payload}
        table = pl.DataFrame([payload], schema=kept, orient="row").to_arrow()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        received = pl.from_arrow(pa.ipc.open_stream(sink.getvalue()).read_all())
        assert isinstance(received, pl.DataFrame)
        return {
            name: _rezoned(value, schema[name]) for name, value in received.to_dicts()[0].items()
        }

    return through


def _rezoned(value: Any, dtype: pl.DataType) -> Any:
    """Return a datetime with the plain UTC object that others compare with fastest."""
    if isinstance(value, datetime) and isinstance(dtype, pl.Datetime):
        return _zoned(value, dtype.time_zone)
    return value


def _library(name: str, package: str, wanted: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DeclarationError(
            f"the wire format needs {package}; install it with: pip install '{wanted}'"
        ) from error


_MAKERS: Mapping[str, Callable[[Mapping[str, pl.DataType]], Codec]] = {
    "json": _json,
    "msgpack": _msgpack,
    "avro": _avro,
    "arrow": _arrow,
}
