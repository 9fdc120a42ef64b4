"""The options and ini keys. Imports pytest alone."""

import argparse
import math

import pytest

PROFILES = ("dev", "ci", "nightly")
MATRICES = ("none", "declared", "star", "pairwise", "full")
STAR = "star"
"""The cells of the matrix that are run by default."""


def add_options(parser: pytest.Parser) -> None:
    """Add the options and ini keys."""
    group = parser.getgroup("skewtest", "training-serving skew")
    group.addoption(
        "--skew-histories", type=_count, metavar="N", help="histories for each view and scenario"
    )
    group.addoption("--skew-seed", type=_natural, metavar="N", help="seed that reproduces a run")
    group.addoption(
        "--skew-seconds",
        type=_seconds,
        metavar="S",
        help="the most seconds to spend on each view (dev: 60, ci: 120, nightly: 1,800)",
    )
    group.addoption(
        "--skew-profile",
        choices=PROFILES,
        help="dev: 6,400 histories, new seed; ci: twice as many, fixed seed (default where CI is "
        "set); nightly: 20 times as many, new seed",
    )
    group.addoption(
        "--skew-report",
        metavar="DIR",
        help="write the parity report (HTML, JSON and Markdown) to DIR",
    )
    group.addoption(
        "--skew-baseline", metavar="FILE", help="an earlier report.json to compare the report with"
    )
    group.addoption(
        "--skew-history", metavar="FILE", help="append the run to a history file (JSONL)"
    )
    group.addoption(
        "--skew-matrix",
        choices=MATRICES,
        default=STAR,
        help="which cells of the version matrix of pyproject.toml to run: pairs that are declared, "
        "and of its axes one at a time (star, the default), each pair of versions, or all",
    )
    group.addoption(
        "--skew-matrix-missing",
        choices=("error", "skip"),
        default="error",
        help="what a cell is whose environments cannot be had",
    )
    group.addoption(
        "--skew-memory",
        type=_count,
        metavar="MB",
        help="the most memory that code under test may take; what asks for more gets a MemoryError",
    )
    group.addoption(
        "--skew-explore",
        action="store_true",
        help="also try the delivery scenarios that views do not declare, as advice",
    )
    parser.addini("skew_histories", "histories for each view and scenario", default="")
    parser.addini("skew_seconds", "default of --skew-seconds", default="")
    parser.addini("skew_memory", "default of --skew-memory", default="")
    parser.addini("skew_profile", "default of --skew-profile", default="")
    parser.addini("skew_corpus", "folder of kept counterexamples", default="")


def check_options(config: pytest.Config) -> None:
    """Raise UsageError for an option without its file, or an ini key with a wrong value."""
    # A shell gives '' for a variable that is not set; as a path it would be the current folder.
    for option, metavar in (("report", "DIR"), ("baseline", "FILE"), ("history", "FILE")):
        if config.getoption(f"skew_{option}") == "":
            kind = "folder" if metavar == "DIR" else "file"
            raise pytest.UsageError(f"--skew-{option}={metavar} needs a {kind}; got ''")
        # Files are written with pytest's summary, and would silently not be without it.
        if config.getoption(f"skew_{option}") and config.pluginmanager.is_blocked("terminal"):
            raise pytest.UsageError(
                f"--skew-{option} needs pytest's plugin 'terminal'; leave out -p no:terminal"
            )
    profile = config.getini("skew_profile")
    if profile and profile not in PROFILES:
        profiles = ", ".join(map(repr, PROFILES))
        raise pytest.UsageError(f"skew_profile must be one of {profiles}; got {profile!r}")
    # argparse checks options by itself; ini keys are texts that nobody has looked at.
    for key, parse in (
        ("skew_histories", _count),
        ("skew_seconds", _seconds),
        ("skew_memory", _count),
    ):
        text = config.getini(key)
        try:
            if text:
                parse(text)
        except argparse.ArgumentTypeError as error:
            raise pytest.UsageError(f"{key} {error}") from error


def stays_here(config: pytest.Config) -> bool:
    """Return whether views are to be checked in this very process.

    With a debugger or without capturing, somebody wants to see what happens in it.
    """
    return bool(config.option.usepdb or config.option.trace or config.option.capture == "no")


def histories_of(config: pytest.Config) -> int | None:
    """Return how many histories the option or the ini key says; None where neither does."""
    option: int | None = config.getoption("skew_histories")
    text = config.getini("skew_histories")
    if option is None and text:
        return _count(text)
    return option


def memory_of(config: pytest.Config) -> int | None:
    """Return how many bytes the option or the ini key allows; None where neither does."""
    option: int | None = config.getoption("skew_memory")
    text = config.getini("skew_memory")
    megabytes = _count(text) if option is None and text else option
    return None if megabytes is None else megabytes * 2**20


def seconds_of(config: pytest.Config) -> float | None:
    """Return how many seconds the option or the ini key says; None where neither does."""
    option: float | None = config.getoption("skew_seconds")
    text = config.getini("skew_seconds")
    if option is None and text:
        return _seconds(text)
    return option


def seed_of(config: pytest.Config) -> int | None:
    """Return the seed that our option says, or Hypothesis's; None where neither does."""
    option: int | None = config.getoption("skew_seed")
    if option is not None:
        return option
    # Hypothesis takes any text for a seed, and may not be installed.
    hypothesis_seed = str(config.getoption("hypothesis_seed", None) or "")
    if not hypothesis_seed.isdigit():
        return None
    return int(hypothesis_seed)


def _natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number above 0; got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0; got {text!r}")
    return seconds
