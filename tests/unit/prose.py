"""How the code of a folder reads, counted: what CONTRIBUTING's house rules say of its words.

    python tests/unit/prose.py    # lowers the allowances in prose.json to what is there now

An allowance is what a folder that has not been rewritten yet may have; it is never raised. A folder
without one keeps the limits below.
"""

import ast
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
ALLOWANCES = Path(__file__).with_name("prose.json")
LIMITS = {
    "vague names": 1.0,
    "participles": 5.0,
    "complex functions": 4.0,
    "nested comprehensions": 0.0,
    "conditions as arguments": 0.0,
}
"""Of 100 assigned names, of 100 functions, and of none: in a folder that has been rewritten."""
MOST_PATHS = 10
"""The paths through a function that is simple: branches, loops and conditions, and one."""

VAGUE = frozenset(
    [
        "asked",
        "both",
        "few",
        "found",
        "given",
        "held",
        "here",
        "kept",
        "known",
        "made",
        "mine",
        "more",
        "now",
        "one",
        "other",
        "others",
        "own",
        "place",
        "rest",
        "said",
        "shown",
        "then",
        "there",
        "told",
        "wanted",
        "what",
    ]
)
"""Names that say that there is something, and not what it is."""
PARTICIPLES = frozenset(
    [
        "built",
        "chosen",
        "cut",
        "drawn",
        "found",
        "given",
        "held",
        "kept",
        "known",
        "left",
        "lost",
        "made",
        "met",
        "read",
        "run",
        "said",
        "seen",
        "sent",
        "shown",
        "spread",
        "taken",
        "told",
    ]
)
"""Irregular ones; the others end in -ed. A function does something: its name is a verb."""
SHORTEST = len("added")
"""Shorter words in -ed are no participles: need, seed, feed."""
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
BRANCHES = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.Assert, ast.match_case)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def folders() -> Iterator[str]:
    """Yield the folders of the package, itself first, by their path from the root."""
    package = ROOT / "skewtest"
    for folder in (package, *sorted(path for path in package.rglob("*") if path.is_dir())):
        if any(folder.glob("*.py")):
            yield folder.relative_to(ROOT).as_posix()


def counts_of(folder: str) -> Counter[str]:
    """Return what the modules of a folder have of each kind, and how many names and functions."""
    counts: Counter[str] = Counter()
    for path in sorted((ROOT / folder).glob("*.py")):
        counts += counts_of_source(path.read_text(encoding="utf-8"))
    return counts


def counts_of_source(text: str) -> Counter[str]:
    """Return what one module has of each kind."""
    counts: Counter[str] = Counter()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            counts["names"] += 1
            counts["vague names"] += node.id in VAGUE
        elif isinstance(node, FUNCTIONS):
            counts["functions"] += 1
            counts["participles"] += is_participle(node.name)
            counts["complex functions"] += paths_through(node) > MOST_PATHS
        elif isinstance(node, COMPREHENSIONS):
            counts["nested comprehensions"] += holds_another(node)
        elif isinstance(node, ast.Call):
            conditions = [value for value in values_of(node) if isinstance(value, ast.IfExp)]
            counts["conditions as arguments"] += len(conditions)
    return counts


def is_participle(name: str) -> bool:
    """Return whether the name of a function begins with a participle."""
    first = name.strip("_").partition("_")[0]
    return first in PARTICIPLES or (first.endswith("ed") and len(first) >= SHORTEST)


def paths_through(function: ast.AST) -> int:
    """Return McCabe's number of a function; what is inside its comprehensions counts as well."""
    paths = 1
    for node in ast.walk(function):
        if isinstance(node, BRANCHES):
            paths += 1
        elif isinstance(node, ast.BoolOp):
            paths += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            paths += 1 + len(node.ifs)
    return paths


def holds_another(comprehension: ast.AST) -> bool:
    """Return whether there is a comprehension inside a comprehension."""
    inside = ast.walk(comprehension)
    return any(isinstance(node, COMPREHENSIONS) for node in inside if node is not comprehension)


def values_of(call: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call."""
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def limits_of(counts: Mapping[str, int]) -> dict[str, int]:
    """Return what a folder of this size may have of each kind once it has been rewritten."""
    names, functions = counts["names"], counts["functions"]
    sizes = {"vague names": names, "participles": functions, "complex functions": functions}
    return {kind: int(share * sizes.get(kind, 0) / 100) for kind, share in LIMITS.items()}


def excess(counts: Mapping[str, int], most: Mapping[str, int]) -> dict[str, str]:
    """Return by kind what there is more of than there may be."""
    return {
        kind: f"{counts[kind]}, and {limit} are allowed"
        for kind, limit in most.items()
        if counts[kind] > limit
    }


def read_allowances() -> dict[str, dict[str, int]]:
    """Return by folder what it may still have of each kind."""
    allowances: dict[str, dict[str, int]] = json.loads(ALLOWANCES.read_text(encoding="utf-8"))
    return allowances


def lower_allowances() -> None:
    """Write allowances anew: none is raised, and folders that need none have none."""
    before = read_allowances()
    after = {}
    for folder in folders():
        counts = counts_of(folder)
        if folder in before and excess(counts, limits_of(counts)):
            after[folder] = {kind: min(counts[kind], before[folder][kind]) for kind in LIMITS}
    ALLOWANCES.write_text(json.dumps(after, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    lower_allowances()
