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
from collections.abc import Mapping, Sequence, Set
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

_LOGGING_IN = frozenset({"github_copilot", "chatgpt"})
"""Providers that litellm logs in to, over the network, before it says anything of them."""


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
class Facts:
    """What litellm knows of models before any is asked.

    Attributes:
        prices: What each model costs, where it is on the list.
        missing_keys: Names of keys that a model is usually asked with and that the environment lacks; models that lack
            none are left out.
    """

    prices: Mapping[str, Price] = field(default_factory=dict)
    missing_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class LanguageModels:
    """A process that asks. Use as a context manager.

    Args:
        models: Names as litellm knows them.
        settings: How they are asked.

    Attributes:
        facts: What litellm knows of them.
    """

    def __init__(self, models: Sequence[str], settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")  # litellm starts threads: never in the engine's process
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, tuple(models), settings, os.getpid()), daemon=True, name="models"
        )
        self._process.start()
        theirs.close()
        self._facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What litellm knows of the models; waits until it is imported.

        Raises:
            ModelsError: litellm cannot be imported.
        """
        if self._facts is None:
            self._facts = self._introduced()
        return self._facts

    def _introduced(self) -> Facts:
        """What the process says first."""
        try:
            first = self._connection.recv()
        except (EOFError, ConnectionError):
            raise ModelsError("the process that asks language models ended at once: is litellm installed?") from None
        if isinstance(first, str):
            raise ModelsError(first)
        assert isinstance(first, Facts)
        return first

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
                if self._facts is None:
                    self._facts = self._introduced()
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


def facts_of(models: Sequence[str]) -> Facts:
    """What litellm knows of models; asks none of them, and not the network.

    Raises:
        ModelsError: litellm cannot be imported.
    """
    with LanguageModels(models, Settings()) as asked:
        return asked.facts


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
    facts = Facts(_prices(litellm, models), _missing_keys(litellm, models))
    connection.send(facts)
    asyncio.run(_answer_all(litellm, connection, settings, frozenset(facts.missing_keys)))


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


def _missing_keys(litellm: Any, models: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found = {}
    for model in models:
        if model.partition("/")[0] in _LOGGING_IN:
            continue
        # It names all that a provider may want if any of it is missing; addresses have defaults.
        wanted = litellm.validate_environment(model)["missing_keys"]
        keys = [name for name in wanted if name.endswith("_KEY")]
        if keys and not any(os.environ.get(name) for name in keys):
            found[model] = tuple(keys)
    return found


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
    reason = " ".join(masked(str(error), os.environ).partition("Traceback (")[0].split())[:500]
    status = getattr(error, "status_code", None)
    causes = _causes(error)
    failed = Answer(question.id, Reply.FAILED, reason=reason)
    if status in _LATER or _reached_nobody(causes):
        return failed, _wanted_pause(error)
    if status in _REFUSED or _gave_up(causes[-1], keyless):
        return failed, None
    return replace(failed, outcome=Reply.GARBAGE), None  # the model may have been at work, and paid for


def _causes(error: BaseException) -> list[BaseException]:
    """An error and what led to it, its root last."""
    found = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) is not None and cause not in found:
        found.append(cause)
    return found


def _reached_nobody(causes: Sequence[BaseException]) -> bool:
    """Whether no connection came about, in any request that is told of: litellm may have made another one by itself.

    By the layer that connects: those above it call a connection that breaks off later by the same name.
    """
    import aiohttp
    import httpcore
    import httpx

    wire = (
        aiohttp.ClientError,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
        httpx.HTTPStatusError,
    )
    told = [each for each in causes if isinstance(each, wire)]
    return bool(told) and all(isinstance(each, aiohttp.ClientConnectorError | httpcore.ConnectError) for each in told)


def _gave_up(root: BaseException, keyless: bool) -> bool:
    """Whether a client gave up before it sent anything: it could not be made, or misses a key or a package."""
    import openai

    said_key = keyless and type(root) is ValueError and "key" in str(root).lower()
    return said_key or type(root) is openai.OpenAIError or isinstance(root, ModuleNotFoundError)


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
