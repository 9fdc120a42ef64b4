"""The end of a run: what pytest itself could not show."""

import sys
from types import TracebackType

from skewtest.harness.gathering import drop_entries_without_lines

FAR = 1_000_000
"""No instruction of any function here has this place, so it has no line."""


def test_entries_of_a_traceback_that_have_no_line_are_left_out():
    frame = sys._getframe()
    last = TracebackType(None, frame, 0, 7)
    lost = TracebackType(last, frame, FAR, -1)
    first = TracebackType(TracebackType(lost, frame, FAR, -1), frame, 0, 5)
    assert lost.tb_lineno is None
    drop_entries_without_lines(first)
    assert first.tb_next is last


def test_a_traceback_that_has_all_its_lines_stays():
    frame = sys._getframe()
    last = TracebackType(None, frame, 0, 7)
    first = TracebackType(last, frame, 0, 5)
    drop_entries_without_lines(first)
    drop_entries_without_lines(None)
    assert (first.tb_next, last.tb_next) == (last, None)
