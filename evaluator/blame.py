"""Whether a trial that did not end as it should runs again, and whose fault it was. Pure: knows no processes."""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.records import CARD_MEMORY, KILLED, Outcome, Trial, TrialRequest

_RETRIES = 2
"""How often a lost trial is run again before it is given back as lost."""


@dataclass
class Job:
    """A trial asked for.

    Attributes:
        ticket: By which it is known to whoever asked.
        request: What is to be run.
        alone: Whether it is to have its card to itself.
        company: Whether it had not, at some time of this run.
        killed: Whether an earlier run ended with its candidate killed.
        losses: Runs that ended with their trainer.
        ended: Trials that had ended, all told, when the first such run was lost.
        deadline: When its slot is taken for dead, by the monotonic clock.
    """

    ticket: int
    request: TrialRequest
    alone: bool
    company: bool = False
    killed: bool = False
    losses: int = 0
    ended: int = 0
    deadline: float = 0.0


def runs_again(job: Job, trial: Trial) -> bool:
    """Whether a trial failed as others can make it fail; the job keeps how it is to run again."""
    if trial.outcome is Outcome.OUT_OF_MEMORY and CARD_MEMORY in trial.reason and job.company:
        job.alone = True  # whose memory it was that was missing, only this can tell
        return True
    if trial.outcome is Outcome.CRASHED and KILLED in trial.reason and not job.killed:
        job.killed = True  # by the kernel, where the machine's memory is short, or by a person; a genome does it again
        return True
    return False


def survives_loss(job: Job, on_card: bool, ended: int) -> bool:
    """Whether a trial whose trainer died runs again; the job keeps how.

    Args:
        job: The trial.
        on_card: Whether it was trained on a card.
        ended: Trials that have ended, all told.
    """
    if job.losses == 0:
        job.ended = ended
    job.losses += 1
    if job.losses > _RETRIES:
        return False
    job.alone = job.alone or (on_card and job.losses == _RETRIES)
    return True


def after_losses(job: Job, shared_card: bool, ended: int, log: str) -> tuple[Outcome, str]:
    """What a trial comes to whose trainers all died, and why.

    Where processes share a card, a genome's fault there ends its trainer too: so it is the genome's, if others came to
    an end meanwhile.

    Args:
        job: The trial.
        shared_card: Whether it died on a card that processes share, and by nobody's order.
        ended: Trials that have ended, all told.
        log: What the trainers said last.
    """
    if shared_card and ended > job.ended:
        return Outcome.CRASHED, f"the card failed under this trial {job.losses} times, at last with nobody else on it"
    return Outcome.LOST, f"the trainer died {job.losses} times under this trial; its log ends: {log}"
