"""Forked children: they run something and send what came of it, whatever user code does to them."""

import contextlib
import ctypes
import faulthandler
import gc
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn, Self

from skewtest.sides.answers import ProcessDiedError
from skewtest.sides.journal import Journal
from skewtest.sides.process import READ_BYTES, cpu_seconds_of
from skewtest.tracebacks import OUR_CODE
from skewtest.worker.exits import exit_now
from skewtest.worker.limits import TimeLimitExceeded, Watch

try:
    import resource
except ImportError:  # a system without limits
    resource = None  # type: ignore[assignment]

# The exit code of a child that our own code failed in; that of no signal.
FAILED_CHILD = 70
# The exit code of a child that cannot send what it has done: user code has closed its files.
CLOSED_CHILD = 71
CLOSED = "its files were closed"
LENGTH = struct.Struct("=Q")
# So often a child that works is looked at.
LOOK_SECONDS = 0.25
# Beyond the limit of user code, which a child keeps itself where it can; never more than half of
# that limit.
GRACE_SECONDS = 2.0
# So long at least a child that seems to wait is let wait. Its CPU time is told in hundredths of a
# second, and six busy processes on each core may keep it from one for a quarter of a second.
IDLE_SECONDS = 2.0
# CPU seconds, or seconds of waiting, between two calls into user code: our own code needs few.
ENGINE_SECONDS = 300.0
# A child that has closed its channel is gone in milliseconds, unless user code has closed it.
CLOSING_SECONDS = 2.0
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


class Channel:
    """One end of a connection between a parent and its child: whole messages, either way."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, data: bytes) -> None:
        """Send one message."""
        self.connection.sendall(LENGTH.pack(len(data)) + data)

    def receive(self) -> bytes:
        """Return the next message; it is waited for.

        Raises:
            EOFError: the other end is gone.
        """
        return self._read(LENGTH.unpack(self._read(LENGTH.size))[0])

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            part = self.connection.recv(min(size, READ_BYTES))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


Work = Callable[[Channel, Journal], None]


@dataclass(slots=True)
class Child:
    """A forked child, as its parent sees it.

    Attributes:
        pid: its number, and that of the group of all that it starts.
        journal: how far it has come.
    """

    pid: int
    journal: Journal
    _channel: Channel
    _crash: IO[bytes]
    _status: int | None = None
    _parts: bytearray = field(default_factory=bytearray)

    @classmethod
    def fork(cls, work: Work) -> "Child":
        """Fork a child that does some work and ends."""
        journal = Journal()
        ours, theirs = socket.socketpair()
        crash = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the child
        # What waits in a buffer would be written twice.
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        parent = os.getpid()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
            pid = os.fork()
        if pid == 0:
            ours.close()
            _work_and_end(work, Channel(theirs), journal, crash, parent)
        theirs.close()
        return cls(pid, journal, Channel(ours), crash)

    def send(self, data: bytes) -> None:
        """Send a message; one that has died is found out by who listens next."""
        with contextlib.suppress(OSError):
            self._channel.send(data)

    def receive(self) -> bytes:
        """Return the next message of the child.

        Raises:
            ProcessDiedError: it died.
            TimeLimitExceeded: it hangs, and was ended.
        """
        watch = _WatchOverCalls(self)
        while (message := self._take_message()) is None:
            ready, _, _ = select.select([self._channel.connection], [], [], watch.pause())
            if ready:
                self._hear()
            elif self._has_ended():
                # What it has sent before is all there; its end may be held open by its children.
                self._hear_rest()
                if (message := self._take_message()) is not None:
                    return message
                raise self._death()
            elif watch.is_over():
                self.end()
                raise TimeLimitExceeded
        return message

    def end(self) -> None:
        """End the child, with all that it has started; what its journal says stays."""
        if self._status is None:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(self.pid, signal.SIGKILL)
            _, self._status = os.waitpid(self.pid, 0)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the child and let go of what it shares with this process."""
        self.end()
        self._channel.connection.close()
        self._crash.close()
        self.journal.close()

    def __enter__(self) -> Self:
        """Close it when the block is over."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def _hear(self) -> None:
        try:
            part = self._channel.connection.recv(READ_BYTES)
        except OSError:
            part = b""
        if not part:
            raise self._death()
        self._parts += part

    def _hear_rest(self) -> None:
        self._channel.connection.settimeout(0)
        with contextlib.suppress(BlockingIOError, OSError):
            while part := self._channel.connection.recv(READ_BYTES):
                self._parts += part

    def _take_message(self) -> bytes | None:
        if len(self._parts) < LENGTH.size:
            return None
        (size,) = LENGTH.unpack_from(self._parts)
        if len(self._parts) < LENGTH.size + size:
            return None
        message = bytes(self._parts[LENGTH.size : LENGTH.size + size])
        del self._parts[: LENGTH.size + size]
        return message

    def _has_ended(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
        return self._status is not None

    def _death(self) -> ProcessDiedError:
        """Return how it died."""
        lane = self.journal.read().lane
        patience = time.monotonic() + CLOSING_SECONDS
        while not self._has_ended():
            if time.monotonic() > patience:
                self.end()
                return ProcessDiedError(CLOSED, lane=lane)
            time.sleep(0.001)
        assert self._status is not None
        code = os.waitstatus_to_exitcode(self._status)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if code == CLOSED_CHILD:
            how = CLOSED
        self._crash.seek(0)
        return ProcessDiedError(
            how, users_frames(self._crash.read().decode(errors="replace")), lane
        )


class _WatchOverCalls:
    """Tells whether a child has used up the time of what it does, or waits for ever."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.entry = child.journal.read()
        self.watch = self._begin()

    def pause(self) -> float:
        """Return how long to wait for a message before the child is looked at."""
        return min(LOOK_SECONDS, self.watch.seconds / 4)

    def is_over(self) -> bool:
        """Return whether the child is to be ended."""
        entry = self.child.journal.read()
        if (entry.calls, entry.role) != (self.entry.calls, self.entry.role):
            self.entry = entry
            self.watch = self._begin()
            return False
        return self.watch.is_over(entry.beats)

    def _begin(self) -> Watch:
        seconds = ENGINE_SECONDS
        if self.entry.role is not None:
            seconds = self.entry.seconds + min(GRACE_SECONDS, self.entry.seconds / 2)
        return Watch(seconds, partial(cpu_seconds_of, self.child.pid), IDLE_SECONDS)


def limit_memory(size: int) -> None:
    """Let this process take so many bytes of memory beyond those that it has; where systems can."""
    if resource is None:
        return
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + size
    resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def users_frames(text: str) -> str:
    """Return what a crash left behind, down to the first frame of ours.

    Above it stand the frames of user code, the one that crashed first.
    """
    lines = []
    # faulthandler lists a hundred modules there, after the frames.
    for line in text.partition("\nExtension modules:")[0].splitlines():
        if f'File "{OUR_CODE}' in line:
            break
        lines.append(line)
    return "\n".join(lines).strip()


def _work_and_end(
    work: Work, channel: Channel, journal: Journal, crash: IO[Any], parent: int
) -> NoReturn:
    """Do the work in this process, a child, and end it."""
    code = FAILED_CHILD
    try:
        _settle(crash, parent)
        work(channel, journal)
        code = 0
    except OSError:
        code = CLOSED_CHILD
    except BaseException:
        faulthandler.disable()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):
            stream.flush()
    exit_now(code)


def _settle(crash: IO[Any], parent: int) -> None:
    """Prepare a child: it dies with its parent, and Ctrl-C is the parent's to hear."""
    # A group of its own, so that all that user code starts ends with it.
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, lambda *_: None)
    # Handlers that the parent has for its own end would run here too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        exit_now(FAILED_CHILD)
    faulthandler.enable(file=crash, all_threads=False)
    # What was made before is not looked through by the collector: to do so copies its memory.
    gc.freeze()
