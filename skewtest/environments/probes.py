"""What an interpreter holds, found out by running small programs in it.

The programs run under Python 3.8 and later and import the standard library alone.
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from skewtest.environments.commands import PROBE_SECONDS, run_command
from skewtest.environments.failures import EnvironmentFailedError

# A traceback's end tells which import failed; more would bury it.
_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 2000

_LIST_PACKAGES = """
import json
from importlib import metadata
found = {}
for distribution in metadata.distributions():
    name = distribution.metadata["Name"]
    if name:
        found.setdefault(name.lower().replace("_", "-").replace(".", "-"), distribution.version)
print(json.dumps(found))
"""

# Private modules (`_cffi_backend`) and paths in top_level.txt are no names that users import.
_IMPORT_PACKAGES = """
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

# numpy 2 moved the module.
_LIST_CPU_FEATURES = """
try:
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__
except ImportError:
    from numpy.core._multiarray_umath import __cpu_dispatch__, __cpu_features__
print(" ".join(name for name in __cpu_dispatch__ if __cpu_features__.get(name)))
"""


def list_packages(python: str) -> dict[str, str]:
    """Return name to version of everything that an interpreter has installed.

    Raises:
        EnvironmentFailedError: it does not run.
    """
    answer = run_command([python, "-c", _LIST_PACKAGES], seconds=PROBE_SECONDS)
    if answer.returncode:
        reason = answer.stderr.strip()[-_SHOWN_CHARACTERS:]
        raise EnvironmentFailedError("build failed", f"{python}: {reason}")
    packages: dict[str, str] = json.loads(answer.stdout)
    return packages


def import_packages(python: str, name: str, packages: Sequence[str]) -> None:
    """Import packages in an interpreter: that they could be resolved does not say that they work.

    Their modules are compiled by it, so that later starts, which write nothing, are quicker.

    Args:
        python: the interpreter's path.
        name: the environment's name, for the message.
        packages: canonical names.

    Raises:
        EnvironmentFailedError: one of them does not import.
    """
    command = [python, "-c", _IMPORT_PACKAGES, *packages]
    answer = run_command(command, seconds=PROBE_SECONDS)
    if answer.returncode:
        last_lines = answer.stderr.strip().splitlines()[-_SHOWN_LINES:]
        raise EnvironmentFailedError("does not import", f"{name}: " + "\n".join(last_lines))


@lru_cache(maxsize=64)
def list_cpu_features(python: str) -> str:
    """Return the CPU features that numpy chooses by the machine, with spaces; "" without numpy."""
    command = [python, "-c", _LIST_CPU_FEATURES]
    return run_command(command, seconds=PROBE_SECONDS).stdout.strip()
