"""Locks: what an environment asks for, resolved to pins of everything, once, and kept.

Some libraries promise less than they need: a release of pandas from before numpy 2 installs beside
it and does not import. Such pairs are known here, and resolved again with an older partner.
"""

import contextlib
import json
import platform
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from packaging.utils import canonicalize_name
from packaging.version import Version

from skewtest.declare.environment import Environment
from skewtest.environments.cache import cache_folder, cache_key, explain_unwritable, hash_texts
from skewtest.environments.commands import run_command
from skewtest.environments.failures import EnvironmentFailedError, classify_failure
from skewtest.environments.interpreters import interpreter_of, uv_path, version_of
from skewtest.files import write_whole

OLD_NUMPY, OLD_ARROW = "numpy<2", "pyarrow<20"
NUMPY_2 = Version("2")
# Some later release of pyarrow installs beside numpy 1 and does not import with it.
ARROW_WITHOUT_NUMPY_1 = Version("20.0")
# Releases before these install beside numpy 2 and do not import with it.
FIRST_WITH_NUMPY_2 = {
    "pandas": Version("2.2.2"),
    "pyarrow": Version("16.0"),
    "scipy": Version("1.13.0"),
    "scikit-learn": Version("1.4.2"),
    "numba": Version("0.60.0"),
    "numexpr": Version("2.10.0"),
}

# A source distribution needs compilers, and what they make hangs on the machine.
_WHEELS_ONLY = ("--only-binary", ":all:")
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)")
_PIN_LINE = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+( *;[^@\\]*)?( *#.*)?")

Tell: TypeAlias = Callable[[str], None]


def quiet(_line: str) -> None:
    """Tell nothing."""


def lock_environment(environment: Environment, python: str, tell: Tell = quiet) -> str:
    """Return the requirements of an environment with everything pinned, one a line.

    They are resolved when they are first needed and kept: later runs have the same versions, also
    without a network.

    Args:
        environment: what is asked for.
        python: the path of its interpreter.
        tell: called with a line for each step.

    Raises:
        EnvironmentFailedError: there is no solution, or no way to find one.
    """
    if environment.lock is not None:
        return _load_lock(environment.lock)
    file = _lock_file(environment, python)
    if lock := _load_kept_lock(file, environment.requirements):
        return lock
    tell(f"{environment.name}: resolving")
    lock = _resolve_pairs(environment, python)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(file, lock)
    except OSError as error:
        raise explain_unwritable(error) from error
    return lock


def _load_kept_lock(file: Path, requirements: Sequence[str]) -> str:
    """Return a lock that was kept; "" where there is none, or one that holds more than pins.

    What it says is installed, and so run: a line that names an index, a file or an address that
    nobody has asked for was not written by us.
    """
    requests = {requirement.replace(" ", "") for requirement in requirements}
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    lines = [line.strip() for line in text.splitlines()]
    for line in lines:
        is_ours = not line or line.startswith("#") or _PIN_LINE.fullmatch(line)
        if not is_ours and line.replace(" ", "") not in requests:
            return ""
    return text


def find_cache_key(environment: Environment) -> str:
    """Return the key that an environment has in the cache, "" where it was never resolved."""
    try:
        python = interpreter_of(environment.python)
        file = _lock_file(environment, python)
        if environment.lock is not None:
            file = Path(environment.lock)
        return cache_key(python, file.read_text(encoding="utf-8"))
    except (EnvironmentFailedError, OSError):
        return ""


def list_requests(environment: Environment) -> list[str]:
    """Return what an environment asks for, as lines of a requirements file.

    Comments hold what is no requirement and yet decides on the solution: a lock is kept under the
    hash of these lines. Of the project's own pyproject.toml, that is a hash of the file.

    Raises:
        EnvironmentFailedError: extras or groups are asked for, and there is no pyproject.toml.
    """
    requests = list(environment.requirements)
    if environment.extras or environment.groups:
        requests.append(f"# {_hash_project(environment)}")
    for word, names in (
        ("prefer", environment.prefer),
        ("extra", environment.extras),
        ("group", environment.groups),
    ):
        for name in names:
            requests.append(f"# {word} {name}")
    return requests


def parse_pins(lock: str) -> dict[str, str]:
    """Return name to version of the pins of a lock."""
    pins: dict[str, str] = {}
    for line in lock.splitlines():
        pin = _PIN.match(line.strip())
        if pin:
            pins[canonicalize_name(pin[1])] = pin[2]
    return pins


def _load_lock(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailedError("lock missing", f"{file}: {error.strerror}") from error


def _lock_file(environment: Environment, python: str) -> Path:
    """Return the file that the lock of an environment is kept in."""
    requests = list_requests(environment)
    # Wheels differ by Python and machine, so the same requests have another solution there.
    key = hash_texts(version_of(python) or "", platform.machine(), sys.platform, *requests)
    return cache_folder() / "locks" / f"{key}.txt"


def _hash_project(environment: Environment) -> str:
    project = Path(environment.root) / "pyproject.toml"
    try:
        return hash_texts(project.read_text(encoding="utf-8"))
    except OSError as error:
        raise EnvironmentFailedError(
            "lock missing", f"{project}: {error.strerror}; extras and groups are read from it"
        ) from error


def _resolve_pairs(environment: Environment, python: str) -> str:
    """Return a lock whose libraries also import beside each other."""
    requests = list_requests(environment)
    lock = _resolve(environment, python, requests)
    if _needs_old_numpy(lock):
        lock = _resolve(environment, python, [*requests, OLD_NUMPY])
    if _needs_old_arrow(lock):
        # There is no solution where the owner pins a later pyarrow; the imports will tell then.
        with contextlib.suppress(EnvironmentFailedError):
            lock = _resolve(environment, python, [*requests, OLD_NUMPY, OLD_ARROW])
    return lock


def _needs_old_numpy(lock: str) -> bool:
    pins = parse_pins(lock)
    if "numpy" not in pins or Version(pins["numpy"]) < NUMPY_2:
        return False
    return any(
        name in pins and Version(pins[name]) < first for name, first in FIRST_WITH_NUMPY_2.items()
    )


def _needs_old_arrow(lock: str) -> bool:
    pins = parse_pins(lock)
    if "numpy" not in pins or "pyarrow" not in pins:
        return False
    has_numpy_1 = Version(pins["numpy"]) < NUMPY_2
    return has_numpy_1 and Version(pins["pyarrow"]) >= ARROW_WITHOUT_NUMPY_1


def _resolve(environment: Environment, python: str, requests: Sequence[str]) -> str:
    # A Python alone: pip and uv refuse to resolve nothing.
    if not (requests or environment.extras or environment.groups):
        return ""
    uv = uv_path()
    if uv is None:
        return _resolve_by_pip(environment, python, requests)
    return _resolve_by_uv(uv, environment, python, requests)


def _resolve_by_uv(uv: str, environment: Environment, python: str, requests: Sequence[str]) -> str:
    project = str(Path(environment.root) / "pyproject.toml")
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python", python, *_WHEELS_ONLY, "-"]
    if environment.extras:
        command.append(project)
    for name in environment.extras:
        command += ["--extra", name]
    for name in environment.groups:
        command += ["--group", f"{project}:{name}"]
    with tempfile.TemporaryDirectory() as folder:
        # uv keeps what stands in its output file already wherever it can: that is `prefer`.
        output = Path(folder) / "requirements.txt"
        output.write_text("\n".join(environment.prefer), encoding="utf-8")
        command += ["--output-file", str(output)]
        answer = run_command(command, stdin="\n".join(requests))
        if answer.returncode:
            raise classify_failure(environment.name, answer.stderr)
        return output.read_text(encoding="utf-8")


def _resolve_by_pip(environment: Environment, python: str, requests: Sequence[str]) -> str:
    """Return what pip would install; slow, and the user is told why."""
    warnings.warn(
        "uv is not installed: environments are built by venv and pip, slowly", stacklevel=2
    )
    if environment.extras or environment.groups:
        raise EnvironmentFailedError("build failed", "extras and groups need uv: pip install uv")
    requirements = [request for request in requests if not request.startswith("#")]
    command = [python, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
    command += ["--report", "-", *_WHEELS_ONLY, *requirements]
    answer = run_command(command)
    if answer.returncode:
        raise classify_failure(environment.name, answer.stderr)
    pins = []
    for package in json.loads(answer.stdout)["install"]:
        facts = package["metadata"]
        pins.append(f"{facts['name']}=={facts['version']}\n")
    return "".join(pins)
