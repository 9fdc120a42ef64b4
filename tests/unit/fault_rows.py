"""The table of faults in docs/reference/faults.md, made of the marks that tests carry.

    python tests/unit/fault_rows.py    # writes the page anew

A test says what it tries and what then happens in its mark, or in that of one of its parameters:

    @pytest.mark.fault("batch returns None", "an error names what it returned", ends="finding")

The rows of a file stand under the first line of its docstring.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "faults.md"
ENDS = {
    "finding": "what the code under test does is a finding, and the exit is not 0",
    "gap": "something was not checked or not written: the report or a line says what and why, "
    "and the exit is not 0",
    "stopped": "the run was ended: what was done is in an incomplete report, and the exit is not 0",
    "refused": "nothing was done: an error says what is wrong and what to do, and the exit is "
    "not 0",
    "told": "everything was checked all the same, and a line tells what was met",
    "harmless": "everything was checked all the same, and there is nothing to tell",
}
"""How a fault may end, and what each means: a closed list."""
HEAD = """\
# Faults

What was done to skewtest on purpose, and what happened. The page is made of the marks of the tests
that it names (`python tests/unit/fault_rows.py`), and a test fails where the two disagree: what it
says happens in each run of the tests. None ends with exit 0 where something was not checked.

| ends | meaning |
|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """What one mark says, and the place of its test."""

    tried: str
    happened: str
    ends: str
    section: str
    test: str


def read_rows() -> list[Row]:
    """Return the rows of all test files, in the order of files and lines.

    Raises:
        ValueError: A mark has other arguments than two texts and a known `ends`.
    """
    rows = []
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "mark.fault(" in text:
            rows += _rows_of(ast.parse(text), path.relative_to(TESTS.parent).as_posix())
    return rows


def _rows_of(module: ast.Module, path: str) -> Iterator[Row]:
    section = (ast.get_docstring(module) or path).splitlines()[0]
    tests = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    for statement in module.body:
        for mark in _marks_in(statement):
            yield _row(mark, section, f"{path}::{_test_of(statement, tests)}")


def _marks_in(statement: ast.stmt) -> list[ast.Call]:
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    marks = [call for call in calls if ast.unparse(call.func) == "pytest.mark.fault"]
    return sorted(marks, key=lambda mark: (mark.lineno, mark.col_offset))


def _test_of(statement: ast.stmt, tests: list[ast.FunctionDef]) -> str:
    """Return the test that a statement is, or whose decorators use the table that it fills."""
    if isinstance(statement, ast.FunctionDef):
        return statement.name
    table = ast.unparse(statement).split(" = ")[0]
    for test in tests:
        if any(table in ast.unparse(decorator) for decorator in test.decorator_list):
            return test.name
    raise ValueError(f"line {statement.lineno}: no test is parametrised by {table}")


def _row(mark: ast.Call, section: str, test: str) -> Row:
    place = f"{test}, line {mark.lineno}"
    try:
        tried, happened = (ast.literal_eval(word) for word in mark.args)
        ((name, ends),) = ((part.arg, ast.literal_eval(part.value)) for part in mark.keywords)
    except ValueError as error:
        raise ValueError(
            f'{place}: expected fault("tried", "happened", ends="...") of literal texts'
        ) from error
    if name != "ends" or ends not in ENDS:
        raise ValueError(f"{place}: expected ends= to be one of {', '.join(ENDS)}; got {ends!r}")
    return Row(tried, happened, ends, section, test)


def write_page(rows: list[Row]) -> str:
    """Return the page of some rows, as Markdown."""
    lines = [HEAD + "\n".join(f"| {name} | {meaning} |" for name, meaning in ENDS.items())]
    section = None
    for row in rows:
        if row.section != section:
            section = row.section
            heading = f"## {section.rstrip('.')}"
            lines += ["", heading, "", "| tried | happened | ends | test |", "|---|---|---|---|"]
        cells = [row.tried, row.happened, row.ends, f"`{row.test.removeprefix('tests/')}`"]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(write_page(read_rows()), encoding="utf-8")
