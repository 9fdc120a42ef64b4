"""Two runs on one history: a side that answers otherwise the second time is nondeterministic."""

from skewtest.compare.tables import Divergence
from skewtest.run.experiment import Trial
from skewtest.sides.answers import Answers
from skewtest.worker.values import spell


def nondeterministic_side(first: Trial, second: Trial) -> str | None:
    """Return the side whose own answers differ between two runs on one history.

    A run that met its time limit says nothing: the machine may have been busy.
    """
    for answers in (first.left, first.right, second.left, second.right):
        for failure in answers.failures.values():
            if failure.code == "timeout":
                return None
    # Batch first: where both are, the online side may only hand on what batch started it from.
    if spell_answers(first.left) != spell_answers(second.left):
        return "batch"
    if spell_answers(first.right) != spell_answers(second.right):
        return "online"
    return None


def spell_answers(answers: Answers) -> str:
    """Return answers as a text: NaN equals no NaN, but is spelled like any other."""
    cells = [(name, answers.values[name].to_list()) for name in sorted(answers.values)]
    return spell((cells, sorted(answers.failures)))


def divergence_between_runs(first: Trial, second: Trial, side: str) -> Divergence:
    """Return the divergence between two runs of one side, in place of one between the sides."""
    before, after = first.right, second.right
    if side == "batch":
        before, after = first.left, second.left
    for name, column in before.values.items():
        pairs = zip(column, after.values[name], strict=True)
        for row, (left, right) in enumerate(pairs):
            if spell(left) != spell(right):
                return Divergence(row, name, "nondeterministic", left, right)
    row = next(iter({*before.failures, *after.failures}), -1)
    left, right = before.failures.get(row), after.failures.get(row)
    return Divergence(row, "", "nondeterministic", left, right)
