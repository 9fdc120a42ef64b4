"""Which package makes the difference: flipped one at a time, from one environment to another."""

from collections.abc import Callable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skewtest.declare.environment import Environment
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.locks import Tell
from skewtest.errors import SkewtestError

MOST_FLIPS = 8
PYTHON = "python"
IDLE = frozenset(["pip", "setuptools", "wheel", "six", "packaging"])
"""Packages that are there for the installers' sake."""


def culprits_of(
    a: BuiltEnvironment,
    b: BuiltEnvironment,
    does_as: Callable[[BuiltEnvironment, BuiltEnvironment], bool],
    tell: Tell,
    *,
    explain: bool,
) -> tuple[tuple[str, ...], int]:
    """Return the packages whose change alone makes the difference, and how many were flipped.

    A package is flipped in the first environment; where that cannot be had, in the second one.

    Args:
        a: the environment that packages are flipped in.
        b: the environment whose versions they get.
        does_as: whether the first of two environments shows what the second one shows.
        tell: is told of what is built.
        explain: whether to flip; otherwise a package is named only where it alone differs.
    """
    changed = changed_packages(a, b)
    if len(changed) == 1:
        return (changed[0][1],), 0
    if not explain:
        return (), 0
    tried = 0
    for name, text in changed[:MOST_FLIPS]:
        for start, target in ((a, b), (b, a)):
            flipped = _built(start, target, name, tell)
            if flipped is None:
                continue
            tried += 1
            if does_as(flipped, target):
                came_along = [t for n, t in changed_packages(start, flipped) if n != name]
                with_it = f" (with {', '.join(came_along)})" if came_along else ""
                return (text + with_it,), tried
            break
        else:
            tell(f"{text} cannot be flipped alone")
    return (), tried


def changed_packages(a: BuiltEnvironment, b: BuiltEnvironment) -> list[tuple[str, str]]:
    """Return name and text of what differs between two environments, what was named first."""
    ours, theirs = a.versions, b.versions
    named = [
        canonicalize_name(Requirement(text).name)
        for one in (a, b)
        for text in one.environment.requirements
    ]
    differing = [
        name for name in sorted({*ours, *theirs} - IDLE) if ours.get(name) != theirs.get(name)
    ]
    order: dict[str, int] = {name: place for place, name in enumerate(dict.fromkeys(named))}
    differing.sort(key=lambda name: (order.get(name, len(order)), name == PYTHON, name))
    return [
        (name, f"{name} {ours.get(name, 'absent')} -> {theirs.get(name, 'absent')}")
        for name in differing
    ]


def _built(
    a: BuiltEnvironment, b: BuiltEnvironment, name: str, tell: Tell
) -> BuiltEnvironment | None:
    """Return the first environment with one package as the second one has it, None without one.

    Everything else stays as it is where that can be solved, and follows the package where it
    cannot.
    """
    version = b.versions.get(name)
    held = {n: v for n, v in a.packages if n not in (*IDLE, name)}
    named = [canonicalize_name(Requirement(text).name) for text in a.environment.requirements]
    asked: dict[str, str] = {n: held[n] for n in named if n in held} or dict(held)
    if name != PYTHON and version is not None:
        asked[name] = version
    label = f"{a.environment.name}.{name}.{version or 'absent'}"
    try:
        environment = Environment(
            "".join(c if c.isalnum() or c in "_." else "_" for c in label),
            python=b.version if name == PYTHON else a.version,
            requirements=[f"{n}=={v}" for n, v in sorted(asked.items())],
            prefer=[f"{n}=={v}" for n, v in sorted(held.items())],
            path=a.environment.path,
            variables=dict(a.environment.variables),
            cpu=a.environment.cpu,
        )
        flipped = build_environment(environment, tell)
    except SkewtestError:
        return None
    return flipped if flipped.versions.get(name) == version else None
