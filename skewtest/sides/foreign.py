"""Sides of other people: whatever has `answer`, held to its word."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skewtest.declare.sides import CAPABILITIES
from skewtest.drive.guard import OURS
from skewtest.errors import SkewtestError
from skewtest.generate.history import Pack
from skewtest.sides.addresses import NoAddressError
from skewtest.sides.answers import Answers, Failure
from skewtest.sides.columns import Column, scatter
from skewtest.sides.side import Conditions
from skewtest.worker.exits import ExitAttempted, NoExit
from skewtest.worker.limits import TimeLimit, TimeLimitExceeded


@dataclass(frozen=True, slots=True, eq=False)
class ForeignSide:
    """A side that is not ours: it may raise, hang, or answer less than it was asked.

    Attributes:
        side: has at least `answer(pack, conditions)`.
        role: what it is called if it has no name.
    """

    side: Any
    role: str

    @property
    def name(self) -> str:
        """See Side."""
        return str(getattr(self.side, "name", self.role))

    @property
    def capabilities(self) -> frozenset[str]:
        """See Side; what is no capability is not one of its."""
        return frozenset(getattr(self.side, "capabilities", ())) & frozenset(CAPABILITIES)

    def parts(self) -> Iterator[Any]:
        """See Side; of a side that does not tell, its class."""
        parts = getattr(self.side, "parts", None)
        if callable(parts):
            yield from parts()
        else:
            yield type(self.side)

    def at(self, place: Any) -> "ForeignSide":
        """See Side."""
        move = getattr(self.side, "at", None)
        if not callable(move):
            claims = " although it claims to" if "elsewhere" in self.capabilities else ""
            raise NoAddressError(
                f"{self.name} cannot be run elsewhere{claims}: it has no at(place)"
            )
        return ForeignSide(move(place), self.role)

    def answer(self, pack: Pack, conditions: Conditions) -> Answers | Failure:
        """See Side; rows and features that it leaves out are missing."""
        try:
            with NoExit(), TimeLimit(conditions.seconds):
                answers = self.side.answer(pack, conditions)
        except TimeLimitExceeded:
            return Failure(self.role, "timeout", {"seconds": conditions.seconds})
        except ExitAttempted as error:
            return Failure(self.role, "crashed", {"how": error.how, "last": ""})
        except (SkewtestError, *OURS):
            # Ours tell a user what to mend, and are no finding.
            raise
        except BaseException as error:
            return Failure(self.role, "raised", exception=error)
        if isinstance(answers, Failure):
            return answers
        if not isinstance(answers, Answers):
            return Failure(self.role, "not_a_frame", {"type": type(answers).__name__})
        return self._whole(answers, pack, conditions)

    def _whole(self, answers: Answers, pack: Pack, conditions: Conditions) -> Answers | Failure:
        """Return answers to every spine row; what was not answered is missing."""
        lacking = [name for name in conditions.view.features if name not in answers.values]
        if lacking:
            facts = {"lacking": lacking, "got": list(answers.values)}
            return Failure(self.role, "missing_columns", facts)
        height = pack.spine.height
        sizes = set(map(len, answers.values.values()))
        if sizes == {height}:
            return answers
        return _cut_to_height(answers, height)


def _cut_to_height(answers: Answers, height: int) -> Answers:
    # Failures beyond the spine go with their rows: nobody could say which request they are of.
    failures = {row: failure for row, failure in answers.failures.items() if row < height}
    return replace(
        answers,
        values={name: _fit(column, height) for name, column in answers.values.items()},
        failures=failures,
        skipped=frozenset(row for row in answers.skipped if row < height),
    )


def _fit(column: Column, height: int) -> Column:
    """Return a column of a height: what is beyond it goes, what it lacks is missing."""
    rows = np.arange(min(len(column), height))
    return scatter([(rows, column.take(rows))], height)
