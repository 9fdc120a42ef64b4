"""The fresh process: it answers with the code that this one has."""

import copy
import importlib
import os
import pickle
import subprocess
import sys

import pytest

import skewtest as sk
from skewtest.run.draft import Ask, Draft, pack_drafts
from skewtest.run.names import Slot
from skewtest.sides.answers import MISSING, NULL_OR_NAN
from skewtest.sides.fresh import answered_afresh
from skewtest.times import DAY_US

VIEW = """
import polars as pl
import skewtest as sk
from answers_of_a_project import ANSWER


def batch(orders: pl.DataFrame, spine: pl.DataFrame) -> pl.DataFrame:
    return spine.with_columns(n=pl.lit(ANSWER))


class Online:
    def update(self, event): ...

    def query(self, request):
        return {"n": ANSWER}


orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})
view = sk.FeatureView("v", sources=[orders], entity=["user_id"], batch=batch, online=Online,
                      features={"n": sk.exact()})
"""
NAMES = ("answers_of_a_project", "view_of_a_project")


@pytest.fixture(autouse=True)
def no_module_is_left():
    yield
    for name in NAMES:
        sys.modules.pop(name, None)


def project(folder, answer):
    folder.mkdir(exist_ok=True)
    (folder / "answers_of_a_project.py").write_text(f"ANSWER = {answer}\n")
    (folder / "view_of_a_project.py").write_text(VIEW)
    for name in NAMES:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


def answers(side="online"):
    view = importlib.import_module("view_of_a_project").view
    at = 20_000 * DAY_US
    draft = Draft((), (Ask(at, (Slot(0, 0),), ()),), scenario=view.delivery.under("in_order"))
    found = answered_afresh(view, pack_drafts(view, [draft]), side)
    return {name: column.to_list() for name, column in found.values.items()}


def test_it_answers_as_this_process_does(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    project(tmp_path, 3)
    assert answers("batch") == answers("online") == {"n": [3]}


def test_code_that_has_changed_is_imported_anew(tmp_path, monkeypatch):
    """As in a notebook, where a module is edited and reloaded."""
    monkeypatch.syspath_prepend(str(tmp_path))
    project(tmp_path, 3)
    assert answers() == {"n": [3]}
    project(tmp_path, 45)
    assert answers() == {"n": [45]}


def test_another_project_with_modules_of_the_same_names_is_another(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    project(first, 3)
    project(second, 4)
    for folder in (first, second):  # of one size and one time: the path alone tells them apart
        os.utime(folder / "answers_of_a_project.py", ns=(0, 0))
    monkeypatch.syspath_prepend(str(first))
    assert answers() == {"n": [3]}
    for name in NAMES:
        sys.modules.pop(name, None)
    monkeypatch.syspath_prepend(str(second))
    assert answers() == {"n": [4]}


PANDAS = """
import pandas as pd
import skewtest as sk


def batch(orders: pd.DataFrame, spine: pd.DataFrame) -> pd.DataFrame:
    seen = spine.merge(orders, on="user_id")
    seen = seen[seen.ts < seen.as_of]
    largest = seen.groupby(["user_id", "as_of"], as_index=False).agg(n=("n", "max"))
    return spine.merge(largest, on=["user_id", "as_of"], how="left")


def remember(state, event):
    return {**state, event["user_id"]: max(event["n"], state.get(event["user_id"], 0))}


orders = sk.Source("orders", time="ts", columns={"user_id": sk.key(), "n": sk.ints(0, 9)})
view = sk.FeatureView(
    "v", sources=[orders], entity=["user_id"], batch=batch, features={"n": sk.exact()},
    online=sk.fold(dict, remember, lambda state, request: {"n": state.get(request["user_id"])}),
)
"""


def test_the_nan_of_pandas_is_the_same_answer_there(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    project(tmp_path, 3)
    (tmp_path / "view_of_a_project.py").write_text(PANDAS)
    sys.modules.pop("view_of_a_project", None)
    view = importlib.import_module("view_of_a_project").view
    result = sk.check(view, histories=300, seed=1)
    held = {(c.law, c.side, c.change) for c in result.checks if c.state == "held"}
    assert ("determinism", "batch", "in a fresh process") in held
    assert result.ok, str(result)


@pytest.mark.parametrize("nothing", [MISSING, NULL_OR_NAN])
def test_an_absence_is_the_same_one_after_a_journey(nothing):
    assert pickle.loads(pickle.dumps(nothing)) is nothing  # noqa: S301 # our own
    assert copy.deepcopy([nothing])[0] is nothing


SCRIPT = """
import sys
import view_of_a_project as project
import skewtest as sk

print("ran", file=sys.stderr)


def batch(orders, spine):
    return project.batch(orders, spine)


view = project.view.replaced(batch=batch, name="w")
checks = {(c.side, c.change): c.reason for c in sk.check(view, histories=64, seed=1).checks}
print(checks["batch", "in a fresh process"])
"""


def test_a_script_is_not_run_again_to_find_what_it_holds(tmp_path):
    """It would check its view again, in a process that would start another, and so on."""
    (tmp_path / "answers_of_a_project.py").write_text("ANSWER = 0\n")
    (tmp_path / "view_of_a_project.py").write_text(VIEW)
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr.count("ran") == 1
    assert done.stdout == "batch is held by a script, which would run again\n"
