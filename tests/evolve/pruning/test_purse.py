from __future__ import annotations

import math

from evolve.budget import Budget
from evolve.pruning.purse import Purse


def test_without_a_bound_there_is_always_room():
    assert Purse(Budget(), 2).room(0.1) == math.inf


def test_trials_are_counted_and_shares_kept():
    purse = Purse(Budget(trials=100), 2)
    for _ in range(40):
        purse.pay(1.0)
    assert (purse.room(0.5), purse.room()) == (10, 60)
    for _ in range(70):
        purse.pay(1.0)
    assert purse.room() == 0


def test_time_is_told_in_trials_of_the_usual_length_on_all_slots():
    purse = Purse(Budget(seconds=100.0), 2)
    for _ in range(10):
        purse.pay(5.0)
    assert purse.room() == 30
