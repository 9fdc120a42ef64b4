"""A function on given rows under two environments: what each answers, and where they differ."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from skewtest.checks.function_inputs import Row
from skewtest.compare.encoded import Difference, find_differences
from skewtest.declare.tolerance import Tolerance
from skewtest.drive.guard import TimeLimitExceeded
from skewtest.environments.build import BuiltEnvironment
from skewtest.environments.runtime import HASH_SEEDS
from skewtest.sides.addresses import Code
from skewtest.sides.answers import Failure, ProcessDiedError
from skewtest.sides.elsewhere import CannotLoadError, loaded
from skewtest.sides.process import RemoteError
from skewtest.worker import codec

# How often each process runs a function: what differs then is not the versions' doing.
TIMES = 2
# The worker ends a run itself at its time limit; only where it cannot, it is killed after this.
GRACE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of every environment.

    Attributes:
        code: how the function is loaded there.
        kind: the kind of frame it wants of its rows; "" for a list of dicts.
        seconds: how long one run may take.
    """

    code: Code
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What one environment made of the rows, in all its runs.

    Attributes:
        value: what it returned, encoded; None if it did not.
        failure: how it failed, None if it did not.
        is_steady: whether all runs came to the same.
        deviating: where it is not steady, what another run came to.
    """

    value: Any
    failure: Failure | None
    is_steady: bool = True
    deviating: "Answer | None" = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """A function under two environments.

    Attributes:
        name: what the function is called.
        task: what is asked of it.
        left: the one environment.
        right: the other one.
        tolerance: for floats; None: bit by bit.
    """

    name: str
    task: Task
    left: BuiltEnvironment
    right: BuiltEnvironment
    tolerance: Tolerance | None

    @property
    def names(self) -> tuple[str, str]:
        """What the environments are called."""
        return self.left.environment.name, self.right.environment.name

    def compare(self, rows: Sequence[Row]) -> tuple[list[Difference], tuple[Answer, Answer]]:
        """Return where the results of both differ, and the answers that they are part of."""
        answers = self.ask(rows)
        for answer in answers:
            # There is nothing to compare: the answer itself is the finding.
            if answer.failure or not answer.is_steady:
                return [], answers
        return find_differences(answers[0].value, answers[1].value, self.tolerance), answers

    def ask(self, rows: Sequence[Row]) -> tuple[Answer, Answer]:
        """Return what both answer; each in two processes, all at the same time.

        The two differ in the seed of their hashes: what hangs on that is not the versions' doing.
        """
        encoded = [codec.encode(dict(row)) for row in rows]
        count = len(HASH_SEEDS)
        environments = [self.left] * count + [self.right] * count
        seeds = [*HASH_SEEDS, *HASH_SEEDS]

        def ask_one(environment: BuiltEnvironment, seed: str) -> list[Answer]:
            return _ask_process(self.task, environment, seed, encoded)

        with ThreadPoolExecutor(len(environments)) as pool:
            runs = list(pool.map(ask_one, environments, seeds))
        return _join_runs(runs[:count]), _join_runs(runs[count:])

    def does_same(self, rows: Sequence[Row]) -> bool:
        """Return whether both environments do the same, to fail alike included."""
        differences, (left, right) = self.compare(rows)
        if left.failure is None and right.failure is None:
            return not differences
        return _fail_alike(left, right)


def _ask_process(
    task: Task, environment: BuiltEnvironment, seed: str, rows: Sequence[Any]
) -> list[Answer]:
    """Return what one process answers, in each of its runs."""
    name = environment.environment.name
    try:
        process, number = loaded(task.code, environment.runtime(seed))
        message = {"do": "value", "number": number, "rows": rows, "kind": task.kind, "times": TIMES}
        message["seconds"] = task.seconds
        reply = process.ask(message, seconds=(task.seconds + GRACE_SECONDS) * TIMES)
    except CannotLoadError as error:
        if isinstance(error.error, ProcessDiedError):
            failure = _describe_death(name, error.error)
        else:
            failure = Failure(name, "raised", {"import": True}, error.error)
    except ProcessDiedError as error:
        failure = _describe_death(name, error)
    except TimeLimitExceeded:
        failure = Failure(name, "timeout", {"seconds": task.seconds})
    except RemoteError as error:
        failure = Failure(name, "raised", {}, error)
    else:
        return [_parse_answer(name, answer) for answer in reply["answers"]]
    return [Answer(None, failure)]


def _parse_answer(name: str, answer: Mapping[str, Any]) -> Answer:
    if "error" in answer:
        return Answer(None, Failure(name, "raised", {}, RemoteError.of(answer["error"])))
    return Answer(answer["value"], None)


def _describe_death(name: str, error: ProcessDiedError) -> Failure:
    return Failure(name, "crashed", {"how": error.how, "last": error.last})


def _join_runs(processes: Sequence[Sequence[Answer]]) -> Answer:
    """Return the one answer of all runs of some processes, or that they differ."""
    runs: list[Answer] = []
    for answers in processes:
        runs += answers
    first = runs[0]
    for run in runs[1:]:
        if first.failure is None and run.failure is None:
            # Bit by bit, whatever the tolerance: the same versions have nothing to excuse.
            is_same = not find_differences(first.value, run.value)
        else:
            is_same = _fail_alike(first, run)
        if not is_same:
            return Answer(first.value, first.failure, is_steady=False, deviating=run)
    return first


def _fail_alike(left: Answer, right: Answer) -> bool:
    """Return whether both fail, and with the same code, wherever that is."""
    if left.failure is None or right.failure is None:
        return False
    return left.failure.signature[1:] == right.failure.signature[1:]
