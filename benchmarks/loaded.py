"""Claim: the same seed keeps the same counterexamples on an idle and on a busy machine.

Checks views whose skews take long to make small, by the command line and from one seed: once as
the machine is, once beside 4 processes that do nothing but keep it busy. The kept files, which CI
and a laptop are to share, must be the same by name and to the byte. And one check after another in
one process shows the same history: the first is the slower one, for it loads and compiles.

    python benchmarks/loaded.py [--tiny]
"""

import contextlib
import multiprocessing
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from _claims import Claims, smoke_parser

import skewtest as sk
from skewtest.demo import skewed

BUSY = 4
MODULE = "_hard_to_minimise"
VIEWS = ("cap_of_100", "eight_bits", "most_of_5000")
SEED = 0
FOUND = 1
"""The exit code of `skewtest check` where there is skew."""


def keep_busy() -> None:
    """Use a whole core, until the process is ended."""
    while True:
        pass


@contextlib.contextmanager
def busy_machine(processes: int) -> Iterator[None]:
    """Keep processes busy beside what is run inside."""
    busy = [multiprocessing.Process(target=keep_busy, daemon=True) for _ in range(processes)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.terminate()
            process.join()


def kept_files(view: str) -> dict[str, bytes]:
    """Check a view in a process of its own; return the counterexamples that it kept."""
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).with_name("skewtest"), "check", f"{MODULE}:{view}"]
        options = [f"--seed={SEED}", f"--corpus={folder}"]
        done = subprocess.run(
            [*command, *options],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != FOUND:
            raise SystemExit(f"{view}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        paths = sorted(Path(folder).rglob("*.json"))
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def shown_histories() -> list[tuple[int, str]]:
    """Check the demo's view; return where its findings were met, and their events."""
    result = sk.check(skewed.spend, seed=7, histories=128)
    return [(f.found_at, str(f.counterexample.events.rows())) for f in result.findings]


def main() -> None:
    """Compare; exit with 1 where the claim does not hold."""
    claims = Claims(smoke_parser(__doc__).parse_args().tiny)
    for view in VIEWS[:1] if claims.tiny else VIEWS:
        idle = kept_files(view)
        with busy_machine(1 if claims.tiny else BUSY):
            loaded = kept_files(view)
        print(f"{view}: idle {', '.join(idle)}; busy {', '.join(loaded)}")
        claims.holds(f"{view}: the files are the same", true=idle == loaded)
    first = shown_histories()
    claims.holds("a check shows the same a second time", true=first == shown_histories())
    claims.settle()


if __name__ == "__main__":
    main()
