"""Implementations that run in a worker: they look like the team's own to whoever calls them."""

import ast
import builtins
import inspect
import sys
import sysconfig
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import polars as pl

from skewtest.declare.view import FeatureView
from skewtest.deliver.operations import Delivered, python_values
from skewtest.drive import worker
from skewtest.drive.frames import Columns, NotAFrame, kind_of, pandas_array
from skewtest.drive.guard import TimeLimitExceeded
from skewtest.environments.runtime import Runtime
from skewtest.errors import SkewtestError
from skewtest.sides.adapters import Fold, MicroBatch, PerAsOf, PerEvent, Sql
from skewtest.sides.answers import Failure, ProcessDiedError
from skewtest.sides.process import RemoteError, Worker, worker_of

LOAD_SECONDS = 60.0
GRACE_SECONDS = 2.0
"""Beyond the limit of user code, which the worker keeps itself where it can."""
ATTEMPTS = 2
"""What takes a process down twice is to blame for it; once may be somebody else's doing."""
MOST_DEATHS = 12
"""So often one online side may take its process down: each time costs a start."""
CRASHES = 3
"""So many lanes that take the process down are enough: the rest of the pack is not tried."""


class NoAddressError(SkewtestError):
    """An implementation cannot be found again by another interpreter."""

    kind = "no address"


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


@dataclass(frozen=True, slots=True)
class Address:
    """Where another interpreter finds a function or class: its module and name there.

    Attributes:
        module: its name.
        name: the dotted name within the module.
        file: the module's file.
        by_name: whether the module can be imported by its name; a script is loaded by its file.
        root: the folder that the module is imported from.
        source: the text of a function that no module holds, such as one made in a test.
        uses: the modules that such a function refers to, by the name it has for them.
        spare: the same function by its text, for where its module does not import: a test module
            may import what only the tests need.
    """

    module: str
    name: str
    file: str
    by_name: bool = True
    root: str = ""
    source: str = ""
    uses: tuple[tuple[str, str], ...] = ()
    spare: "Address | None" = None

    def sent(self) -> dict[str, Any]:
        """Return it as JSON."""
        if self.source:
            held = {"source": self.source, "name": self.name, "file": self.file}
            return {**held, "uses": dict(self.uses)}
        held = {"module": self.module, "name": self.name, "file": self.file}
        spare = None if self.spare is None else self.spare.sent()
        return {**held, "by_name": self.by_name, "spare": spare}


@dataclass(frozen=True, slots=True)
class Code:
    """User code as a worker is told to load it.

    Attributes:
        addresses: one, or the three of a fold.
        roots: folders to import from.
        kwargs: what it is always given, encoded; as text, so that it can be compared.
        shape: "function", "fold" or "sql".
        query: of "sql".
    """

    addresses: tuple[Address, ...]
    roots: tuple[str, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    shape: str = "function"
    query: str = ""

    @classmethod
    def by_name(cls, module: str, name: str) -> "Code":
        """Return a function that is not imported here, by the names of its module and its own."""
        return cls((Address(module, name, ""),), roots_of(()))

    def sent(self) -> dict[str, Any]:
        """Return the message that loads it."""
        return {
            "do": "load",
            "addresses": [address.sent() for address in self.addresses],
            "roots": list(self.roots),
            "kwargs": worker.encode(dict(self.kwargs)),
            "shape": self.shape,
            "query": self.query,
        }


@dataclass(frozen=True, slots=True, eq=False)
class RemoteFunction:
    """A batch function, or one of an adapter, that runs in a worker.

    Attributes:
        code: what to run.
        runtime: by which interpreter.
        seconds: the time limit of a call.
        parameters: the names it takes, with the kind of frame each wants.
        deaths: how often it has taken its process down.
    """

    code: Code
    runtime: Runtime
    seconds: float
    parameters: Mapping[str, str]
    deaths: list[None] = field(default_factory=list)

    def __call__(self, **given: Any) -> Any:
        """See `call`."""
        return self.call(given)

    def load(self) -> tuple[Worker, int]:
        """Return a worker that has loaded it, and its number there.

        Raises:
            CannotLoadError: it cannot be imported there.
        """
        return loaded(self.code, self.runtime)

    def call(self, given: Mapping[str, Any]) -> Any:
        """Call it with frames and other values by name; return its columns, or its type's name.

        Raises:
            RemoteError: it raised.
            ProcessDiedError: it took the process down.
            TimeLimitExceeded: it ran into its time limit.
        """
        buffers: list[bytes] = []
        frames = {
            name: _sent_frame(given[name], kind, buffers)
            if isinstance(given[name], pl.DataFrame)
            else worker.encode(given[name])
            for name, kind in self.parameters.items()
        }
        answer = self._answer(frames, buffers)
        if "columns" not in answer:
            return NotAFrame(answer["type"])
        return Columns(
            {name: worker.decode_column(column) for name, column in answer["columns"].items()}
        )

    def _answer(self, frames: Mapping[str, Any], buffers: Sequence[bytes]) -> dict[str, Any]:
        """Return a worker's answer; a process that was killed from outside is not to blame."""
        for attempt in range(ATTEMPTS):
            process, number = self.load()
            message = {
                "do": "call",
                "number": number,
                "frames": frames,
                "seconds": self.seconds,
            }
            try:
                return process.ask(message, buffers, seconds=self.seconds + GRACE_SECONDS)
            except ProcessDiedError:
                if attempt + 1 == ATTEMPTS or self.deaths:
                    self.deaths.append(None)
                    raise
        raise AssertionError


@dataclass(frozen=True, slots=True, eq=False)
class RemoteOnline:
    """An online factory whose objects live in a worker.

    Attributes:
        code: the factory.
        runtime: by which interpreter.
        seconds: the time limit of a lane.
        deaths: how often it has taken its process down.
    """

    code: Code
    runtime: Runtime
    seconds: float
    deaths: list[None] = field(default_factory=list)

    def __call__(self) -> Any:
        """Refuse: its objects are in another process."""
        raise TypeError("a remote online side is driven lane by lane")

    def load(self) -> tuple[Worker, int]:
        """See RemoteFunction.load."""
        return loaded(self.code, self.runtime)

    def answers(self, view: FeatureView, deliveries: Iterable[Delivered], answering: Any) -> None:
        """Feed lanes to fresh objects; `answering` takes what they answer, and how they fail.

        A lane that takes the process down is left out, and the others are run again.
        """
        waiting = list(deliveries)
        dead: dict[int, Failure] = {}
        deaths: Counter[int] = Counter()
        while waiting:
            process, number = self.load()
            message = {
                "do": "drive",
                "number": number,
                "seconds": self.seconds,
                **_sent_lanes(view, waiting),
            }
            allowed = (self.seconds + GRACE_SECONDS) * (1 + CRASHES)
            try:
                answer = process.ask(message, seconds=allowed)
                break
            except ProcessDiedError as error:
                culprit, failure = error.lane, died("online", error)
            except TimeLimitExceeded:
                culprit = process.last_lane
                failure = Failure("online", "timeout", {"seconds": self.seconds})
            place = culprit if 0 <= culprit < len(waiting) else 0
            deaths[waiting[place].lane] += 1
            is_known = deaths[waiting[place].lane] >= ATTEMPTS or bool(self.deaths)
            if failure.code == "crashed" and not is_known:
                continue
            self.deaths.append(None)
            lane = waiting.pop(place)
            dead[lane.lane] = failure
            answering.failures.update({row: failure for row in lane.rows if row >= 0})
            if len(dead) >= CRASHES or len(self.deaths) >= MOST_DEATHS:
                answering.skipped.update(row for d in waiting for row in d.rows if row >= 0)
                return
        else:
            return
        _taken(answer, waiting, answering, self.seconds)


def died(side: Any, error: ProcessDiedError) -> Failure:
    """Return the failure of code that took its process down."""
    return Failure(side, "crashed", {"how": error.how, "last": error.last})


def loaded(code: Code, runtime: Runtime) -> tuple[Worker, int]:
    """Return a worker that has loaded some code, and its number there.

    Raises:
        CannotLoadError: it cannot be imported there.
    """
    key = repr(code)
    for attempt in range(ATTEMPTS):
        try:
            process = worker_of(runtime)
            if key not in process.loaded:
                process.loaded[key] = process.ask(code.sent(), seconds=LOAD_SECONDS)
            return process, process.loaded[key]["number"]
        except ProcessDiedError as error:
            if attempt + 1 == ATTEMPTS:
                raise CannotLoadError(runtime, error) from error
        except RemoteError as error:
            raise CannotLoadError(runtime, error) from error
        except TimeLimitExceeded as error:
            told = RemoteError(f"it was not imported within {LOAD_SECONDS:.0f} s")
            raise CannotLoadError(runtime, told) from error
    raise AssertionError


def remote_batch(view: FeatureView, runtime: Runtime) -> Any:
    """Return a view's batch side, run in a worker.

    Raises:
        NoAddressError: another interpreter cannot find it.
    """
    side = view.batch
    if isinstance(side, PerAsOf | PerEvent):
        return replace(side, function=_remote_function(side.function, runtime, view))
    if isinstance(side, Sql):
        code = Code((), shape="sql", query=side.query)
        kinds = dict.fromkeys((*view.sources, "spine"), "pyarrow")
        if len(view.sources) == 1:
            kinds["events"] = "pyarrow"
        return RemoteFunction(code, runtime, view.timeout, kinds)
    return _remote_function(side, runtime, view)


def remote_online(view: FeatureView, runtime: Runtime) -> Any:
    """Return a view's online side, run in a worker.

    Raises:
        NoAddressError: another interpreter cannot find it.
    """
    side = view.online
    if isinstance(side, MicroBatch):
        return replace(side, function=_remote_function(side.function, runtime, view))
    if isinstance(side, Fold):
        addresses = tuple(address_of(part) for part in (side.init, side.update, side.value))
        code = Code(addresses, roots_of(addresses), shape="fold")
        return RemoteOnline(code, runtime, view.timeout)
    return RemoteOnline(code_of(side), runtime, view.timeout)


def _remote_function(function: Any, runtime: Runtime, view: FeatureView) -> RemoteFunction:
    bare = function.func if isinstance(function, partial) else function
    given = function.keywords if isinstance(function, partial) else {}
    kinds = {
        name: kind_of(parameter.annotation)
        for name, parameter in inspect.signature(bare).parameters.items()
        if name not in given
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and (parameter.default is parameter.empty or name in known_frames(view))
    }
    return RemoteFunction(code_of(function), runtime, view.timeout, kinds)


def known_frames(view: FeatureView) -> set[str]:
    """Return the names that a batch function may take."""
    return {*view.sources, "events", "spine", "as_of"}


def code_of(function: Any, *, spare: bool = False) -> Code:
    """Return how another interpreter loads a function or class, with what it is always given.

    Args:
        function: what to load.
        spare: whether its text stands in for it where its module does not import.

    Raises:
        NoAddressError: another interpreter cannot find it.
    """
    kwargs: dict[str, Any] = {}
    bare = function
    while isinstance(bare, partial):
        if bare.args:
            raise NoAddressError(f"{bare!r} holds positional arguments; give them by name")
        kwargs = {**bare.keywords, **kwargs}
        bare = bare.func
    address = address_of(bare)
    if spare and not address.source:
        address = replace(address, spare=_spare(bare))
    held = tuple(kwargs.items())
    return Code((address,), roots_of((address,)), held)


def address_of(function: Any) -> Address:
    """Return where another interpreter finds a function or class.

    Raises:
        NoAddressError: it is held by no module and has no source of its own.
    """
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    name = _name_in(module, function)
    if module is None or name is None:
        return _by_source(function)
    if module.__name__ in sys.builtin_module_names:
        return Address(module.__name__, name, "")
    file = str(Path(getattr(module, "__file__", None) or "").absolute())
    if not getattr(module, "__file__", None):
        return _by_source(function)
    by_name = module.__name__ != "__main__"
    root = _root_of(module.__name__, Path(file)) if by_name else ""
    return Address(module.__name__, name, file, by_name, root)


def _spare(function: Any) -> Address | None:
    try:
        return _by_source(function)
    except NoAddressError:
        return None


def roots_of(addresses: Sequence[Address]) -> tuple[str, ...]:
    """Return the folders that modules are imported from: their own, then those of this process.

    What is installed for this interpreter is not among them: it would hide the versions there.
    """
    ours = [Path(p).resolve() for p in {sysconfig.get_path(n) for n in INSTALLED}]
    held = [str(Path(entry or ".").absolute()) for entry in sys.path]
    own = [address.root for address in addresses if address.root]
    return tuple(
        entry
        for entry in dict.fromkeys([*own, *held])
        if Path(entry).is_dir()
        and not any(Path(entry).resolve().is_relative_to(place) for place in ours)
        and not (Path(entry) / "skewtest" / "drive" / "worker.py").exists()
    )


INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")


def _root_of(name: str, file: Path) -> str:
    """Return the folder that a module of a dotted name and a file is imported from."""
    depth = name.count(".") + (1 if file.name == "__init__.py" else 0)
    root = file.parent
    for _ in range(depth):
        root = root.parent
    return str(root)


def _name_in(module: ModuleType | None, function: Any) -> str | None:
    """Return the dotted name by which a module holds a function, None if it does not."""
    if module is None:
        return None
    dotted = getattr(function, "__qualname__", "")
    found: Any = module
    for part in dotted.split("."):
        found = getattr(found, part, None)
    if found is function or getattr(found, "function", None) is function:
        return str(dotted)
    return next((name for name, held in vars(module).items() if held is function), None)


def _by_source(function: Any) -> Address:
    """Return a function by its own text, with the modules that it refers to."""
    told = f"{getattr(function, '__qualname__', None) or repr(function)} cannot be run elsewhere"
    move = "Move it to the top level of a module."
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
        raise NoAddressError(f"{told}: no module holds it by name. {move}")
    if function.__closure__:
        held = ", ".join(function.__code__.co_freevars)
        raise NoAddressError(f"{told}: it is made inside a function, whose {held} it uses. {move}")
    try:
        source = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(source)
    except (OSError, TypeError, SyntaxError) as error:
        raise NoAddressError(f"{told}: its source cannot be read. {move}") from error
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            statement.decorator_list = []
    uses = {}
    for name in _globals_in(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, ModuleType):
            uses[name] = value.__name__
        elif name in function.__globals__ and not hasattr(builtins, name):
            raise NoAddressError(f"{told}: it uses {name}, which is defined beside it. {move}")
    return Address(
        module="",
        name=function.__name__,
        file=function.__code__.co_filename,
        source="from __future__ import annotations\n" + ast.unparse(tree),
        uses=tuple(sorted(uses.items())),
    )


def _globals_in(code: Any) -> set[str]:
    inner = (const for const in code.co_consts if hasattr(const, "co_names"))
    return set(code.co_names).union(*map(_globals_in, inner))


def _sent_frame(frame: pl.DataFrame, kind: str, buffers: list[bytes]) -> dict[str, Any]:
    """Return a frame as a message has it.

    It crosses in the form that its library reads natively: Arrow IPC for polars and pyarrow,
    plain columns for pandas and for rows. Arrow's own way to pandas differs from version to
    version (times in ns or us), and would be taken for skew.
    """
    kind = kind or "polars"
    if kind in ("polars", "polars lazy", "pyarrow"):
        buffers.append(arrow_bytes(frame))
        return {"form": "arrow", "kind": kind, "buffer": len(buffers) - 1}
    columns = [_sent_column(frame[name], kind, buffers) for name in frame.columns]
    return {"form": "columns", "kind": kind, "columns": columns}


def arrow_bytes(frame: pl.DataFrame) -> bytes:
    """Return a frame as an Arrow IPC stream that old readers know."""
    stream = frame.write_ipc_stream(None, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()


def _sent_column(column: pl.Series, kind: str, buffers: list[bytes]) -> dict[str, Any]:
    array, zone = pandas_array(column) if kind == "pandas" else (None, None)
    if array is not None:
        buffers.append(array.tobytes())
        place = len(buffers) - 1
        return {"name": column.name, "dtype": array.dtype.str, "buffer": place, "zone": zone}
    values = worker.encode_column(python_values(column))
    return {"name": column.name, "values": values, "text": column.dtype == pl.String}


def _sent_lanes(view: FeatureView, deliveries: Sequence[Delivered]) -> dict[str, Any]:
    """Return the operations of lanes: tables of payloads, and for each lane which rows of them.

    A whole column of payloads is encoded at once, which costs a fraction of one dict at a time.
    """
    payloads: dict[str, list[dict[str, Any]]] = {}
    lanes = []
    for delivered in deliveries:
        lane = []
        for row, source, payload in zip(
            delivered.rows, delivered.sources, delivered.payloads, strict=True
        ):
            table = payloads.setdefault(source, [])
            lane.append((row, source, len(table)))
            table.append(payload)
        lanes.append(lane)
    tables = {}
    for source, rows in payloads.items():
        names = list(view.sources[source].schema if source else view.spine_schema)
        columns = [worker.encode_column([row[name] for row in rows]) for name in names]
        tables[source] = {"names": names, "columns": columns}
    return {"tables": tables, "lanes": lanes}


def _taken(
    answer: Mapping[str, Any], deliveries: Sequence[Delivered], answering: Any, seconds: float
) -> None:
    """Let `answering` take what a worker's lanes answered, and how they ended."""
    for row, found in zip(answer["rows"], _each(answer["answers"]), strict=True):
        if isinstance(found, Failure):
            answering.failures[row] = found
        else:
            answering.take(row, found)
    for delivered, end in zip(deliveries, answer["ends"], strict=True):
        if end is not None:
            done, code, facts = end
            failure = _ended(code, facts, done, len(delivered.rows), seconds)
            late = [row for row in delivered.rows[done:] if row >= 0]
            if failure is None:
                answering.skipped.update(late)
            else:
                answering.failures.update(dict.fromkeys(late, failure))


def _ended(code: str, facts: Any, done: int, of: int, seconds: float) -> Failure | None:
    """Return the failure that ended a lane; None where it was not tried."""
    if code == "timeout":
        return Failure("online", "timeout", {"seconds": seconds})
    if code == "skipped":
        return None
    if code == "no_method":
        return Failure("online", "no_method", facts)
    where = {} if code == "start" else {"operation": done + 1, "of": of}
    return Failure("online", "raised", where, RemoteError.of(facts))


def _each(answers: Mapping[str, Any]) -> list[Any]:
    if "columns" in answers:
        columns = {n: worker.decode_column(column) for n, column in answers["columns"].items()}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [_one(answer) for answer in answers["each"]]


def _one(answer: Any) -> Any:
    tag = answer.get(worker.TAG) if isinstance(answer, dict) else None
    if tag == "error":
        return Failure("online", "raised", {}, RemoteError.of(answer["v"]))
    if tag == "shape":
        return Failure("online", "not_a_mapping", {k: answer[k] for k in ("type", "value")})
    return worker.decode(answer)
