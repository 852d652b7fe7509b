"""Asks language models, in a process of its own. The only importer of litellm.

The engine never waits for a model and never holds litellm's threads: it hands questions over a pipe and looks for
answers when it has time. Errors that cost nothing (rate limits, overload) are tried again here; whatever may have been
paid for goes back to the engine, which alone knows the budget. This module must not know prompts, genomes or the store.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from evaluator.process import die_with_parent
from evolve.questions import Answer, Price, Question, Reply
from evolve.secrets import masked

TRIES = 6
"""Requests for one question before an overloaded provider is given up."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between two tries: the bound doubles from the first to the longest, and the wait is drawn below it.

"Full jitter", Brooker 2015 <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>."""
_LATER = frozenset({425, 429, 503, 529})
"""Statuses of a provider that has not begun to answer, and may later: nothing was paid."""
_REFUSED = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422})
"""Statuses of a provider that will not answer this question; nothing was paid."""


class ModelsError(Exception):
    """Language models cannot be asked here; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """How models are asked.

    Attributes:
        at_once: Most calls under way.
        timeout: Seconds that one request may take.
        prices: What models cost, by name.
    """

    at_once: int = 8
    timeout: float = 600.0
    prices: Mapping[str, Price] | None = None


@dataclass(frozen=True)
class Listed:
    """What litellm knows of models before any is asked.

    Attributes:
        prices: What each model costs, where it is on the list.
        missing: Names of keys that a model is usually asked with and that the environment lacks; models that lack none
            are left out.
    """

    prices: Mapping[str, Price] = field(default_factory=dict)
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class LanguageModels:
    """A process that asks. Use as a context manager.

    Args:
        models: Names as litellm knows them.
        settings: How they are asked.

    Attributes:
        listed: What litellm knows of them.
    """

    def __init__(self, models: Sequence[str], settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")  # litellm starts threads: never in the engine's process
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, tuple(models), settings, os.getpid()), daemon=True, name="models"
        )
        self._process.start()
        theirs.close()
        self._listed: Listed | None = None

    @property
    def listed(self) -> Listed:
        """What litellm knows of the models; waits until it is imported.

        Raises:
            ModelsError: litellm cannot be imported.
        """
        if self._listed is None:
            try:
                first = self._connection.recv()
            except (EOFError, ConnectionError):
                raise ModelsError(
                    "the process that asks language models ended at once: is litellm installed?"
                ) from None
            if isinstance(first, str):
                raise ModelsError(first)
            self._listed = first
        return self._listed

    def fileno(self) -> int:
        """Descriptor that becomes readable when an answer has come."""
        return self._connection.fileno()

    def submit(self, question: Question) -> None:
        """Begin a call; `take` gives its answer."""
        with suppress(OSError):  # `take` notices
            self._connection.send(question)

    def take(self) -> list[Answer]:
        """The answers that have come.

        Raises:
            ModelsError: The process that asks has died.
        """
        answers = []
        try:
            while self._connection.poll(0):
                if self._listed is None:  # what it says first, once litellm is imported
                    self._listed = self.listed
                else:
                    answers.append(self._connection.recv())
        except (EOFError, OSError) as error:
            raise ModelsError(
                "the process that asks language models died; what it was asked counts as paid. `evolve resume` goes on"
            ) from error
        return answers

    def close(self) -> None:
        """End the process and what is under way in it."""
        self._connection.close()
        self._process.kill()
        self._process.join()

    def __enter__(self) -> LanguageModels:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def listed(models: Sequence[str]) -> Listed:
    """What litellm knows of models; asks none, and not the network.

    Raises:
        ModelsError: litellm cannot be imported.
    """
    with LanguageModels(models, Settings()) as asked:
        return asked.listed


def _serve(connection: Connection, models: Sequence[str], settings: Settings, parent: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the engine decides what Ctrl-C means
    die_with_parent(parent)
    _silence()
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import asks the network for prices
    try:
        import litellm
    except ImportError as error:
        connection.send(f"litellm cannot be imported ({error}): install evolve with its dependencies")
        return
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    known = Listed(_prices(litellm, models), _missing(litellm, models))
    connection.send(known)
    asyncio.run(_answer_all(litellm, connection, settings, frozenset(known.missing)))


def _silence() -> None:
    """Swallow output: litellm prints; the terminal is the engine's."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _prices(litellm: Any, models: Sequence[str]) -> dict[str, Price]:
    found = {}
    for model in models:
        listed = litellm.model_cost.get(model) or litellm.model_cost.get(model.partition("/")[2])
        if listed and "input_cost_per_token" in listed:
            found[model] = Price(1e6 * listed["input_cost_per_token"], 1e6 * listed.get("output_cost_per_token", 0.0))
    return found


def _missing(litellm: Any, models: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Of all that litellm finds missing the keys alone: addresses have defaults."""
    found = {model: litellm.validate_environment(model)["missing_keys"] for model in models}
    keys = {model: tuple(name for name in names if name.endswith("_KEY")) for model, names in found.items()}
    return {model: names for model, names in keys.items() if names}


async def _answer_all(litellm: Any, connection: Connection, settings: Settings, keyless: Set[str]) -> None:
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(settings.at_once)
    ended = loop.create_future()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(question: Question) -> None:
        async with places:
            connection.send(await _ask(litellm, question, settings, question.model in keyless))

    def done(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        fault = task.exception()
        if fault is not None and not ended.done():
            ended.set_exception(fault)  # a fault of ours: the process ends, the engine sees lost questions

    def read() -> None:
        try:
            while connection.poll(0):
                task = loop.create_task(answer(connection.recv()))
                tasks.add(task)
                task.add_done_callback(done)
        except (EOFError, OSError):
            loop.remove_reader(connection.fileno())
            if not ended.done():
                ended.set_result(None)

    loop.add_reader(connection.fileno(), read)
    await ended


async def _ask(litellm: Any, question: Question, settings: Settings, keyless: bool) -> Answer:
    """One answer, after as many tries as it takes while nothing has been paid."""
    began = time.monotonic()
    jitter = random.Random(question.id)
    for tried in range(1, TRIES + 1):
        answer, pause = await _try(litellm, question, settings, keyless)
        answer = replace(answer, seconds=time.monotonic() - began, tries=tried)
        if answer.outcome is not Reply.FAILED or pause is None or tried == TRIES:
            return answer
        ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (tried - 1))
        await asyncio.sleep(max(pause, jitter.uniform(0, ceiling)))
    raise AssertionError("the last try returns")


async def _try(litellm: Any, question: Question, settings: Settings, keyless: bool) -> tuple[Answer, float | None]:
    """What came of one request, and the shortest pause before another one; None if another one is no use."""
    messages = [{"role": each.role, "content": each.content} for each in question.messages]
    import openai  # litellm's errors are kinds of its errors

    try:
        async with asyncio.timeout(settings.timeout):
            response = await litellm.acompletion(
                model=question.model,
                messages=messages,
                max_tokens=question.max_tokens,
                timeout=settings.timeout,
                num_retries=0,
                max_retries=0,
            )
    except (TimeoutError, litellm.Timeout):
        reason = f"no answer within {settings.timeout:g} s"
        return Answer(question.id, Reply.TIMED_OUT, reason=reason), None
    except openai.OpenAIError as error:  # the base of all of litellm's errors
        return _error(question, error, keyless)
    return _answer(question, response, settings), None


def _error(question: Question, error: Any, keyless: bool) -> tuple[Answer, float | None]:
    import httpx
    import openai

    reason = " ".join(masked(str(error), os.environ).split())[:500]
    status = getattr(error, "status_code", None)
    causes = list(_causes(error))
    failed = Answer(question.id, Reply.FAILED, reason=reason)
    if status in _LATER or any(isinstance(each, httpx.ConnectError | httpx.ConnectTimeout) for each in causes):
        return failed, _wanted_pause(error)
    # Without a key a client gives up before it sends, by an error of no kind in particular.
    unsent = keyless and type(causes[-1]) in (openai.OpenAIError, ValueError, ModuleNotFoundError)
    if status in _REFUSED or unsent:
        return failed, None
    return replace(failed, outcome=Reply.GARBAGE), None  # the model may have been at work, and paid for


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, its root last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _wanted_pause(error: Any) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return min(LONGEST_PAUSE, max(0.0, float(headers.get("retry-after", 0.0))))
    except ValueError:
        return 0.0


def _answer(question: Question, response: Any, settings: Settings) -> Answer:
    choices = getattr(response, "choices", None) or []
    text = getattr(choices[0].message, "content", None) if choices else None
    usage = getattr(response, "usage", None)
    read, written = (int(getattr(usage, name, 0) or 0) for name in ("prompt_tokens", "completion_tokens"))
    usd = _usd(question.model, response, read, written, settings.prices or {})
    answer = Answer(question.id, Reply.ANSWERED, text or "", read, written, usd)
    if choices and getattr(choices[0], "finish_reason", None) == "length":
        return replace(answer, outcome=Reply.TRUNCATED, reason=f"cut off after {question.max_tokens} tokens")
    if not text:
        return replace(answer, outcome=Reply.GARBAGE, reason="the answer holds no text")
    return answer


def _usd(model: str, response: Any, read: int, written: int, prices: Mapping[str, Price]) -> float | None:
    """What the provider reports, else by the run's prices (the user's word before litellm's list)."""
    reported = getattr(getattr(response, "usage", None), "cost", None)
    if isinstance(reported, int | float):
        return float(reported)
    counted = read or written  # some servers do not say: then nobody knows what it cost
    return prices[model].usd(read, written) if model in prices and counted else None
