"""How the parts of a genome are tested: singly, then together, then once more on fresh rng_seeds.

Cheapest evidence first. Every part is taken out alone and compared with the whole on the same two rng_seeds; what is
settled then is left, the rest gets twice as many, up to sixteen. What is shown to be worth less than the margin is
taken out together; if that costs too much, the part at fault is found by halving (Hwang 1972
<https://doi.org/10.1080/01621459.1972.10481257>, near the fewest tests there can be when few parts are at fault;
delta debugging, Zeller 2002 <https://doi.org/10.1109/32.988498>, is the same search where the answers are certain) and
put back. None of this is believed: both programs are tried again on rng_seeds that chose nothing, as many as the power
asks for, and the pruned one passes a non-inferiority test or is given up for half of its removals, at half the level.

The procedure is a generator: it yields batches of trials and reads their values when it goes on, so that a killed
pruning repeats it on the stored ones. Pure but for that; it must not know how trials are run or where rows are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from evolve.pruning.parts import Part
from evolve.pruning.plan import DEAREST, FEWEST, LEVEL, LOOKS, MOST, POWER, Confirmation, Plan
from evolve.pruning.purse import JOINING, SCREENING, Purse
from evolve.pruning.records import (
    FAILS,
    NEEDED,
    NOT_TOGETHER,
    REMOVED,
    UNCONFIRMED,
    UNDECIDED,
    UNSHOWN,
    UNTRIED,
    BaseFailsError,
    Batch,
    Passed,
    Result,
    Slot,
    Tested,
)
from population.genome import digest
from population.noninferiority import Scatter, Worth, needed, p_value, power, scatter, worth

_ATTEMPTS = 3
"""Confirmations before nothing is removed."""


class Procedure:
    """One pruning. Run `steps` to its end; then `tested`, `passed` and `source` hold what came of it.

    Args:
        plan: Its terms.
        original: Text of the program that is pruned.
        base: Text of the program whose parts are tested: the same, or its proven form.
        parts: They.
        without: Makes the genome without several of them, named.
        results: Results of trials, there before `steps` goes on.
        purse: What may be spent.
        confirmations: Those made earlier; new ones are added after `on_confirmation` was told.
        on_confirmation: Writes one down.
    """

    def __init__(
        self,
        plan: Plan,
        original: str,
        base: str,
        parts: Sequence[Part],
        without: Callable[[Sequence[str]], str],
        results: Mapping[Slot, Result],
        purse: Purse,
        confirmations: list[Confirmation],
        on_confirmation: Callable[[Confirmation], None],
    ) -> None:
        self._plan, self._without, self._results, self._purse = plan, without, results, purse
        self._confirmations, self._on_confirmation = confirmations, on_confirmation
        self._sources = {digest(original): original, digest(base): base}
        self._original, self._base = digest(original), digest(base)
        self._paid: set[Slot] = set()
        self.tested = {part.name: Tested(part) for part in parts}
        self._sources |= {part.digest: part.source for part in parts}
        self.passed: list[Passed] = []
        self.source = base
        self.phase = "parts"

    @property
    def trials(self) -> int:
        """Trials asked for so far."""
        return len(self._paid)

    def steps(self) -> Generator[Batch, None, None]:
        """Batches of trials; after each, their results are expected to be there."""
        yield from self._screen()
        self.phase = "together"
        group = yield from self._join(self._removable())
        self.phase = "confirm"
        yield from self._confirm(group)

    # One at a time

    def _screen(self) -> Generator[Batch, None, None]:
        names, done = list(self.tested), 0
        for look in LOOKS:
            names = self._affordable(names, look - done)
            if not names:
                return
            for rng_seed in self._plan.rng_seeds[done:look]:
                yield from self._run([self._base, *(self._digest(name) for name in names)], [rng_seed])
                names = [name for name in names if not self._note_failure(name, rng_seed)]
            done = look
            self._judge(names, look)
            names = [name for name in names if self.tested[name].fate == UNDECIDED]

    def _digest(self, name: str) -> str:
        return self.tested[name].part.digest

    def _affordable(self, names: list[str], more: int) -> list[str]:
        """As many parts as there is room for, those first that seem to be worth least."""
        room = int(min(self._purse.room(SCREENING) / more - 1, len(names)))
        if room >= len(names):
            return names
        return sorted(names, key=self._order)[: max(0, room)]

    def _order(self, name: str) -> float:
        found = self.tested[name].worth
        return found.mean if found is not None else 0.0

    def _note_failure(self, name: str, rng_seed: int) -> bool:
        result = self._results[self._digest(name), rng_seed]
        if result.value is not None:
            return False
        self.tested[name] = replace(self.tested[name], fate=FAILS, worth=None, reason=result.outcome)
        return True

    def _judge(self, names: Iterable[str], look: int) -> None:
        """Settle what can be settled, by everybody's scatter."""
        for name in names:
            if self.tested[name].fate == UNTRIED:
                self.tested[name] = replace(self.tested[name], fate=UNDECIDED)
        known = self._scatter()
        for name, each in list(self.tested.items()):
            if each.fate in (UNTRIED, FAILS):
                continue
            found = worth(self._differences(each.part.digest), known, LEVEL / len(LOOKS))
            fate = each.fate if each.fate != UNDECIDED else self._fate(found, look)
            self.tested[name] = replace(each, worth=found, fate=fate)

    def _fate(self, found: Worth, look: int) -> str:
        margin = self._plan.margin
        if found.high is not None and found.high < margin:
            return REMOVED
        if found.low is not None and found.low > margin:
            return NEEDED
        hopeless = look > LOOKS[0] and found.mean >= margin
        return UNSHOWN if hopeless or look == LOOKS[-1] else UNDECIDED

    def _scatter(self) -> Scatter:
        """Of the differences of all parts that are not far from the margin: what wrecks training scatters otherwise."""
        sets = [self._differences(each.part.digest) for each in self.tested.values() if each.fate != FAILS]
        near = [each for each in sets if len(each) > 1 and abs(fmean(each)) < 20 * self._plan.margin]
        return scatter(near)

    def _differences(self, key: str) -> list[float]:
        """Value of a genome minus the base's, on every rng_seed that was asked for."""
        found = []
        for rng_seed in self._plan.rng_seeds:
            if (key, rng_seed) in self._paid:
                one, other = self._results[key, rng_seed].value, self._results[self._base, rng_seed].value
                if one is not None and other is not None:
                    found.append(one - other)
        return found

    def _removable(self) -> list[str]:
        """The parts that may go, those worth least first."""
        return sorted((name for name, each in self.tested.items() if each.fate == REMOVED), key=self._order)

    # Together

    def _join(self, names: list[str]) -> Generator[Batch, None, list[str]]:
        """The largest group found that may go together."""
        group = list(names)
        while len(group) > 1:
            accepted = yield from self._accepted(group)
            if accepted:
                return group
            good, bad = 1, len(group)  # so many of the first may go together; so many may not
            while accepted is not None and bad - good > 1:
                middle = (good + bad) // 2
                accepted = yield from self._accepted(group[:middle])
                good, bad = (middle, bad) if accepted else (good, middle)
            if accepted is None:
                for name in group[good:]:
                    self._set(name, UNDECIDED)
                return group[:good]
            self._set(group.pop(bad - 1), NOT_TOGETHER)
        return group

    def _set(self, name: str, fate: str) -> None:
        self.tested[name] = replace(self.tested[name], fate=fate)

    def _accepted(self, names: Sequence[str]) -> Generator[Batch, None, bool | None]:
        """Whether some parts may go together; None if the budget does not allow to tell."""
        key = self._made(names)
        done = 0
        for look in LOOKS:
            if self._purse.room(JOINING) < 2 * (look - done):
                return None
            yield from self._run([self._base, key], self._plan.rng_seeds[done:look])
            done = look
            if any(self._results[key, rng_seed].value is None for rng_seed in self._plan.rng_seeds[:look]):
                return False
            found = worth(self._differences(key), self._scatter(), LEVEL / len(LOOKS))
            fate = self._fate(found, look)
            if fate != UNDECIDED:
                return fate == REMOVED
        return False

    def _made(self, names: Sequence[str]) -> str:
        source = self._without(names)
        key = digest(source)
        self._sources[key] = source
        return key

    # On fresh rng_seeds

    def _confirm(self, group: list[str]) -> Generator[Batch, None, None]:
        for _ in range(_ATTEMPTS):
            if not group:
                return
            terms = self._terms(group)
            if terms is None:
                for name in group:
                    self._set(name, UNDECIDED)
                return
            yield from self._run([self._original, terms.digest], terms.rng_seeds)
            self.passed.append(self._verdict(terms))
            if self.passed[-1].passed:
                self.source = self._sources[terms.digest]
                return
            kept = len(group) // 2
            for name in group[kept:]:
                self._set(name, UNCONFIRMED)
            group = group[:kept]
        for name in group:
            self._set(name, UNCONFIRMED)

    def _terms(self, group: list[str]) -> Confirmation | None:
        """The terms of the next test: the old ones if it was begun, else new ones, written down; None without room."""
        key = self._made(group)
        for old in self._confirmations:
            if old.digest == key:
                return old
        attempt = len(self._confirmations) + 1
        level = LEVEL / 2**attempt
        known = self._scatter()
        seen = worth(self._differences(key), known, level)
        sd, cost = seen.sd, 0.0
        if sd is None:  # a half of a group, never tried as such
            sd = known.variance**0.5
        else:
            cost = min(max(0.0, seen.mean + 2.0 * sd / seen.n**0.5), DEAREST * self._plan.margin)
        most = int(min(MOST, self._purse.room() // 2))
        if most < FEWEST:
            return None
        distance = self._plan.margin - cost
        n = needed(distance, sd, level, POWER, FEWEST, most)
        first = self._plan.fresh + (attempt - 1) * MOST
        rng_seeds = tuple(range(first, first + n))
        reached = power(n, distance, sd, level)
        new = Confirmation(self._plan.number, attempt, tuple(group), key, rng_seeds, sd, cost, reached, level)
        self._on_confirmation(new)
        self._confirmations.append(new)
        return new

    def _verdict(self, terms: Confirmation) -> Passed:
        found = []
        for rng_seed in terms.rng_seeds:
            one, other = (self._results[key, rng_seed].value for key in (terms.digest, self._original))
            if one is not None and other is not None:
                found.append(one - other)
        if len(found) < len(terms.rng_seeds):
            return Passed(terms, None, None, None, 1.0, False)
        measured = worth(found, Scatter(), 0.025)
        p = p_value(found, self._plan.margin)
        return Passed(terms, measured.mean, measured.low, measured.high, p, p < terms.level)

    # Trials

    def _run(self, keys: Sequence[str], rng_seeds: Sequence[int]) -> Generator[Batch, None, None]:
        """Have trials run that were not asked for before, and pay for them."""
        wanted = [(key, rng_seed) for rng_seed in rng_seeds for key in dict.fromkeys(keys)]
        batch = {slot: self._sources[slot[0]] for slot in wanted if slot not in self._paid}
        if not batch:
            return
        yield batch
        for slot in batch:
            self._paid.add(slot)
            self._purse.pay(self._results[slot].seconds)
            if slot[0] in (self._base, self._original) and self._results[slot].value is None:
                raise BaseFailsError(
                    f"the program that is to be pruned does not finish rng_seed {slot[1]} itself "
                    f"({self._results[slot].outcome}): its parts cannot be compared with it"
                )
