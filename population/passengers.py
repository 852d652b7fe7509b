"""States with passengers: what an ancestor was rides along while its lineage moves on, to be compared with.

Comparing two programs needs their joint posterior. It starts as their nearest common ancestor's state twice over; one
copy goes down to the first program, then the other to the second, each trial informing both through what they share.
"""

from __future__ import annotations

import numpy as np

from population.kinship import Posterior, State
from population.mixture import Mixture


def cloned(state: State) -> State:
    """A state without passengers, twice: once to move on, once as passengers."""
    return State(state.rng_seeds, np.tile(state.mean, 2), np.tile(state.cov, (2, 2)), state.scale)


def swapped(state: State, ancestor: State) -> State:
    """The passengers move on, and the value of the program that has arrived stays.

    Args:
        state: Arrived, with the common ancestor's state as passengers.
        ancestor: The common ancestor's own state.
    """
    start = len(state.mean) - len(ancestor.mean)
    order = [*range(start, len(state.mean)), 0]
    return State(ancestor.rng_seeds, state.mean[order], state.cov[np.ix_(order, order)], ancestor.scale)


def against(posterior: Posterior, sign: float) -> Mixture:
    """`sign` times the program's value minus the first passenger's."""
    along = np.zeros(posterior.size)
    along[0] = sign
    along[1 + len(posterior.rng_seeds)] = -sign
    return posterior.linear(along)
