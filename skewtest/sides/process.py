"""Processes that run user code under other versions: started once, spoken to over pipes.

The worker of `skewtest.worker.serve` answers one message at a time. A worker that dies, hangs or
breaks off in the middle is ended and started anew by whoever asks next.
"""

import atexit
import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import skewtest.worker
from skewtest.environments.runtime import LEFT_OUT, Runtime
from skewtest.sides.answers import ProcessDiedError
from skewtest.worker.codec import read_message, write_message
from skewtest.worker.limits import TimeLimitExceeded, Watch

FOLDER = Path(skewtest.worker.__file__).parent
SCRIPT = FOLDER / "__main__.py"
MOST_WORKERS = 8
"""So many are kept alive; the one that was used longest ago makes room."""
KEPT_BYTES = 64 * 1024
SHOWN_LINES = 20
FIXED = {
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf-8",
    "TZ": "UTC",
    **dict.fromkeys(
        (
            *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
            *("POLARS_MAX_THREADS", "NUMEXPR_NUM_THREADS", "ARROW_NUM_THREADS"),
        ),
        "1",
    ),
}
"""Of every worker: versions are to be the only thing that differs."""
CHECKS = 8
"""So often in a limit a worker is looked at while its answer is waited for."""
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
"""In how many parts of a second the system counts CPU time."""


INSIDE = "SKEWTEST_INSIDE"
"""Is set in every process that we start to run user code: none of them starts further ones."""


def variables_of(runtime: Runtime) -> dict[str, str]:
    """Return the environment variables of a runtime's processes."""
    if runtime.is_ours:
        variables = dict(os.environ)
    else:
        variables = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
        variables |= FIXED
    variables[INSIDE] = "1"
    variables["PYTHONHASHSEED"] = runtime.hash_seed
    variables |= dict(runtime.variables)
    if runtime.path:
        variables["PYTHONPATH"] = os.pathsep.join(runtime.path)
    return variables


def cpu_seconds_of(pid: int) -> float:
    """Return the CPU seconds of a process so far; 0.0 where the system does not tell.

    There what uses the CPU is judged by the clock, as what waits is.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


class RemoteError(Exception):
    """What user code raised in a worker; `remote_traceback` is its own traceback as text."""

    remote_traceback = ""

    @staticmethod
    def of(told: Mapping[str, Any], said: str = "") -> "RemoteError":
        """Return the exception that a worker told of, under its own name.

        Args:
            told: what the worker told.
            said: what user code wrote to its standard error before.
        """
        kind = type(told["type"], (RemoteError,), {})
        error: RemoteError = kind(told["message"])
        error.remote_traceback = told["traceback"]
        if said.strip():
            last = "\n".join(said.strip().splitlines()[-SHOWN_LINES:])
            error.remote_traceback += f"\nwritten to its standard error:\n{last}"
        return error


class GoneError(Exception):
    """The other end of a pipe has been closed."""


@dataclass(slots=True)
class Worker:
    """One process of a runtime.

    `loaded` holds what it has imported, so that nothing is loaded twice; `last_lane` the lane that
    ran when it was ended.
    """

    runtime: Runtime
    process: subprocess.Popen[bytes]
    progress: IO[bytes]
    loaded: dict[Any, dict[str, Any]] = field(default_factory=dict)
    heard: bytearray = field(default_factory=bytearray)
    listener: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_lane: int = -1

    @classmethod
    def started(cls, runtime: Runtime) -> "Worker":
        """Return a worker that has been started.

        Raises:
            ProcessDiedError: the interpreter does not start.
        """
        progress = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        progress.write(b"%20d%20d" % (-1, 0))
        progress.flush()
        stand_in = "real" if runtime.is_ours else "inert"
        try:
            process = subprocess.Popen(  # noqa: S603 - an interpreter that the owner named
                [runtime.python, str(SCRIPT), str(progress.fileno()), stand_in],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=variables_of(runtime),
                pass_fds=[progress.fileno()],
                start_new_session=True,  # Ctrl-C is ours to handle
            )
        except OSError as error:
            raise ProcessDiedError(f"{runtime.python}: {error.strerror}", "", -1) from error
        started = cls(runtime, process, progress)
        started.listener = threading.Thread(target=started._listen, daemon=True)
        started.listener.start()
        return started

    def ask(
        self, message: dict[str, Any], buffers: Sequence[bytes] = (), *, seconds: float
    ) -> dict[str, Any]:
        """Send a message and return its answer; what it has said before is forgotten.

        `seconds` are of CPU time, or of waiting, without progress.

        Raises:
            TimeLimitExceeded: no answer came in time; the worker has been ended.
            ProcessDiedError: the process died.
            RemoteError: user code raised.
        """
        answered = False
        self.heard.clear()
        try:
            with self.lock:
                answer = self._exchanged(message, buffers, seconds)
            answered = True
        except (GoneError, OSError) as error:
            raise self._died() from error
        finally:
            if not answered:  # whatever comes now would be an answer to something else
                self.end()
        if "timeout" in answer:
            raise TimeLimitExceeded
        if "error" in answer:
            raise RemoteError.of(answer["error"], self.said())
        return answer

    def _exchanged(
        self, message: dict[str, Any], buffers: Sequence[bytes], seconds: float
    ) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        write_message(self.process.stdin, message, tuple(buffers))
        channel = self.process.stdout.fileno()
        watch = Watch(seconds, partial(cpu_seconds_of, self.process.pid))
        watch.restart(self._beat())
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)

            def read(size: int) -> bytes:
                parts, missing = [], size
                while missing:
                    while not selector.select(seconds / CHECKS):
                        if watch.is_over(self._beat()):
                            raise TimeLimitExceeded
                    part = os.read(channel, min(missing, 1 << 20))
                    if not part:
                        raise GoneError
                    parts.append(part)
                    missing -= len(part)
                return b"".join(parts)

            answer, _ = read_message(read)
        return answer

    def lane(self) -> int:
        """Return the lane that runs or ran last, -1 for none."""
        return int(os.pread(self.progress.fileno(), 20, 0))

    def _beat(self) -> bytes:
        """Return what changes whenever there is progress."""
        return os.pread(self.progress.fileno(), 40, 0)

    @property
    def is_alive(self) -> bool:
        """Whether it can be spoken to."""
        return self.process.poll() is None and not self.progress.closed

    def said(self) -> str:
        """Return the end of what it wrote to its standard error, without our own frames."""
        told = bytes(self.heard).decode(errors="replace").partition("\nExtension modules:")[0]
        return "\n".join(line for line in told.splitlines() if str(FOLDER) not in line)

    def end(self) -> None:
        """End the process."""
        if self.progress.closed:
            return
        self.last_lane = self.lane()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        if self.listener is not None:
            self.listener.join(timeout=5)
        self.progress.close()

    def _died(self) -> ProcessDiedError:
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.listener is not None:
            self.listener.join(timeout=5)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ProcessDiedError(how, self.said(), self.lane())

    def _listen(self) -> None:
        """Take in what it writes to its standard error; the end of it is kept."""
        assert self.process.stderr is not None
        channel = self.process.stderr
        while part := os.read(channel.fileno(), 1 << 20):
            self.heard += part
            del self.heard[:-KEPT_BYTES]
        channel.close()


_alive: "OrderedDict[Runtime, Worker]" = OrderedDict()
_guard = threading.Lock()


def worker_of(runtime: Runtime) -> Worker:
    """Return the running worker of a runtime, started if there is none.

    Raises:
        ProcessDiedError: the interpreter does not start.
    """
    with _guard:
        found = _alive.pop(runtime, None)
        if found is not None and found.is_alive:
            _alive[runtime] = found
            return found
    fresh = Worker.started(runtime)
    with _guard:
        _alive[runtime] = fresh
        idle = [known for known, one in _alive.items() if not one.lock.locked()]
        spare = idle[: max(0, len(_alive) - MOST_WORKERS)]
        old = [_alive.pop(known) for known in spare if known != runtime]
    for one in old:
        one.end()
    return fresh


def end_workers() -> None:
    """End all workers."""
    with _guard:
        workers = list(_alive.values())
        _alive.clear()
    for one in workers:
        one.end()


atexit.register(end_workers)
