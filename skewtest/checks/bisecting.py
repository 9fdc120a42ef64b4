"""Bisect: the first release of a package at which what a side answers changes."""

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from skewtest.checks.cell import differences_on
from skewtest.checks.spread import SIDES, answers_of
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

PACKS = 4
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
    """What a view answers under each release of a package, run when it is first asked for."""

    view: FeatureView
    base: Environment
    package: str
    packs: Sequence[Pack]
    tell: Tell
    known: dict[str, dict[str, tuple[Answers, ...]] | str] = field(default_factory=dict)

    def answers(self, release: str) -> dict[str, tuple[Answers, ...]] | str:
        """Return the answers of both sides under a release, or why there are none."""
        if release not in self.known:
            self.known[release] = self._run(release)
        return self.known[release]

    def _run(self, release: str) -> dict[str, tuple[Answers, ...]] | str:
        self.tell(f"{self.package} {release}")
        try:
            one = build_environment(with_release(self.base, self.package, release), self.tell)
            return {
                side: tuple(answers_of(self.view, one, side, pack) for pack in self.packs)
                for side in SIDES
            }
        except SkewtestError as error:
            return str(error)


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
    releases = releases_between(base, package, first, last)
    hints = hints_of(view)
    fitted = fit_view(view, hints, seed)
    if isinstance(fitted, Failure):
        raise DeclarationError(f"{view!r}: its fitted= function fails; check the view first")
    packs = [draw_training_pack(fitted, hints, seed + number) for number in range(PACKS)]
    runs = Releases(fitted, base, package, packs, tell)
    for end in (releases[0], releases[-1]):
        answers = runs.answers(end)
        if isinstance(answers, str):
            raise EnvironmentFailedError("build failed", f"{package} {end}: {answers}")
    changes = [
        change
        for side in SIDES
        for feature in fitted.features
        if (change := _change(runs, releases, side, feature)) is not None
    ]
    known = runs.known
    return Bisection(
        changes=tuple(changes),
        tried=tuple(r for r in releases if r in known and not isinstance(known[r], str)),
        failed=tuple((r, why) for r in releases if isinstance(why := known.get(r), str)),
    )


def _change(runs: Releases, releases: Sequence[str], side: str, feature: str) -> Change | None:
    """Return where a feature changes first seen from the oldest release, by halving."""

    def is_old(release: str) -> bool | None:
        oldest, found = runs.answers(releases[0]), runs.answers(release)
        if isinstance(oldest, str) or isinstance(found, str):
            return None
        pairs = zip(oldest[side], found[side], strict=True)
        return not any(differences_on(runs.view, left, right, feature) for left, right in pairs)

    if is_old(releases[-1]):
        return None
    low, high = 0, len(releases) - 1
    while high - low > 1:
        place = _nearest_that_runs(low, high, is_old, releases)
        if place is None:
            break
        if is_old(releases[place]):
            low = place
        else:
            high = place
    return Change(side, feature, releases[low], releases[high])


def _nearest_that_runs(
    low: int, high: int, is_old: Callable[[str], bool | None], releases: Sequence[str]
) -> int | None:
    """Return the release nearest to the middle that can be run, None if there is none."""
    middle = (low + high) // 2
    for place in sorted(range(low + 1, high), key=lambda n: abs(n - middle)):
        if is_old(releases[place]) is not None:
            return place
    return None


def with_release(base: Environment, package: str, release: str) -> Environment:
    """Return an environment with one package at a release."""
    name = canonicalize_name(package)
    others = [t for t in base.requirements if canonicalize_name(Requirement(t).name) != name]
    return Environment(
        f"{base.name}.{name.replace('-', '_')}.{release}",
        python=base.python,
        requirements=[*others, f"{package}=={release}"],
        prefer=base.prefer,
        path=base.path,
        variables=dict(base.variables),
        cpu=base.cpu,
        root=base.root,
    )


def releases_between(base: Environment, package: str, first: str, last: str) -> list[str]:
    """Return the releases of a package from one to another, oldest first; no pre-releases.

    Raises:
        DeclarationError: one of the two is no release, or they are in the wrong order.
        EnvironmentFailedError: the index cannot be asked.
    """
    python = interpreter_of(base.python)
    asked = subprocess.run(  # noqa: S603 - pip of an interpreter that the owner named
        [python, "-m", "pip", "index", "versions", package],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    told = re.search(r"Available versions: (.*)", asked.stdout)
    if told is None:
        why = asked.stderr.strip().splitlines()[-1:] or ["pip told nothing"]
        raise EnvironmentFailedError("index unreachable", f"{package}: {why[0]}")
    versions = sorted(Version(text.strip()) for text in told[1].split(","))
    try:
        low, high = Version(first), Version(last)
    except InvalidVersion as error:
        raise DeclarationError(f"--from and --to take releases such as 1.5.3; {error}") from error
    for end in (low, high):
        if end not in versions:
            near = [str(v) for v in versions if v.release[:2] == end.release[:2]]
            raise DeclarationError(f"{package} has no release {end}; near it: {listed(near)}")
    if low >= high:
        raise DeclarationError(f"--from {first} must be older than --to {last}")
    return [str(version) for version in versions if low <= version <= high]
