"""Building environments: resolved once, cached by what they hold, safe under several runs at once.

An environment is locked before it is built, so that everything in it is pinned, not just what was
named; the lock is kept and used again. It is built in a folder of its own, proven by importing
what it is for, and only then renamed to its place: whatever is there is whole.
"""

import contextlib
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skewtest.declare.environment import Environment
from skewtest.environments.cache import (
    FACTS,
    USED,
    cache_folder,
    cache_key,
    explain_unwritable,
    load_facts,
)
from skewtest.environments.commands import run_command
from skewtest.environments.failures import EnvironmentFailedError, classify_failure
from skewtest.environments.interpreters import interpreter_of, uv_path, version_of
from skewtest.environments.locks import Tell, list_requests, lock_environment, parse_pins, quiet
from skewtest.environments.probes import import_packages, list_cpu_features, list_packages
from skewtest.environments.runtime import HASH_SEEDS, Runtime
from skewtest.files import write_whole


@dataclass(frozen=True, slots=True)
class BuiltEnvironment:
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

    def runtime(self, hash_seed: str = HASH_SEEDS[0]) -> Runtime:
        """Return how user code is run by it."""
        variables = dict(self.environment.variables)
        if self.environment.cpu == "baseline":
            variables["NPY_DISABLE_CPU_FEATURES"] = list_cpu_features(self.python)
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


def build_environment(environment: Environment, tell: Tell = quiet) -> BuiltEnvironment:
    """Return an environment that can be used; it is built unless it is in the cache.

    Args:
        environment: what to build.
        tell: called with a line for each step.

    Raises:
        EnvironmentFailedError: it cannot be had.
    """
    if environment.is_here:
        return _describe(environment, sys.executable)
    if environment.interpreter is not None:
        return _describe_interpreter(environment, environment.interpreter)
    python = interpreter_of(environment.python)
    lock = lock_environment(environment, python, tell)
    key = cache_key(python, lock)
    folder = cache_folder() / key
    try:
        return _load_built(environment, folder, key)
    except (OSError, ValueError, KeyError):
        pass  # it is not there, or not whole
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{key}.lock"):
            # Another run may have built it while this one waited for the lock.
            if load_facts(folder) is None:
                _build(environment, python, lock, folder, tell)
    except OSError as error:
        raise explain_unwritable(error) from error
    return _load_built(environment, folder, key)


def _describe_interpreter(environment: Environment, python: str) -> BuiltEnvironment:
    if version_of(python) is None:
        raise EnvironmentFailedError(
            "interpreter missing",
            f"{python} is not there or does not run; interpreter= of "
            f"{environment.name!r} must be the path of a Python.",
        )
    return _describe(environment, python)


def _describe(environment: Environment, python: str) -> BuiltEnvironment:
    """Return an environment that was not built by us, with what it holds."""
    packages = tuple(sorted(list_packages(python).items()))
    return BuiltEnvironment(environment, "", python, version_of(python) or "", packages)


def _load_built(environment: Environment, folder: Path, key: str) -> BuiltEnvironment:
    facts = load_facts(folder)
    python = _python_in(folder)
    if facts is None or not python.exists():
        raise FileNotFoundError(python)
    with contextlib.suppress(OSError):  # a cache that can only be read is a cache all the same
        (folder / USED).touch()
    packages = tuple(sorted(facts.packages.items()))
    return BuiltEnvironment(environment, key, str(python), facts.python, packages)


def _build(environment: Environment, python: str, lock: str, folder: Path, tell: Tell) -> None:
    """Build an environment beside its place, prove it, and move it there."""
    _remove_unfinished(folder)
    count = len(parse_pins(lock))
    tell(f"{environment.name}: building (Python {version_of(python)}, {count} packages)")
    began = time.perf_counter()
    draft = folder.with_name(f"{folder.name}.building-{os.getpid()}")
    try:
        _install(environment, python, lock, draft)
        new_python = str(_python_in(draft))
        import_packages(new_python, environment.name, _packages_to_prove(environment, lock))
        seconds = round(time.perf_counter() - began, 2)
        facts = {
            "name": environment.name,
            "python": version_of(new_python),
            "packages": list_packages(new_python),
            "asked": _describe_requests(environment),
            "seconds": seconds,
        }
        write_whole(draft / FACTS, json.dumps(facts, indent=1))
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    tell(f"{environment.name}: built in {seconds} s")


def _remove_unfinished(folder: Path) -> None:
    """Remove what builds that were killed have left: we hold the lock, so nobody is at it."""
    for unfinished in folder.parent.glob(f"{folder.name}.building-*"):
        shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _describe_requests(environment: Environment) -> list[str]:
    if environment.lock is not None:
        return [environment.lock]
    return list_requests(environment)


def _packages_to_prove(environment: Environment, lock: str) -> list[str]:
    """Return the packages that the owner named; where a lock names all, all of them."""
    named = {canonicalize_name(Requirement(text).name) for text in environment.requirements}
    return sorted(named) or sorted(parse_pins(lock))


def _install(environment: Environment, python: str, lock: str, folder: Path) -> None:
    pins = folder.with_suffix(folder.suffix + ".txt")
    write_whole(pins, lock)
    try:
        for command in _list_install_commands(python, folder, pins, lock):
            answer = run_command(command)
            if answer.returncode:
                raise classify_failure(environment.name, answer.stderr)
    finally:
        pins.unlink(missing_ok=True)


def _list_install_commands(python: str, folder: Path, pins: Path, lock: str) -> list[list[str]]:
    new_python = str(_python_in(folder))
    uv = uv_path()
    if uv is None:
        create = [python, "-m", "venv", str(folder)]
        install = [new_python, "-m", "pip", "install", "--quiet"]
    else:
        # It is moved to its place once it is proven: its scripts must not name this folder.
        create = [uv, "venv", "--quiet", "--relocatable", "--python", python, str(folder)]
        install = [uv, "pip", "install", "--quiet", "--python", new_python]
    # The lock is whole, so nothing is resolved again: what is installed is what was locked.
    install += ["--no-deps", "--only-binary", ":all:", "--requirement", str(pins)]
    # A Python alone has nothing to install.
    return [create, install] if lock.strip() else [create]


def _python_in(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"
