"""What a view's reference says of a finding, as every format tells it."""

from collections.abc import Sequence
from typing import Any

from skewtest.report.words import difference_text, shorten, value_text
from skewtest.results.values import Opinion, SideOpinion
from skewtest.sides.answers import Failure


def list_opinions(opinion: Opinion | None) -> list[str]:
    """Return what a reference says as a sentence of evidence, none without one."""
    return [] if opinion is None else [f"reference: {opinion_text(opinion)}"]


def opinion_text(opinion: Opinion) -> str:
    """Return what a reference says of both sides, in a line."""
    if isinstance(opinion.value, Failure):
        return f"it says nothing, because it fails: {_reason_of(opinion.value)}"
    sides = []
    for side in opinion.sides:
        if side.is_off:
            sides.append((side.side, off_text(side, opinion.value)))
    return f"{value_text(opinion.value)}; {_sides_text(opinion, sides)}"


def _sides_text(opinion: Opinion, sides: Sequence[tuple[str, str]]) -> str:
    """Return what is said of the sides that are off, each given with what it does."""
    if not sides:
        return "both sides agree with it but for rounding"
    name, text = sides[0]
    if len(sides) == 1:
        agreeing = [side.side for side in opinion.sides if not side.is_off]
        return f"{name} {text}, {agreeing[0]} agrees"
    second_name, second_text = sides[1]
    if text == second_text:
        return f"both are wrong alike: each {text}"
    return f"both are off: {name} {text}, {second_name} {second_text}"


def off_text(side: SideOpinion, exact: Any) -> str:
    """Return what a side that is off does, "" where it is not off."""
    if not side.is_off:
        return ""
    if isinstance(side.value, Failure):
        return "fails"
    if side.off is None:
        return f"answers {value_text(side.value)}"
    return f"is off by {difference_text(side.value, exact)}"


def _reason_of(failure: Failure) -> str:
    error = failure.exception
    return failure.code if error is None else shorten(f"{type(error).__name__}: {error}")
