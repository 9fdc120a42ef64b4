"""Claim: an empty `pytest --collect-only` costs at most 30 ms more with skewtest than without.

    python benchmarks/collect_only.py            this environment, with and without the plugin
    python benchmarks/collect_only.py --venvs    clean environments: pytest, Hypothesis, skewtest

All are run in turn, so that a busy machine slows all alike; the difference is the median over
neighbours. Collecting waits for nothing, so CPU time is what a quiet machine's clock shows, and
the claim is judged by it. Hypothesis has a pytest plugin of its own, whose terminal summary loads
all of Hypothesis; skewtest spares an empty run that, which would hide what skewtest itself costs.
So both sides here leave that plugin out, and `--venvs` shows what an installation really pays.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALLOWED_MS = 30
EMPTY = 5
"""pytest's exit code when it has collected nothing."""


def cost(command: list[str], folder: Path) -> tuple[float, float]:
    """Return what one run of a command takes: milliseconds of CPU and on the wall clock."""
    began, cpu = time.perf_counter(), children_seconds()
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    took = children_seconds() - cpu, time.perf_counter() - began
    if ran.returncode != EMPTY:
        raise SystemExit(f"{command} exited with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return 1e3 * took[0], 1e3 * took[1]


def children_seconds() -> float:
    """Return the CPU time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def collect(python: Path | str, *options: str) -> list[str]:
    """Return the command that collects an empty project."""
    return [str(python), "-m", "pytest", "--collect-only", "-q", *options]


def this_environment() -> dict[str, list[str]]:
    """Return what to compare where skewtest is installed."""
    bare = ("-p", "no:hypothesispytest")
    return {
        "without skewtest": collect(sys.executable, *bare, "-p", "no:skewtest"),
        "with skewtest": collect(sys.executable, *bare),
    }


def clean_environments(folder: Path) -> dict[str, list[str]]:
    """Make environments that hold nothing else; return what to compare in them."""
    made = {}
    for name, wanted in {
        "pytest": ("pytest",),
        "pytest, Hypothesis": ("pytest", "hypothesis"),
        "pytest, skewtest": ("pytest", str(ROOT)),
    }.items():
        home = folder / wanted[-1].replace("/", "_")
        subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", home], check=True)
        python = home / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
        made[name] = collect(python)
    return made


def compare(sides: dict[str, list[str]], runs: int, folder: Path) -> float:
    """Print a line for each side; return what the last costs more than the first, in ms of CPU."""
    for command in sides.values():
        cost(command, folder)  # the first run writes the bytecode
    rounds = [[cost(command, folder) for command in sides.values()] for _ in range(runs)]
    print(f"median of {runs:<3} runs      CPU     ratio   difference     wall clock")
    more = 0.0
    for at, name in enumerate(sides):
        cpu, wall = (statistics.median(found[at][unit] for found in rounds) for unit in (0, 1))
        first = statistics.median(found[0][0] for found in rounds)
        more = statistics.median(found[at][0] - found[0][0] for found in rounds)
        print(f"{name:<20}{cpu:7.1f} ms {cpu / first:7.2f} {more:+9.1f} ms {wall:11.1f} ms")
    print(f"allowed difference: {ALLOWED_MS} ms of CPU")
    return more


def main() -> None:
    """Measure; exit with 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=41, metavar="N", help="runs of each")
    parser.add_argument("--venvs", action="store_true", help="compare clean environments")
    parser.add_argument("--tiny", action="store_true", help="3 runs, nothing is claimed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "empty"
        folder.mkdir()
        sides = clean_environments(Path(name)) if options.venvs else this_environment()
        more = compare(sides, 3 if options.tiny else options.runs, folder)
    if more > ALLOWED_MS and not options.tiny:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
