from __future__ import annotations

import base64
import struct

from hypothesis import given
from hypothesis import strategies as st
from test_decide import Story

from evolve.novelty import DIRECTIONS, LENGTHS, PROJECTIONS, Behaviours, alike, behaviour
from evolve.recognition import recognised
from evolve.state import Planned
from population.rows import Move, ProgramRow, TrialRow


def measures(*numbers: float, trace: str = "t") -> dict[str, float | str]:
    packed = struct.pack(f"<{len(numbers)}d", *numbers)
    return {
        "trace": trace,
        "sketch": base64.b85encode(packed).decode(),
        "effective_rank": 0.5,
        "state_bytes_per_parameter": 4.0,
    }


def sketch(direction: float = 0.0, length: float = 0.0, shift: float = 0.0) -> list[float]:
    return [shift + direction] * PROJECTIONS + [shift + length] * PROJECTIONS


def test_roundings_are_alike_and_changes_are_not() -> None:
    one = behaviour(measures(*sketch()))
    for other, expected in (
        (measures(*sketch(0.9 * DIRECTIONS, 0.9 * LENGTHS)), True),
        (measures(*sketch(1.1 * DIRECTIONS, 0.0)), False),
        (measures(*sketch(0.0, 1.1 * LENGTHS)), False),
        (measures(*sketch(), trace="u"), False),
        (measures(*sketch(), *sketch()), False),
    ):
        assert alike(one, behaviour(other)) is expected


def test_the_evaluation_weights_count() -> None:
    one, other = measures(*sketch(), *sketch(shift=1)), measures(*sketch(), *sketch(2 * DIRECTIONS, shift=1))
    assert not alike(behaviour(one), behaviour(other))


def test_a_trial_without_a_sketch_has_no_behaviour() -> None:
    assert behaviour({"effective_rank": 0.5}) is None
    assert Behaviours().like({"effective_rank": 0.5}) is None


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("tu")), max_size=30), st.integers(0, 60))
def test_the_index_finds_the_first_that_is_alike(known: list[tuple[int, str]], place: int) -> None:
    def at(place: int, trace: str) -> dict[str, float | str]:
        return measures(*sketch(place * DIRECTIONS / 3), trace=trace)

    behaviours = Behaviours()
    for program, (where, trace) in enumerate(known):
        behaviours.add(program, at(where, trace))
    sought = behaviour(at(place, "t"))
    plainly = [program for program, each in enumerate(known) if alike(sought, behaviour(at(*each)))]
    assert behaviours.like(at(place, "t")) == min(plainly, default=None)


def test_who_needs_less_memory_is_something_new() -> None:
    one = measures(*sketch())
    assert not alike(behaviour(one), behaviour({**one, "state_bytes_per_parameter": 2.0}))


def test_what_failed_or_is_nothing_new_is_no_measure() -> None:
    behaviours = Behaviours()
    behaviours.add(1, measures(*sketch()))
    behaviours.add(2, measures(*sketch()))
    behaviours.discard(1)
    assert behaviours.like(measures(*sketch())) == 2


def test_sketches_have_as_many_numbers_as_are_compared() -> None:
    from evaluator import behaviour as measured

    assert measured.PROJECTIONS == PROJECTIONS


def smoked(story: Story, program: int, numbers: list[float]) -> TrialRow:
    """The smoke trial of a program, not written yet."""
    return TrialRow(story.trials + 1, program, "smoke", 0, "f", "finished", 3.0, measures=measures(*numbers), seq=99)


def family() -> Story:
    story = Story(migrate_every=0)
    story.program(1)
    row = smoked(story, 1, sketch())
    assert recognised(story.state, row) is None
    story.state.apply(row)
    story.trials += 1
    story.trial(1, "proxy", 0, 2.0)
    story.trial(1, "proxy", 1, 2.01)
    return story


def test_a_child_that_behaves_as_a_known_program_is_not_tried_further() -> None:
    story = family()
    story.program(2, "llm_diff", (1,), birth=1)
    row = smoked(story, 2, sketch(DIRECTIONS / 2))
    event = recognised(story.state, row)
    assert event is not None
    assert dict(event.data) == {"program": 2, "as": 1}
    story.state.apply(row)
    assert Planned(2, "proxy", 0) in story.state.queue
    story.state.apply(event)
    assert not story.state.queue
    assert story.state.programs[2].same_as == 1
    assert story.state.islands[0].archive.ranked(story.state.mean) == [1]


def test_a_child_of_its_own_kind_goes_on() -> None:
    story = family()
    story.program(2, "llm_diff", (1,), birth=1)
    row = smoked(story, 2, sketch(3 * DIRECTIONS))
    assert recognised(story.state, row) is None
    story.state.apply(row)
    assert list(story.state.queue) == [Planned(2, "proxy", 0)]


def test_a_program_that_failed_later_is_no_reason_to_leave_a_child_untried() -> None:
    story = family()
    story.trial(1, "proxy", 2, None, outcome="timed_out")
    story.program(2, "llm_rewrite", (1,), birth=1)
    assert recognised(story.state, smoked(story, 2, sketch())) is None


def test_values_that_moved_and_pruned_children_are_measured() -> None:
    story = family()
    for id, operator in ((4, "prune"), (5, "ablate"), (2, "llm_ablate")):
        story.program(id, operator, (1,), birth=id)
        assert recognised(story.state, smoked(story, id, sketch())) is None
    moved = ProgramRow(3, "d3", "", "perturb", 0, 2, (1,), moves=(Move("EPS", 1e-8, 2e-8),), seq=50)
    story.state.apply(moved)
    assert recognised(story.state, smoked(story, 3, sketch())) is None


def test_what_users_bring_is_measured() -> None:
    story = family()
    story.program(2, "add")
    assert recognised(story.state, smoked(story, 2, sketch())) is None


def test_a_genome_that_differs_in_names_alone_is_known() -> None:
    story = Story()
    story.state.apply(ProgramRow(1, "d1", "", "seed", 0, None, form="f1", seq=1))
    story.state.apply(ProgramRow(2, "d2", "", "seed", 0, None, form="f1", seq=2))
    assert story.state.known_as("new", "f1") == 1
    assert story.state.known_as("d2", "other") == 2
    assert story.state.known_as("new", "") is None


def test_a_genome_whose_like_failed_is_tried() -> None:
    story = Story()
    story.state.apply(ProgramRow(1, "d1", "", "seed", 0, None, form="f1", seq=1))
    story.trial(1, "smoke", 0, None, outcome="crashed")
    assert story.state.known_as("new", "f1") is None
    assert story.state.known_as("d1", "f1") == 1
