"""What CONTRIBUTING.md asks of the prose and no linter holds, in the folders that keep it."""

import ast
from pathlib import Path

import pytest

import skewtest

PACKAGE = Path(skewtest.__file__).parent
FILES = sorted({*PACKAGE.glob("declare/*.py"), *PACKAGE.glob("environments/*.py")})
UNFINISHED = {PACKAGE / "declare" / "sides.py"}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
VAGUE = """
    found held given told one other others kept wanted here own mine made there now then more rest
    both few what said shown
""".split()  # noqa: SIM905 - a list of words is read as words
LONGEST_FILE = 300


@pytest.fixture(
    params=[file for file in FILES if file not in UNFINISHED],
    ids=lambda file: f"{file.parent.name}/{file.stem}",
)
def source(request):
    return request.param.read_text(encoding="utf-8")


def nodes_of(source, *types):
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, types)]


def test_no_comprehension_stands_inside_another(source):
    for comprehension in nodes_of(source, *COMPREHENSIONS):
        parts = [part for part in ast.walk(comprehension) if isinstance(part, COMPREHENSIONS)]
        assert parts == [comprehension], f"line {comprehension.lineno}"


def test_local_names_say_what_they_hold(source):
    names = [node for node in nodes_of(source, ast.Name) if isinstance(node.ctx, ast.Store)]
    assert [f"line {name.lineno}: {name.id}" for name in names if name.id in VAGUE] == []


def test_no_conditional_expression_stands_in_an_argument_list(source):
    for call in nodes_of(source, ast.Call):
        arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
        assert not any(isinstance(part, ast.IfExp) for part in arguments), f"line {call.lineno}"


def test_a_file_is_short_enough_to_be_read_in_one_go(source):
    assert sum(bool(line.strip()) for line in source.splitlines()) <= LONGEST_FILE


def test_the_worker_evaluates_no_type_that_python_3_8_cannot_subscript():
    subscripted = []
    for path in sorted((PACKAGE / "worker").glob("*.py")):
        for statement in ast.parse(path.read_text(), feature_version=(3, 8)).body:
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Subscript) and isinstance(value.value, ast.Name):
                subscripted.append(f"{path.name}: {ast.unparse(statement)}")
    assert subscripted == []
