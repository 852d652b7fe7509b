"""The loop: asks what to do next, has it done, writes what came of it.

Asynchronous and steady-state: whenever a slot is free the next thing begins; there are no generations. One process
writes. What to do is decided in `evolve.decide`, what is known is kept in `evolve.state`; this module must not decide.
"""

from __future__ import annotations

import heapq
import selectors
import signal
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from types import FrameType

from evaluator.records import Outcome, Rung, Trial, TrialRequest
from evolve.ask import next_ask
from evolve.asker import Asker
from evolve.birth import attempt_rows, entered
from evolve.budget import Budget, Spent
from evolve.config import Config
from evolve.convert import trial_row
from evolve.decide import Migrate, Plan, Run, Vary, next_action
from evolve.genomes import NamedGenome
from evolve.hands import Runner, Worker
from evolve.inbox import Inbox
from evolve.ledger import Ledger
from evolve.recognition import recognised
from evolve.recorded import DEPARTS, Order, ReplayError, reply_key, trial_key, variation_key
from evolve.report import progress
from evolve.state import MOST_LOST, Planned, Row, State
from evolve.talks import Talks
from evolve.variation import Variation, Varied
from evolve.views.live import ProgressView
from population.rows import ReplyRow
from population.store import Store

WAIT_SECONDS = 0.2
"""Longest wait before the budget, the inbox and the view are looked after."""
FRAME_SECONDS = 0.5
"""Shortest time between two looks at the view."""
MOST_BARREN = 500
"""Attempts without a birth after which the operators have nothing new to offer."""


class EngineError(Exception):
    """The run cannot go on; everything up to here is written."""


def replay(store: Store, config: Config, rungs: Mapping[str, Rung]) -> State:
    """What a run knows, from its rows."""
    state = State(config, rungs)
    rows: Iterable[Row] = heapq.merge(
        store.programs(), store.trials(), store.events(), store.calls(), store.replies(), key=lambda row: row.seq
    )
    for row in rows:
        state.apply(row)
    return state


class Engine:
    """One process of a run, from its first action to a clean end. The caller holds the run's lock.

    Args:
        store: The run's database, open for writing.
        state: What its rows say (see `replay`).
        evaluator: Runs trials.
        worker: Runs operators.
        inbox: Genomes that users enter.
        budget: When to stop.
        view: Shows how it goes.
        clock: Seconds from anywhere; only differences count.
        asker: Puts questions to language models; None to do without.
        order: The order in which results are to be taken in, to repeat a recorded run; None as they come.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        evaluator: Runner,
        worker: Worker,
        inbox: Inbox,
        budget: Budget,
        view: ProgressView,
        clock: Callable[[], float] = time.monotonic,
        asker: Asker | None = None,
        order: Order | None = None,
    ) -> None:
        self._store = store
        self.state = state
        self._evaluator = evaluator
        self._worker = worker
        self._inbox = inbox
        self._budget = budget
        self._view = view
        self._clock = clock
        self._asker = asker
        self._order = order
        self._ready: list[tuple[Hashable, Callable[[], None]]] = []
        self._started = clock() - state.seconds
        self._in_flight: dict[int, Planned] = {}
        self._varying: Vary | None = None
        self._using: int | None = None  # turn of the reply that the worker has; 0 for an operator without a model
        self._interrupts = 0
        self._slots = evaluator.idle
        self._barren_before = state.barren
        state.lost_in_a_row.clear()  # another process may have better luck with this machine
        self._looked = clock()
        self._moment = state.seconds
        self._ledger = Ledger(store, state, lambda: self._moment, clock)
        self._talks = Talks(asker, store, state, self._ledger, budget, self._closing)
        self.message = ""

    def seed(self, genomes: Iterable[NamedGenome]) -> None:
        """Write the seed programs of a run that has none yet."""
        if self.state.programs:
            return
        rows = [entered(genome, "seed", i) for i, genome in enumerate(genomes, 1)]
        self._ledger.write(rows)

    def run(self) -> None:
        """Search until the budget is spent, nothing is left to do, or someone interrupts.

        Raises:
            EngineError: Trials keep being lost, or the operators find nothing new.
            KeyboardInterrupt: The second interrupt: stop at once.
        """
        with self._interruptible(), selectors.DefaultSelector() as selector:
            self._view.start()
            try:
                self._ledger.catch_up()
                self._ledger.note_best()  # a kill may have come between a trial and this
                self._talks.take_up(self._spent())
                while self._take_in():
                    pass
                delivered = False
                while True:
                    while self._use_reply() or self._ask() or self._start_work():
                        pass  # each may open the way for another: until nothing is left to begin
                    if self._nothing_to_expect():
                        break
                    self._wait(selector, patiently=not delivered)
                    delivered = self._deliver()
                    if not delivered and self._must_depart():
                        raise ReplayError(DEPARTS)
                    self._look(FRAME_SECONDS)
                self._end()
            finally:
                self._view.stop()

    # Starting things

    def _start_work(self) -> bool:
        """Begin one thing in a free slot; whether there was one to begin."""
        if self._free() > 0 and not self._closing():
            action = next_action(
                self.state,
                frozenset(self._in_flight.values()),
                self._spent(),
                self._budget,
                self._varying is None,
                self._busy(),
            )
            match action:
                case Run(plan):
                    self._submit(plan)
                case Plan():
                    self._ledger.event("plan", {"program": action.program, "rung": action.rung, "why": action.why})
                case Migrate(moves):
                    self._ledger.event("migration", {"moves": [list(move) for move in moves]})
                case Vary():
                    self._check_barren()
                    self._vary(action)
                case None:
                    return False
            return True
        return False

    def _check_barren(self) -> None:
        self._barren_before = min(self._barren_before, self.state.barren)
        if self.state.barren - self._barren_before >= MOST_BARREN:
            raise EngineError(
                f"{MOST_BARREN} attempts in a row gave nothing new: the operators have run dry. "
                f"Enter other genomes with `evolve add` and `evolve resume`. Last: {self.message}"
            )

    def _free(self) -> int:
        return self._slots - len(self._in_flight) - (self._varying is not None)

    def _submit(self, plan: Planned) -> None:
        if self.state.lost_in_a_row[plan] >= MOST_LOST:
            raise EngineError(
                f"the trial of program {plan.program} on rung {plan.rung} was lost {MOST_LOST} times in a row: "
                "something is wrong with this machine, not with the program. `evolve doctor` looks at it; "
                "`evolve resume` goes on."
            )
        program = self._store.program(plan.program)
        rung = self.state.rungs[plan.rung]
        ticket = self._evaluator.submit(TrialRequest(program.digest, program.source, rung, plan.rng_seed))
        self._in_flight[ticket] = plan

    def _vary(self, action: Vary) -> None:
        sources = tuple(self._store.program(parent).source for parent in action.parents)
        self._worker.submit(Variation(action.attempt, action.operator, sources, tuple(self.state.tried)))
        self._varying, self._using = action, 0

    # Asking language models

    def _ask(self) -> bool:
        """Put one question to a model; whether there was one to put."""
        if self._asker is None or self._closing():
            return False
        self._check_barren()
        waiting = len(self.state.queue) - len(self._in_flight)
        spent = self._spent()
        action = next_ask(self.state, self._busy(), waiting, self._slots, spent, self._budget)
        if action is None:
            return False
        return self._talks.ask(action, spent)

    def _use_reply(self) -> bool:
        """Hand the operators' process a reply, when it is free; whether there was one."""
        if self._varying is not None or self._closing():
            return False
        found = self._talks.usable()
        if found is None:
            return False
        self._varying, self._using, variation = found
        self._worker.submit(variation)
        return True

    def _nothing_to_expect(self) -> bool:
        if self._order is not None and self._order.ended:
            return True
        if self._in_flight or self._varying is not None or self._expects_reply():
            return False
        return self._order is None or self._must_depart()

    def _expects_reply(self) -> bool:
        """Whether to wait for a model although nothing else is under way."""
        if self._asker is None or self._closing():
            return False
        return bool(self.state.asked) and self._budget.allows_trial(self._spent())

    def _busy(self) -> int:
        """Number of the attempt under way that no row tells of yet, or 0."""
        return self._varying.attempt if self._varying is not None else 0

    # Taking in what came of them

    def _wait(self, selector: selectors.BaseSelector, patiently: bool) -> None:
        """Collect results; wait for one if there was none to take in."""
        ended = self._evaluator.wait(0)
        if not ended and patiently:
            self._sleep(selector)
            ended = self._evaluator.wait(0)
        for ticket, trial in ended:
            plan = self._in_flight[ticket]
            key = trial_key(plan.program, plan.rung, plan.rng_seed)
            self._ready.append((key, partial(self._on_trial, ticket, trial)))
        for reply in self._asker.take() if self._asker is not None else ():
            self._ready.append((reply_key(reply.call), partial(self._on_reply, reply)))
        if self._varying is not None and self._using is not None:
            varied = self._worker.take()
            if varied is not None:
                key, self._using = variation_key(self._varying.attempt, self._using), None
                self._ready.append((key, partial(self._on_variation, self._varying, varied)))

    def _deliver(self) -> bool:
        """Take in one result, as it came or the next one of the recorded order: what follows is decided in between.

        All that is written until the next one bears its time, so that a repeated run sees the same times.
        """
        if self._take_in():
            return True
        for at, (key, take_in) in enumerate(self._ready):
            if self._order is None or self._order.due(key):
                del self._ready[at]
                self._moment = self._elapsed()
                take_in()
                return True
        return False

    def _must_depart(self) -> bool:
        """Whether a recorded run cannot be repeated further: what is due is not under way."""
        if self._order is None or self._order.ended:
            return False
        ended = len(self._ready) >= len(self._in_flight) + (self._varying is not None)
        return ended and all(asked.reply is not None for asked in self.state.asked.values())

    def _sleep(self, selector: selectors.BaseSelector) -> None:
        """Until a trial or a variation has something to tell, or it is time to look around."""
        descriptors = [*self._evaluator.filenos(), *([self._worker.fileno()] if self._using is not None else [])]
        descriptors += [self._asker.fileno()] if self._asker is not None else []
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        selector.select(WAIT_SECONDS)
        for descriptor in descriptors:
            selector.unregister(descriptor)

    def _on_trial(self, ticket: int, trial: Trial) -> None:
        plan = self._in_flight.pop(ticket)
        row = trial_row(trial, id=self.state.last_trial + 1, program=plan.program, elapsed=self._elapsed())
        same = recognised(self.state, row)
        self._ledger.write([row, same] if same is not None else [row])
        if trial.outcome is not Outcome.FINISHED:
            self.message = f"#{plan.program} {plan.rung}: {trial.outcome}: {trial.reason}"
        self._ledger.note_best()

    def _on_reply(self, reply: ReplyRow) -> None:
        self.message = self._talks.on_reply(reply, self._spent) or self.message

    def _on_variation(self, action: Vary, varied: Varied) -> None:
        self._varying = None
        if action.model and varied.child is None:
            self.message = self._talks.on_unusable(action.attempt, varied, self._spent()) or self.message
            return
        self._ledger.write(attempt_rows(self.state, action, varied))
        if varied.child is not None:
            self.message = f"{action.operator}: {varied.child.note}"

    def _take_in(self) -> bool:
        """Enter one genome that a user left, or that one left in the recorded run; whether there was one."""
        if self._order is not None:
            row = self._order.entering()
            if row is not None:
                self._moment = self._elapsed()
                self._ledger.write([replace(row, id=len(self.state.programs) + 1)])
            return row is not None
        for path, genome in self._inbox.waiting():
            self._moment = self._elapsed()
            known = self.state.digests.get(genome.digest)
            if known is None:
                id = len(self.state.programs) + 1
                self._ledger.write([entered(genome, "add", id)])
                self.message = f"#{id} added: {genome.name}"
            else:
                self.message = f"{genome.name} is program {known} already"
            self._inbox.done(path)
            return True
        return False

    def _end(self) -> None:
        """A clean end: what people look at is written once more.

        Raises:
            EngineError: There is nothing to go on from.
            ReplayError: The recorded run went on.
        """
        if self._order is not None and not (self._order.ended or self._interrupts):
            raise ReplayError(DEPARTS)
        self._ledger.note_best(final=True)
        self._ledger.flush(final=True)
        self._look(0.0)
        inhabited = any(len(island.archive) for island in self.state.islands)
        if not inhabited and not self._closing() and self._budget.allows_birth(self._spent()):
            outcomes = ", ".join(f"{count} {name}" for name, count in self.state.outcomes.items())
            raise EngineError(f"no program to begin with has finished its trials ({outcomes}). Last: {self.message}")

    # Time

    def _elapsed(self) -> float:
        return self._order.clock() if self._order is not None else self._clock() - self._started

    def _closing(self) -> bool:
        """Whether nothing new is begun: someone interrupts, or the time is up, or the record ends."""
        if self._interrupts or (self._order is not None and self._order.ended):
            return True
        return self._budget.seconds is not None and self._elapsed() >= self._budget.seconds

    def _spent(self) -> Spent:
        """What decisions go by: a function of the rows and of what is under way, never of the clock."""
        state = self.state
        trials = state.trials - state.outcomes["lost"] + len(self._in_flight)
        under_way = len(state.asked) + (self._varying is not None and not self._varying.model)
        return Spent(state.seconds, state.births, trials, state.tokens, state.usd, under_way, *state.reserved())

    def _look(self, every: float) -> None:
        """Show how things stand, at most once in `every` seconds."""
        if self._clock() - self._looked < every:
            return
        self._looked = self._clock()
        running = tuple(f"#{plan.program} {plan.rung} {plan.rng_seed}" for plan in self._in_flight.values())
        spent = replace(self._spent(), seconds=self._elapsed())
        self._view.update(progress(self.state, self._budget, spent, running, self.message))

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """The first Ctrl-C lets what runs finish; the second raises KeyboardInterrupt."""

        def interrupt(number: int, frame: FrameType | None) -> None:
            self._interrupts += 1
            if self._interrupts > 1:
                raise KeyboardInterrupt
            self.message = "stopping: waiting for what runs to finish (interrupt again to stop at once)"

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
