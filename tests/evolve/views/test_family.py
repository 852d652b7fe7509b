from __future__ import annotations

from evolve.views.curves import paired_curve, value_against
from evolve.views.family import family, mean_curve
from population.rows import EstimateRow, ProgramRow, TrialRow


def program(id: int, *parents: int) -> ProgramRow:
    return ProgramRow(id, str(id), "", "perturb", 0, id, parents)


def trial(id: int, of: int, rung: str, rng_seed: int, value: float | None, outcome: str = "finished") -> TrialRow:
    curve = () if value is None else ((0, 5.0), (10, value))
    return TrialRow(id, of, rung, rng_seed, "f", outcome, value, curve=curve)


def test_a_failure_up_to_the_drawn_rung_takes_the_value_away():
    estimate = EstimateRow(1, "proxy", 1.0, 0.1, 0.8, 1.2, 1)
    trials = [trial(1, 1, "proxy", 1, 1.0), trial(2, 1, "proxy", 2, None, "crashed")]
    found = family([program(1)], trials, [estimate])
    assert found.failure(1) == "crashed"
    assert found.value(1) is None


def test_a_failure_above_the_drawn_rung_and_a_lost_trial_leave_it():
    estimate = EstimateRow(1, "proxy", 1.0, 0.1, 0.8, 1.2, 1)
    trials = [trial(1, 1, "confirm", 1, None, "diverged"), trial(2, 1, "proxy", 1, None, "lost")]
    found = family([program(1)], trials, [estimate])
    assert found.failure(1) == ""
    assert found.value(1) == 1.0
    assert family([program(1)], trials, [estimate], rung="confirm").failure(1) == "diverged"


def test_estimates_of_other_rungs_are_not_drawn():
    found = family([program(1)], (), [EstimateRow(1, "confirm", 0.5, 0.1, 0.3, 0.7, 1)])
    assert found.value(1) is None
    assert found.estimate(1, "confirm") is not None


def test_the_path_follows_main_parents_as_far_as_they_are_known():
    found = family([program(3, 2, 1), program(1), program(2, 1), program(9, 8)])
    assert found.path(3) == (1, 2, 3)
    assert found.path(9) == (9,)
    assert found.path(None) == found.path(77) == ()
    assert found.children[1] == [2, 3]


def test_known_failures_replace_trials():
    assert family([program(1)], failures={1: "crashed"}).failure(1) == "crashed"


def test_a_mean_curve_keeps_the_steps_that_all_trials_have():
    one = TrialRow(1, 1, "proxy", 1, "f", "finished", 1.0, curve=((0, 4.0), (5, 2.0), (10, 1.0)))
    two = TrialRow(2, 1, "proxy", 2, "f", "finished", 3.0, curve=((0, 4.0), (10, 3.0)))
    bad = TrialRow(3, 1, "proxy", 3, "f", "diverged", None, curve=((0, 9.0), (10, 99.0)))
    assert mean_curve([one, two, bad], "proxy") == ((0, 4.0), (10, 2.0))
    assert mean_curve([one], "full") == ()


def test_a_curve_is_paired_on_shared_rng_seeds():
    trials = [
        trial(1, 1, "proxy", 1, 2.0),
        trial(2, 1, "proxy", 2, 4.0),
        trial(3, 2, "proxy", 2, 3.0),
        trial(4, 2, "proxy", 3, 9.0),
    ]
    found = family([program(1), program(2, 1)], trials)
    curve = paired_curve(found, 2)
    assert curve is not None
    assert (curve.own[-1], curve.parent[-1], curve.shared) == (3.0, 4.0, 1)
    assert value_against(trials[2], found.trials[1]) == -1.0
    assert value_against(trials[3], found.trials[1]) is None


def test_a_curve_without_a_finished_parent_stands_alone():
    trials = [trial(1, 1, "smoke", 0, None, "crashed"), trial(2, 2, "proxy", 1, 3.0)]
    curve = paired_curve(family([program(1), program(2, 1)], trials), 2)
    assert curve is not None
    assert curve.parent == ()
    assert curve.shared == 0
