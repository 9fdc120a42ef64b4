"""Which package makes the difference: flipped one at a time, from one environment to another."""

from collections.abc import Callable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skewtest.declare.environment import Environment
from skewtest.environments.build import BuiltEnvironment, build_environment
from skewtest.environments.locks import Tell
from skewtest.errors import SkewtestError

# Each flip builds an environment, which may take minutes.
MOST_FLIPS = 8
PYTHON = "python"
IDLE = frozenset(["pip", "setuptools", "wheel", "six", "packaging"])
"""Packages that are there for the installers' sake."""

DoesAs = Callable[[BuiltEnvironment, BuiltEnvironment], bool]


def find_culprits(
    a: BuiltEnvironment,
    b: BuiltEnvironment,
    does_as: DoesAs,
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
    changes = list_changes(a, b)
    if len(changes) == 1:
        return (changes[0][1],), 0
    if not explain:
        return (), 0
    tried = 0
    for name, text in changes[:MOST_FLIPS]:
        start, target = a, b
        flipped = _flip_package(start, target, name, tell)
        if flipped is None:
            # A package may need others that only the second environment can have beside it.
            start, target = b, a
            flipped = _flip_package(start, target, name, tell)
        if flipped is None:
            tell(f"{text} cannot be flipped alone")
            continue
        tried += 1
        if does_as(flipped, target):
            return (text + _name_companions(start, flipped, name),), tried
    return (), tried


def _name_companions(start: BuiltEnvironment, flipped: BuiltEnvironment, name: str) -> str:
    """Return, as the end of a text, the packages that had to change along with one."""
    companions = []
    for changed, text in list_changes(start, flipped):
        if changed != name:
            companions.append(text)
    return f" (with {', '.join(companions)})" if companions else ""


def list_changes(a: BuiltEnvironment, b: BuiltEnvironment) -> list[tuple[str, str]]:
    """Return name and text of what differs between two environments, what was named first."""
    named = [*dict.fromkeys([*_packages_of_requirements(a), *_packages_of_requirements(b)])]
    names = []
    for name in {*a.versions, *b.versions} - IDLE:
        if a.versions.get(name) != b.versions.get(name):
            names.append(name)

    def likelihood(name: str) -> tuple[object, ...]:
        # What the owner has named is the likeliest; another Python takes along all the others.
        number = named.index(name) if name in named else len(named)
        return number, name == PYTHON, name

    names.sort(key=likelihood)
    changes = []
    for name in names:
        versions = a.versions.get(name, "absent"), b.versions.get(name, "absent")
        changes.append((name, f"{name} {versions[0]} -> {versions[1]}"))
    return changes


def _packages_of_requirements(environment: BuiltEnvironment) -> list[str]:
    requirements = environment.environment.requirements
    return [canonicalize_name(Requirement(text).name) for text in requirements]


def _flip_package(
    a: BuiltEnvironment, b: BuiltEnvironment, name: str, tell: Tell
) -> BuiltEnvironment | None:
    """Return the first environment with one package as the second one has it, None without one.

    Everything else stays as it is where that can be solved, and follows the package where it
    cannot.
    """
    version = b.versions.get(name)
    versions = dict(a.packages)
    for package in (*IDLE, name):
        versions.pop(package, None)
    # What was not named was chosen by a solver, which is free to choose anew for the flipped one.
    pinned = {}
    for package in _packages_of_requirements(a):
        if package in versions:
            pinned[package] = versions[package]
    # An environment of an interpreter has no requirements: all that it holds is pinned.
    pinned = pinned or dict(versions)
    if name != PYTHON and version is not None:
        pinned[name] = version
    python = b.version if name == PYTHON else a.version
    try:
        environment = Environment(
            _make_label(f"{a.environment.name}.{name}.{version or 'absent'}"),
            python=python,
            requirements=_pin(pinned),
            prefer=_pin(versions),
            path=a.environment.path,
            variables=dict(a.environment.variables),
            cpu=a.environment.cpu,
        )
        flipped = build_environment(environment, tell)
    except SkewtestError:
        return None
    # A solver may have found no way but another version of the package.
    if flipped.versions.get(name) != version:
        return None
    return flipped


def _make_label(text: str) -> str:
    # Versions hold what names of environments may not, such as the "+" of a local one.
    label = ""
    for letter in text:
        label += letter if letter.isalnum() or letter in "_." else "_"
    return label


def _pin(versions: dict[str, str]) -> list[str]:
    return [f"{package}=={version}" for package, version in sorted(versions.items())]
