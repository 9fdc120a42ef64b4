"""Views in cells whose environments are this interpreter, told apart by a variable."""

import os
import signal
import sys
from fractions import Fraction
from functools import partial

import matrix_views as mv
import pytest

import skewtest as sk
from skewtest.checks.cell import prepare_cell, run_cell
from skewtest.checks.spread import check_spread
from skewtest.environments.cells import Cell
from skewtest.environments.settings import here
from skewtest.run.budget import Budget
from skewtest.sides.addresses import NoAddressError
from skewtest.sides.elsewhere import CannotLoadError
from skewtest.sides.process import Worker, end_workers

pytestmark = pytest.mark.matrix

SEED = 5


def environment(name, **variables):
    return sk.Environment(name, interpreter=sys.executable, variables=variables)


ONE, TWO = environment("one", VERSION="1"), environment("two", VERSION="2")


@pytest.fixture(scope="module", autouse=True)
def workers():
    yield
    end_workers()


def outcome_of(view, batch=ONE, online=ONE, histories=300):
    placed = prepare_cell(view, Cell(batch, online))
    return run_cell(view, placed, Budget(histories, SEED))[0]


@pytest.mark.parametrize(
    ("batch", "online"),
    [
        (mv.polars_batch, mv.Online),
        (mv.pandas_batch, mv.Online),
        (mv.rows_batch, mv.Online),
        (sk.per_as_of(mv.by_moment), mv.Known),
        (sk.sql(mv.QUERY), mv.Online),
        (mv.polars_batch, mv.Waiting),
        (mv.polars_batch, sk.fold(mv.started, mv.folded, mv.told)),
        (mv.polars_batch, partial(mv.Online, start=0.0)),
    ],
    ids=lambda side: getattr(side, "__name__", type(side).__name__),
)
def test_every_shape_of_implementation_runs_elsewhere_as_it_runs_here(batch, online):
    view = mv.view(batch, online)
    there = outcome_of(view)
    (at_home,) = sk.check(view, histories=300, seed=SEED, scenarios=["in_order"]).outcomes
    assert there.findings == (), [f.values for f in there.findings]
    assert there.histories == at_home.histories
    assert there.tallies == at_home.tallies
    assert [f.kind for f in there.findings] == [f.kind for f in at_home.findings]


def test_scenarios_and_relations_run_in_cells_too():
    restarts = sk.Delivery(restarts=True)
    view = mv.view(online=mv.Forgets, delivery=restarts, relations="default")
    placed = prepare_cell(view, Cell(ONE, TWO))
    scenarios = ("in_order", "restarted", "relations")
    outcomes = run_cell(view, placed, Budget(300, SEED), scenarios=scenarios)
    in_order, restarted, relations = outcomes
    assert (in_order.findings, in_order.ok) == ((), True)
    assert {finding.scenario for finding in restarted.findings} == {"restarted"}
    assert restarted.findings[0].attribution is not None
    assert all(outcome.cell is not None for outcome in outcomes)
    states = {(check.law, check.change): check.state for check in relations.checks}
    assert states["entity_isolation", "other entities removed"] == "held"
    assert states["determinism", "in a fresh process"] == "not applicable"


@pytest.mark.parametrize("side", ["batch", "online"])
def test_a_skew_of_logic_is_told_as_such(side):
    view = mv.view(partial(mv.polars_batch), partial(mv.Online, start=1.0))
    (finding,) = outcome_of(view, ONE, here() if side == "online" else ONE).findings
    assert finding.attribution.verdict == "logic skew"
    assert finding.cause == "unknown"
    assert finding.values["spend"] == (0.0, 1.0)


@pytest.mark.parametrize("batch", [mv.polars_batch, mv.pandas_batch, mv.rows_batch])
def test_a_skew_of_versions_is_told_as_such(batch):
    (finding,) = outcome_of(mv.view(batch), TWO, ONE).findings
    assert finding.cause == "library.version"
    assert finding.attribution.verdict == "version skew"
    attribution = finding.attribution
    assert (attribution.batch_differs, attribution.online_differs) == (True, False)
    assert finding.counterexample.events.is_empty()


def test_a_reference_tells_how_far_each_answer_is_off():
    def exact(events, request):
        return {"spend": sum((Fraction(e["amount"] or 0.0) for e in events), Fraction(0))}

    (finding,) = outcome_of(mv.view(reference=exact), TWO, ONE).findings
    off = {}
    for answer in finding.attribution.answers:
        off[answer.side, answer.environment] = answer.ulps_off
    assert off["online", "one"] == off["online", "two"] == off["batch", "one"] == 0
    assert off["batch", "two"] > 0


def test_a_reference_that_fails_is_none():
    (finding,) = outcome_of(mv.view(reference=lambda events, request: {}), TWO, ONE).findings
    assert {answer.ulps_off for answer in finding.attribution.answers} == {None}


def test_both_at_once_are_told_as_both():
    view = mv.view(mv.polars_batch, partial(mv.Online, start=5.0))
    (finding,) = outcome_of(view, TWO, ONE).findings
    assert finding.attribution.verdict == "version and logic skew"


@pytest.mark.fault(
    "online raises, hangs or dies in an environment",
    "a finding with a small history",
    ends="finding",
)
@pytest.mark.parametrize(
    ("trouble", "kind", "code"),
    [
        pytest.param("crash", "error", "crashed", marks=pytest.mark.slow),
        pytest.param("leave", "error", "crashed", marks=pytest.mark.slow),
        ("hang", "timeout", "timeout"),
        ("sleep in C", "timeout", "timeout"),
        ("raise", "error", "raised"),
        ("query", "error", "raised"),
    ],
)
def test_online_code_in_trouble_is_a_finding_with_a_small_history(trouble, kind, code):
    serve = environment("serve", TROUBLE=trouble)
    view = mv.view(timeout=0.5)
    found = outcome_of(view, ONE, serve, histories=64)
    finding = found.findings[0]
    assert finding.kind == kind
    assert finding.failures[0].code == code
    if code == "crashed":
        assert finding.failures[0].facts["how"] == (
            "SIGSEGV" if trouble == "crash" else "exit code 3"
        )
    if code != "timeout" and trouble != "query":
        assert 7 in finding.counterexample.events["items"].to_list()
    assert outcome_of(mv.view(), ONE, ONE, histories=64).ok


@pytest.mark.fault("batch hangs in an environment", "a timeout", ends="finding")
def test_batch_that_hangs_is_a_timeout():
    finding = outcome_of(mv.view(mv.slow_batch, timeout=0.5), TWO, ONE, histories=64).findings[0]
    assert finding.kind == "timeout"
    assert finding.failures[0].side == "batch"


@pytest.mark.fault(
    "the process of an environment is killed by somebody else",
    "another takes its place, and the verdict is the same",
    ends="harmless",
)
def test_a_worker_that_is_killed_in_the_middle_costs_no_verdict(monkeypatch):
    view = mv.view()
    placed = prepare_cell(view, Cell(ONE, ONE))
    ask, asked = Worker.ask, []

    def killed_now_and_then(self, message, *rest, **settings):
        asked.append(message["do"])
        if len(asked) in (2, 5, 9):
            os.kill(self.process.pid, signal.SIGKILL)
        return ask(self, message, *rest, **settings)

    monkeypatch.setattr(Worker, "ask", killed_now_and_then)
    assert run_cell(view, placed, Budget(600, SEED))[0].ok
    assert asked.count("load") >= 3


@pytest.mark.fault(
    "code does not import in an environment", "a failed cell with its traceback", ends="gap"
)
def test_code_that_does_not_import_there_is_told_with_its_traceback(tmp_path, monkeypatch):
    (tmp_path / "only_new.py").write_text(
        "import os\nif os.environ.get('VERSION') == '1':\n    import no_such_library\n"
        "def batch(spine):\n    return spine\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import only_new  # noqa: PLC0415

    with pytest.raises(CannotLoadError, match="no_such_library") as caught:
        prepare_cell(mv.view(only_new.batch), Cell(ONE, TWO))
    assert "only_new.py" in caught.value.error.remote_traceback


def test_what_no_module_holds_is_refused_by_name():
    with pytest.raises(NoAddressError, match="no module holds it by name"):
        prepare_cell(mv.view(lambda spine: spine), Cell(ONE, TWO))


def test_a_module_that_declares_views_beside_its_code_is_imported_without_skewtest():
    assert outcome_of(mv.view(sk.per_as_of(mv.by_moment), equal=["null", "missing"])) is not None


def test_environments_are_parted_by_what_they_answer():
    three = environment("three", VERSION="2")
    found = check_spread(mv.view(), [Cell(ONE, TWO), Cell(three, ONE)], SEED)
    (parting,) = found.spread.partings
    assert (parting.side, parting.feature) == ("batch", "spend")
    assert parting.groups == (("here", "one"), ("two", "three"))
    assert parting.thresholds == ()
    assert found.spread.examples["batch", "spend"].events.is_empty()
    assert parting.events == 0
    assert parting.values == (0.0, 1.0)
    assert not found.ok


@pytest.mark.fault(
    "one environment cannot be built", "it is a gap, and the others are checked", ends="gap"
)
def test_an_environment_that_cannot_be_had_does_not_stop_the_others():
    gone = sk.Environment("gone", interpreter="/no/python")
    found = check_spread(mv.view(), [Cell(ONE, gone)], SEED)
    assert found.spread.failed == {"gone": "interpreter missing"}
    assert [one.name for one in found.spread.environments] == ["here", "one"]
