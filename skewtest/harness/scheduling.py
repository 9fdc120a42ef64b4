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
        families = {
            self._families[index] for index in self.pending[:num] if index in self._families
        }
        chosen, remaining = self.pending[:num], []
        for index in self.pending[num:]:
            if self._families.get(index) in families:
                chosen.append(index)
            else:
                remaining.append(index)
        self.pending[:] = [*chosen, *remaining]
        super()._send_tests(node, len(chosen))


def keep_families(scheduler: object, config: pytest.Config, log: object) -> object:
    """Return a scheduler that keeps families together, in the place of xdist's usual one."""
    return FamilyScheduling(config, log) if type(scheduler) is LoadScheduling else scheduler
