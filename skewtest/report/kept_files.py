"""Kept counterexamples in the terminal: what each is of, and whether it is run."""

from pathlib import Path

from skewtest.report.plain import visible
from skewtest.results.corpus import KeptFile


def describe_file(file: KeptFile, root: Path) -> list[str]:
    """Return the lines that tell of a kept file; its path is relative to a root."""
    facts = []
    for name in ("feature", "kind", "scenario"):
        fact = file.fields.get(name)
        if not isinstance(fact, str) or not fact:
            fact = "-"
        facts.append(visible(fact))
    lines = [
        describe_stray(file.path, root, _state_of(file)),
        f"  {visible(file.view)}  {'  '.join(facts)}",
    ]
    lines += [f"  {visible(clause)}" for clause in file.changes]
    if file.reason:
        lines.append(f"  {visible(file.reason)}")
    return lines


def describe_stray(path: str | Path, root: Path, state: str = "of no view that was named") -> str:
    """Return a line that tells of a file by its path alone, relative to a root."""
    path = Path(path)
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{visible(name.as_posix())}: {state}"


def _state_of(file: KeptFile) -> str:
    if file.reason:
        return "set aside"
    if file.same_as is not None:
        return f"the same as {visible(file.same_as.name)}, which is run"
    if file.is_outdated:
        return "run, migrated"
    return "run"
