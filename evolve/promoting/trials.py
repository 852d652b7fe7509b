"""Trials as they end, lost ones repeated. Must not know what they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from evaluator.records import Outcome, Trial, TrialRequest
from evolve.hands import Runner

MOST_LOST = 3
"""Times one run may be lost before the promotion stops."""


class PromotionError(Exception):
    """This program cannot be promoted now; the message says why and what to do."""


def each_trial(
    runner: Runner, requests: Iterable[TrialRequest], go_on: Callable[[], bool] = lambda: True
) -> Iterator[tuple[TrialRequest, Trial]]:
    """Run trials in order, as many at once as there is room for, and yield each as it ends.

    A lost one is yielded too, and run again.

    Args:
        runner: Runs them.
        requests: What to run.
        go_on: Asked before each is begun; once it says no, those under way end and no more are begun.

    Raises:
        PromotionError: One keeps being lost.
    """
    waiting = list(requests)
    lost: Counter[tuple[str, int]] = Counter()
    under_way: dict[int, TrialRequest] = {}
    while under_way or (waiting and go_on()):
        while waiting and runner.idle > 0 and go_on():
            request = waiting.pop(0)
            under_way[runner.submit(request)] = request
        for ticket, trial in runner.wait(1.0):
            request = under_way.pop(ticket)
            yield request, trial
            if trial.outcome is Outcome.LOST:
                key = request.digest, request.rng_seed
                lost[key] += 1
                if lost[key] >= MOST_LOST:
                    raise PromotionError(
                        f"rng_seed {request.rng_seed} of genome {request.digest[:8]} was lost {MOST_LOST} times: "
                        "something is wrong with this machine; promote again to go on"
                    )
                waiting.append(request)
