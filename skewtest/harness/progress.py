"""Progress on a terminal. Elsewhere, and in CI, nothing is shown and rich is not loaded."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING

from skewtest import harness
from skewtest.run.progress import SILENT, Progress

if TYPE_CHECKING:
    import pytest


@contextmanager
def progress_on(
    file: IO[str],
    title: str,
    *,
    writing: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Iterator[Progress]:
    """Show progress on a file while a check runs, where it is a terminal.

    Args:
        file: where to, such as sys.stderr.
        title: what is checked.
        writing: makes the context in which the file may be written to.
    """
    if os.environ.get("CI") or not file.isatty():
        yield SILENT
        return
    bar = harness.bar.Bar(file, title, writing)
    try:
        yield bar
    finally:
        bar.close()


def progress_of_item(item: "pytest.Item") -> AbstractContextManager[Progress]:
    """Show progress of an item where pytest reports to a terminal, unless it is to be quiet."""
    plugins = item.config.pluginmanager
    reporter = plugins.getplugin("terminalreporter")
    is_worker = hasattr(item.config, "workerinput")
    if reporter is None or is_worker or item.config.get_verbosity() < 0:
        return nullcontext(SILENT)
    capture = plugins.getplugin("capturemanager")

    @contextmanager
    def writing() -> Iterator[None]:
        disabled = capture.global_and_fixture_disabled() if capture else nullcontext()
        with disabled:
            # pytest then writes the file's name again, which the bar's last line would replace.
            reporter.ensure_newline()
            yield

    return progress_on(reporter._tw._file, item.name, writing=writing)
