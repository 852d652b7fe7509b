"""Kinds of numbers and their axes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.scales import Scale, from_axis, guess_scale, to_axis


@given(st.sampled_from([scale for scale in Scale if scale is not Scale.FLAG]), st.floats(1e-6, 0.99))
def test_axes_lead_back(scale: Scale, value: float) -> None:
    value = round(value * 100) if scale is Scale.COUNT else value
    there = from_axis(scale, to_axis(scale, value))
    again = from_axis(scale, to_axis(scale, there))
    assert there == again
    assert to_axis(scale, there) == pytest.approx(to_axis(scale, value), abs=0.06)


@given(st.sampled_from([scale for scale in Scale if scale is not Scale.FLAG]), st.floats(-80, 80))
def test_axes_never_leave_the_sane_range(scale: Scale, place: float) -> None:
    value = from_axis(scale, place)
    assert to_axis(scale, value) == pytest.approx(to_axis(scale, from_axis(scale, to_axis(scale, value))))
    assert value == value
    assert abs(value) <= 1e6


@pytest.mark.parametrize(
    ("name", "value", "scale"),
    [
        ("MUON_LR", 0.02, Scale.LEARNING_RATE),
        ("lr", 3e-4, Scale.LEARNING_RATE),
        ("ema_decay", 0.999, Scale.BETA),
        ("AUX_BETA1", 0.8, Scale.BETA),
        ("momentum", 0.95, Scale.BETA),
        ("weight_decay", 0, Scale.WEIGHT_DECAY),
        ("WD", 0.1, Scale.WEIGHT_DECAY),
        ("eps", 1e-8, Scale.EPS),
        ("WARMUP_FRACTION", 0.02, Scale.FRACTION),
        ("lr_decay_frac", 0.3, Scale.FRACTION),
        ("precondition_every", 10, Scale.COUNT),
        ("ns_steps", 5, Scale.COUNT),
        ("INIT_SCALE", 0.58, Scale.FACTOR),
        ("nesterov", True, Scale.FLAG),
    ],
)
def test_kinds_are_guessed_from_name_and_range(name: str, value: float, scale: Scale) -> None:
    assert guess_scale(name, value) is scale
