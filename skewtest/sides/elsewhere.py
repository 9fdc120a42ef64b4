"""Elsewhere: user code that runs in a worker, under other versions or in a fresh process."""

import inspect
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import polars as pl

from skewtest.deliver.operations import Delivered
from skewtest.drive.frames import Columns, NotAFrame, kind_of
from skewtest.drive.guard import TimeLimitExceeded, WrongParametersError
from skewtest.environments.runtime import Runtime
from skewtest.errors import SkewtestError
from skewtest.sides.addresses import Address, Code, NoAddressError, code_of
from skewtest.sides.answers import Failure, ProcessDiedError
from skewtest.sides.frames_sent import pack_frame
from skewtest.sides.process import INSIDE, RemoteError, Worker, worker_of
from skewtest.worker.codec import decode, decode_column, encode
from skewtest.worker.feeder import requests_among
from skewtest.worker.parcels import pack_lanes

# To import heavy libraries from a cold disk takes long, and is no fault of the code's.
LOAD_SECONDS = 60.0
GRACE_SECONDS = 2.0
"""Beyond the limit of user code, which the worker keeps itself where it can."""
ATTEMPTS = 2
"""What takes a process down twice is to blame for it; once may be somebody else's doing."""
MOST_DEATHS = 12
"""So often one online side may take its process down: each time costs a start."""
CRASHES = 3
"""So many lanes that take the process down are enough: the rest of the pack is not tried."""


class CannotLoadError(SkewtestError):
    """An implementation cannot be imported in an environment.

    Attributes:
        runtime: where.
        error: what was raised there; a RemoteError or a ProcessDiedError.
    """

    kind = "code does not import"

    def __init__(self, runtime: Runtime, error: Exception) -> None:
        super().__init__(f"{runtime.name}: {type(error).__name__}: {error}")
        self.runtime, self.error = runtime, error


def loaded(code: Code, runtime: Runtime) -> tuple[Worker, int]:
    """Return a worker that has loaded some code, and its number there.

    Raises:
        CannotLoadError: it cannot be imported there.
    """
    key = repr(code)
    if runtime.is_ours:
        _refuse_to_run_scripts_again(code)
    for attempt in range(ATTEMPTS):
        try:
            process = worker_of(runtime)
            if key not in process.loaded:
                process.loaded[key] = process.ask(code.to_message(), seconds=LOAD_SECONDS)
            return process, process.loaded[key]["number"]
        except ProcessDiedError as error:
            if attempt + 1 == ATTEMPTS:
                raise CannotLoadError(runtime, error) from error
        except RemoteError as error:
            raise CannotLoadError(runtime, error) from error
        except TimeLimitExceeded as error:
            late = RemoteError(f"it was not imported within {LOAD_SECONDS:.0f} s")
            raise CannotLoadError(runtime, late) from error
    raise AssertionError


def _refuse_to_run_scripts_again(code: Code) -> None:
    """Refuse what only running a script anew would find, or what is asked from such a process.

    In an environment of versions skewtest is inert, here it is not: a script that checks its view
    would check it again in the process that was to answer, which would start another, and so on.

    Raises:
        NoAddressError: the code is a script's, or this is a process of the kind itself.
    """
    if os.environ.get(INSIDE):
        raise NoAddressError("this is a process of that kind itself")
    for address in code.addresses:
        if not address.by_name and not address.source:
            raise NoAddressError(f"{address.name} is held by a script, which would run again")


@dataclass(slots=True)
class RemoteCaller:
    """Calls user code in a worker.

    Attributes:
        runtime: by which interpreter.
        seconds: the time limit of a call.
        clock: "frozen" or "real".
        home: where the function is held, if by no name of its own.
        deaths: how often the code has taken its process down.
        cpu: CPU seconds that the calls took.
    """

    runtime: Runtime
    seconds: float
    clock: str = "frozen"
    home: Address | None = None
    deaths: list[None] = field(default_factory=list)
    cpu: float = 0.0

    def call(self, function: Callable[..., Any], given: Mapping[str, Any]) -> Any:
        """Call a function with the values that its parameters name; return its columns.

        What is no frame comes back as the name of its type.

        Raises:
            WrongParametersError: a parameter without default names nothing there is.
            RemoteError: it raised.
            ProcessDiedError: it took the process down.
            TimeLimitExceeded: it ran into its time limit.
        """
        kinds: dict[str, str] = {}
        unknown = []
        for name, (kind, is_needed) in parameter_kinds_of(function).items():
            if name in given:
                kinds[name] = kind
            elif is_needed:
                unknown.append(name)
        if unknown:
            raise WrongParametersError(unknown, list(given))
        return self._call(code_of(function, home=self.home), kinds, given)

    def query(self, text: str, frames: Mapping[str, pl.DataFrame]) -> Any:
        """Run a query over frames by name, by DuckDB; see `call`."""
        code = Code((), shape="sql", query=text)
        return self._call(code, dict.fromkeys(frames, "pyarrow"), frames)

    def _call(self, code: Code, kinds: Mapping[str, str], given: Mapping[str, Any]) -> Any:
        buffers: list[bytes] = []
        frames = {}
        for name, kind in kinds.items():
            value = given[name]
            is_frame = isinstance(value, pl.DataFrame)
            frames[name] = pack_frame(value, kind, buffers) if is_frame else encode(value)
        answer = self._answer(code, frames, buffers)
        self.cpu += answer["cpu_seconds"]
        if "columns" not in answer:
            return NotAFrame(answer["type"])
        return Columns({name: decode_column(column) for name, column in answer["columns"].items()})

    def _answer(
        self, code: Code, frames: Mapping[str, Any], buffers: Sequence[bytes]
    ) -> dict[str, Any]:
        """Return a worker's answer; a process that was killed from outside is not to blame."""
        for attempt in range(ATTEMPTS):
            process, number = loaded(code, self.runtime)
            message = {
                "do": "call",
                "number": number,
                "frames": frames,
                "seconds": self.seconds,
                "clock": self.clock,
            }
            try:
                return process.ask(message, buffers, seconds=self.seconds + GRACE_SECONDS)
            except ProcessDiedError:
                if attempt + 1 == ATTEMPTS or self.deaths:
                    self.deaths.append(None)
                    raise
        raise AssertionError


@lru_cache(maxsize=256)
def parameter_kinds_of(function: Any) -> Mapping[str, tuple[str, bool]]:
    """Return, by parameter, the kind of frame that it wants and whether it has no default."""
    bare, bound = function, {}
    if isinstance(function, partial):
        bare, bound = function.func, function.keywords
    kinds = {}
    for name, parameter in inspect.signature(bare).parameters.items():
        # `*args` and `**kwargs` name no frame.
        is_named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if is_named and name not in bound:
            has_no_default = parameter.default is parameter.empty
            kinds[name] = (kind_of(parameter.annotation), has_no_default)
    return kinds


@dataclass(slots=True)
class RemoteDriver:
    """Drives online objects in a worker; a lane that takes the process down harms no other.

    Attributes:
        code: the factory of the objects.
        runtime: by which interpreter.
        side: who is to be blamed for failures.
        message: what each message holds: features, time limit, clock.
        deaths: how often the code has taken its process down.
    """

    code: Code
    runtime: Runtime
    side: str
    message: Mapping[str, Any]
    deaths: list[None]
    dead: dict[int, Failure] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    skipped: list[int] = field(default_factory=list)

    def drive(self, lanes: Sequence[Delivered]) -> dict[str, Any] | None:
        """Return the worker's answer on the lanes that leave it alive, None if there are none.

        `failures` and `skipped` hold the spine rows of the other lanes.
        """
        waiting = list(lanes)
        deaths: Counter[int] = Counter()
        while waiting:
            process, number = loaded(self.code, self.runtime)
            message = {"do": "drive", "number": number, **self.message, **pack_lanes(waiting)}
            try:
                return process.ask(message, seconds=self.message["seconds"] + GRACE_SECONDS)
            except ProcessDiedError as error:
                position, failure = error.lane, died(self.side, error)
            except TimeLimitExceeded:
                position = process.last_lane
                facts = {"seconds": self.message["seconds"]}
                failure = Failure(self.side, "timeout", facts)
            # It may have died before its first lane, which then is the one to look at.
            if not 0 <= position < len(waiting):
                position = 0
            deaths[waiting[position].lane] += 1
            if self._is_to_blame(failure, deaths[waiting[position].lane]):
                self._leave_out(waiting.pop(position), failure)
            if len(self.dead) >= CRASHES or len(self.deaths) >= MOST_DEATHS:
                for lane in waiting:
                    self.skipped += requests_among(lane.rows)
                return None
        return None

    def _is_to_blame(self, failure: Failure, deaths: int) -> bool:
        """Return whether a lane is at fault, and not somebody who killed the process."""
        # Code that has taken a process down before is believed to have done so again.
        return failure.code == "timeout" or deaths >= ATTEMPTS or bool(self.deaths)

    def _leave_out(self, lane: Delivered, failure: Failure) -> None:
        self.deaths.append(None)
        self.dead[lane.lane] = failure
        self.failures |= dict.fromkeys(requests_among(lane.rows), failure)


def died(side: str, error: ProcessDiedError) -> Failure:
    """Return the failure of code that took its process down."""
    return Failure(side, "crashed", {"how": error.how, "last": error.last})


def failures_of(side: str, answer: Mapping[str, Any]) -> dict[int, Failure]:
    """Return, by spine row, the failures that a worker told of."""
    failures: dict[int, Failure] = {}
    for rows, code, facts, error in answer["failures"]:
        raised = None if error is None else RemoteError.of(error)
        failures |= dict.fromkeys(rows, Failure(side, code, decode(facts), raised))
    return failures
