from __future__ import annotations

import math

import pytest

from evolve.views import numbers


def test_values_that_differ_by_a_few_steps_never_look_equal():
    assert numbers.value(3.2786) != numbers.value(3.2790)
    assert numbers.value(3.27862) == "3.2786"


@pytest.mark.parametrize("nothing", [None, math.inf, math.nan])
def test_what_is_no_number_is_not_shown_as_one(nothing):
    assert numbers.value(nothing) == numbers.NOTHING
    assert numbers.signed(nothing) == numbers.NOTHING
    assert numbers.plus_minus(nothing, 0.0, 1.0) == numbers.NOTHING


@pytest.mark.parametrize(
    ("low", "high", "half"),
    [(3.2782, 3.2790, "0.0004"), (1.0, 1.00021, "0.0002"), (1.0, 1.00001, "0.0001"), (0.0, math.inf, "inf")],
)
def test_a_half_width_is_rounded_up(low, high, half):
    assert numbers.half_width(low, high) == half


def test_differences_carry_their_sign():
    assert numbers.difference(0.068, 0.0659, 0.0701) == "+0.0680 ±0.0021"
    assert numbers.signed(-0.00004) == "-0.0000"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (7389, "2:03:09"), (-3, "0:00")])
def test_durations(seconds, text):
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(("p", "text"), [(None, "-"), (0.0004, "< 0.001"), (0.0341, "0.034"), (1.0, "1.000")])
def test_p_values(p, text):
    assert numbers.p_value(p) == text


@pytest.mark.parametrize(
    ("bytes_", "text"), [(0, "0 B"), (1023, "1023 B"), (3.2 * 2**20, "3.2 MiB"), (2**42, "4.0 TiB")]
)
def test_sizes(bytes_, text):
    assert numbers.size(bytes_) == text


def test_shares_of_nothing_are_no_numbers():
    assert numbers.percent(0, 0) == numbers.NOTHING
    assert numbers.percent(1, 8) == "12 %"
