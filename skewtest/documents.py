"""JSON documents that people and tools may have edited: read within bounds, and never believed.

Everything of ours that is read again comes through here: kept counterexamples, reports,
certificates, histories. What cannot be read is named; nothing in a file can make us run long, take
much memory or raise an error of another kind.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from skewtest.errors import SkewtestError

# Of one file. A report of 50 views with 4 features under 12 scenarios has 9 MB, read in 0.8 s.
MOST_BYTES = 256 * 2**20
# Of one number: integers of 128 bits have 39, and Python takes quadratic time for long ones.
MOST_DIGITS = 40
# How many lists and objects may lie in each other: what reads them recurses.
DEEPEST = 64
_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})(\s|$)", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"


class DocumentError(SkewtestError):
    """A document cannot be read; the message says why: "it is cut off or not JSON"."""


def load_content(path: Path, most: int = MOST_BYTES) -> bytes:
    """Return what a file holds.

    Args:
        path: the file.
        most: how many bytes it may have.

    Raises:
        OSError: it cannot be read.
        DocumentError: it is larger.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DocumentError(f"it has more than {most:,} bytes, which none of ours has")
    return content


def parse_document(content: bytes) -> Any:
    """Return the JSON value of a document.

    Raises:
        DocumentError: it is no JSON in UTF-8, begins with a byte order mark, holds the marks of a
            merge conflict, a name twice in one object, NaN, a number of too many digits, or lists
            and objects nested too deeply.
    """
    if content.startswith(_BOM):
        raise DocumentError("it begins with a byte order mark (BOM), which JSON must not have")
    if conflict := _CONFLICT.search(content):
        line = content.count(b"\n", 0, conflict.start()) + 1
        raise DocumentError(f"it holds the marks of a merge conflict (line {line}); resolve it")
    try:
        document = json.loads(
            content.decode(),
            object_pairs_hook=_make_object,
            parse_int=_parse_int,
            parse_float=_parse_float,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise DocumentError(
            f"it is cut off or not JSON (line {error.lineno}: {error.msg})"
        ) from error
    except UnicodeDecodeError as error:
        raise DocumentError(f"it cannot be read: {error}") from error
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error
    _check_depth(document)
    return document


_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentError(
            f"it has the field {twice[:80]!r} twice in one object; expected it once"
        )
    return fields


def _parse_int(text: str) -> int:
    _check_digits(text)
    return int(text)


def _parse_float(text: str) -> float:
    _check_digits(text)
    number = float(text)
    if number - number != 0:
        _refuse_constant(text)
    return number


def _check_digits(text: str) -> None:
    if len(text) > MOST_DIGITS:
        raise DocumentError(
            f"it has a number of {len(text):,} characters ({text[:12]}...); "
            f"expected at most {MOST_DIGITS}"
        )


def _refuse_constant(text: str) -> NoReturn:
    raise DocumentError(f"it has the number {text}; expected a finite one")


def _check_depth(document: Any) -> None:
    """Raise DocumentError for what lies too deep; a loop, because recursion is what it spares."""
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for value in level:
            below += _inner(value)
        if not below:
            return
        level = below
    raise DocumentError(_TOO_DEEP)


def _inner(value: Any) -> Iterable[Any]:
    """Return the lists and objects that lie in one."""
    values: Iterable[Any] = ()
    if isinstance(value, dict):
        values = value.values()
    elif isinstance(value, list):
        values = value
    return [inner for inner in values if isinstance(inner, dict | list)]
