"""The built wheel, installed with nothing but its own dependencies, outside the checkout."""

import os
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = """
import datetime
import polars as pl
import skewtest as sk

orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "amount": sk.ints(0, 9)})

def total(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    seen = spine.join(orders, on="user_id").filter(pl.col("ts") COMPARES pl.col("as_of"))
    sums = seen.group_by("user_id", "as_of").agg(total=pl.col("amount").sum())
    return spine.join(sums, on=["user_id", "as_of"], how="left").with_columns(
        pl.col("total").fill_null(0)
    )

class Total:
    def __init__(self):
        self.events = []
    def update(self, event):
        self.events.append(event)
    def query(self, request):
        own = [event for event in self.events if event["user_id"] == request["user_id"]]
        return {"total": sum(e["amount"] for e in own if e["ts"] < request["as_of"])}

view = sk.FeatureView(
    "orders", sources=[orders], entity=["user_id"], batch=total, online=Total,
    features={"total": sk.exact()},
)

def test_parity(skew):
    skew.check(view)
"""

pytestmark = pytest.mark.wheel


def run(*words, cwd, check=True):
    ran = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and ran.returncode:
        pytest.fail(f"{words} exited with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran


def build(project, folder):
    """Build a source archive, and the wheel out of that archive; return the wheel."""
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, project, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def tools(tmp_path_factory, wheel):
    """The folder of commands of a clean environment with the wheel in it."""
    home = tmp_path_factory.mktemp("clean") / "venv"
    run(sys.executable, "-m", "virtualenv", home, cwd=home.parent)
    tools = home / ("Scripts" if sys.platform == "win32" else "bin")
    run(tools / "python", "-m", "pip", "install", "--retries", "8", wheel, cwd=home.parent)
    return tools


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "skewtest").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert held == ours
    assert "skewtest/py.typed" in held


def test_its_dependencies_agree(tools, tmp_path):
    run(tools / "python", "-m", "pip", "check", cwd=tmp_path)


def test_importing_it_imports_nothing_heavy(tools, tmp_path):
    heavy = "{'hypothesis', 'jinja2', 'narwhals', 'numpy', 'polars', 'rich', 'typer'}"
    code = f"import sys, skewtest, skewtest.plugin; print({heavy} & set(sys.modules))"

    assert run(tools / "python", "-c", code, cwd=tmp_path).stdout == "set()\n"


def test_the_demo_finds_its_planted_skew_and_writes_the_report(tools, tmp_path):
    ran = run(tools / "skewtest", "demo", cwd=tmp_path)

    (page,) = tmp_path.rglob("*.html")
    assert "batch and online disagree" in ran.stdout
    assert "spend_7d" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("compares", "outcome"), [("<", "1 passed"), ("<=", "1 failed")])
def test_a_project_of_ten_lines_is_checked(compares, outcome, tools, tmp_path):
    source = textwrap.dedent(PROJECT).replace("COMPARES", compares)
    (tmp_path / "test_skew.py").write_text(source, encoding="utf-8")
    ran = run(tools / "pytest", cwd=tmp_path, check=False)

    assert outcome in ran.stdout
    assert ran.returncode == (outcome == "1 failed")


def test_the_plugin_template_builds_and_passes_beside_the_wheel(tools, tmp_path):
    template = build(ROOT / "plugins" / "template", tmp_path)
    run(tools / "python", "-m", "pip", "install", template, cwd=tmp_path)
    ran = run(tools / "pytest", "-q", ROOT / "plugins" / "template", cwd=tmp_path)

    assert "6 passed" in ran.stdout
