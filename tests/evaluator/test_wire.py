from __future__ import annotations

import os
import resource
import socket
from threading import Thread

import pytest

from evaluator.wire import Channel, ClosedError


@pytest.fixture
def ends() -> tuple[Channel, Channel]:
    a, b = socket.socketpair()
    return Channel(a), Channel(b)


def test_messages_arrive_whole_in_order_and_with_their_descriptors(ends) -> None:
    a, b = ends
    large = os.urandom(3 << 20)
    reader, writer = os.pipe()
    sender = Thread(target=lambda: (a.send({"n": 1}), a.send(large, [writer]), a.send("end")))
    sender.start()
    assert b.receive() == ({"n": 1}, [])
    message, (duplicate,) = b.receive()
    assert message == large
    os.write(duplicate, b"through")
    assert os.read(reader, 100) == b"through"
    assert b.receive() == ("end", [])
    sender.join()


def test_a_closed_end_is_noticed_on_both_sides(ends) -> None:
    a, b = ends
    a.close()
    with pytest.raises(ClosedError):
        b.receive()
    with pytest.raises(ClosedError):
        b.send("anyone there?")


def test_descriptors_for_which_there_is_no_room_are_no_silent_loss(ends) -> None:
    a, b = ends
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    a.send("with one", [0])
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            b.receive()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
