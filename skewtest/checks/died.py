"""What a check came to whose process user code took down, where no history shows it."""

from collections.abc import Sequence

from skewtest.compare.tables import Divergence
from skewtest.declare.delivery import IN_ORDER
from skewtest.declare.view import FeatureView
from skewtest.results.finding import Finding
from skewtest.results.outcome import Outcome
from skewtest.run.confirm import name_feature
from skewtest.sides.answers import Failure

NOT_RUN = "user code ended the process of the check"


def outcomes_of_death(
    view: FeatureView, scenarios: Sequence[str], seed: int, failure: Failure
) -> tuple[Outcome, ...]:
    """Return that a check died, told under one scenario; under the others nothing was run.

    Args:
        view: the view.
        scenarios: the names of those that were to be run, relations among them.
        seed: of the run.
        failure: how the process ended.
    """
    first = IN_ORDER if IN_ORDER in scenarios else scenarios[0]
    outcomes = []
    for name in scenarios:
        if name == first:
            finding = finding_of_death(view, name, failure)
            outcome = Outcome(view, name, seed, 0, 0, findings=(finding,))
        else:
            outcome = Outcome(view, name, seed, 0, 0, skipped=NOT_RUN)
        outcomes.append(outcome)
    return tuple(outcomes)


def finding_of_death(view: FeatureView, scenario: str, failure: Failure) -> Finding:
    """Return that user code took the process down, as a finding without a history."""
    left, right = (failure, None) if failure.side == "batch" else (None, failure)
    side = failure.side if failure.side in ("batch", "online") else None
    return Finding(
        feature=name_feature(view, ""),
        scenario=scenario,
        kind=failure.kind,
        counterexample=None,
        divergence=Divergence(-1, "", failure.kind, left, right),
        side=side,
    )
