"""Bisect: the first release of a package at which what a side answers changes."""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from skewtest.checks.cell import SIDES, answers_in
from skewtest.checks.spread import are_alike
from skewtest.declare.environment import Environment
from skewtest.declare.view import FeatureView
from skewtest.environments.build import build_environment
from skewtest.environments.failures import EnvironmentFailedError
from skewtest.environments.interpreters import interpreter_of
from skewtest.environments.locks import Tell, quiet
from skewtest.errors import DeclarationError, SkewtestError, listed
from skewtest.generate.hints import hints_of
from skewtest.generate.history import Pack
from skewtest.run.fitted import draw_training_pack, fit_view
from skewtest.sides.answers import Answers, Failure

# As many as tell versions apart in `skewtest.checks.spread`.
PACKS = 4
# An index that has not answered by then will not.
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Change:
    """Where a feature's answers change.

    Attributes:
        side: "batch" or "online".
        feature: its name.
        before: the last release that answers as the oldest one does.
        after: the first one that does not.
    """

    side: str
    feature: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bisection:
    """What a bisection found.

    Attributes:
        changes: one for each side and feature that changes between the two ends.
        tried: the releases that were run.
        failed: the releases that could not be, with the reason.
    """

    changes: tuple[Change, ...]
    tried: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Releases:
    """What a view answers under each release of a package, run when it is first asked for.

    Attributes:
        view: whose sides are run.
        base: the environment; only the package differs from it.
        package: whose releases they are.
        packs: the histories.
        tell: is told of each release that is run.
        runs: by release, the answers of each side, or why there are none.
    """

    view: FeatureView
    base: Environment
    package: str
    packs: Sequence[Pack]
    tell: Tell
    runs: dict[str, dict[str, tuple[Answers, ...]] | str] = field(default_factory=dict)

    def answers(self, release: str) -> dict[str, tuple[Answers, ...]] | str:
        """Return the answers of both sides under a release, or why there are none."""
        if release not in self.runs:
            self.runs[release] = self._try_release(release)
        return self.runs[release]

    def _try_release(self, release: str) -> dict[str, tuple[Answers, ...]] | str:
        self.tell(f"{self.package} {release}")
        answers: dict[str, tuple[Answers, ...]] = {}
        try:
            environment = with_release(self.base, self.package, release)
            built = build_environment(environment, self.tell)
            for side in SIDES:
                answers[side] = tuple(
                    answers_in(self.view, built, side, pack) for pack in self.packs
                )
        except SkewtestError as error:
            return str(error)
        return answers

    def does_as(self, oldest: str, release: str, side: str, feature: str) -> bool | None:
        """Return whether a feature is answered as under the oldest release; None: one failed."""
        before, after = self.answers(oldest), self.answers(release)
        if isinstance(before, str) or isinstance(after, str):
            return None
        return are_alike(self.view, feature, before[side], after[side])


def bisect(
    view: FeatureView,
    package: str,
    base: Environment,
    first: str,
    last: str,
    seed: int = 0,
    tell: Tell = quiet,
) -> Bisection:
    """Find, for each side and feature, the first release at which the answers change.

    Args:
        view: the view.
        package: whose releases are tried.
        base: the environment; all but the package stays as it is where that can be solved.
        first: the release to begin with.
        last: the release to end with.
        seed: of the histories.
        tell: is told of each release that is run.

    Raises:
        DeclarationError: there is no such release, or the two are in the wrong order.
        EnvironmentFailedError: one of the two ends cannot be had.
    """
    names = list_releases(base, package, first, last)
    hints = hints_of(view)
    fitted = fit_view(view, hints, seed)
    if isinstance(fitted, Failure):
        raise DeclarationError(f"{view!r}: its fitted= function fails; check the view first")
    packs = [draw_training_pack(fitted, hints, seed + number) for number in range(PACKS)]
    releases = Releases(fitted, base, package, packs, tell)
    for end in (names[0], names[-1]):
        answers = releases.answers(end)
        if isinstance(answers, str):
            raise EnvironmentFailedError("build failed", f"{package} {end}: {answers}")
    changes = []
    for side in SIDES:
        for feature in fitted.features:
            change = _find_change(releases, names, side, feature)
            if change is not None:
                changes.append(change)
    return _make_bisection(releases, names, changes)


def _make_bisection(
    releases: Releases, names: Sequence[str], changes: Sequence[Change]
) -> Bisection:
    tried: list[str] = []
    failed: list[tuple[str, str]] = []
    for name in names:
        # Most releases were never asked for: halving passes them over.
        run = releases.runs.get(name)
        if isinstance(run, str):
            failed.append((name, run))
        elif run is not None:
            tried.append(name)
    return Bisection(tuple(changes), tuple(tried), tuple(failed))


def _find_change(
    releases: Releases, names: Sequence[str], side: str, feature: str
) -> Change | None:
    """Return where a feature changes first seen from the oldest release, by halving."""

    def is_old(name: str) -> bool | None:
        return releases.does_as(names[0], name, side, feature)

    if is_old(names[-1]):
        return None
    # The release at `low` answers as the oldest one does, and the one at `high` does not.
    low, high = 0, len(names) - 1
    while high - low > 1:
        number = _nearest_that_runs(low, high, is_old, names)
        # None of those between the two can be run: the change is told with both ends.
        if number is None:
            break
        if is_old(names[number]):
            low = number
        else:
            high = number
    return Change(side, feature, names[low], names[high])


def _nearest_that_runs(
    low: int, high: int, is_old: Callable[[str], bool | None], names: Sequence[str]
) -> int | None:
    """Return the number of the release nearest to the middle that can be run, if there is one."""
    middle = (low + high) // 2
    for number in sorted(range(low + 1, high), key=lambda number: abs(number - middle)):
        if is_old(names[number]) is not None:
            return number
    return None


def with_release(base: Environment, package: str, release: str) -> Environment:
    """Return an environment with one package at a release."""
    name = canonicalize_name(package)
    requirements = []
    for text in base.requirements:
        if canonicalize_name(Requirement(text).name) != name:
            requirements.append(text)
    return Environment(
        f"{base.name}.{name.replace('-', '_')}.{release}",
        python=base.python,
        requirements=[*requirements, f"{package}=={release}"],
        prefer=base.prefer,
        path=base.path,
        variables=dict(base.variables),
        cpu=base.cpu,
        root=base.root,
    )


def list_releases(base: Environment, package: str, first: str, last: str) -> list[str]:
    """Return the releases of a package from one to another, oldest first; no pre-releases.

    Raises:
        DeclarationError: one of the two is no release, or they are in the wrong order.
        EnvironmentFailedError: the index cannot be asked.
    """
    versions = _ask_index(base, package)
    try:
        low, high = Version(first), Version(last)
    except InvalidVersion as error:
        raise DeclarationError(f"--from and --to take releases such as 1.5.3; {error}") from error
    for end in (low, high):
        if end not in versions:
            near = _list_near(end, versions)
            raise DeclarationError(f"{package} has no release {end}; near it: {listed(near)}")
    if low >= high:
        raise DeclarationError(f"--from {first} must be older than --to {last}")
    return [str(version) for version in versions if low <= version <= high]


def _list_near(release: Version, versions: Sequence[Version]) -> list[str]:
    """Return the releases that share major and minor number with one that there is not."""
    near = []
    for version in versions:
        if version.release[:2] == release.release[:2]:
            near.append(str(version))
    return near


def _ask_index(base: Environment, package: str) -> list[Version]:
    """Return all releases of a package that the environment's own index has, oldest first.

    pip asks it, and not we: it knows the index, its credentials and what fits the interpreter.
    """
    python = interpreter_of(base.python)
    answer = subprocess.run(  # noqa: S603 - pip of an interpreter that the owner named
        [python, "-m", "pip", "index", "versions", package],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    match = re.search(r"Available versions: (.*)", answer.stdout)
    if match is None:
        why = answer.stderr.strip().splitlines()[-1:] or ["pip told nothing"]
        raise EnvironmentFailedError("index unreachable", f"{package}: {why[0]}")
    return sorted(Version(text.strip()) for text in match[1].split(","))
