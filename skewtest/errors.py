"""Error types. User code that misbehaves is a finding and not an error: see `skewtest.results`."""

import difflib
from collections.abc import Iterable


class SkewtestError(Exception):
    """Base of every error that skewtest raises on its own account. `kind` names it in reports."""

    kind = "error"


class DeclarationError(SkewtestError, ValueError):
    """A declaration is wrong: the message names the argument, what it got and what it wanted."""


class LogWarning(UserWarning):
    """A real log holds what cannot be, and was taken as it is."""


class CorpusError(SkewtestError):
    """A kept counterexample cannot be read, or no longer fits its feature view."""


class ReportError(SkewtestError):
    """A report cannot be written where it was asked for."""


class SkewError(AssertionError):
    """Batch and online disagree. `result` holds everything that was found.

    An AssertionError, so that every test runner counts it as a failed test.
    """

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message)
        self.result = result


def nearest(wrong: str, valid: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the valid spelling nearest to `wrong`, or `""`."""
    names = list(valid)
    # What is spelled rightly is wrong for another reason, which the message says.
    if wrong not in names:
        for name in difflib.get_close_matches(wrong, names, n=1):
            return f" Did you mean {name!r}?"
    return ""


def listed(names: Iterable[object]) -> str:
    """Return names as `'a', 'b'` for an error message, or `nothing`."""
    return ", ".join(repr(name) for name in names) or "nothing"
