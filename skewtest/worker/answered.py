"""What online objects answered: values in one flat list, failures beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Any

from .values import spell

LONGEST = 60
"""Characters that are shown of an answer that is no dict."""


class Answered:
    """What online objects answered.

    Attributes:
        features: their names.
        rows: the spine rows that were answered, in that order.
        flat: the values of all features of the first row, then of the second, and so on.
        failures: (spine rows, code, facts, exception or None), in the order in which they came.
        mutated: "event" and "request", where the receiver changed one.
        skipped: spine rows that were not asked for, because enough lanes had failed.
    """

    def __init__(self, features: Iterable[str]) -> None:
        self.features = list(features)
        self.rows: list[int] = []
        self.flat: list[Any] = []
        self.failures: list[tuple[list[int], str, dict[str, Any], BaseException | None]] = []
        self.mutated: dict[str, None] = {}
        self.skipped: list[int] = []
        # One call in C for all features of an answer. For a single name it gives the value itself,
        # which is then appended instead of being added value by value.
        self._pick = itemgetter(*self.features)
        self._add = self.flat.append if len(self.features) == 1 else self.flat.extend

    def take(self, row: int, answer: Any) -> None:
        """Keep one answer: a dict with every feature, or None for no row."""
        # Not isinstance: a defaultdict would make up what it lacks.
        if type(answer) is dict:
            try:
                self._add(self._pick(answer))
            except KeyError:
                self._take_oddity(row, answer)
            else:
                self.rows.append(row)
        elif answer is not None:
            self._take_oddity(row, answer)

    def _take_oddity(self, row: int, answer: Any) -> None:
        """Keep an answer that is another mapping, lacks a feature, or is no mapping at all."""
        if not isinstance(answer, Mapping):
            facts = {"type": type(answer).__name__, "value": shorten(spell(answer))}
            self.fail([row], "not_a_mapping", facts)
            return
        values = []
        for name in self.features:
            if name not in answer:
                # Told of the first alone: what lacks one feature tends to lack them all.
                names = list(map(str, answer))
                self.fail([row], "missing_feature", {"feature": name, "got": names})
                return
            values.append(answer[name])
        self.flat.extend(values)
        self.rows.append(row)

    def fail(
        self, rows: list[int], code: str, facts: dict[str, Any], error: BaseException | None = None
    ) -> None:
        """Keep a failure of some rows."""
        if rows:
            self.failures.append((rows, code, facts, error))

    def columns(self) -> list[list[Any]]:
        """Return the values as one list for each feature, parallel to `rows`."""
        width = len(self.features)
        return [self.flat[number::width] for number in range(width)]


def shorten(text: str) -> str:
    """Return a text that fits into a line."""
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - len("...")] + "..."
