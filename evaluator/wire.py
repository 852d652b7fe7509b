"""Messages between our own processes: length-prefixed pickles over a stream socket, with file descriptors.

Only trusted processes hold these sockets (engine, fork server, trainers, nurseries). A candidate never does:
its control channel is `evaluator.orders`, whose messages are a few numbers.
"""

from __future__ import annotations

import errno
import os
import pickle
import socket
import struct
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("<Q")
_MAX_FDS = 8


class ClosedError(EOFError):
    """The other end of a channel is gone."""


class Channel:
    """One end of a stream socket that carries whole messages.

    Args:
        sock: A connected `AF_UNIX` stream socket; the channel owns it from now on.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def fileno(self) -> int:
        """File descriptor, so that a channel can be polled."""
        return self._sock.fileno()

    def send(self, message: object, fds: Sequence[int] = ()) -> None:
        """Send one message; `fds` are duplicated into the receiver.

        Raises:
            ClosedError: The other end is gone.
        """
        payload = pickle.dumps(message)
        try:
            socket.send_fds(self._sock, [_LENGTH.pack(len(payload))], fds)
            self._sock.sendall(payload)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ClosedError("the process at the other end has gone") from error

    def receive(self) -> tuple[Any, list[int]]:
        """Wait for one message.

        Returns:
            The message and the file descriptors that came with it (now the caller's to close).

        Raises:
            ClosedError: The other end is gone.
            OSError: This process may not open as many files as came with the message.
        """
        try:
            head, fds, flags, _ = socket.recv_fds(self._sock, _LENGTH.size, _MAX_FDS)
            if flags & socket.MSG_CTRUNC:
                for fd in fds:
                    os.close(fd)
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            head += self._exactly(_LENGTH.size - len(head), started=bool(head))
            (length,) = _LENGTH.unpack(head)
            return pickle.loads(self._exactly(length)), fds
        except ConnectionResetError as error:
            raise ClosedError("the process at the other end has gone") from error

    def close(self) -> None:
        """Close this end."""
        self._sock.close()

    def _exactly(self, count: int, started: bool = True) -> bytes:
        parts = []
        while count:
            part = self._sock.recv(min(count, 1 << 20)) if started else b""
            if not part:
                raise ClosedError("the process at the other end has gone")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
