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
# Of standard error, by its end: a crash is told in its last lines, and some libraries write a lot.
KEPT_BYTES = 64 * 1024
SHOWN_LINES = 20
# Of one read: a pipe holds no more on Linux.
READ_BYTES = 1 << 20
# The two words of `Progress`: the lane, and how often there was progress.
WORD = 20
# A process that has been ended, or has closed its pipes, is gone in milliseconds.
END_SECONDS = 5
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
    variables = dict(os.environ)
    if not runtime.is_ours:
        # They are of this interpreter, and would lead another one astray.
        for name in LEFT_OUT:
            variables.pop(name, None)
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
    fields = _status_of(pid)
    if not fields:
        return 0.0
    # utime and stime: fields 14 and 15 of proc(5), of which the split begins with the third.
    return (int(fields[11]) + int(fields[12])) / TICKS


def state_of(pid: int) -> str:
    """Return the state of a process as proc(5) has it, "Z" for one that has ended; "" for none."""
    return "".join(_status_of(pid)[:1])


def _status_of(pid: int) -> list[str]:
    try:
        # After the name of the program, which may hold spaces and brackets itself.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


class RemoteError(Exception):
    """What user code raised in a worker; `remote_traceback` is its own traceback as text."""

    remote_traceback = ""

    @staticmethod
    def of(description: Mapping[str, Any], stderr: str = "") -> "RemoteError":
        """Return the exception that a worker told of, under its own name.

        Args:
            description: see `tell_error`.
            stderr: what user code wrote to its standard error before.
        """
        kind = type(description["type"], (RemoteError,), {})
        error: RemoteError = kind(description["message"])
        error.remote_traceback = description["traceback"]
        if stderr.strip():
            last = "\n".join(stderr.strip().splitlines()[-SHOWN_LINES:])
            error.remote_traceback += f"\nwritten to its standard error:\n{last}"
        return error


class GoneError(Exception):
    """The other end of a pipe has been closed."""


@dataclass(slots=True)
class Worker:
    """One process of a runtime.

    `loaded` holds what it has imported, so that nothing is loaded twice; `last_lane` the lane that
    ran when it was ended; `owner` is the process that has started it, whose forked children may
    speak to it too while their parent waits.
    """

    runtime: Runtime
    process: subprocess.Popen[bytes]
    progress: IO[bytes]
    loaded: dict[Any, dict[str, Any]] = field(default_factory=dict)
    heard: bytearray = field(default_factory=bytearray)
    listener: threading.Thread | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_lane: int = -1
    owner: int = field(default_factory=os.getpid)

    @classmethod
    def start(cls, runtime: Runtime) -> "Worker":
        """Start a worker.

        Raises:
            ProcessDiedError: the interpreter does not start.
        """
        progress = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        progress.write(b"%*d%*d" % (WORD, -1, WORD, 0))
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
        worker = cls(runtime, process, progress)
        worker.listener = threading.Thread(
            target=worker._listen, name="skewtest-listener", daemon=True
        )
        worker.listener.start()
        return worker

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
        is_answered = False
        self.heard.clear()
        try:
            with self.lock:
                answer = self._exchange(message, buffers, seconds)
            is_answered = True
        except (GoneError, OSError) as error:
            raise self._died() from error
        finally:
            if not is_answered:  # whatever comes now would be an answer to something else
                self.end()
        if "timeout" in answer:
            raise TimeLimitExceeded
        if "error" in answer:
            raise RemoteError.of(answer["error"], self.stderr())
        return answer

    def _exchange(
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

            # Part by part, as it comes: in between it is seen whether the worker still works.
            def read(size: int) -> bytes:
                parts, missing = [], size
                while missing:
                    while not selector.select(seconds / CHECKS):
                        if watch.is_over(self._beat()):
                            raise TimeLimitExceeded
                    part = os.read(channel, min(missing, READ_BYTES))
                    if not part:
                        raise GoneError
                    parts.append(part)
                    missing -= len(part)
                return b"".join(parts)

            answer, _ = read_message(read)
        return answer

    def lane(self) -> int:
        """Return the lane that runs or ran last, -1 for none."""
        return int(os.pread(self.progress.fileno(), WORD, 0))

    def _beat(self) -> bytes:
        """Return what changes whenever there is progress."""
        return os.pread(self.progress.fileno(), 2 * WORD, 0)

    @property
    def is_alive(self) -> bool:
        """Whether it can be spoken to."""
        if self.progress.closed:
            return False
        if os.getpid() != self.owner:
            return state_of(self.process.pid) not in ("", "Z")
        return self.process.poll() is None

    def stderr(self) -> str:
        """Return the end of what it wrote to its standard error, without our own frames."""
        text = bytes(self.heard).decode(errors="replace")
        # faulthandler lists a hundred modules there, after the frames.
        text = text.partition("\nExtension modules:")[0]
        return "\n".join(line for line in text.splitlines() if str(FOLDER) not in line)

    def end(self) -> None:
        """End the process."""
        if self.progress.closed:
            return
        self.last_lane = self.lane()
        # The whole group: user code may have started processes of its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        if self.listener is not None:
            self.listener.join(timeout=END_SECONDS)
        self.progress.close()

    def _died(self) -> ProcessDiedError:
        try:
            code = self.process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self.listener is not None:
            self.listener.join(timeout=END_SECONDS)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return ProcessDiedError(how, self.stderr(), self.lane())

    def _listen(self) -> None:
        """Take in what it writes to its standard error; the end of it is kept."""
        assert self.process.stderr is not None
        channel = self.process.stderr
        while part := os.read(channel.fileno(), READ_BYTES):
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
        worker = _alive.pop(runtime, None)
        if worker is not None and worker.is_alive:
            # Put back at the end: the first is the one that was used longest ago.
            _alive[runtime] = worker
            return worker
    # Not under the guard: an interpreter takes its time to start, and others may be spoken to.
    fresh = Worker.start(runtime)
    with _guard:
        _alive[runtime] = fresh
        spare = _take_spare_workers(runtime)
    for worker in spare:
        worker.end()
    return fresh


def _take_spare_workers(newest: Runtime) -> list[Worker]:
    """Take out those that are one too many and that nobody waits for; the newest stays."""
    idle = [runtime for runtime, worker in _alive.items() if not worker.lock.locked()]
    surplus = max(0, len(_alive) - MOST_WORKERS)
    return [_alive.pop(runtime) for runtime in idle[:surplus] if runtime != newest]


def end_workers() -> None:
    """End all workers that this process has started."""
    with _guard:
        workers = list(_alive.values())
        _alive.clear()
    for worker in workers:
        if worker.owner == os.getpid():
            worker.end()


atexit.register(end_workers)
