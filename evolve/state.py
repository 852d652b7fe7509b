"""What a run knows: a pure function of its rows, applied in the one order in which they were written.

The live engine and a resumed one call the same `apply`, so both know the same. No I/O, no clock, no chance: this module
must not know the store, the evaluator's processes or the terminal.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean

from evaluator.records import Rung
from evolve.bandit import MEMORY, Pull
from evolve.config import Config
from evolve.conversation import Asked
from evolve.novelty import SAME, Behaviours
from evolve.operators import ASKING
from evolve.operators.base import Tried
from evolve.questions import Reply
from population.estimate import Estimates
from population.island import Island, make_islands
from population.rows import CallRow, EventRow, Move, ProgramRow, ReplyRow, TrialRow

FIRST_SEED_TRIALS = 2
"""Proxy rng_seeds planned for a seed program before anything is born."""
FIRST_CHILD_TRIALS = 1
"""Proxy rng_seeds planned for a newborn; the allocation rule decides on more."""
MOST_LOST = 3
"""Times one trial may be lost in a row before the run stops."""


Row = ProgramRow | TrialRow | EventRow | CallRow | ReplyRow


@dataclass(frozen=True)
class Planned:
    """A trial that is to be run.

    Attributes:
        program: Id of the program.
        rung: Name of the rung.
        rng_seed: Seed of the initialization noise.
    """

    program: int
    rung: str
    rng_seed: int


@dataclass(slots=True)
class Known:
    """What the engine remembers of a program (never its source).

    Attributes:
        id: Its id.
        parent: Main parent, or None.
        parents: All parents, the main one first.
        operator: What made it.
        island: Where it was born.
        is_seed: Whether it is a seed program.
        name: File stem of seed and added programs.
        moves: Hyperparameters changed against the parent.
        measures: Behaviour from the smoke rung.
        failed: Outcome that stopped it, or "".
        planned: Number of rng_seeds planned so far, by rung.
        values: Value by rung and rng_seed, of finished trials.
        improved: Whether it was estimated better than its main parent when it entered; None before that.
        same_as: The program whose behaviour it has, though nobody meant that, or None: its first proxy values are its
            main parent's to the last bit, or the smoke rung showed it (`evolve.recognition`). So it lives nowhere.
    """

    id: int
    parent: int | None
    operator: str
    island: int
    is_seed: bool
    name: str = ""
    moves: tuple[Move, ...] = ()
    parents: tuple[int, ...] = ()
    measures: Mapping[str, float | str] = field(default_factory=dict)
    failed: str = ""
    planned: dict[str, int] = field(default_factory=dict)
    values: dict[tuple[str, int], float] = field(default_factory=dict)
    improved: bool | None = None
    same_as: int | None = None

    def finished(self, rung: str) -> int:
        """Finished trials on a rung."""
        return sum(1 for name, _ in self.values if name == rung)

    def complete(self, rung: str) -> bool:
        """Whether every planned rng_seed of a rung has finished, and there was one."""
        planned = self.planned.get(rung, 0)
        return not self.failed and 0 < planned == self.finished(rung)


class State:
    """Everything that decisions are made from.

    Attributes:
        programs: What is remembered of each program.
        digests: Program id by digest.
        forms: Program id by form; of programs of one form, the first.
        behaviours: Who behaved how on the smoke rung.
        queue: Trials to run next, in order.
        islands: The islands.
        estimates: Estimates by rung name (proxy and confirm).
        outcomes: Number of trials by outcome.
        births: Programs made by operators.
        attempts: Variations tried, births or not.
        barren: Attempts since the last birth.
        trials: Trials of the search that are written.
        last_trial: Id of the last trial row, promotions' included.
        steps: Steps paid, by rung.
        fingerprints: What the last value of each rung depended on besides genome and rng_seed.
        replicates: Further proxy trials decided by the allocation rule.
        tried: Recent moves and what came of them.
        children: Ids of each program's children by their main parent, oldest first.
        by_models: Ids of the programs that language models made, oldest first.
        asked: Attempts that wait for a language model, by number.
        calls: Id of the last call.
        unanswered: Calls that came to nothing: refused, garbled, timed out or lost.
        unanswered_reason: Why the last of them did.
        tokens: Tokens paid, those that calls under way may cost included.
        usd: The same in US dollars, as far as prices are known.
        barren_models: By model: how many times in a row attempts gave no child, and the last attempt begun by then.
        joined: Pairs of parents that models have been asked to join.
        pulls: What asking has come to, for the bandit.
        to_repair: Children of language models that failed on the smoke rung and have had no repair, oldest first.
        confirmed: Programs whose every planned confirm rng_seed finished.
        best: The last (best, best seed program, rung) that was written down.
        seq: Place of the last row.
        seconds: Running time at the last row.
    """

    def __init__(self, config: Config, rungs: Mapping[str, Rung]) -> None:
        self.config = config
        self.rungs = rungs
        self.programs: dict[int, Known] = {}
        self._seeds: list[int] = []
        self.digests: dict[str, int] = {}
        self.forms: dict[str, int] = {}
        self.behaviours = Behaviours()
        self.queue: deque[Planned] = deque()
        self._elites: list[list[int]] | None = None
        self._ranked: tuple[list[list[int]], list[int]] | None = None
        self.islands: tuple[Island, ...] = make_islands(config.islands)
        self.estimates = {"proxy": Estimates(), "confirm": Estimates()}
        self.outcomes: Counter[str] = Counter()
        self.births = 0
        self.attempts = 0
        self.barren = 0
        self.trials = 0
        self.last_trial = 0
        self.events = 0
        self.replicates = 0
        self.migrations = 0
        self.lost_in_a_row: Counter[Planned] = Counter()
        self.fingerprints: dict[str, str] = {}
        self.steps: Counter[str] = Counter()
        self.tried: deque[Tried] = deque(maxlen=400)
        self.operators: dict[str, Counter[str]] = {name: Counter() for name in config.operators}
        self.confirmed: list[int] = []
        self.children: dict[int, list[int]] = {}
        self.by_models: list[int] = []
        self.asked: dict[int, Asked] = {}
        self.calls = 0
        self.unanswered = 0
        self.unanswered_reason = ""
        self.tokens = 0
        self.usd = 0.0
        self.barren_models: dict[str, tuple[int, int]] = {}
        self.joined: set[frozenset[int]] = set()
        self.pulls: deque[Pull] = deque(maxlen=MEMORY)
        self.to_repair: deque[int] = deque()
        self._paid: Pull | None = None
        self._unpaid: dict[int, Pull] = {}
        self.best: tuple[int, int, str] | None = None
        self.seq = 0
        self.seconds = 0.0

    def apply(self, row: Row) -> None:
        """Learn from the next row."""
        self.seq = row.seq
        self.seconds = max(self.seconds, row.elapsed)
        match row:
            case ProgramRow():
                self._on_program(row)
            case TrialRow():
                self._on_trial(row)
            case EventRow():
                self._on_event(row)
            case CallRow():
                self._on_call(row)
            case ReplyRow():
                self._on_reply(row)

    def known_as(self, digest: str, form: str) -> int | None:
        """The program that has this genome already, names aside; None for a new one."""
        like = self.forms.get(form)  # one that failed may have failed by its names
        return self.digests.get(digest) or (None if like is None or self.programs[like].failed else like)

    def mean(self, program: int) -> float:
        """Posterior mean on the proxy rung: what archives rank by."""
        return self.estimates["proxy"].mean(program)

    def island_elites(self) -> list[list[int]]:
        """The elites of each island, best first; looked up anew only after what can change them."""
        if self._elites is None:
            mean = self.estimates["proxy"].mean
            self._elites = [island.archive.elites(mean) for island in self.islands]
        return self._elites

    def elites(self) -> list[int]:
        """The elites of all islands, each once, best first; looked up anew when `island_elites` was."""
        by_island = self.island_elites()
        if self._ranked is None or self._ranked[0] is not by_island:
            found = {elite for elites in by_island for elite in elites}
            mean = self.estimates["proxy"].mean
            self._ranked = by_island, sorted(found, key=lambda id: (mean(id), id))
        return self._ranked[1]

    def leaders(self) -> list[int]:
        """Whoever may be reported as the best: elites, seed programs and confirmed programs, in order of id."""
        return sorted({*self.elites(), *self.confirmed, *(seed.id for seed in self.seed_programs())})

    def seed_programs(self) -> list[Known]:
        """The seed programs that have not failed."""
        return [self.programs[id] for id in self._seeds if not self.programs[id].failed]

    def _on_program(self, row: ProgramRow) -> None:
        parent = row.parents[0] if row.parents else None
        self.programs[row.id] = Known(
            row.id, parent, row.operator, row.island, row.operator == "seed", row.name, row.moves, row.parents
        )
        if row.operator == "seed":
            self._seeds.append(row.id)
        self.digests[row.digest] = row.id
        if row.form:
            self.forms.setdefault(row.form, row.id)
        for estimates in self.estimates.values():
            estimates.add_program(row.id, parent, row.operator)
        if row.operator in ASKING:
            self.by_models.append(row.id)
        if parent is not None:
            self.children.setdefault(parent, []).append(row.id)
        if self._paid is not None:
            self._unpaid[row.id], self._paid = self._paid, None
        self.barren = 0
        if row.birth is not None:
            self.births = row.birth
            self.operators.setdefault(row.operator, Counter())["births"] += 1
        self._plan(row.id, "smoke")

    def _plan(self, program: int, rung: str, count: int = 1) -> None:
        known = self.programs[program]
        for _ in range(count):
            place = known.planned.get(rung, 0)
            known.planned[rung] = place + 1
            self.queue.append(Planned(program, rung, self.rungs[rung].first_rng_seed + place))

    def _on_trial(self, row: TrialRow) -> None:
        self.last_trial = row.id
        if row.rung not in self.rungs:
            return  # a promotion's: the search must not learn from it
        plan = Planned(row.program, row.rung, row.rng_seed)
        known = self.programs[row.program]
        if plan in self.queue:
            self.queue.remove(plan)
        self.trials += 1
        self.outcomes[row.outcome] += 1
        if row.outcome == "lost":
            self.lost_in_a_row[plan] += 1
            if not known.failed:
                self.queue.append(plan)
            return
        self.fingerprints[row.rung] = row.fingerprint
        self.lost_in_a_row.pop(plan, None)
        self.steps[row.rung] += self.rungs[row.rung].train_steps
        if row.value is None:
            self._fail(known, row.outcome)
            return
        known.values[(row.rung, row.rng_seed)] = row.value
        if row.rung == "smoke":
            known.measures = {name: each for name, each in row.measures.items() if not isinstance(each, str)}
            self.behaviours.add(row.program, row.measures)
            self._plan(row.program, "proxy", FIRST_CHILD_TRIALS if known.parent is not None else FIRST_SEED_TRIALS)
            return
        self.estimates[row.rung].add_trial(row.program, row.rng_seed, row.value)
        if row.rung == "proxy":
            self._elites = None
        if known.complete(row.rung):
            if row.rung == "proxy" and known.improved is None:
                self._enter(known)
            elif row.rung == "confirm" and known.finished("confirm") == self.rungs["confirm"].rng_seeds:
                self.confirmed.append(known.id)

    def _fail(self, known: Known, outcome: str) -> None:
        if known.failed:
            return
        known.failed = outcome
        self.behaviours.discard(known.id)
        self._elites = None
        if known.operator in ASKING and known.operator != "llm_repair" and not known.finished("smoke"):
            self.to_repair.append(known.id)
        self._credit(known, 0.0)
        for plan in [plan for plan in self.queue if plan.program == known.id]:
            self.queue.remove(plan)  # a program that failed once neither enters an archive nor climbs
        for island in self.islands:
            island.archive.discard(known.id)
        if known.id in self.confirmed:
            self.confirmed.remove(known.id)
        if known.operator in self.operators:
            self.operators[known.operator]["failed"] += 1
        self.tried.extend(Tried(move, None) for move in known.moves)

    def _enter(self, known: Known) -> None:
        """All first proxy trials have finished: learn from it and offer it to the archives."""
        known.improved = False
        if known.parent is not None:
            gains = self.gains(known)
            self.tried.extend(Tried(move, fmean(gains) if gains else None) for move in known.moves)
            same = bool(gains) and not any(gains)
            if same and known.operator != "prune":  # there it is the purpose: the child is the simpler one
                known.same_as = known.parent
            known.improved = not same and self.estimates["proxy"].is_better(known.id, known.parent)
            if known.improved and known.operator in self.operators:
                self.operators[known.operator]["improved"] += 1
            if known.id in self._unpaid:
                self._credit(known, max(0.0, self.mean(known.parent) - self.mean(known.id)))
        if known.same_as is not None:
            return  # it would take its parent's place and be nothing new
        homes = self.islands if known.parent is None else [self.islands[known.island]]
        for island in homes:
            status = island.archive.add(known.id, known.measures, self.mean)
            island.accepted_since += known.improved and status.accepted

    def _credit(self, known: Known, gain: float) -> None:
        """What asking for this child has come to, once its first trials have ended or one has failed."""
        pull = self._unpaid.pop(known.id, None)
        if pull is not None:
            steps = sum(self.rungs[rung].train_steps for rung, _ in known.values)
            self.pulls.append(replace(pull, gain=gain, steps=steps))

    def gains(self, known: Known, rung: str = "proxy") -> list[float]:
        """Main parent's value minus the child's on each rng_seed of a rung that both have."""
        assert known.parent is not None
        before = self.programs[known.parent].values
        return [before[key] - value for key, value in known.values.items() if key[0] == rung and key in before]

    def _on_call(self, row: CallRow) -> None:
        self.calls = row.id
        self.attempts = max(self.attempts, row.attempt)
        self.asked.setdefault(row.attempt, Asked()).calls.append(row)
        self.tokens += row.most_tokens
        self.usd += row.most_usd or 0.0
        if row.operator == "llm_repair" and row.parents[1] in self.to_repair:
            self.to_repair.remove(row.parents[1])
        if row.operator == "llm_crossover":
            self.joined.add(frozenset(row.parents))

    def reserved(self) -> tuple[int, float]:
        """Tokens and US dollars that calls under way may cost."""
        open_calls = [asked.last for asked in self.asked.values() if asked.reply is None]
        return sum(call.most_tokens for call in open_calls), sum(call.most_usd or 0.0 for call in open_calls)

    def _on_reply(self, row: ReplyRow) -> None:
        asked = next(asked for asked in self.asked.values() if asked.last.id == row.call)
        asked.replies[row.call] = row
        if row.outcome not in (Reply.ANSWERED, Reply.TRUNCATED):
            self.unanswered += 1
            self.unanswered_reason = row.reason
        call = asked.last
        tokens, usd = _settled(call, row)
        self.tokens += tokens - call.most_tokens
        self.usd += usd - (call.most_usd or 0.0)

    def _conclude(self, row: EventRow) -> None:
        """An attempt has ended: what it cost is known, and what it gained if nothing was born."""
        if row.data["operator"] == "llm_repair" and row.data["parents"][1] in self.to_repair:
            self.to_repair.remove(row.data["parents"][1])
        asked = self.asked.pop(int(row.data["attempt"]), None)
        if asked is None:
            return
        usd = sum(_settled(each, asked.replies[each.id])[1] for each in asked.calls if each.id in asked.replies)
        call = asked.last
        pull = Pull((call.operator, call.model), call.island, 0.0, usd, 0)
        if row.data["result"] == "birth":
            self._paid = pull
        else:
            self.pulls.append(pull)
        failures, as_of = self.barren_models.get(call.model, (0, 0))
        if row.data["result"] != "none":
            self.barren_models.pop(call.model, None)
        elif call.attempt > as_of:  # those begun together fail together: that counts once
            self.barren_models[call.model] = failures + 1, self.attempts

    def _on_event(self, row: EventRow) -> None:
        self.events = row.id
        if row.kind == "attempt":
            self.attempts = max(self.attempts, int(row.data["attempt"]))
            self.barren += 1
            self._conclude(row)
            operator = str(row.data["operator"])
            self.operators.setdefault(operator, Counter())[str(row.data["result"])] += 1
            if row.data.get("pruning"):
                self.islands[int(row.data["island"])].accepted_since = 0
        elif row.kind == "plan":
            self.replicates += row.data["rung"] == "proxy"
            self._plan(int(row.data["program"]), str(row.data["rung"]))
        elif row.kind == "migration":
            self.migrations += 1
            self._elites = None
            for program, _, to in row.data["moves"]:
                self.islands[to].archive.add(program, self.programs[program].measures, self.mean)
        elif row.kind == SAME:
            self._on_same(self.programs[int(row.data["program"])], int(row.data["as"]))
        elif row.kind == "best":
            self.best = (int(row.data["best"]), int(row.data["best_seed"]), str(row.data["rung"]))

    def _on_same(self, known: Known, other: int) -> None:
        """It behaves as another program: nothing more is paid for it."""
        known.same_as = other
        self.behaviours.discard(known.id)
        known.planned.pop("proxy", None)
        for plan in [plan for plan in self.queue if plan.program == known.id]:
            self.queue.remove(plan)
        self._credit(known, 0.0)


def _settled(call: CallRow, reply: ReplyRow) -> tuple[int, float]:
    """Tokens and US dollars that a call has cost: what may have been paid counts as paid."""
    if reply.outcome == Reply.FAILED:
        return 0, 0.0
    tokens = reply.prompt_tokens + reply.completion_tokens or call.most_tokens
    return tokens, reply.usd if reply.usd is not None else (call.most_usd or 0.0)
