"""Task `nanogpt`: the public track-3 benchmark, on rungs from seconds to its full size, for a graphics card.

Its smaller rungs are iso-step: as many steps and the same schedule as the full one, on a smaller model and a smaller
batch, so that a source with absolute step numbers means the same on all of them. `nanogpt-tiny` is the same code at a
size that a processor can train. The description only: what runs in the trainer is `evaluator.tasks.nanogpt_training`.
Must not import torch. The benchmark: Jordan 2024 <https://github.com/KellerJordan/modded-nanogpt>.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evaluator.records import Limits, Rung
from evaluator.tasks.base import WHOLE, DeviceKind, Share
from evaluator.tasks.shards import ShardError, Shards, find_shards
from evaluator.tasks.text import load_text

if TYPE_CHECKING:
    import torch

    from evaluator.tasks.gpt import GPTShape
    from evaluator.tasks.nanogpt_training import NanoGPTTraining

DEFAULT_DATA = Path("~/.cache/evolve/fineweb10B")
"""Where `evolve data fetch` puts the benchmark's shards."""
BENCHMARK_HELD_OUT = 20 * 524_288
"""Tokens that score the full rung, the first of the held-out shard in promotion."""
BENCHMARK_TARGET = 3.28
"""Loss on them that the benchmark asks for, nats per token."""
_STEPS, _TINY_STEPS, _SMOKE_STEPS = 3250, 60, 12
_BYTES = 256
_CARD_OVERHEAD = 2 << 30
_TEXT_BYTES = 1 << 14


@dataclass(frozen=True)
class Size:
    """One size of the benchmark; every field is part of a trial's fingerprint.

    Attributes:
        width: Residual stream of the model.
        depth: Blocks.
        heads: Attention heads.
        context: Tokens in a sequence.
        batch: Sequences in a step.
        microbatch: Sequences in one forward and backward pass.
        held_out_sequences: Sequences that score a trial.
    """

    width: int
    depth: int
    heads: int
    context: int
    batch: int
    microbatch: int
    held_out_sequences: int


PROXY = Size(width=256, depth=3, heads=2, context=1024, batch=32, microbatch=32, held_out_sequences=1024)
CONFIRM = Size(width=384, depth=6, heads=3, context=1024, batch=64, microbatch=64, held_out_sequences=2048)
FULL = Size(
    width=768,
    depth=12,
    heads=6,
    context=1024,
    batch=512,
    microbatch=64,
    held_out_sequences=BENCHMARK_HELD_OUT // 1024,
)
TINY = Size(width=32, depth=1, heads=2, context=32, batch=8, microbatch=4, held_out_sequences=32)


@dataclass(frozen=True)
class NanoGPTProblem:
    """One size on one vocabulary.

    Attributes:
        size: Model, batch and how it is scored.
        vocabulary: Number of token ids.
        data: Folder of the shards; None for the bytes of the standard library.
    """

    size: Size
    vocabulary: int
    data: Path | None

    @property
    def tokens_per_step(self) -> int:
        """Tokens in a step."""
        return self.size.batch * self.size.context

    @property
    def parts(self) -> int:
        """Microbatches of a step."""
        return -(-self.size.batch // self.size.microbatch)

    @property
    def card_bytes(self) -> int:
        """Logits and their gradients above all; two processes' contexts, weights, and an optimizer's state.

        Measured with one trial on an H100: 5.2 GB for the proxy with 16,384 tokens, 40 GB at full size with 50,304.
        """
        size = self.size
        logits = size.microbatch * size.context * self.vocabulary
        weights = 12 * size.depth * size.width**2 + 2 * self.vocabulary * size.width
        return 8 * logits + 72 * weights + _CARD_OVERHEAD

    @property
    def text_steps(self) -> int | None:
        """Those that the shards hold; the standard library's bytes are for trying things out, and not counted."""
        return None if self.data is None else sum(_shards(self.data).steps(self.tokens_per_step))

    def describe(self) -> Mapping[str, object]:
        """Sizes, without the data."""
        return {**asdict(self.size), "vocabulary": self.vocabulary}

    def shape(self) -> GPTShape:
        """The model; imports torch."""
        from evaluator.tasks.gpt import GPTShape

        size = self.size
        return GPTShape(self.vocabulary, size.width, size.depth, size.heads, embed_dtype="bfloat16")

    def training(self, device: torch.device, share: Share = WHOLE) -> NanoGPTTraining:
        """The trainer's side; imports torch and reads tokens.

        Raises:
            ValueError: Microbatches cannot be dealt to so many ranks alike.
        """
        from evaluator.tasks.nanogpt_training import NanoGPTTraining

        if self.parts % share.ranks:
            raise ValueError(f"a step's {self.parts} microbatches cannot be dealt to {share.ranks} ranks alike")
        return NanoGPTTraining(self, device, share)


@dataclass(frozen=True)
class NanoGPT:
    """The benchmark.

    Attributes:
        data: Folder of token shards; None, for the tiny one alone, takes the bytes of the standard library.
        tiny: Whether it is small enough for a processor.
        steps: Steps of every rung but smoke; None for the benchmark's, or those of the tiny one.
    """

    data: Path | None = None
    tiny: bool = False
    steps: int | None = None

    @property
    def name(self) -> str:
        """Its name on the command line."""
        return "nanogpt-tiny" if self.tiny else "nanogpt"

    @property
    def devices(self) -> tuple[DeviceKind, ...]:
        """A card; the tiny one runs anywhere, and on a processor unless told otherwise."""
        return ("cpu", "cuda") if self.tiny else ("cuda",)

    @property
    def brief(self) -> str:
        """The problem in a few sentences."""
        problem = self.problem(self.rung("proxy"))
        size = problem.size
        return (
            f"Language modelling over a vocabulary of {problem.vocabulary:,} tokens, {size.batch} sequences of "
            f"{size.context} tokens a step, {self.rung('proxy').train_steps:,} steps. The model is a GPT of width "
            f"{size.width} with {size.depth} pre-norm blocks and {size.heads} heads; programs that do well are tried "
            "on larger models and batches for as many steps. embed, then an RMS norm with gains (norm1); in a block an "
            "RMS norm before attention and before the MLP (4 times as wide, squared ReLU); an RMS norm (norm2) before "
            f"the output projection (proj). Heads are contiguous blocks of {size.width // size.heads} outputs of q, k "
            "and v. In each head queries and keys, biases included, are brought to an RMS of 1; then dimensions i and "
            "i + half turn as pairs, by position times a frequency that falls geometrically from 1 to 1/1024 over the "
            "first half of the pairs, while the others stand still; attention is a softmax of 0.12 times the dot "
            "products. Logits z become 15 z / sqrt(z^2 + 225). Activations are bfloat16, embed.weight is stored in "
            "bfloat16, all other parameters in float32: mind the dtypes. Gradients are sums over tokens."
        )

    @property
    def target(self) -> float | None:
        """The benchmark's; the tiny one has none of its own."""
        return None if self.tiny else BENCHMARK_TARGET

    def data_digest(self) -> str:
        """Hex digest of the data; read once per process."""
        return _data_digest(self)

    def rung(self, name: str) -> Rung:
        """One of the rungs.

        Raises:
            KeyError: No such rung.
        """
        rungs = {rung.name: rung for rung in self._rungs()}
        if name not in rungs:
            raise KeyError(f"{self.name} has no rung {name!r}; it has {', '.join(rungs)}")
        return rungs[name]

    def problem(self, rung: Rung) -> NanoGPTProblem:
        """The size of a rung; smoke has the proxy's, so that nothing is compiled for it alone.

        Raises:
            evaluator.tasks.shards.ShardError: There are too few tokens for it.
        """
        size = TINY if self.tiny else {"confirm": CONFIRM, "full": FULL}.get(rung.name, PROXY)
        shards = self.shards()
        if shards is not None:
            _check_enough(shards, size, rung.name)
        return NanoGPTProblem(size, shards.vocabulary if shards else _BYTES, self.data)

    def promotion_rung(self) -> Rung:
        """The full rung on the tokens that the benchmark scores, with rng_seeds of its own."""
        return self._full("test", first_rng_seed=3000)

    def shards(self) -> Shards | None:
        """The shards; None where the tiny one takes bytes.

        Raises:
            evaluator.tasks.shards.ShardError: There are none.
        """
        return None if self.data is None else _shards(self.data)

    def _rungs(self) -> tuple[Rung, ...]:
        steps = self._length
        every = -(-steps // 5)
        smoke = Limits(120.0, 300.0)
        return (
            Rung("smoke", _SMOKE_STEPS, _SMOKE_STEPS, 0, 1, "validation", smoke, traced_steps=steps),
            Rung("proxy", steps, every, 0, 2, "validation", self._limits(1200.0)),
            Rung("confirm", steps, every, 1000, 2, "validation", self._limits(3600.0)),
            self._full("validation", first_rng_seed=2000),
        )

    def _full(self, split: str, first_rng_seed: int) -> Rung:
        limits = replace(self._limits(8 * 3600.0), device_bytes=40 << 30)
        return Rung("full", self._length, 125, first_rng_seed, 8, split, limits, alone=True)

    @property
    def _length(self) -> int:
        return self.steps or (_TINY_STEPS if self.tiny else _STEPS)

    def _limits(self, cpu_seconds: float) -> Limits:
        """Limits of a run of the benchmark's length, and as much more as a longer one is longer."""
        longer = max(1.0, self._length / _STEPS)
        return Limits(longer * cpu_seconds, longer * 2 * cpu_seconds)


def _check_enough(shards: Shards, size: Size, rung: str) -> None:
    step, one_pass = size.batch * size.context, size.microbatch * size.context
    if not any(shards.steps(step)):
        raise ShardError(
            f"the {rung} rung takes {step:,} tokens a step, and the longest shard to train on, in "
            f"{shards.train[0].parent}, has {max(shards.trained):,}: prepare more text"
        )
    if shards.scored < 2 * one_pass + 1:
        raise ShardError(
            f"the {rung} rung scores trials on {one_pass:,} tokens at least, and again as many for promotion, but "
            f"{shards.held_out[0]} has {shards.scored:,}: prepare more text"
        )


def token_bytes() -> tuple[bytes, bytes]:
    """The standard library's text as tokens: to train on, and held out."""
    text = load_text(None, need=_TEXT_BYTES)
    return text.train.tobytes(), text.validation.tobytes() + text.test.tobytes()


@cache
def _shards(folder: Path) -> Shards:
    return find_shards(folder)


@cache
def _data_digest(task: NanoGPT) -> str:
    shards = task.shards()
    return shards.digest() if shards else load_text(None, need=_TEXT_BYTES).digest()
