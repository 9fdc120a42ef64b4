"""The command that runs an item again, on the same histories."""

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import assert_never

import pytest

from skewtest.harness.options import STAR
from skewtest.harness.questions import (
    AcrossVersions,
    Everything,
    Exploring,
    InCell,
    Question,
    UnderScenario,
)
from skewtest.run.budget import DEV, default_profile


def profile_of(config: pytest.Config) -> str:
    """Return the profile that says how much to run."""
    named = config.getoption("skew_profile") or config.getini("skew_profile")
    return str(named or default_profile())


def command_again(item: pytest.Item, question: Question, seed: int | None) -> str:
    """Return the command that runs an item again, from where this run was called.

    Args:
        item: the item.
        question: what it asks.
        seed: of the histories; None where those that are kept show it.
    """
    path, _, name = _plain_nodeid(item).partition("::")
    if path.endswith(".py"):
        relative = os.path.relpath(item.config.rootpath / path, item.config.invocation_params.dir)
        chosen = _quote_word(f"{Path(relative).as_posix()}::{name}")
    else:  # a registered view, which lies in no file that pytest collects
        words = re.split(r"[^\w.]+", name)
        chosen = f'-k "{" and ".join(filter(None, words))}"'
    options = [*_history_options(item.config, seed), *_question_options(item.config, question)]
    return " ".join(["pytest", chosen, *options])


def _plain_nodeid(item: pytest.Item) -> str:
    """Return the node id, without the group that xdist's `--dist loadgroup` puts behind it."""
    nodeid = item.nodeid
    # An "@" inside the brackets is the user's, of a parameter.
    is_grouped = item.get_closest_marker("xdist_group") and nodeid.rfind("@") > nodeid.rfind("]")
    if not is_grouped:
        return nodeid
    return nodeid[: nodeid.rfind("@")]


def _history_options(config: pytest.Config, seed: int | None) -> Iterator[str]:
    """Return the options without which an item would run on other histories."""
    if seed is None:
        return
    yield f"--skew-seed={seed}"
    # A number of histories overrules the profile, so that one of them is enough.
    profile = profile_of(config)
    if histories := config.getoption("skew_histories"):
        yield f"--skew-histories={histories}"
    elif profile != (config.getini("skew_profile") or DEV):
        yield f"--skew-profile={profile}"


def _question_options(config: pytest.Config, question: Question) -> Iterator[str]:
    """Return the options without which there would be no such item."""
    match question:
        case Exploring():
            yield "--skew-explore"
        case InCell() | AcrossVersions():
            matrix = config.getoption("skew_matrix")
            if matrix != STAR:
                yield f"--skew-matrix={matrix}"
        case UnderScenario() | Everything():
            return
        case _:
            assert_never(question)


def _quote_word(word: str) -> str:
    """Return a word as a shell takes it: in double quotes, which all know, where they do."""
    # What a shell would replace inside double quotes.
    if not set('"$`\\!').isdisjoint(word):
        return shlex.quote(word)
    return f'"{word}"'
