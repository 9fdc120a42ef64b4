"""Known divergences: what pyproject.toml says may differ, whose it is, why, and until when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from skewtest.declare.delivery import IN_ORDER, RELATIONS, SCENARIOS
from skewtest.declare.divergence import BROKEN_KINDS, KINDS
from skewtest.errors import DeclarationError, listed, nearest

# Without an owner, a reason and an end, a list of exceptions only ever grows.
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
        """Return whether a finding of its view and scenario is the one that is known.

        Args:
            feature: the finding's feature; "*" for whole rows.
            kind: its kind of divergence.
        """
        if self.feature != feature:
            return False
        if self.kind:
            return kind == self.kind
        return kind in KINDS and kind not in BROKEN_KINDS

    @classmethod
    def from_table(cls, table: object, place: str) -> "Known":
        """Return the known divergence of a table `[[tool.skewtest.known]]`.

        Args:
            table: its keys and values.
            place: how errors call it.

        Raises:
            DeclarationError: a key is missing or unknown, or a value is of the wrong type.
        """
        if not isinstance(table, Mapping):
            raise DeclarationError(f"{place} must be a table; got {table!r}")
        _check_keys(place, table)
        expires = table["expires"]
        # A datetime is a date to Python; TOML has both, and a day is what is meant.
        if not isinstance(expires, date) or isinstance(expires, datetime):
            raise DeclarationError(
                f"{place}: expires must be a date, as in expires = 2027-01-31; got {expires!r}"
            )
        texts = {}
        for key, value in table.items():
            if key != "expires":
                texts[key] = _check_text(place, key, value)
        divergence = cls(**texts, expires=expires)
        _check_choice(place, "scenario", divergence.scenario, (*SCENARIOS, RELATIONS))
        if divergence.kind:
            _check_choice(place, "kind", divergence.kind, KINDS)
        return divergence


def known_of(tables: object, place: str) -> tuple[Known, ...]:
    """Return the known divergences of `[[tool.skewtest.known]]`.

    Args:
        tables: the list of tables, as TOML has it.
        place: the file, for errors.

    Raises:
        DeclarationError: one of them is wrong, or two are the same.
    """
    if not isinstance(tables, Sequence) or isinstance(tables, str):
        raise DeclarationError(f"{place}: write each one as a table [[tool.skewtest.known]]")
    by_identity: dict[tuple[str, ...], Known] = {}
    for number, table in enumerate(tables, 1):
        entry = f"{place}: [[tool.skewtest.known]] number {number}"
        divergence = Known.from_table(table, entry)
        identity = (
            divergence.view,
            divergence.feature,
            divergence.scenario,
            divergence.kind,
            divergence.cell,
        )
        # Of two owners with two days of expiry, nobody could say which one holds.
        if identity in by_identity:
            raise DeclarationError(f"{entry} is the same divergence as one before it")
        by_identity[identity] = divergence
    return tuple(by_identity.values())


def _check_keys(place: str, table: Mapping[str, object]) -> None:
    for key in table:
        if key not in (*NEEDED, *OPTIONAL):
            raise DeclarationError(
                f"{place} knows {listed((*NEEDED, *OPTIONAL))}; got {key!r}."
                + nearest(key, (*NEEDED, *OPTIONAL))
            )
    missing = [key for key in NEEDED if key not in table]
    if missing:
        raise DeclarationError(
            f"{place} lacks {listed(missing)}: a known divergence has an owner, a reason and a "
            "day on which it expires"
        )


def _check_text(place: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DeclarationError(f"{place}: {key} must be a text; got {value!r}")
    return value


def _check_choice(place: str, key: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise DeclarationError(
            f"{place}: {key} must be one of {listed(choices)}; got {value!r}."
            + nearest(value, choices)
        )
