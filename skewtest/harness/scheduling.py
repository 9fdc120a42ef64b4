"""How tests are sent to the workers of pytest-xdist."""

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

from skewtest.harness.families import MARK, family_of


class FamilyScheduling(LoadScheduling):  # type: ignore[misc] # xdist has no types
    """xdist's `load`, but a family is never split."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._families: dict[int, str] = {}

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Take what a worker has collected, and which of it are families."""
        nodeids = [nodeid.removesuffix(MARK) for nodeid in collection]
        for index, nodeid in enumerate(collection):
            if nodeid.endswith(MARK):
                self._families[index] = family_of(nodeid)
        super().add_node_collection(node, nodeids)

    def _send_tests(self, node: WorkerController, num: int) -> None:
        """Send the next tests, and what is left of their families."""
        families = set()
        for index in self.pending[:num]:
            if index in self._families:
                families.add(self._families[index])
        first, remaining = self.pending[:num], []
        for index in self.pending[num:]:
            if self._families.get(index) in families:
                first.append(index)
            else:
                remaining.append(index)
        # xdist sends what stands first, and keeps books of it: the list itself is reordered.
        self.pending[:] = [*first, *remaining]
        super()._send_tests(node, len(first))


def keep_families(scheduler: object, config: pytest.Config, log: object) -> object:
    """Return a scheduler that keeps families together, in the place of xdist's usual one."""
    # A scheduler that somebody else has made, or one of another `--dist`, is left alone.
    if type(scheduler) is not LoadScheduling:
        return scheduler
    return FamilyScheduling(config, log)
