"""The public verb on versions of libraries: what would an upgrade change?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from skewtest.checks.comparing import compare_function
from skewtest.declare.environment import Environment
from skewtest.declare.tolerance import Tolerance
from skewtest.environments.locks import Tell, quiet
from skewtest.environments.settings import find_environment
from skewtest.errors import DeclarationError
from skewtest.report.result import Result


def compare_environments(
    function: Callable[[Any], Any] | str,
    rows: Sequence[Mapping[str, Any]],
    *,
    a: Environment | str,
    b: Environment | str,
    tolerance: Tolerance | None = None,
    timeout: float = 10.0,
    explain: bool = False,
    reference: Callable[[Any], Any] | None = None,
    tell: Tell = quiet,
) -> Result:
    """Run a function on given rows under two environments; never raises for skew.

    Values are compared bit by bit, and types as well, at any depth: numbers, texts, times, lists,
    dicts, arrays, series and frames of pandas, polars and pyarrow. Each environment runs the
    function four times, in two processes that hash otherwise: what differs there is
    nondeterministic, and not put down to a version.

    Args:
        function: takes the rows as a list of dicts, or as the frame that its annotation names. A
            function, or "module:function".
        rows: what it is given.
        a: an environment, or the name of one that pyproject.toml declares, or "here".
        b: likewise.
        tolerance: for floats, such as `close(rel=1e-9)`; by default none.
        timeout: seconds for one call.
        explain: whether to flip one package at a time to find the one that makes the difference;
            each flip builds an environment.
        reference: a third opinion, run here on the same rows: slow, exact, obviously right. What
            it returns tells how far each environment is off.
        tell: is told of what is built.

    Raises:
        DeclarationError: an argument is wrong.
        NoAddressError: another interpreter cannot find the function.
        EnvironmentFailedError: an environment cannot be had.
    """
    left, right = (_environment(place, named) for place, named in (("a", a), ("b", b)))
    compared = compare_function(
        function,
        rows,
        a=left,
        b=right,
        tolerance=tolerance,
        timeout=timeout,
        explain=explain,
        reference=reference,
        tell=tell,
    )
    return Result(compared.subject, (compared,), _again(function, left, right))


def _environment(place: str, given: Environment | str) -> Environment:
    if isinstance(given, Environment):
        return given
    if isinstance(given, str):
        return find_environment(given)
    raise DeclarationError(
        f"compare_environments({place}=...) takes an Environment, or the name of one; got {given!r}"
    )


def _again(function: object, one: Environment, other: Environment) -> str:
    name = function if isinstance(function, str) else getattr(function, "__qualname__", "function")
    return f"skewtest.compare_environments({name}, rows, a={one.name!r}, b={other.name!r})"
