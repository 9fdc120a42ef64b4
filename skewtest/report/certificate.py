"""The parity certificate: what was checked and with what verdict, to keep with a model version."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from skewtest import __version__
from skewtest.declare.delivery import REPLAY
from skewtest.errors import ReportError, listed
from skewtest.report import model
from skewtest.report.reading import bytes_from_file

FORMAT = 1


class CertifiedView(model.Part, frozen=True, kw_only=True):
    """A view: hashes of its declaration, of its implementations and of the files they lie in.

    `uncovered` are the sides whose code lies in none of them. `data` are the hashes of the logs
    that were replayed; they tell which they were, and are not looked for again.
    """

    declaration: str
    batch: str | None
    online: str | None
    files: dict[str, str]
    features: list[str]
    scenarios: list[str]
    seeds: list[int]
    histories: int
    data: dict[str, str]
    uncovered: list[str] = msgspec.field(default_factory=list)


class Certificate(model.Part, frozen=True, kw_only=True):
    """A parity certificate. `report` is the SHA-256 of the report's file, `seal` that of the rest.

    The seal finds accidents, not forgery: sign the file where that matters.
    """

    certificate: int = FORMAT
    skewtest: str = __version__
    verdict: model.Verdict
    time: str
    revision: str
    dirty: bool
    python: str
    packages: dict[str, str]
    views: dict[str, CertifiedView]
    known: list[str]
    report: str
    seal: str = ""

    @property
    def uncovered(self) -> list[str]:
        """The implementations whose code lies in no file, so that no change of it is seen."""
        names = []
        for name, view in self.views.items():
            for side in view.uncovered:
                names.append(f"{name} {side}")
        return names

    @property
    def fewest(self) -> int:
        """How many histories the view was run on that was run on the fewest."""
        return min((view.histories for view in self.views.values()), default=0)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another than what was certified.

    Attributes:
        what: "code", "package", "python", "revision", "report" or "seal".
        name: the file, package or the like.
        certified: its value then.
        found: its value now; "" where it is gone.
        views: the views that it concerns; none if all.
    """

    what: str
    name: str
    certified: str
    found: str
    views: tuple[str, ...] = ()


def certificate_of(report: model.Report, content: bytes) -> Certificate:
    """Return the certificate of a report.

    Args:
        report: the report.
        content: the bytes of its file.

    Raises:
        ReportError: it does not say where it comes from, two of its views have one name, or the
            file is of version 2.
    """
    _check_version(content)
    run = report.run
    if run is None:
        raise ReportError(
            "the report does not say where it comes from; make it with pytest --skew-report=DIR."
        )
    _check_names(report.views)
    revision, dirty = "", False
    if run.git is not None:
        revision, dirty = run.git.revision, run.git.dirty
    unsealed = Certificate(
        verdict=report.verdict,
        time=run.time,
        revision=revision,
        dirty=dirty,
        python=run.host.python,
        packages=run.packages,
        views={view.name: _certify_view(report, view) for view in report.views},
        known=_list_known(report),
        report=hashlib.sha256(content).hexdigest(),
    )
    return msgspec.structs.replace(unsealed, seal=_seal(unsealed))


def list_unchecked(report: model.Report) -> list[str]:
    """Return the declared scenarios and features that a report was to speak of, and does not.

    What a command line leaves out was not asked for, and the run may be at parity without it; a
    certificate is kept with a model, and speaks for all that its views declare. A view that was
    only replayed is certified for its log.
    """
    unchecked = []
    for view in report.views:
        checked = set()
        for outcome in report.outcomes:
            if outcome.view == view.name and _is_checked(outcome):
                checked.add(outcome.scenario)
        if checked == {REPLAY}:
            continue
        for scenario in view.scenarios:
            if scenario not in checked:
                unchecked.append(f"{view.name} declares {scenario!r}, which was not checked")
    return unchecked


def _is_checked(outcome: model.Outcome) -> bool:
    return outcome.is_judged and outcome.histories > 0


def _check_names(views: Iterable[model.View]) -> None:
    """Refuse views of one name: a certificate holds them by name, and would lose all but one."""
    counts = Counter(view.name for view in views)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ReportError(
            f"the report has more than one view named {listed(repeated)}; "
            "give each a name of its own."
        )


class _Versioned(msgspec.Struct):
    """The part of a report's file that tells how the rest is to be read."""

    version: int = model.VERSION


def _check_version(content: bytes) -> None:
    """Refuse a file of version 2: it counts laws as tried that were not applied."""
    version = msgspec.json.decode(content, type=_Versioned).version
    if version != model.VERSION:
        raise ReportError(
            f"a report of version {version} cannot be certified: it does not say which laws were "
            "applied. Make it anew with this version of skewtest: pytest --skew-report=DIR."
        )


def _list_known(report: model.Report) -> list[str]:
    """Return the known divergences that were met, a line each."""
    lines = []
    for outcome in report.outcomes:
        for finding in outcome.findings:
            if finding.known is not None:
                place = f"{outcome.view}.{finding.feature} ({finding.kind}, {outcome.column})"
                lines.append(f"{place} until {finding.known.expires}: {finding.known.owner}")
    return lines


def _certify_view(report: model.Report, view: model.View) -> CertifiedView:
    digests = {part.side: part.digest for part in view.implementations}
    data: dict[str, str] = {}
    scenarios = []
    seeds = set()
    histories = 0
    for outcome in report.outcomes:
        if outcome.view != view.name:
            continue
        data |= outcome.data
        seeds.add(outcome.seed)
        # Scenarios share their histories: they do not add up.
        histories = max(histories, outcome.histories)
        # What was skipped or only explored is not certified.
        if outcome.is_judged:
            scenarios.append(outcome.column)
    return CertifiedView(
        declaration=view.declaration,
        batch=digests.get("batch"),
        online=digests.get("online"),
        files=view.files,
        features=[feature.name for feature in view.features],
        scenarios=scenarios,
        seeds=sorted(seeds),
        histories=histories,
        data=data,
        uncovered=view.uncovered,
    )


def _seal(certificate: Certificate) -> str:
    # Sorted, so that a certificate keeps its seal whatever order a version of ours writes it in.
    bare = msgspec.structs.replace(certificate, seal="")
    return hashlib.sha256(msgspec.json.encode(bare, order="sorted")).hexdigest()


def to_json(certificate: Certificate) -> bytes:
    """Return a certificate as the bytes of its file."""
    return msgspec.json.format(msgspec.json.encode(certificate), indent=1) + b"\n"


def read_certificate(path: Path) -> Certificate:
    """Return the certificate of a file.

    Raises:
        ReportError: it cannot be read, or is none.
    """
    try:
        values: Any = msgspec.json.decode(bytes_from_file(path))
        if not isinstance(values, dict) or values.get("certificate") != FORMAT:
            raise ReportError(f"{path} is no parity certificate of version {FORMAT}.")
        return msgspec.convert(values, Certificate)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"{path} is no parity certificate: {error}.") from error


def list_differences(
    certificate: Certificate,
    *,
    digest: Callable[[str], str | None],
    packages: Mapping[str, str],
    python: str,
    revision: str,
    report: bytes | None = None,
) -> list[Difference]:
    """Return what is another than what was certified.

    Args:
        certificate: the certificate.
        digest: returns the SHA-256 of a file of the working tree by its name in the certificate,
            None where it is gone.
        packages: the packages that are installed now.
        python: the version of Python now.
        revision: of the working tree; "" where it has none.
        report: the bytes of the report, if it is to be checked as well.
    """
    differences = []
    if certificate.seal != _seal(certificate):
        seal = _shorten(certificate.seal)
        differences.append(Difference("seal", "the certificate", seal, "another text"))
    differences += _list_changed_code(certificate, digest)
    # A package that was not there then is not looked at: nothing that was certified used it.
    for name, version in certificate.packages.items():
        if packages.get(name) != version:
            differences.append(Difference("package", name, version, packages.get(name, "")))
    if python != certificate.python:
        differences.append(Difference("python", "python", certificate.python, python))
    if revision != certificate.revision:
        before, after = _shorten(certificate.revision), _shorten(revision)
        differences.append(Difference("revision", "git", before, after))
    if report is not None:
        before, after = certificate.report, hashlib.sha256(report).hexdigest()
        if after != before:
            differences.append(
                Difference("report", "the report", _shorten(before), _shorten(after))
            )
    return differences


def _shorten(digest: str) -> str:
    """Return so much of a hash or revision as a reader compares by eye."""
    return digest[:12]


def _list_changed_code(
    certificate: Certificate, digest: Callable[[str], str | None]
) -> Iterator[Difference]:
    """Return the files that are not what they were, each once with the views that it concerns."""
    users: dict[tuple[str, str], list[str]] = {}
    for name, view in certificate.views.items():
        for file, certified in view.files.items():
            users.setdefault((file, certified), []).append(name)
    for (file, certified), views in users.items():
        current = digest(file)
        if current != certified:
            before, after = _shorten(certified), _shorten(current or "")
            yield Difference("code", file, before, after, tuple(views))
