"""The geometry of drawings: where things stand, in pixels counted by hand."""

import math

import msgspec
from made_reports import errors, example, step

from skewtest.report import model
from skewtest.report.drawing import EDGE, STEP, bars, histogram, scatter, timeline_drawing

DAY = 86_400_000_000
MARCH_1, MARCH_2, MARCH_8 = (f"2024-03-0{day} 00:00:00" for day in (1, 2, 8))


def drawn(*steps, windows=()):
    return timeline_drawing(msgspec.structs.replace(example(), delivery=list(steps)), windows)


def with_points(*points, largest=1.0):
    share = model.Quantiles(p50=0.0, p90=0.0, p99=largest, max=largest)
    return msgspec.structs.replace(errors(), rel=share, points=list(points))


# -- timeline --------------------------------------------------------------------------------------


def test_instants_are_evenly_spaced_whatever_lies_between_them():
    found = drawn(step("event", MARCH_1, MARCH_1), step("request", MARCH_8, MARCH_8))
    assert [(one.x, one.text, one.is_as_of) for one in found.instants] == [
        (EDGE, "−7 d", False),  # noqa: RUF001 # a minus sign
        (EDGE + STEP, "as_of", True),
    ]
    assert found.width == 2 * EDGE + STEP
    assert found.late == ()


def test_an_event_is_drawn_when_it_happens_and_when_it_arrives():
    found = drawn(step("event", MARCH_1, MARCH_2), step("request", MARCH_8, MARCH_8))
    marks = [(one.line, one.text, one.x) for one in found.marks]
    assert marks == [(0, "1", EDGE), (1, "1", EDGE + STEP), (1, "?", EDGE + 2 * STEP)]
    assert found.late == ((EDGE, EDGE + STEP),)


def test_an_event_that_is_never_heard_of_has_no_arrival():
    lost = model.Step(
        step="event", number=0, source="orders", time=MARCH_1, arrival=None, heard=False
    )
    found = drawn(lost, step("request", MARCH_8, MARCH_8))
    assert [(one.line, one.text) for one in found.marks] == [(0, "1"), (1, "?")]


def test_a_second_delivery_and_a_restart_have_marks_of_their_own():
    found = drawn(
        step("event", MARCH_1, MARCH_1),
        step("snapshot", None, MARCH_1),
        step("restore", None, MARCH_2),
        step("event again", MARCH_1, MARCH_2),
        step("request", MARCH_8, MARCH_8),
    )
    arriving = [(one.text, one.kind) for one in found.marks if one.line == 1]
    assert arriving == [
        ("1", "event"), ("S", "other"), ("R", "other"), ("1", "again"), ("?", "request"),
    ]  # fmt: skip


def test_a_window_reaches_back_from_each_request():
    found = drawn(
        step("event", MARCH_1, MARCH_1), step("request", MARCH_8, MARCH_8), windows=[7 * DAY]
    )
    assert [(one.left, one.right, one.text) for one in found.windows] == [
        (EDGE, EDGE + STEP, "7 d")
    ]


def test_where_edges_of_windows_are_too_many_instants_they_are_left_out():
    steps = [step("request", f"2024-03-{day:02} 00:00:00", MARCH_8) for day in range(1, 13)]
    found = drawn(*steps, windows=[3_600_000_000])
    assert len(found.instants) == 12
    assert found.windows == ()


def test_too_many_instants_to_read_are_not_drawn():
    steps = [step("event", f"2024-03-{day:02} 00:00:00", MARCH_8, day) for day in range(1, 20)]
    assert drawn(*steps, step("request", MARCH_8, MARCH_8)) is None


def test_without_a_request_there_is_no_drawing():
    assert drawn(step("event", MARCH_1, MARCH_1)) is None


# -- errors ----------------------------------------------------------------------------------------


def test_bars_are_powers_of_two():
    assert bars(errors()) == [("0", 9_000), ("1", 800), ("2-3", 150), ("4-7", 50)]


def test_of_many_powers_of_two_eight_share_a_bar_and_no_pair_is_lost():
    wide = msgspec.structs.replace(errors(), histogram=[5, *[1] * 64])
    assert bars(wide) == [
        ("0", 5), ("<2⁸", 8), ("<2¹⁶", 8), ("<2²⁴", 8), ("<2³²", 8), ("<2⁴⁰", 8), ("<2⁴⁸", 8),
        ("<2⁵⁶", 8), ("<2⁶⁴", 8),
    ]  # fmt: skip


def test_the_highest_bar_fills_the_height_and_one_pair_is_seen():
    found = histogram(msgspec.structs.replace(errors(), histogram=[1_000_000, 1]))
    assert found.bars[0].height == 90
    assert found.bars[1].height == round(90 * math.log(2) / math.log(1_000_001), 1) == 4.5


def test_where_all_lies_on_the_diagonal_there_is_no_scatter():
    assert scatter(with_points((1.0, 1.0), (2.0, 2.0), largest=1e-15)) is None
    assert scatter(with_points()) is None


def test_a_scatter_tells_pairs_that_agree_from_those_that_do_not():
    found = scatter(with_points((0.0, 0.0), (10.0, 5.0)))
    assert (found.agree, found.differ) == ("M0 180h0", "M180 90h0")
    assert (found.low, found.high, found.scale) == ("0", "10", "linear")


def test_a_wide_range_is_drawn_on_a_logarithmic_scale():
    found = scatter(with_points((0.0, 1.0), (1.0, 2.0), (1e6, 2.0)))
    assert found.scale == "symlog"


def test_the_largest_floats_have_a_place():
    largest = 1.7976931348623157e308
    found = scatter(with_points((-largest, largest), (largest, -largest)))
    assert sorted(found.differ.split("h0")) == ["", "M0 0", "M180 180"]
