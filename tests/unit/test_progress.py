"""Progress on a terminal: an estimate, and nothing where nobody looks."""

import io
import subprocess
import sys
from contextlib import contextmanager

import pytest

from skewtest.harness import bar
from skewtest.harness.progress import progress_on
from skewtest.run.progress import SILENT


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def a_developer_s_terminal(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(bar, "QUIET_SECONDS", 0)
    monkeypatch.setattr(bar, "REDRAW_SECONDS", 0)


def test_a_terminal_shows_how_far_a_check_is_and_is_left_empty():
    terminal = Terminal()
    with progress_on(terminal, "spend") as progress:
        progress.advance(640, 6400)
        shown = terminal.getvalue()
    assert "spend" in shown
    assert "640/6400" in shown
    assert terminal.getvalue().endswith("\x1b[2K")


def test_a_short_check_shows_nothing(monkeypatch):
    monkeypatch.setattr(bar, "QUIET_SECONDS", 60)
    terminal = Terminal()
    with progress_on(terminal, "spend") as progress:
        progress.advance(640, 6400)
    assert terminal.getvalue() == ""


def test_what_is_built_is_shown_at_once(monkeypatch):
    monkeypatch.setattr(bar, "QUIET_SECONDS", 60)
    terminal = Terminal()
    with progress_on(terminal, "spend") as progress:
        progress.say("building train")
        assert "building train" in terminal.getvalue()


def test_it_writes_only_where_it_may():
    terminal, allowed = Terminal(), []

    @contextmanager
    def writing():
        before = terminal.getvalue()
        yield
        allowed.append(terminal.getvalue() != before)

    with progress_on(terminal, "spend", writing=writing) as progress:
        progress.advance(1, 2)
        inside = terminal.getvalue()
    assert allowed == [True, True]
    assert inside


def test_ci_and_files_get_nothing(monkeypatch):
    with progress_on(io.StringIO(), "spend") as progress:
        assert progress is SILENT
    monkeypatch.setenv("CI", "1")
    with progress_on(Terminal(), "spend") as progress:
        assert progress is SILENT


def test_where_there_is_no_terminal_rich_is_not_loaded():
    code = (
        "import io, sys\n"
        "from skewtest.harness.progress import progress_on\n"
        "with progress_on(io.StringIO(), 'x') as p: p.advance(1, 2)\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
