"""A fresh process, whose hashes are salted otherwise: what a side answers there.

It is started once and imports the module that holds the view, anew where its code has changed. A
view that no importable module holds, under its own name, is not tried.
"""

import atexit
import contextlib
import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import deliver
from skewtest.generate.history import Pack
from skewtest.sides.answers import Answers
from skewtest.sides.functions import answer_batch
from skewtest.sides.objects import answer_online

if TYPE_CHECKING:
    from collections.abc import Mapping

HASH_SEED = "4711"
Address = tuple[str, str]
Values = dict[str, list[Any]]

_started: dict[str, subprocess.Popen[bytes]] = {}


def answered_afresh(
    view: FeatureView, pack: Pack, side: Literal["batch", "online"]
) -> Values | None:
    """Return what a side answers in a fresh process, by feature; None where that cannot be tried.

    A row that is missing is MISSING, one that failed FAILED.
    """
    address = _address_of(view)
    if address is None:
        return None
    try:
        _send(_process().stdin, (address, sys.path, pack, side))
        answer: Values | None = _receive(_process().stdout)
    except (OSError, EOFError, pickle.PickleError, AttributeError, TypeError):
        stop()
        return None
    return answer


def stop() -> None:
    """End the process."""
    for process in _started.values():
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
    _started.clear()


def serve() -> None:
    """Answer requests until there are no more; runs in the fresh process."""
    incoming, outgoing = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what user code prints does not belong among the answers
    known: dict[str, Stamp] = {}
    while True:
        try:
            address, paths, pack, side = _receive(incoming)
        except EOFError:
            return
        if sys.path != paths or known != _stamps():
            _forget(known)
        sys.path[:] = paths
        answered = _answered(address, pack, side)
        known = _stamps()
        _send(outgoing, answered)


Stamp = tuple[str, int, int]
"""A file, when it was changed, and its size."""
INSTALLED = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))


def _stamps() -> dict[str, Stamp]:
    """Return, by module, the files of the project: of all that is not installed, or ours."""
    found: dict[str, Stamp] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not file.startswith(INSTALLED):
            with contextlib.suppress(OSError):
                told = Path(file).stat()
                found[name] = file, told.st_mtime_ns, told.st_size
    return found


def _forget(known: Iterable[str]) -> None:
    """Drop modules of another project, or of code that is no longer what it was."""
    for name in known:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def _answered(address: Address, pack: Pack, side: str) -> Values | None:
    module, name = address
    try:
        view: FeatureView = getattr(__import__(module, fromlist=[name]), name)
        answers = (
            answer_batch(view, pack)
            if side == "batch"
            else answer_online(view, pack.spine.height, deliver(view, pack), pack.scenario)
        )
    except BaseException:
        return None
    if not isinstance(answers, Answers):
        return None
    return {feature: column.to_list() for feature, column in answers.values.items()}


@lru_cache(maxsize=256)
def _address_of(view: FeatureView) -> Address | None:
    for name, module in list(sys.modules.items()):
        if name == "__main__" or not getattr(module, "__file__", None):
            continue
        found = next((n for n, obj in _items(module) if obj is view), None)
        if found is not None:
            return name, found
    return None


def _items(module: Any) -> list[tuple[str, Any]]:
    held: Mapping[str, Any] = getattr(module, "__dict__", {})
    return list(held.items())


def _process() -> subprocess.Popen[bytes]:
    if "process" not in _started:
        atexit.register(stop)
        code = "from skewtest.sides.fresh import serve; serve()"
        _started["process"] = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": HASH_SEED},
        )
    return _started["process"]


def _send(pipe: IO[bytes] | None, value: object) -> None:
    assert pipe is not None
    pickle.dump(value, pipe)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> Any:
    assert pipe is not None
    return pickle.load(pipe)  # noqa: S301 - our own process
