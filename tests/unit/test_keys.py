"""Identities: what is rendered reads back, and lanes never meet, however keys are mangled."""

import unicodedata

import numpy as np
import pytest

import skewtest as sk
from skewtest.generate.keys import OFFSETS, TEMPLATES, collisions, parse, render

STRING, INT, INT32 = sk.key(), sk.key("int"), sk.key("int32")
BASES = (*range(120), 255, 256, 999, 1000, 4095)
STRING_SLOTS = range(len(TEMPLATES))
INT_SLOTS = range(len(OFFSETS))


def owners(column, slots, mangle):
    """Return, for each mangled key, the lanes that have a key that becomes it."""
    found = {}
    for base in BASES:
        for slot in slots:
            found.setdefault(mangle(render(column, base, slot)), set()).add(base)
    return found


def test_the_first_lane_has_the_plainest_keys():
    assert [render(STRING, 0, slot) for slot in STRING_SLOTS] == [
        *("a", "b", "c", "d", "A", "a ", " a", "1", "01", "1.0"),
        *("a_a", "a|a", "a:a", "a-a", "aa"),
    ]
    assert [render(INT, 0, slot) for slot in INT_SLOTS] == [
        *(1, 2, 3, 4, 4294967297, 9007199254741000, 9007199254741001)
    ]


def test_another_lane_has_its_number_in_each_key():
    assert [render(STRING, 7, slot) for slot in STRING_SLOTS] == [
        *("a7", "b7", "c7", "d7", "A7", "a7 ", " a7", "8", "08", "8.0"),
        *("a7_a7", "a7|a7", "a7:a7", "a7-a7", "a7a7"),
    ]
    assert [render(INT, 7, slot) for slot in INT_SLOTS] == [
        *(449, 450, 451, 452, 4294967745, 9007199254741448, 9007199254741449)
    ]


@pytest.mark.parametrize("slot", STRING_SLOTS)
def test_a_rendered_string_key_reads_back(slot):
    assert [parse(STRING, render(STRING, base, slot)) for base in BASES] == [
        (base, slot) for base in BASES
    ]


@pytest.mark.parametrize("slot", INT_SLOTS)
def test_a_rendered_int_key_reads_back(slot):
    assert [parse(INT, render(INT, base, slot)) for base in BASES] == [
        (base, slot) for base in BASES
    ]


@pytest.mark.parametrize("value", ["", "e", "user-1", "a1b", "a7_a8", "1.00", "-1", "a\n", "A7 "])
def test_a_key_that_was_not_rendered_is_not_read(value):
    assert parse(STRING, value) is None


@pytest.mark.parametrize("value", ["a0", "a01", "b007", "A00", "00", "a01_a01"])
def test_a_key_that_only_looks_rendered_is_not_read_as_another_one(value):
    parsed = parse(STRING, value)
    assert parsed is None or render(STRING, *parsed) == value


@pytest.mark.parametrize("value", [0, -1, 5, 63, -63, 2**63 - 1, "1", 1.0, None])
def test_a_number_that_was_not_rendered_is_not_read(value):
    assert parse(INT, value) is None


@pytest.mark.parametrize(
    "mangle",
    [
        str.strip,
        str.casefold,
        str.lower,
        str.upper,
        str.title,
        lambda key: key.strip().casefold(),
        lambda key: key.lstrip("0"),
        lambda key: key.zfill(8),
        lambda key: unicodedata.normalize("NFKC", key),
        lambda key: key.replace(" ", ""),
        lambda key: int(float(key)) if key.replace(".", "").isdigit() else key,
        lambda key: float(key) if key.replace(".", "").isdigit() else key,
        lambda key: key.split("_")[0],
        lambda key: key.split("|")[0],
        lambda key: key.split("-")[-1],
    ],
    ids=[
        *("stripped", "casefolded", "lowered", "uppered", "titled", "stripped-casefolded"),
        *("without-zeros", "zero-filled", "normalised", "without-spaces", "int", "float"),
        *("split-at-underscore", "split-at-bar", "split-at-dash"),
    ],
)
def test_string_keys_of_two_lanes_never_meet(mangle):
    assert [
        key for key, lanes in owners(STRING, STRING_SLOTS, mangle).items() if len(lanes) > 1
    ] == []


@pytest.mark.parametrize(
    "mangle",
    [
        lambda key: key,
        float,
        lambda key: int(np.int64(key).astype(np.int32)),
        lambda key: key & 0xFFFFFFFF,
        str,
        lambda key: float(str(key)),
    ],
    ids=["as-they-are", "float", "int32", "uint32", "string", "string-to-float"],
)
def test_int_keys_of_two_lanes_never_meet(mangle):
    assert [key for key, lanes in owners(INT, INT_SLOTS, mangle).items() if len(lanes) > 1] == []


def test_joined_keys_of_two_lanes_never_meet():
    for separator in ("", "_", "|", ":", "-"):
        seen = {}
        for base in BASES:
            keys = [render(STRING, base, slot) for slot in STRING_SLOTS]
            for joined in {separator.join((left, right)) for left in keys for right in keys}:
                seen.setdefault(joined, set()).add(base)
        assert [key for key, lanes in seen.items() if len(lanes) > 1] == []


def test_colliding_strings_are_confused_by_casing_trimming_and_casting():
    pairs = [tuple(render(STRING, 7, s) for s in pair) for pair in collisions(STRING)]
    assert pairs[:2] == [("a7", "A7")] * 2  # case is folded most, and comes twice as often
    assert pairs[2:] == [("a7", "a7 "), ("a7", " a7"), ("8", "08"), ("8", "8.0")]


def test_colliding_ints_are_confused_by_32_bits_and_by_floats():
    (low, wrapped), (whole, next_to_it) = [
        tuple(render(INT, 7, s) for s in pair) for pair in collisions(INT)
    ]
    assert (low, wrapped) == (449, 449 + 2**32)
    assert (whole, next_to_it) == (2**53 + 456, 2**53 + 457)
    assert float(whole) == float(next_to_it)


def test_keys_without_variants_and_keys_of_32_bits_have_no_collisions():
    assert collisions(sk.key(variants=False)) == ()
    assert collisions(sk.key("int", variants=False)) == ()
    assert collisions(INT32) == ()


def test_plain_keys_of_32_bits_fit_them():
    assert max(render(INT32, 2**20, slot) for slot in range(4)) < 2**31
