"""Claims: what `skewtest --help` and the imports of a first check cost, as ratios.

The help costs at most 20 times what `python -c pass` does, and what the first check imports at
most twice what `import polars` does.

    python benchmarks/start_up.py           15 runs of each, in turn
    python benchmarks/start_up.py --tiny    3 runs, nothing is claimed

All are CPU seconds of processes of their own, interpreter included; a ratio is the median over
neighbours, so that a busy machine slows both sides of it alike. Bytecode is written to a folder of
the run, as an installation has it: without it, compiling would be most of what is measured.
"""

import os
import statistics
import subprocess
import sys
import tempfile

from _claims import Claims, cpu_of_children, smoke_parser

HELP_LIMIT = 20.0
CHECK_LIMIT = 2.0
RUNS = 15
CODES = {
    "python -c pass": "pass",
    "skewtest --help": "from skewtest.cli.main import app; app(['--help'])",
    "skewtest --version": "from skewtest.cli.main import app; app(['--version'])",
    "import polars": "import polars",
    "import polars, numpy": "import polars, numpy",
    "first check's imports": "import skewtest; skewtest.check; from skewtest.worker import clock\n"
    "with clock.frozen_clock(): pass",
}


def cpu_seconds(code: str, environment: dict[str, str]) -> float:
    """Return what a fresh interpreter takes for some code."""
    began = cpu_of_children()
    command = [sys.executable, "-c", code]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return cpu_of_children() - began


def run_each(environment: dict[str, str]) -> dict[str, float]:
    """Return what each code takes, one after the other."""
    return {name: cpu_seconds(code, environment) for name, code in CODES.items()}


def ratio(rounds: list[dict[str, float]], name: str, base: str) -> float:
    """Return the median ratio of neighbours."""
    return statistics.median(seconds[name] / seconds[base] for seconds in rounds)


def main() -> None:
    """Measure; exit with 1 if a claim does not hold."""
    parser = smoke_parser(__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, metavar="N", help="runs of each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, PYTHONPYCACHEPREFIX=folder)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for code in CODES.values():
            cpu_seconds(code, environment)  # the first run writes the bytecode
        rounds = [run_each(environment) for _ in range(3 if options.tiny else options.runs)]
    for name in CODES:
        milliseconds = 1e3 * statistics.median(seconds[name] for seconds in rounds)
        print(f"{name:<24}{milliseconds:8.1f} ms CPU")
    claims = Claims(options.tiny)
    help_ratio = ratio(rounds, "skewtest --help", "python -c pass")
    claims.at_most("skewtest --help over python -c pass", help_ratio, HELP_LIMIT)
    check_ratio = ratio(rounds, "first check's imports", "import polars")
    claims.at_most("first check's imports over import polars", check_ratio, CHECK_LIMIT)
    claims.settle()


if __name__ == "__main__":
    main()
