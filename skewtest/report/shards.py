"""The report of a run that was split up: its shards must be of one revision and one code."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from skewtest.report import model
from skewtest.report.merging import merge_reports, whole_or_nothing
from skewtest.report.verdict import NOTHING


def merge_shards(
    shards: Sequence[tuple[str, model.Report]], lost: Iterable[str] = ()
) -> model.Report:
    """Return the report of a run that was split up.

    Args:
        shards: by name, the reports of its parts.
        lost: what is said of parts that cannot be read: the whole is incomplete then.
    """
    runs: dict[str, model.Run] = {}
    reports = []
    for name, report in shards:
        if report.run is not None:
            runs[name] = report.run
        # What one shard calls missing because it is another's is not missing.
        stated = [gap for gap in report.incomplete if gap != NOTHING]
        reports.append(msgspec.structs.replace(report, incomplete=stated))
    gaps = [*lost, *_revision_gaps(runs.values()), *_code_gaps(reports)]
    return whole_or_nothing(merge_reports(reports, lost=gaps, run=_merge_runs(runs)))


def _revision_gaps(runs: Iterable[model.Run]) -> list[str]:
    revisions = {run.git.revision for run in runs if run.git is not None}
    if len(revisions) < 2:  # noqa: PLR2004 - one revision, or none
        return []
    return [f"the shards are of different revisions: {', '.join(sorted(revisions))}"]


def _code_gaps(reports: Iterable[model.Report]) -> list[str]:
    """Return which views are not the same code in all shards."""
    codes: dict[tuple[str, str | None], set[str]] = {}
    for report in reports:
        for view in report.views:
            codes.setdefault((view.name, view.file), set()).add(_code_of(view))
    gaps = []
    for (name, _), versions in codes.items():
        if len(versions) > 1:
            gaps.append(f"view {name} is not the same code in all shards")
    return gaps


def _code_of(view: model.View) -> str:
    """Return what tells whether two views are one: their declarations and their code."""
    digests = []
    for implementation in view.implementations:
        digests.append(implementation.digest)
    return repr((view.declaration, view.files, digests))


def _merge_runs(shards: Mapping[str, model.Run]) -> model.Run | None:
    """Return where the whole comes from: what its shards share, from the first to begin."""
    if not shards:
        return None
    runs = list(shards.values())
    first = min(runs, key=lambda run: run.time)
    seed, seconds = first.seed, 0.0
    pythons = []
    for run in runs:
        seconds += run.seconds
        pythons.append(run.host.python)
        # No one seed repeats shards of several.
        if run.seed != first.seed:
            seed = None
    return msgspec.structs.replace(
        first,
        seconds=seconds,
        seed=seed,
        git=_merge_git(runs),
        # Versions that differ are told as they are: shards may come from other machines.
        host=msgspec.structs.replace(first.host, python=_join_versions(pythons)),
        packages=_merge_packages(runs),
        shards=list(shards),
    )


def _merge_packages(runs: Sequence[model.Run]) -> dict[str, str]:
    names: set[str] = set()
    for run in runs:
        names |= run.packages.keys()
    merged = {}
    for name in sorted(names):
        versions = []
        for run in runs:
            versions.append(run.packages.get(name, "none"))
        merged[name] = _join_versions(versions)
    return merged


def _merge_git(runs: Iterable[model.Run]) -> model.Git | None:
    """Return the revision of all shards, dirty if one is; None where one does not say."""
    revisions = []
    is_dirty = False
    for run in runs:
        # Code of a shard that names no revision may be any: the whole then has none either.
        if run.git is None:
            return None
        revisions.append(run.git)
        is_dirty = is_dirty or run.git.dirty
    return msgspec.structs.replace(revisions[0], dirty=is_dirty)


def _join_versions(versions: Iterable[str]) -> str:
    """Return the version of a package in all shards: of shards that differ, each."""
    return " or ".join(sorted(set(versions)))
