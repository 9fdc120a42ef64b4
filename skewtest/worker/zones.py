"""Instants and time zones, as messages have them."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta, timezone
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
NAIVE_EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)


def instant_of(moment: datetime) -> int:
    """Return a datetime in microseconds since 1970, UTC or as naive as it is."""
    # In whole microseconds: a float of seconds cannot tell two of them apart.
    if moment.tzinfo is None:
        return (moment - NAIVE_EPOCH) // MICROSECOND
    return (moment - EPOCH) // MICROSECOND


def moment_of(instant: int, zone: Any) -> datetime:
    """Return the datetime of an instant in microseconds."""
    if zone is None:
        return NAIVE_EPOCH + timedelta(microseconds=instant)
    moment = EPOCH + timedelta(microseconds=instant)
    if zone is timezone.utc:
        return moment
    return moment.astimezone(zone)


def zone_name(zone: Any) -> str | None:
    """Return the name of a time zone, None for no zone; a fixed offset as `+02:00`."""
    if zone is None:
        return None
    # Of zoneinfo and of pytz.
    for attribute in ("key", "zone"):
        name = getattr(zone, attribute, None)
        if isinstance(name, str):
            return name
    offset = zone.utcoffset(None)
    if offset is None:
        # Of dateutil, which keeps the file that it was read from and no name.
        name = getattr(zone, "_filename", "").partition("zoneinfo/")[2]
        return name or str(zone)
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
        if name[0] == "-":
            length = -length
        return timezone(length)
    # zoneinfo first: it came with Python 3.9, and 3.8 has what its other packages brought along.
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
