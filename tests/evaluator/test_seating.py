from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.seating import has_room, next_seat

A, B = "cuda:0", "cuda:1"


def test_a_card_trains_several_at_once_but_some_alone() -> None:
    assert has_room(A, alone=False, there=[])
    assert has_room(A, alone=False, there=[False, False])
    assert has_room(A, alone=True, there=[])
    assert not has_room(A, alone=True, there=[False])
    assert not has_room(A, alone=False, there=[True])
    assert has_room("cpu", alone=True, there=[True, False])


@pytest.mark.parametrize(
    ("waiting", "idle", "running", "expected"),
    [
        ([], [A], {A: []}, None),
        ([False], [], {A: [False]}, None),
        ([False, True], [A], {A: [False]}, (0, A)),
        ([True, False], [A], {A: [False]}, None),  # the only card is kept for the first
        ([True, False], [A, B], {A: [False], B: [False, False]}, (1, B)),  # the other goes on
        ([True, True, False], [A, B], {A: [False, False], B: [False]}, (2, A)),
        ([True, False], [A, B], {A: [False], B: []}, (0, B)),
        ([False], [A, B], {A: [True], B: [False]}, (0, B)),
        ([True, False], [B], {A: [True], B: [False]}, None),
    ],
)
def test_who_must_be_alone_has_one_card_kept_free(waiting, idle, running, expected) -> None:
    assert next_seat(waiting, idle, running) == expected


@given(st.lists(st.booleans(), min_size=1, max_size=8), st.integers(1, 3), st.integers(1, 3), st.randoms())
def test_everybody_is_seated_and_nobody_beside_who_is_alone(waiting, cards, each, chance) -> None:
    running: dict[str, list[bool]] = {f"cuda:{card}": [] for card in range(cards)}
    seated, first = 0, list(waiting)
    while waiting or any(running.values()):
        idle = [device for device, there in running.items() if len(there) < each]
        seat = next_seat(waiting, idle, running)
        if seat is None:
            ended = chance.choice([device for device, there in running.items() if there])
            running[ended].pop(chance.randrange(len(running[ended])))
            continue
        place, device = seat
        alone = waiting.pop(place)
        assert not any(running[device])
        assert not (alone and running[device])
        running[device].append(alone)
        seated += 1
    assert seated == len(first)
