"""Claim: an empty `pytest --collect-only` costs at most 30 ms more with skewtest than without.

    python benchmarks/collect_only.py            this environment, with and without the plugin
    python benchmarks/collect_only.py --venvs    clean environments: pytest, Hypothesis, skewtest

All are run in turn, so that a busy machine slows all alike; the difference is the median over
neighbours. Collecting waits for nothing, so CPU time is what a quiet machine's clock shows, and
the claim is judged by it. Hypothesis's own pytest plugin is off on both sides: it loads all of
Hypothesis at the end of a run, which skewtest spares its users, and a second won there would
hide a second lost. `--venvs` also pays for what comes with skewtest, that plugin included.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _claims import Claims, cpu_of_children, smoke_parser

ROOT = Path(__file__).parents[1]
ALLOWED_MS = 30
EMPTY = 5
"""pytest's exit code when it has collected nothing."""


def cost(command: list[str], folder: Path) -> tuple[float, float]:
    """Return what one run of a command takes: milliseconds of CPU and on the wall clock."""
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began, cpu = time.perf_counter(), cpu_of_children()
    ran = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, check=False)
    took = cpu_of_children() - cpu, time.perf_counter() - began
    if ran.returncode != EMPTY:
        raise SystemExit(f"{command} exited with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return 1e3 * took[0], 1e3 * took[1]


def collect(python: Path | str, *options: str) -> list[str]:
    """Return the command that collects an empty project."""
    return [str(python), "-m", "pytest", "--collect-only", "-q", *options]


def this_environment() -> dict[str, list[str]]:
    """Return what to compare where skewtest is installed."""
    others_off = ("-p", "no:hypothesispytest")
    return {
        "without skewtest": collect(sys.executable, *others_off, "-p", "no:skewtest"),
        "with skewtest": collect(sys.executable, *others_off),
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
    return more


def main() -> None:
    """Measure; exit with 1 if the claim does not hold."""
    parser = smoke_parser(__doc__)
    parser.add_argument("--runs", type=int, default=41, metavar="N", help="runs of each")
    parser.add_argument("--venvs", action="store_true", help="compare clean environments")
    options = parser.parse_args()
    claims = Claims(options.tiny)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "empty"
        folder.mkdir()
        sides = clean_environments(Path(name)) if options.venvs else this_environment()
        more = compare(sides, 3 if options.tiny else options.runs, folder)
    claims.at_most("an empty collection costs more", more, ALLOWED_MS, "ms of CPU")
    claims.settle()


if __name__ == "__main__":
    main()
