"""The cache of built environments: what is in it, and what nobody has used for long."""

import json
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from skewtest.environments.build import USED, cache_folder

DAY = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Kept:
    """A built environment in the cache.

    Attributes:
        key: the name of its folder.
        name: what it was called when it was built.
        python: its version.
        packages: name to version.
        asked: what was asked for.
        used: when it was last used, in seconds since the epoch.
        size: bytes that its files say they have; less on a disk where they are shared.
    """

    key: str
    name: str
    python: str
    packages: dict[str, str]
    asked: tuple[str, ...]
    used: float
    size: int


def kept_environments() -> list[Kept]:
    """Return what the cache holds, what was used last first."""
    found = []
    for file in cache_folder().glob("*/environment.json"):
        facts = json.loads(file.read_text(encoding="utf-8"))
        folder = file.parent
        used = folder / USED
        found.append(
            Kept(
                key=folder.name,
                name=facts["name"],
                python=facts["python"],
                packages=facts["packages"],
                asked=tuple(facts["asked"]),
                used=(used if used.exists() else file).stat().st_mtime,
                size=sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()),
            )
        )
    return sorted(found, key=lambda one: one.used, reverse=True)


def prune(days: float, spared: Collection[str] = ()) -> list[Kept]:
    """Remove what was not used for some days, and what builds that were killed have left.

    Args:
        days: an environment used since then stays.
        spared: keys that stay anyway.

    Returns:
        What was removed.
    """
    removed = []
    for one in kept_environments():
        if one.key in spared or time.time() - one.used < days * DAY:
            continue
        if _remove(cache_folder() / one.key):
            removed.append(one)
    for left in cache_folder().glob("*.building-*"):
        _remove(left, left.name.partition(".building-")[0])
    return removed


def _remove(folder: Path, key: str = "") -> bool:
    """Remove a folder unless somebody is building it; say whether it is gone."""
    lock = FileLock(folder.with_name(f"{key or folder.name}.lock"))
    try:
        with lock.acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        return False
    return not folder.exists()
