"""Supervised: a side run in a process of its own, whose crash or hang in C code is a finding.

In this process a segmentation fault ends the test run, and no signal stops C code that never
returns. A side with an address runs in a worker of this interpreter. Online objects without one
(closures, classes of a notebook) run in a forked child: what they get has been made here, because
polars deadlocks in a forked child as soon as it uses its threads.
"""

import faulthandler
import os
import pickle
import select
import signal
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO, NoReturn

from skewtest.generate.history import Pack
from skewtest.sides.addresses import NoAddressError
from skewtest.sides.answers import Answers, Failure, ProcessDiedError
from skewtest.sides.elsewhere import CRASHES, GRACE_SECONDS, CannotLoadError
from skewtest.sides.fresh import fresh_runtime
from skewtest.sides.objects import ObjectSide
from skewtest.sides.process import CHECKS, READ_BYTES, WORD, RemoteError, cpu_seconds_of
from skewtest.sides.side import Conditions, Side
from skewtest.worker.exits import exit_now
from skewtest.worker.feeder import requests_among
from skewtest.worker.limits import TimeLimitExceeded, Watch
from skewtest.worker.serve import Progress
from skewtest.worker.telling import tell_error

FAILED_CHILD = 70
"""The exit code of a child that our own code failed in; that of no signal."""


def answer_supervised(side: Side, pack: Pack, conditions: Conditions) -> Answers | Failure | str:
    """Return what a side answers in a process of its own, or why that cannot be tried.

    A lane that takes the process down, or hangs in it, fails; the others are answered.

    Args:
        side: the side, as it is here.
        pack: what is asked.
        conditions: as for `side.answer`; `seconds` are of the child's CPU time, or of waiting.
    """
    try:
        return side.at(fresh_runtime()).answer(pack, conditions)
    except (NoAddressError, CannotLoadError) as error:
        if not isinstance(side, ObjectSide) or not hasattr(os, "fork"):
            return f"{side.name} cannot be run in a process of its own: {error}"
    return _answer_in_children(side, pack, conditions)


def _answer_in_children(side: ObjectSide, pack: Pack, conditions: Conditions) -> Answers:
    """Run lanes in a forked child; one that it dies of is left out, and the rest run again."""
    waiting = list(conditions.operations(pack))
    failures: dict[int, Failure] = {}
    for _ in range(CRASHES):
        child = _Child.fork(side, pack, replace(conditions, delivered=waiting))
        try:
            with child.progress:
                return _with_failures(child.answers(conditions.seconds), failures, ())
        except ProcessDiedError as error:
            failure = Failure(side.name, "crashed", {"how": error.how, "last": error.last})
        except TimeLimitExceeded:
            failure = Failure(side.name, "timeout", {"seconds": conditions.seconds})
        # -1, where it died before its first lane, which then is the one to leave out.
        lane = waiting.pop(max(0, child.last_lane))
        failures |= dict.fromkeys(requests_among(lane.rows), failure)
    skipped = []
    for lane in waiting:
        skipped += requests_among(lane.rows)
    # Without lanes no user code runs.
    nothing = side.answer(pack, replace(conditions, delivered=()))
    return _with_failures(nothing, failures, skipped)


def _with_failures(
    answers: Answers, failures: dict[int, Failure], skipped: Sequence[int]
) -> Answers:
    rows = list(failures)
    return replace(
        answers,
        values={name: column.with_failed(rows) for name, column in answers.values.items()},
        failures={**answers.failures, **failures},
        skipped=answers.skipped | frozenset(skipped),
    )


@dataclass(slots=True)
class _Child:
    """A forked child that answers and ends."""

    pid: int
    incoming: int
    progress: IO[bytes]
    last_lane: int = -1

    @classmethod
    def fork(cls, side: ObjectSide, pack: Pack, conditions: Conditions) -> "_Child":
        """Fork a child that sends what a side answers."""
        progress = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        tell = Progress(progress.fileno()).tell
        # Before the fork: a child that dies at once has had no lane.
        tell(-1)
        incoming, outgoing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
            pid = os.fork()
        if pid == 0:
            os.close(incoming)
            _answer_and_end(side, pack, replace(conditions, tell=tell), outgoing)
        os.close(outgoing)
        return cls(pid, incoming, progress)

    def answers(self, seconds: float) -> Answers:
        """Return what the child answers.

        Raises:
            ProcessDiedError: it died.
            TimeLimitExceeded: it made no progress for so long, and was ended.
        """
        watch = Watch(seconds + GRACE_SECONDS, lambda: cpu_seconds_of(self.pid))
        parts: list[bytes] = []
        try:
            while True:
                ready, _, _ = select.select([self.incoming], [], [], seconds / CHECKS)
                if not ready:
                    self._check(watch)
                    continue
                part = os.read(self.incoming, READ_BYTES)
                if not part:
                    break
                parts.append(part)
        except BaseException:
            os.kill(self.pid, signal.SIGKILL)
            raise
        finally:
            os.close(self.incoming)
            self.last_lane = int(os.pread(self.progress.fileno(), WORD, 0))
            _, status = os.waitpid(self.pid, 0)
        # Negative for a signal, as in subprocess.
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            raise ProcessDiedError(how, lane=self.last_lane)
        answers: Answers = pickle.loads(b"".join(parts))  # noqa: S301 - our own child
        return answers

    def _check(self, watch: Watch) -> None:
        if watch.is_over(os.pread(self.progress.fileno(), 2 * WORD, 0)):
            raise TimeLimitExceeded


def _answer_and_end(
    side: ObjectSide, pack: Pack, conditions: Conditions, outgoing: int
) -> NoReturn:
    """Send what a side answers, and end this process: it is a child."""
    faulthandler.disable()  # its death is told as a finding
    try:
        answers = side.answer(pack, conditions)
        with os.fdopen(outgoing, "wb") as pipe:
            pickle.dump(_portable(answers), pipe)
    except BaseException:  # nothing of a child goes on as a second run
        exit_now(FAILED_CHILD)
    exit_now(0)


def _portable(answers: Answers) -> Answers:
    """Return answers whose exceptions are told as text: those of users may not pickle."""
    failures = {}
    # One failure may be that of many rows: it is told of once, and stays one object.
    as_text: dict[int, Failure] = {}
    for row, failure in answers.failures.items():
        if failure.exception is not None and id(failure) not in as_text:
            error = _ToldError(tell_error(failure.exception))
            as_text[id(failure)] = replace(failure, exception=error)
        failures[row] = as_text.get(id(failure), failure)
    return replace(answers, failures=failures)


class _ToldError(Exception):
    """Crosses between processes as what is told of an exception, and arrives as a RemoteError."""

    def __reduce__(self) -> tuple[object, ...]:
        return RemoteError.of, self.args
