"""Under pytest-xdist the items of one view, or of one test, go to one worker.

There they share histories and batch answers. xdist's own way to keep items together needs
`--dist loadgroup`, which puts its groups into the node ids that users see, and gives up sending
other tests in runs that share their fixtures. So the usual scheduler stays, and never splits a
family (see `scheduling`); which items those are, workers tell in the node ids of their collection,
on the way to the scheduler and nowhere else. Imports pytest alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

DIST = "skewtest_dist"
"""In a worker's input: `--dist` as the run has it, which xdist resets in workers."""
MARK = "@skewtest"
KEEPING = ("load", "loadfile", "loadscope", "each")
"""Of `--dist`: those that send a family to one worker; `load` because of our scheduler."""


def family_of(nodeid: str) -> str:
    """Return what the node ids of the items of one view, or of one test, have in common."""
    return nodeid.partition("[")[0]


def tell_worker(node: "WorkerController") -> None:
    """Tell a worker, before it starts, how tests are sent to workers."""
    node.workerinput[DIST] = node.config.getoption("dist")


def are_together(config: pytest.Config) -> bool:
    """Return whether all items of a family that are to be run come to this process."""
    worker = getattr(config, "workerinput", None)
    return worker is None or worker.get(DIST) in KEEPING


@contextmanager
def mark_families(
    config: pytest.Config,
    items: Sequence[pytest.Item],
    asks_for_a_check: Callable[[pytest.Item], bool],
) -> Iterator[None]:
    """Mark the node ids of items that check views, while a worker tells what it has collected.

    xdist has no place for more than ids. To change those of the items would change what users see.
    """
    interactor = _sender_of(config)
    if interactor is None:
        yield
        return
    nodeids = []
    for item in items:
        mark = MARK if asks_for_a_check(item) else ""
        nodeids.append(item.nodeid + mark)
    send = interactor.sendevent

    def send_marked(name: str, **values: object) -> None:
        if name == "collectionfinish":
            values["ids"] = nodeids
        send(name, **values)

    interactor.sendevent = send_marked
    try:
        yield
    finally:
        interactor.sendevent = send


def _sender_of(config: pytest.Config) -> Any:
    """Return what sends events of a worker to our scheduler; None where there is none."""
    if getattr(config, "workerinput", {}).get(DIST) != "load":
        return None
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "sendevent"):
            return plugin
    return None
