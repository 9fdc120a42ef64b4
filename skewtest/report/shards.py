"""The report of a run that was split up: its shards must be of one revision and one code."""

from collections.abc import Iterable, Sequence

import msgspec

from skewtest.report import model
from skewtest.report.merging import merge_reports, whole_or_nothing
from skewtest.report.verdict import NOTHING

Runs = Sequence[tuple[str, model.Run]]


def merge_shards(
    shards: Sequence[tuple[str, model.Report]], lost: Iterable[str] = ()
) -> model.Report:
    """Return the report of a run that was split up.

    Args:
        shards: by name, the reports of its parts.
        lost: what is said of parts that cannot be read: the whole is incomplete then.
    """
    runs = [(name, report.run) for name, report in shards if report.run is not None]
    gaps = [*lost, *_revision_gaps(runs), *_code_gaps(report for _, report in shards)]
    reports = []
    for _, report in shards:
        # What one shard calls missing because it is another's is not missing.
        stated = [gap for gap in report.incomplete if gap != NOTHING]
        reports.append(msgspec.structs.replace(report, incomplete=stated))
    return whole_or_nothing(merge_reports(reports, lost=gaps, run=_merge_runs(runs)))


def _revision_gaps(runs: Runs) -> list[str]:
    revisions = {run.git.revision for _, run in runs if run.git is not None}
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
    digests = [implementation.digest for implementation in view.implementations]
    return repr((view.declaration, view.files, digests))


def _merge_runs(runs: Runs) -> model.Run | None:
    """Return where the whole comes from: what its shards share, from the first to begin."""
    if not runs:
        return None
    _, first = min(runs, key=lambda named: named[1].time)
    seeds = {run.seed for _, run in runs}
    python = _join_versions(run.host.python for _, run in runs)
    return msgspec.structs.replace(
        first,
        seconds=sum(run.seconds for _, run in runs),
        seed=seeds.pop() if len(seeds) == 1 else None,
        git=_merge_git([run.git for _, run in runs]),
        host=msgspec.structs.replace(first.host, python=python),
        packages=_merge_packages([run.packages for _, run in runs]),
        shards=[name for name, _ in runs],
    )


def _merge_packages(shards: Sequence[dict[str, str]]) -> dict[str, str]:
    names: set[str] = set()
    for packages in shards:
        names |= packages.keys()
    merged = {}
    for name in sorted(names):
        merged[name] = _join_versions(packages.get(name, "none") for packages in shards)
    return merged


def _merge_git(revisions: Sequence[model.Git | None]) -> model.Git | None:
    """Return the revision of all shards, dirty if one is; None where one does not say."""
    known = [git for git in revisions if git is not None]
    if len(known) < len(revisions):
        return None
    return msgspec.structs.replace(known[0], dirty=any(git.dirty for git in known))


def _join_versions(versions: Iterable[str]) -> str:
    """Return the version of a package in all shards: of shards that differ, each."""
    return " or ".join(sorted(set(versions)))
