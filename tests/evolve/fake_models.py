"""A loopback server that speaks the chat-completions protocol, with answers and faults from a test."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[list[dict[str, str]]], str]


class FakeModels:
    """What a test sees of the server.

    Attributes:
        url: What to set OPENAI_API_BASE to.
        requests: Bodies that came, oldest first.
        keys: Authorization headers that came.
        faults: Played one a request before answers: a status, "garbage", "empty", "truncate", "hang", "reset".
        most_at_once: Most requests that were under way at a time.
    """

    def __init__(self, reply: Reply, faults: Sequence[int | str] = (), hold: float = 0.0) -> None:
        self.reply = reply
        self.faults = list(faults)
        self.hold = hold
        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.under_way = self.most_at_once = 0
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake._lock:
                    fake.requests.append(body)
                    fake.keys.append(self.headers.get("Authorization", ""))
                    fake.under_way += 1
                    fake.most_at_once = max(fake.most_at_once, fake.under_way)
                    fault = fake.faults.pop(0) if fake.faults else None
                try:
                    time.sleep(fake.hold)
                    self._answer(body, fault)
                finally:
                    with fake._lock:
                        fake.under_way -= 1

            def _answer(self, body: dict, fault: int | str | None) -> None:
                if fault == "reset":  # the request has been read: a model may be at work
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    return
                if fault == "hang":
                    fake.released.wait()
                    return
                if isinstance(fault, int):
                    key = self.headers.get("Authorization", "")
                    self._send(fault, json.dumps({"error": {"message": f"no: {key}", "type": "fault"}}))
                    return
                if fault == "garbage":
                    self._send(200, "<html>surely not JSON</html>")
                    return
                text = "" if fault == "empty" else fake.reply(body["messages"])
                cut = fault == "truncate"
                message = {"role": "assistant", "content": text[: len(text) // 2] if cut else text}
                answer = {
                    "id": "fake",
                    "object": "chat.completion",
                    "created": 0,
                    "model": body["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": "length" if cut else "stop"}],
                    "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
                }
                self._send(200, json.dumps(answer))

            def _send(self, status: int, text: str) -> None:
                data = text.encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except (BrokenPipeError, ConnectionResetError):
                    pass

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def fake_models(reply: Reply, faults: Sequence[int | str] = (), hold: float = 0.0) -> Iterator[FakeModels]:
    """A server for the length of a test."""
    fake = FakeModels(reply, faults, hold)
    thread = threading.Thread(target=fake.serve, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.close()
        thread.join()
