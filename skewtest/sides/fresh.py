"""A fresh process, whose hashes are salted otherwise: what a side answers there.

It is a worker of this process's own interpreter. It imports the module that holds the side, or the
view that the side is an attribute of; where no module holds either, the reason is told.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

from skewtest.declare.view import FeatureView
from skewtest.environments.runtime import HASH_SEEDS, Runtime
from skewtest.generate.history import Pack
from skewtest.sides.addresses import Address, NoAddressError, address_of_attribute
from skewtest.sides.answers import Answers, Failure, ProcessDiedError
from skewtest.sides.binding import side_of
from skewtest.sides.elsewhere import CannotLoadError
from skewtest.sides.process import INSIDE, worker_of
from skewtest.sides.side import Conditions, Role

Stamp = tuple[str, int, int]
"""A file, when it was changed, and its size."""
INSTALLED = (sys.prefix, sys.base_prefix, str(Path(__file__).parents[1]))


def answered_afresh(view: FeatureView, pack: Pack, role: Role) -> Answers | str:
    """Return what a side answers in a fresh process, or why that cannot be tried.

    Args:
        view: the view.
        pack: what is asked.
        role: which of its sides is asked.
    """
    try:
        moved = side_of(view, role).at(fresh_runtime(_home_of(view, role)))
        answers = moved.answer(pack, Conditions.of(view, pack.scenario))
    except (NoAddressError, CannotLoadError) as error:
        return str(error)
    if isinstance(answers, Failure):
        return f"{answers.code} there"
    return answers


def start_fresh_process(view: FeatureView) -> None:
    """Have the fresh process run, if a side of a view can be asked there: forked children use it.

    One that each of them started itself would cost each the import of all that user code needs.
    """
    if os.environ.get(INSIDE):
        return
    for role in get_args(Role):
        try:
            side_of(view, role).at(fresh_runtime(_home_of(view, role)))
            worker_of(fresh_runtime())
        except (NoAddressError, ProcessDiedError):
            continue
        return


def fresh_runtime(home: Address | None = None) -> Runtime:
    """Return this interpreter as a place to run a side at, with other hashes.

    Args:
        home: where the side is held, if by no name of its own.
    """
    return Runtime(
        "fresh",
        sys.executable,
        # As it is now: what a test has put on the path is to be found there too.
        path=tuple(str(Path(entry or ".").absolute()) for entry in sys.path),
        hash_seed=HASH_SEEDS[1],
        is_ours=True,
        generation=_process.generation(),
        home=home,
    )


class _Process:
    """What the fresh process has imported: code that has changed since takes another process."""

    def __init__(self) -> None:
        self.known: dict[str, Stamp] = {}
        self.number = 0

    def generation(self) -> int:
        """Return the number of the process that has imported the code as it is now."""
        stamps = _stamps()
        # What is gone from `sys.modules` has not changed for the process that has imported it.
        if any(stamps.get(name, stamp) != stamp for name, stamp in self.known.items()):
            self.number += 1
            self.known = {}
        self.known |= stamps
        return self.number


_process = _Process()


def _stamps() -> dict[str, Stamp]:
    """Return, by module, the files of the project: of all that is not installed, or ours."""
    stamps: dict[str, Stamp] = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not file.startswith(INSTALLED):
            with contextlib.suppress(OSError):
                status = Path(file).stat()
                stamps[name] = file, status.st_mtime_ns, status.st_size
    return stamps


def _home_of(view: FeatureView, role: Role) -> Address | None:
    """Return the address of a view's side: its attribute, where a module holds the view."""
    holder = _holder_of(view)
    return None if holder is None else address_of_attribute(*holder, role)


@lru_cache(maxsize=256)
def _holder_of(view: FeatureView) -> tuple[str, str] | None:
    """Return the module that holds a view and the name that it has there."""
    # A list, since to look at the attributes of a lazy module may import another.
    for name, module in list(sys.modules.items()):
        # `__main__` would be run once more, and check the view once more.
        if name != "__main__" and getattr(module, "__file__", None):
            for attribute, value in _attributes(module):
                if value is view:
                    return name, attribute
    return None


def _attributes(module: Any) -> Iterator[tuple[str, Any]]:
    yield from list(getattr(module, "__dict__", {}).items())
