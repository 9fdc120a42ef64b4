"""Kept counterexamples that no check of a run has looked at: guards that are gone.

Imports pytest alone, so that a run that meets no view stays light.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from skewtest.harness.gathering import Gathering

DEFAULT_CORPUS = "tests/skew-corpus"
# Options of pytest that leave tests out, by the name of what they set.
CHOOSING = ("keyword", "markexpr", "deselect", "lf", "stepwise", "ignore", "ignore_glob")


def corpus_of(config: pytest.Config) -> Path:
    """Return the folder of kept counterexamples."""
    return config.rootpath / (config.getini("skew_corpus") or DEFAULT_CORPUS)


def check_corpus(config: pytest.Config) -> None:
    """Raise UsageError for a corpus that is configured and not there: its guards are gone."""
    named = config.getini("skew_corpus")
    if named and not corpus_of(config).is_dir():
        raise pytest.UsageError(
            f"skew_corpus names the folder {named!r}, which is not there: kept counterexamples "
            f"would not be run. Restore it, name the folder they are in, or make an empty one "
            f"(mkdir -p {named}; git keeps it with a file .gitkeep in it)."
        )


def has_files(config: pytest.Config) -> bool:
    """Return whether there are kept counterexamples at all."""
    folder = corpus_of(config)
    return any(folder.glob("*.json")) or any(folder.glob("*/*.json"))


def is_whole(config: pytest.Config, deselected: object = ()) -> bool:
    """Return whether a run is of all tests of the project, as far as can be seen.

    Args:
        config: of the run.
        deselected: the tests that were left out.
    """
    if config.args_source is pytest.Config.ArgsSource.ARGS or deselected:
        return False
    return not any(config.getoption(name, None) for name in CHOOSING)


def name_checked(gathering: Gathering, renamed: Mapping[str, str]) -> set[str]:
    """Return the names of the views that were checked, and the old names of those."""
    names: set[str] = set()
    for part in gathering.parts:
        names.update(view["name"] for view in part["views"])
        names.update(outcome["view"] for outcome in part["outcomes"])
    names.update([old for old, new in renamed.items() if new in names])
    return names


def word_strays(strays: Sequence[tuple[str, str]], root: Path) -> list[str]:
    """Return a gap for each kept file that no check has looked at; paths are relative to a root."""
    gaps = []
    for file, reason in strays:
        path = Path(file)
        name = path.relative_to(root) if path.is_relative_to(root) else path
        gaps.append(f"kept counterexample {name.as_posix()} was not used: {reason}")
    return gaps
