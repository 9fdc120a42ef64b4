"""Known divergences: what pyproject.toml says may differ, whose it is, why, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from skewtest.declare.delivery import IN_ORDER, RELATIONS, SCENARIOS
from skewtest.declare.divergence import BROKEN_KINDS, KINDS
from skewtest.errors import DeclarationError, listed, nearest

NEEDED = ("view", "feature", "owner", "reason", "expires")
OPTIONAL = ("scenario", "kind", "cell")


@dataclass(frozen=True, slots=True)
class Known:
    """A divergence that its owner knows of.

    Attributes:
        view: the view's name.
        feature: the feature's name; "*" for findings of whole rows.
        owner: whom to ask.
        reason: why it is left.
        expires: the last day on which it is accepted.
        scenario: under which it occurs; "relations" for a broken relation.
        kind: its kind of divergence; "" for any but those of code that breaks.
        cell: the cell of the version matrix, as `train~serve`; "" outside of the matrix.
    """

    view: str
    feature: str
    owner: str
    reason: str
    expires: date
    scenario: str = IN_ORDER
    kind: str = ""
    cell: str = ""

    def covers(self, feature: str, kind: str) -> bool:
        """Return whether a finding of its view and scenario is the one that is known."""
        if self.feature != feature:
            return False
        if self.kind:
            return kind == self.kind
        return kind in KINDS and kind not in BROKEN_KINDS

    @classmethod
    def from_table(cls, table: object, place: str) -> "Known":
        """Return the known divergence of a table `[[tool.skewtest.known]]`.

        Raises:
            DeclarationError: a key is missing or unknown, or a value is of the wrong type.
        """
        if not isinstance(table, Mapping):
            raise DeclarationError(f"{place} must be a table; got {table!r}")
        for key in table:
            if key not in (*NEEDED, *OPTIONAL):
                raise DeclarationError(
                    f"{place} knows {listed((*NEEDED, *OPTIONAL))}; got {key!r}."
                    + nearest(key, (*NEEDED, *OPTIONAL))
                )
        lacking = [key for key in NEEDED if key not in table]
        if lacking:
            raise DeclarationError(
                f"{place} lacks {listed(lacking)}: a known divergence has an owner, a reason and a "
                "day on which it expires"
            )
        expires = table["expires"]
        if not isinstance(expires, date) or isinstance(expires, datetime):
            raise DeclarationError(
                f"{place}: expires must be a date, as in expires = 2027-01-31; got {expires!r}"
            )
        texts = {key: _text(place, key, table[key]) for key in table if key != "expires"}
        _check_choice(place, "scenario", texts.get("scenario", IN_ORDER), (*SCENARIOS, RELATIONS))
        _check_choice(place, "kind", texts.get("kind", KINDS[0]), KINDS)
        return cls(**texts, expires=expires)


def known_of(tables: object, place: str) -> tuple[Known, ...]:
    """Return the known divergences of `[[tool.skewtest.known]]`.

    Raises:
        DeclarationError: one of them is wrong, or two are the same.
    """
    if not isinstance(tables, Sequence) or isinstance(tables, str):
        raise DeclarationError(f"{place}: write each one as a table [[tool.skewtest.known]]")
    found: dict[tuple[str, ...], Known] = {}
    for number, table in enumerate(tables, 1):
        where = f"{place}: [[tool.skewtest.known]] number {number}"
        one = Known.from_table(table, where)
        key = one.view, one.feature, one.scenario, one.kind, one.cell
        if key in found:
            raise DeclarationError(f"{where} is the same divergence as one before it")
        found[key] = one
    return tuple(found.values())


def _text(place: str, key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DeclarationError(f"{place}: {key} must be a text; got {value!r}")
    return value


def _check_choice(place: str, key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise DeclarationError(
            f"{place}: {key} must be one of {listed(choices)}; got {value!r}."
            + nearest(value, choices)
        )
