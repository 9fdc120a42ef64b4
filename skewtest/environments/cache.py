"""The cache of built environments: where it is, what is in it, and what nobody uses any more."""

import errno
import hashlib
import os
import shutil
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.interpreters import version_of

CACHE = "SKEWTEST_CACHE"
FACTS = "environment.json"
# A file whose time says when an environment was last used.
USED = "used"
DAY_SECONDS = 24 * 60 * 60

# 64 bits of a SHA-256: short enough for paths, and two environments never share them.
_KEY_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class CachedEnvironment:
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


def cache_folder() -> Path:
    """Return the folder of built environments; SKEWTEST_CACHE names another."""
    folder = os.environ.get(CACHE)
    if folder:
        return Path(folder).absolute()
    return user_cache_path("skewtest") / "environments"


def cache_key(python: str, lock: str) -> str:
    """Return the key of what an interpreter and a lock make: the same for all who ask for it."""
    version = version_of(python) or ""
    short = "py" + "".join(version.split(".")[:2])
    # The order of a lock's lines and its blank lines change nothing that is installed.
    pins = sorted(line.strip() for line in lock.splitlines() if line.strip())
    return f"{short}-{hash_texts(version, str(Path(python).resolve()), *pins)}"


def hash_texts(*texts: str) -> str:
    """Return a short hash of texts, for the name of a file."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:_KEY_CHARACTERS]


def explain_unwritable(error: OSError) -> EnvironmentFailedError:
    """Return the failure that stands for an error of writing to the cache."""
    full = ""
    if error.errno == errno.ENOSPC:
        full = " The disk is full."
    return EnvironmentFailedError(
        "cache not writable",
        f"{error.filename or cache_folder()}: {error.strerror}.{full} Name another folder with the "
        f"environment variable {CACHE}.",
    )


class Facts(msgspec.Struct):
    """The record of a built environment, written once it is proven.

    Attributes:
        name: what it was called when it was built.
        python: its version.
        packages: name to version.
        requests: what was asked for.
        seconds: how long it took.
    """

    name: str
    python: str
    packages: dict[str, str]
    requests: tuple[str, ...] = msgspec.field(name="asked")
    seconds: float = 0.0


def load_facts(folder: Path) -> Facts | None:
    """Return the record of an environment; None where there is none, or no whole one."""
    try:
        return msgspec.json.decode((folder / FACTS).read_bytes(), type=Facts)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def list_cached() -> list[CachedEnvironment]:
    """Return what the cache holds, what was used last first; not what has no whole record."""
    environments = []
    for file in cache_folder().glob(f"*/{FACTS}"):
        facts = load_facts(file.parent)
        if facts is not None:
            environments.append(_describe_cached(file.parent, facts))
    return sorted(environments, key=lambda environment: environment.used, reverse=True)


def _describe_cached(folder: Path, facts: Facts) -> CachedEnvironment:
    used = folder / USED
    if not used.exists():
        used = folder / FACTS  # built, and never used since
    return CachedEnvironment(
        key=folder.name,
        name=facts.name,
        python=facts.python,
        packages=facts.packages,
        asked=facts.requests,
        used=used.stat().st_mtime,
        size=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
    )


def prune(days: float, spared: Collection[str] = ()) -> list[CachedEnvironment]:
    """Remove what was not used for some days, and what builds that were killed have left.

    Args:
        days: an environment used since then stays.
        spared: keys that stay anyway.

    Returns:
        What was removed.
    """
    removed = []
    for environment in list_cached():
        age = time.time() - environment.used
        if environment.key in spared or age < days * DAY_SECONDS:
            continue
        if _remove(cache_folder() / environment.key, environment.key):
            removed.append(environment)
    for file in cache_folder().glob(f"*/{FACTS}"):
        if load_facts(file.parent) is None:
            _remove(file.parent, file.parent.name)
    for unfinished in cache_folder().glob("*.building-*"):
        _remove(unfinished, unfinished.name.partition(".building-")[0])
    return removed


def _remove(folder: Path, key: str) -> bool:
    """Remove a folder unless somebody is building it; return whether it is gone."""
    lock = FileLock(folder.with_name(f"{key}.lock"))
    try:
        # Whoever builds an environment holds its lock: we do not wait, what is built is used.
        with lock.acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
    except Timeout:
        return False
    return not folder.exists()
