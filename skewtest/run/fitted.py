"""Fitted artefacts: what is fitted once, on a training history, and given to both sides."""

from skewtest.declare.view import FeatureView
from skewtest.drive.guard import OURS, TimeLimitExceeded, time_limit
from skewtest.generate.hints import Hints
from skewtest.generate.history import Pack
from skewtest.generate.instants import Clock
from skewtest.generate.packs import build
from skewtest.generate.plan import Plan, draw_pools
from skewtest.sides.answers import Failure
from skewtest.sides.functions import call_by_name, named_frames

# The number of the first: no run gets there, so nothing is tried on what it was fitted to.
TRAINING_FIRST = 2**40


def fit_view(view: FeatureView, hints: Hints, seed: int) -> FeatureView | Failure:
    """Return a view whose sides have what was fitted, or how fitting failed.

    Args:
        view: the view; one without `fitted` is returned as it is.
        hints: constants that the implementations mention.
        seed: of the training history.
    """
    if view.fitted is None:
        return view
    pack = draw_training_pack(view, hints, seed)
    try:
        with time_limit(view.timeout):
            artefact = call_by_name(view.fitted, named_frames(pack))
    except TimeLimitExceeded:
        return Failure("batch", "timeout", {"seconds": view.timeout})
    except OURS:
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        return Failure("batch", "fit", exception=error)
    return view.with_fitted(artefact)


def draw_training_pack(view: FeatureView, hints: Hints, seed: int) -> Pack:
    """Return the histories that artefacts are fitted to."""
    pools = draw_pools(view, seed, TRAINING_FIRST)
    # Mostly plain values: what is fitted to range ends and nulls tells little.
    plan = Plan(seed=seed, odd=0.1, crowd=0.4, pools=pools, first=TRAINING_FIRST)
    lanes = view.fitted_histories if view.laned else 1
    return build(view, Clock.of(view, hints), plan, lanes, hints=hints)
