"""A check in a process of its own: whatever user code does there, this one goes on and tells of it.

The process is forked, so that it has the very views, settings and modules of this one; what it
finds comes back through a pipe. Where it dies or hangs, the check is run again, with user code in
further children from there on (`sides.supervised`), until the history is found that does it.
"""

import contextlib
import signal
import sys
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, TextIO, TypeVar, cast, get_args

from skewtest.checks.died import finding_of_death, outcomes_of_death
from skewtest.checks.relations import DETERMINISM
from skewtest.declare.divergence import FailureCode
from skewtest.declare.view import FeatureView
from skewtest.report.result import Result
from skewtest.results.outcome import Outcome
from skewtest.session import Again, command_of
from skewtest.sides.answers import Failure, ProcessDiedError
from skewtest.sides.binding import side_of
from skewtest.sides.children import Channel, Child, limit_memory
from skewtest.sides.foreign import ForeignSide
from skewtest.sides.forking import reason_against_forking
from skewtest.sides.fresh import INSTALLED, start_fresh_process
from skewtest.sides.identity import dump, load, register
from skewtest.sides.journal import Journal
from skewtest.sides.process import end_workers
from skewtest.sides.side import Role
from skewtest.sides.supervised import (
    ASKS,
    ENDS,
    Raised,
    Supervision,
    answer_in_child,
    supervise,
)
from skewtest.worker.limits import TimeLimitExceeded
from skewtest.worker.threads import threads_left, threads_now

T = TypeVar("T")
NEVER = sys.maxsize
# The check as it is; again, supervised from where it died; again, supervised from the start,
# because it died sooner than the time before.
ATTEMPTS = 3
# Of the calls that went well before: how many are not supervised. A run adapts to what code costs,
# so the call that was fatal may come somewhat sooner the next time.
MARGIN = 0.9
# Ends that may be somebody else's doing, such as the system's that is short of memory, and are no
# finding unless they come again.
FROM_OUTSIDE = (signal.SIGKILL.name, signal.SIGTERM.name, signal.SIGHUP.name)


@dataclass(frozen=True, slots=True)
class Back:
    """What comes back of a check in a process of its own.

    Attributes:
        value: what it returned.
        modules: what it has imported of what is installed.
        warned: text, category, file and line of the warnings that it gave.
        threads: the names of threads of user code that have not ended.
    """

    value: Any
    modules: Sequence[str] = ()
    warned: Sequence[tuple[str, type[Warning], str, int]] = ()
    threads: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Death:
    """How a process of its own ended before its check did.

    Attributes:
        failure: that it crashed or hung, as a failure of the side that was called.
        calls: how many calls into user code had been begun.
    """

    failure: Failure
    calls: int

    @property
    def may_be_from_outside(self) -> bool:
        """Whether it is no finding unless it comes again."""
        return self.failure.code == "timeout" or self.failure.facts["how"] in FROM_OUTSIDE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process that checks a view.

    Attributes:
        view: the view; what it holds goes by its identity between the processes.
        work: what is run; returns what is to come back.
        begins_at: the number of the call from which on user code is supervised.
        memory: how many bytes user code may take; None: any number.
    """

    view: Any
    work: Callable[[], Any]
    begins_at: int = NEVER
    memory: int | None = None

    def make(self) -> Back | Death:
        """Fork the process; return what came of it.

        Raises:
            BaseException: what was raised there.
        """
        with Child.fork(partial(_work, self)) as child:
            try:
                while (message := child.receive())[:1] == ASKS:
                    child.send(answer_in_child(message[1:]))
                return self._take(load(message[1:]))
            except ProcessDiedError as error:
                return _death_of(child, "crashed", {"how": error.how, "last": error.last})
            except TimeLimitExceeded:
                seconds = child.journal.read().seconds or self.view.timeout
                return _death_of(child, "timeout", {"seconds": seconds})

    def _take(self, message: Back | Raised) -> Back | Death:
        if isinstance(message, Back):
            return message
        if isinstance(message.error, MemoryError) and self.memory is not None:
            # What user code took was missing to our own.
            facts = {"how": "MemoryError", "last": ""}
            return Death(Failure("user code", "crashed", facts), 0)
        raise message.error


def _death_of(child: Child, code: FailureCode, facts: Mapping[str, Any]) -> Death:
    entry = child.journal.read()
    return Death(Failure(entry.role or "user code", code, facts), entry.calls)


def _work(attempt: Attempt, channel: Channel, journal: Journal) -> None:
    """Do what an attempt is to do, in its process, and send what came of it."""
    supervise(Supervision(channel, journal, attempt.begins_at))
    if attempt.memory is not None:
        limit_memory(attempt.memory)
    modules, threads = set(sys.modules), threads_now()
    warned: list[tuple[str, type[Warning], str, int]] = []

    def note_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,  # noqa: ARG001 - as `warnings` calls it
        line: str | None = None,  # noqa: ARG001 - the same
    ) -> None:
        warned.append((str(message), category, filename, lineno))

    message: Back | Raised
    try:
        warnings.showwarning = note_warning
        value = attempt.work()
        message = Back(value, _find_new_modules(modules), warned, threads_left(threads))
    except BaseException as error:  # noqa: BLE001 - it is raised in the process that asked
        message = Raised(error)
    finally:
        end_workers()
    channel.send(ENDS + dump(message, instead=attempt.view))


def _find_new_modules(before: Collection[str]) -> list[str]:
    """Return the modules that were imported since, without those of the project."""
    names = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name not in before and isinstance(file, str) and file.startswith(INSTALLED):
            names.append(name)
    return names


def work_apart(view: object, work: Callable[[], T]) -> T:
    """Return what some work of ours comes to, done in a process of its own where one can be had.

    To make texts of frames lets polars begin its threads; see `sides.forking`.
    """
    if reason_against_forking():
        return work()
    register(view)
    back = Attempt(view, work).make()
    if isinstance(back, Death):
        return work()
    value: T = back.value
    return value


def check_apart(
    view: FeatureView,
    scenarios: Sequence[str],
    seed: int,
    again: Again,
    check: Callable[[], Result],
    *,
    here: bool = False,
    memory: int | None = None,
    tell: Callable[[str], None],
) -> Result:
    """Return what a check of a view comes to, run in a process of its own where one can be had.

    Args:
        view: the view.
        scenarios: the names of the scenarios that it is checked under.
        seed: of the check.
        again: makes the command that runs it again.
        check: checks it.
        here: whether it is to run in this process.
        memory: how many bytes user code may take in another process; None: any number.
        tell: is told the name of each thread of user code that has not ended.
    """
    if here or not _are_sides_ours(view) or reason_against_forking():
        threads = threads_now()
        result = check()
        for name in threads_left(threads):
            tell(name)
        return result
    register(view)
    if DETERMINISM in view.relations:
        start_fresh_process(view)
    deaths: list[Death] = []
    begins_at = NEVER
    for _ in range(ATTEMPTS):
        came = Attempt(view, check, begins_at, memory).make()
        if isinstance(came, Back):
            _follow(came, tell)
            result = cast("Result", came.value)
            return replace(result, outcomes=_add_deaths(result.outcomes, deaths))
        deaths.append(came)
        begins_at = int(MARGIN * max(0, came.calls - 1)) if len(deaths) == 1 else 0
    outcomes = outcomes_of_death(view, scenarios, seed, deaths[-1].failure)
    return Result(view, outcomes, command_of(outcomes, again))


def _are_sides_ours(view: FeatureView) -> bool:
    """Return whether both sides are of our kinds; others may hold connections of this process."""
    if view.batch is None or view.online is None:
        return False
    return not any(isinstance(side_of(view, role), ForeignSide) for role in get_args(Role))


def _follow(back: Back, tell: Callable[[str], None]) -> None:
    """Do in this process what its child has done for all that come after it."""
    for name in back.modules:
        # So that no child has to import it again.
        with contextlib.suppress(Exception):
            import_module(name)
    for text, category, file, line in back.warned:
        warnings.warn_explicit(text, category, file, line)
    for name in back.threads:
        tell(name)


def _add_deaths(outcomes: tuple[Outcome, ...], deaths: Sequence[Death]) -> tuple[Outcome, ...]:
    """Return outcomes with a finding of what has ended a process and was not found again."""
    for outcome in outcomes:
        for finding in outcome.findings:
            if any(failure.code in ("crashed", "timeout") for failure in finding.failures):
                return outcomes
    for death in deaths:
        if not death.may_be_from_outside:
            first = outcomes[0]
            finding = finding_of_death(first.view, first.scenario, death.failure)
            return (replace(first, findings=(*first.findings, finding)), *outcomes[1:])
    return outcomes
