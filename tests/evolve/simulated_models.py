"""A language model that answers at once, by rule: for tests of the engine."""

from __future__ import annotations

import os
import random
import re
from collections import deque
from collections.abc import Callable

from evolve.questions import Answer, Question, Reply

STATEMENT = "HYPOTHESIS: {why}\nCOMPONENT: LR\nDEPTH: shallow\nPROVENANCE: invented\n"


def program_in(text: str) -> str:
    """The first program of a prompt."""
    found = re.search(r"\[\[program (\w+)\n(.*?)\n\1 end\]\]", text, re.S)
    assert found is not None
    return found[2]


def clever(question: Question) -> str:
    """A usable reply in whatever form was asked for: another learning rate."""
    rate = 0.02 * 2 ** random.Random(question.id).uniform(-1, 1)
    return with_rate(question.messages[1].content, "LR", rate)


def with_rate(prompt: str, name: str, rate: float) -> str:
    """A reply that sets a capitalised constant of the first program, in the form that the prompt asks for."""
    source = program_in(prompt)
    line = re.search(rf"^{name} = .*$", source, re.M)
    assert line is not None
    said = STATEMENT.format(why=f"the rate should be {rate:.5f}")
    request = prompt.rpartition("Begin your reply")[2]
    if "JSON" in request:
        return f'{said}```json\n{{"{name}": {rate:.5f}}}\n```'
    if "SEARCH" in request:
        return f"{said}<<<<<<< SEARCH\n{line[0]}\n=======\n{name} = {rate:.5f}\n>>>>>>> REPLACE\n"
    return f"{said}```python\n{source.replace(line[0], f'{name} = {rate:.5f}')}\n```"


class SimulatedModels:
    """Answers in order, one a look; a reply may also be an outcome that is not an answer.

    Args:
        reply: From a question to text, or to the outcome that it ends with.
        usd: Cost of an answer.
        silent: How many questions, from the first, are never answered.
    """

    def __init__(
        self, reply: Callable[[Question], str | Reply] = clever, usd: float | None = 0.01, silent: int = 0
    ) -> None:
        self.reply = reply
        self.usd = usd
        self.silent = silent
        self.questions: list[Question] = []
        self._open: deque[Question] = deque()
        reader, writer = os.pipe()
        os.write(writer, b"x")
        self._fd = reader

    def submit(self, question: Question) -> None:
        self.questions.append(question)
        if len(self.questions) > self.silent:
            self._open.append(question)

    def take(self) -> list[Answer]:
        if not self._open:
            return []
        question = self._open.popleft()
        said = self.reply(question)
        if isinstance(said, Reply):
            return [Answer(question.id, said, reason="simulated")]
        return [Answer(question.id, Reply.ANSWERED, said, 1000, 200, self.usd, 1.0)]

    def fileno(self) -> int:
        return self._fd
