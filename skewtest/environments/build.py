"""Building environments: resolved once, cached by what they hold, safe under several runs at once.

An environment is locked before it is built, so that everything in it is pinned, not just what was
named; the lock is kept and used again. It is built in a folder of its own, proven by importing
what it is for, and only then renamed to its place: whatever is there is whole.
"""

import contextlib
import errno
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from filelock import FileLock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from platformdirs import user_cache_path

from skewtest.declare.environment import Environment
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.interpreters import interpreter_of, uv_path, version_of
from skewtest.files import write_whole
from skewtest.sides.process import LEFT_OUT, Runtime

CACHE = "SKEWTEST_CACHE"
BUILD_SECONDS = 900
SMOKE_SECONDS = 120
OLD_NUMPY, OLD_ARROW = "numpy<2", "pyarrow<20"
ARROW_WITH_NUMPY_1 = "20.0"
"""Some later release of pyarrow installs beside numpy 1 and does not import with it."""
BROKEN_WITH_NUMPY_2 = {
    "pandas": "2.2.2",
    "pyarrow": "16.0",
    "scipy": "1.13.0",
    "scikit-learn": "1.4.2",
    "numba": "0.60.0",
    "numexpr": "2.10.0",
}
"""Releases before these install beside numpy 2 and do not import with it."""
USED = "used"
"""A file whose time says when an environment was last used."""

Tell = Callable[[str], None]


def quiet(_line: str) -> None:
    """Tell nothing."""


@dataclass(frozen=True, slots=True)
class Built:
    """An environment that is there and imports.

    Attributes:
        environment: what was declared.
        key: of its folder in the cache; "" for one that was not built.
        python: the path of its interpreter.
        version: of its Python.
        packages: name to version of everything that is installed.
    """

    environment: Environment
    key: str
    python: str
    version: str
    packages: tuple[tuple[str, str], ...]

    def runtime(self, hash_seed: str = "0") -> Runtime:
        """Return how user code is run by it."""
        variables = dict(self.environment.variables)
        if self.environment.cpu == "baseline":
            variables["NPY_DISABLE_CPU_FEATURES"] = _dispatched_in(self.python)
        return Runtime(
            name=self.environment.name,
            python=self.python,
            path=self.environment.path,
            variables=tuple(sorted(variables.items())),
            hash_seed=hash_seed,
        )

    @property
    def versions(self) -> dict[str, str]:
        """Versions by name, Python's among them."""
        return {"python": self.version, **dict(self.packages)}


def cache_folder() -> Path:
    """Return the folder of built environments; SKEWTEST_CACHE names another."""
    named = os.environ.get(CACHE)
    return Path(named).absolute() if named else user_cache_path("skewtest") / "environments"


def built(environment: Environment, tell: Tell = quiet) -> Built:
    """Return an environment, built unless it is in the cache.

    Args:
        environment: what to build.
        tell: is told of each step, a line each.

    Raises:
        EnvironmentFailedError: it cannot be had.
    """
    if environment.is_here:
        return _as_it_is(environment, sys.executable)
    if environment.interpreter is not None:
        if version_of(environment.interpreter) is None:
            raise EnvironmentFailedError(
                "interpreter missing",
                f"{environment.interpreter} is not there or does not run; interpreter= of "
                f"{environment.name!r} must be the path of a Python.",
            )
        return _as_it_is(environment, environment.interpreter)
    python = interpreter_of(environment.python)
    lock = locked(environment, python, tell)
    key = _key_of(python, lock)
    folder = cache_folder() / key
    try:
        return _of_folder(environment, folder, key)
    except (OSError, ValueError, KeyError):
        pass  # it is not there, or not whole
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{key}.lock"):
            if not (folder / "environment.json").exists():
                _build(environment, python, lock, folder, tell)
    except OSError as error:
        raise _unwritable(error) from error
    return _of_folder(environment, folder, key)


def kept_key(environment: Environment) -> str:
    """Return the key that an environment has in the cache, "" where it was never resolved."""
    try:
        python = interpreter_of(environment.python)
        kept = _kept_lock(environment, python)
        lock = Path(environment.lock) if environment.lock is not None else kept
        return _key_of(python, lock.read_text(encoding="utf-8"))
    except (EnvironmentFailedError, OSError):
        return ""


def _kept_lock(environment: Environment, python: str) -> Path:
    """Return the file that the lock of what an environment asks for is kept in."""
    asked = _asked(environment)
    key = _hash(version_of(python) or "", platform.machine(), sys.platform, *asked)
    return cache_folder() / "locks" / f"{key}.txt"


def locked(environment: Environment, python: str, tell: Tell = quiet) -> str:
    """Return the requirements of an environment with everything pinned, one a line.

    Resolved when it is first needed and kept: later runs have the same versions, also without a
    network.

    Raises:
        EnvironmentFailedError: there is no solution, or no way to find one.
    """
    if environment.lock is not None:
        try:
            return Path(environment.lock).read_text(encoding="utf-8")
        except OSError as error:
            raise EnvironmentFailedError(
                "lock missing", f"{environment.lock}: {error.strerror}"
            ) from error
    kept = _kept_lock(environment, python)
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    tell(f"{environment.name}: resolving")
    asked = _asked(environment)
    lock = _resolved(environment, python, asked)
    if _needs_old_numpy(lock):
        lock = _resolved(environment, python, [*asked, OLD_NUMPY])
    if _needs_old_arrow(lock):
        with contextlib.suppress(EnvironmentFailedError):  # it is pinned: the imports will tell
            lock = _resolved(environment, python, [*asked, OLD_NUMPY, OLD_ARROW])
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_whole(kept, lock)
    except OSError as error:
        raise _unwritable(error) from error
    return lock


def _asked(environment: Environment) -> list[str]:
    """Return what an environment asks for; of the project itself the files that say it."""
    asked = list(environment.requirements)
    project = Path(environment.root) / "pyproject.toml"
    if environment.extras or environment.groups:
        try:
            asked.append(f"# {_hash(project.read_text(encoding='utf-8'))}")
        except OSError as error:
            raise EnvironmentFailedError(
                "lock missing", f"{project}: {error.strerror}; extras and groups are read from it"
            ) from error
    asked += [f"# prefer {text}" for text in environment.prefer]
    asked += [f"# extra {name}" for name in environment.extras]
    asked += [f"# group {name}" for name in environment.groups]
    return asked


def _resolved(environment: Environment, python: str, asked: Sequence[str]) -> str:
    project = str(Path(environment.root) / "pyproject.toml")
    uv = uv_path()
    if uv is None:
        return _resolved_by_pip(environment, python, asked)
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python", python, "--only-binary", ":all:", "-"]
    if environment.extras:
        command.append(project)
    for name in environment.extras:
        command += ["--extra", name]
    for name in environment.groups:
        command += ["--group", f"{project}:{name}"]
    with tempfile.TemporaryDirectory() as folder:
        # What stands in the output file already is kept wherever it can be.
        output = Path(folder) / "requirements.txt"
        output.write_text("\n".join(environment.prefer), encoding="utf-8")
        found = _run([*command, "--output-file", str(output)], given="\n".join(asked))
        if found.returncode:
            raise _failed(environment, found.stderr)
        return output.read_text(encoding="utf-8")


def _resolved_by_pip(environment: Environment, python: str, asked: Sequence[str]) -> str:
    """Return what pip would install; without uv, and told so."""
    warnings.warn(
        "uv is not installed: environments are built by venv and pip, slowly", stacklevel=2
    )
    if environment.extras or environment.groups:
        raise EnvironmentFailedError("build failed", "extras and groups need uv: pip install uv")
    wanted = [text for text in asked if not text.startswith("#")]
    report = ["--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command = [python, "-m", "pip", "install", *report, "--only-binary", ":all:", *wanted]
    found = _run(command)
    if found.returncode:
        raise _failed(environment, found.stderr)
    chosen = [item["metadata"] for item in json.loads(found.stdout)["install"]]
    return "".join(f"{item['name']}=={item['version']}\n" for item in chosen)


def _build(environment: Environment, python: str, lock: str, folder: Path, tell: Tell) -> None:
    """Build an environment beside its place, prove it, and move it there."""
    for left in folder.parent.glob(f"{folder.name}.building-*"):
        shutil.rmtree(left, ignore_errors=True)  # of a build that was killed; we hold its lock
    shutil.rmtree(folder, ignore_errors=True)
    tell(f"{environment.name}: building (Python {version_of(python)}, {len(_pins(lock))} packages)")
    began = time.perf_counter()
    place = folder.with_name(f"{folder.name}.building-{os.getpid()}")
    try:
        _install(environment, python, lock, place)
        _prove(environment, lock, place)
        facts = {
            "name": environment.name,
            "python": version_of(str(_python_in(place))),
            "packages": _freeze(place),
            "asked": _asked(environment) if environment.lock is None else [environment.lock],
            "seconds": round(time.perf_counter() - began, 2),
        }
        write_whole(place / "environment.json", json.dumps(facts, indent=1))
        place.rename(folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    tell(f"{environment.name}: built in {facts['seconds']} s")


def _install(environment: Environment, python: str, lock: str, place: Path) -> None:
    uv = uv_path()
    pins = place.with_suffix(place.suffix + ".txt")
    write_whole(pins, lock)
    try:
        if uv is None:
            steps = [
                [python, "-m", "venv", str(place)],
                [str(_python_in(place)), "-m", "pip", "install", "--quiet"],
            ]
        else:
            steps = [
                [uv, "venv", "--quiet", "--relocatable", "--python", python, str(place)],
                [uv, "pip", "install", "--quiet", "--python", str(_python_in(place))],
            ]
        steps[1] += ["--no-deps", "--only-binary", ":all:", "--requirement", str(pins)]
        for step in steps:
            found = _run(step)
            if found.returncode:
                raise _failed(environment, found.stderr)
    finally:
        pins.unlink(missing_ok=True)


def _prove(environment: Environment, lock: str, place: Path) -> None:
    """Import what an environment is for: that it has been resolved does not say that it works.

    The modules are compiled by that, which later starts, that write nothing, are quicker for.
    """
    named = {canonicalize_name(Requirement(text).name) for text in environment.requirements}
    wanted = sorted(named) or sorted(canonicalize_name(name) for name in _pins(lock))
    found = _run([str(_python_in(place)), "-c", SMOKE, *wanted], seconds=SMOKE_SECONDS)
    if found.returncode:
        last = "\n".join(found.stderr.strip().splitlines()[-12:])
        raise EnvironmentFailedError("does not import", f"{environment.name}: {last}")


SMOKE = """
import importlib, importlib.util, sys
from importlib import metadata
wanted = set(sys.argv[1:])
for found in metadata.distributions():
    name = (found.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-")
    if name not in wanted:
        continue
    for module in (found.read_text("top_level.txt") or name.replace("-", "_")).split():
        if module.startswith("_") or "/" in module or importlib.util.find_spec(module) is None:
            continue
        importlib.import_module(module)
"""


def _of_folder(environment: Environment, folder: Path, key: str) -> Built:
    facts = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    python = _python_in(folder)
    if not python.exists():
        raise FileNotFoundError(python)
    with contextlib.suppress(OSError):  # a cache that is only read is a cache all the same
        (folder / USED).touch()
    packages = tuple(sorted(facts["packages"].items()))
    return Built(environment, key, str(python), facts["python"], packages)


@lru_cache(maxsize=64)
def _dispatched_in(python: str) -> str:
    """Return the CPU features that numpy chooses by the machine; "" without numpy."""
    return _run([python, "-c", DISPATCHED], seconds=SMOKE_SECONDS).stdout.strip()


DISPATCHED = """
try:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
except ImportError:
    from numpy.core._multiarray_umath import __cpu_dispatch__, __cpu_features__
print(" ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name)))
"""


def _as_it_is(environment: Environment, python: str) -> Built:
    packages = tuple(sorted(_freeze_of(python).items()))
    return Built(environment, "", python, version_of(python) or "", packages)


def _python_in(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _freeze(place: Path) -> dict[str, str]:
    return _freeze_of(str(_python_in(place)))


FREEZE = """
import json
from importlib import metadata
found = {}
for distribution in metadata.distributions():
    name = distribution.metadata["Name"]
    if name:
        found.setdefault(name.lower().replace("_", "-").replace(".", "-"), distribution.version)
print(json.dumps(found))
"""


def _freeze_of(python: str) -> dict[str, str]:
    found = _run([python, "-c", FREEZE], seconds=SMOKE_SECONDS)
    if found.returncode:
        raise EnvironmentFailedError("build failed", f"{python}: {found.stderr.strip()[-2000:]}")
    packages: dict[str, str] = json.loads(found.stdout)
    return packages


def _pins(lock: str) -> dict[str, str]:
    """Return name to version of the pins of a lock."""
    found: dict[str, str] = {}
    for line in lock.splitlines():
        pin = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line.strip())
        if pin:
            found[canonicalize_name(pin[1])] = pin[2]
    return found


def _needs_old_numpy(lock: str) -> bool:
    pins = _pins(lock)
    if "numpy" not in pins or Version(pins["numpy"]) < Version("2"):
        return False
    return any(
        name in pins and Version(pins[name]) < Version(since)
        for name, since in BROKEN_WITH_NUMPY_2.items()
    )


def _needs_old_arrow(lock: str) -> bool:
    pins = _pins(lock)
    if "numpy" not in pins or "pyarrow" not in pins or Version(pins["numpy"]) >= Version("2"):
        return False
    return Version(pins["pyarrow"]) >= Version(ARROW_WITH_NUMPY_1)


def _key_of(python: str, lock: str) -> str:
    pins = [line.strip() for line in lock.splitlines() if line.strip()]
    version = version_of(python) or ""
    short = "py" + "".join(version.split(".")[:2])
    return f"{short}-{_hash(version, str(Path(python).resolve()), *sorted(pins))}"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _run(
    command: Sequence[str], given: str = "", seconds: float = BUILD_SECONDS
) -> "subprocess.CompletedProcess[str]":
    kept = {n: v for n, v in os.environ.items() if n not in LEFT_OUT}
    try:
        return subprocess.run(  # noqa: S603 - uv, or an interpreter that the owner named
            list(command),
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=kept,
        )
    except subprocess.TimeoutExpired:
        told = f"{Path(command[0]).name} did not end within {seconds:.0f} s"
        return subprocess.CompletedProcess(list(command), 1, "", told)


def _failed(environment: Environment, told: str) -> EnvironmentFailedError:
    """Return which failure a resolver or installer told of, in its own words."""
    text = told.strip()
    signs = (
        ("cache not writable", ("No space left", "Permission denied", "Read-only file system")),
        ("no wheel", ("no usable wheels", "no wheels with a matching", "no matching distribution")),
        ("index unreachable", UNREACHABLE),
        ("unsolvable", ("No solution found", "ResolutionImpossible", "unsatisfiable")),
    )
    for kind, words in signs:
        if any(word.lower() in text.lower() for word in words):
            return EnvironmentFailedError(kind, f"{environment.name}: {text}")
    return EnvironmentFailedError("build failed", f"{environment.name}: {text[-4000:]}")


UNREACHABLE = (
    *("Failed to fetch", "dns error", "tcp connect error", "network was disabled"),
    *("Connection refused", "NewConnectionError", "Temporary failure in name resolution"),
)


def _unwritable(error: OSError) -> EnvironmentFailedError:
    full = " The disk is full." if error.errno == errno.ENOSPC else ""
    return EnvironmentFailedError(
        "cache not writable",
        f"{error.filename or cache_folder()}: {error.strerror}.{full} Name another folder with the "
        f"environment variable {CACHE}.",
    )
