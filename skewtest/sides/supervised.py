"""Supervised: user code whose crash, or hang in C code, is a failure of one call or one lane.

In the process that checks a view, a segmentation fault ends the check, and no signal stops C code
that never returns. So that process keeps a journal of its calls into user code. Where it dies of
one, its parent starts it again and tells it from which call on to have user code called in
children: the parent forks one for each call, since it has never let polars use its threads, after
which polars deadlocks in whatever is forked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from skewtest.drive.streams import begin_other_streams
from skewtest.generate.history import Pack
from skewtest.sides.answers import Answers, Failure, ProcessDiedError
from skewtest.sides.children import Channel, Child
from skewtest.sides.elsewhere import CRASHES
from skewtest.sides.identity import dump, load
from skewtest.sides.journal import Journal
from skewtest.sides.objects import ObjectSide
from skewtest.sides.side import Conditions, Role, Side
from skewtest.worker.feeder import requests_among
from skewtest.worker.limits import TimeLimitExceeded

# How the messages of a child begin that checks a view: a Request follows, or what it came to.
ASKS, ENDS = b"?", b"="


@dataclass(frozen=True, slots=True)
class Request:
    """What a child is asked: a side, and what it is to answer."""

    role: Role
    side: Side
    pack: Pack
    conditions: Conditions


@dataclass(frozen=True, slots=True)
class Died:
    """That a child died of its answer, or hung.

    Attributes:
        how: "SIGSEGV", or "exit code 3"; "" where it hung.
        last: the frames of user code that it died in, as far as they are known.
        lane: the lane that ran, -1 for none.
    """

    how: str
    last: str
    lane: int

    def failure(self, name: str, seconds: float) -> Failure:
        """Return it as a failure of a side that has so many seconds."""
        if not self.how:
            return Failure(name, "timeout", {"seconds": seconds})
        return Failure(name, "crashed", {"how": self.how, "last": self.last})


@dataclass(frozen=True, slots=True)
class Raised:
    """What was raised in a child, past all that catches what user code raises."""

    error: BaseException


@dataclass(slots=True)
class Supervision:
    """Calls user code in this process, and in children from some call on.

    Attributes:
        channel: leads to the parent, which forks the children.
        journal: is told of each call.
        begins_at: the number of the first call that is left to children.
    """

    channel: Channel
    journal: Journal
    begins_at: int

    def answer(self, request: Request) -> Answers | Failure:
        """Return what a side answers; see `Side.answer`."""
        conditions = request.conditions
        is_supervised = self.journal.calls >= self.begins_at
        self.journal.begin(request.role, conditions.seconds)
        try:
            if not is_supervised:
                conditions = replace(conditions, tell=self.journal.beat)
                return request.side.answer(request.pack, conditions)
        finally:
            self.journal.end()
        if isinstance(request.side, ObjectSide):
            return self._drive_in_children(request, request.side)
        reply = self._ask(request)
        if isinstance(reply, Died):
            return reply.failure(request.side.name, conditions.seconds)
        return reply

    def _drive_in_children(self, request: Request, side: ObjectSide) -> Answers:
        """Run lanes in a child; one that it dies of is left out, and the rest run again."""
        conditions = request.conditions
        waiting = list(conditions.operations(request.pack))
        failures: dict[int, Failure] = {}
        for _ in range(CRASHES):
            rest = replace(conditions, delivered=waiting)
            reply = self._ask(replace(request, conditions=rest))
            if isinstance(reply, Answers):
                return _with_failures(reply, failures, ())
            assert isinstance(reply, Died)
            # -1, where it died before its first lane, which then is the one to leave out.
            lane = waiting.pop(min(max(0, reply.lane), len(waiting) - 1))
            failure = reply.failure(side.name, conditions.seconds)
            failures |= dict.fromkeys(requests_among(lane.rows), failure)
            # Each hang costs its whole limit, and to wait for another teaches nothing new.
            if not waiting or not reply.how:
                break
        skipped: list[int] = []
        for lane in waiting:
            skipped += requests_among(lane.rows)
        # Without lanes no user code runs.
        nothing = side.answer(request.pack, replace(conditions, delivered=()))
        return _with_failures(nothing, failures, skipped)

    def _ask(self, request: Request) -> Answers | Failure | Died:
        self.channel.send(ASKS + dump(request))
        reply: Answers | Failure | Died | Raised = load(self.channel.receive())
        if isinstance(reply, Raised):
            raise reply.error
        return reply


# That of this process, if it is a child that checks a view.
_supervision: list[Supervision] = []


def supervise(supervision: Supervision) -> None:
    """Have all user code of this process, a child, called under supervision."""
    _supervision[:] = [supervision]


def ask_side(role: Role, side: Side, pack: Pack, conditions: Conditions) -> Answers | Failure:
    """Return what a side answers, under the supervision of this process if there is one."""
    if not _supervision:
        return side.answer(pack, conditions)
    return _supervision[0].answer(Request(role, side, pack, conditions))


def answer_in_child(request: bytes) -> bytes:
    """Return the reply to a dumped Request, made by a child that is forked for it."""
    with Child.fork(partial(_answer, request)) as child:
        try:
            return child.receive()
        except ProcessDiedError as error:
            died = Died(error.how, error.last, error.lane)
        except TimeLimitExceeded:
            died = Died("", "", child.journal.read().lane)
        return dump(died)


def _answer(request: bytes, channel: Channel, journal: Journal) -> None:
    """Answer a request in this process, a child."""
    begin_other_streams()
    asked: Request = load(request)
    reply: Answers | Failure | Raised
    journal.begin(asked.role, asked.conditions.seconds)
    try:
        reply = asked.side.answer(asked.pack, replace(asked.conditions, tell=journal.beat))
    except BaseException as error:
        reply = Raised(error)
    finally:
        journal.end()
    channel.send(dump(reply))


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
