"""Task `charlm`: byte-level language modelling on real text, small enough for one CPU core.

The description only; what runs in the trainer is `evaluator.tasks.charlm_training`. Must not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evaluator.records import Limits, Rung
from evaluator.tasks.base import WHOLE, DeviceKind, Share
from evaluator.tasks.text import Text, load_text

if TYPE_CHECKING:
    import torch

    from evaluator.tasks.charlm_training import CharLMTraining
    from evaluator.tasks.gpt import GPTShape

_SMOKE_STEPS = 12


@dataclass(frozen=True)
class CharLM:
    """Sizes of the task; every field is part of a trial's fingerprint except `text`, whose bytes are.

    Attributes:
        width: Residual stream of the model.
        depth: Blocks.
        heads: Attention heads.
        context: Bytes in a sequence.
        batch: Sequences in a step.
        held_out_sequences: Sequences that score a trial, evenly spaced over the split.
        proxy_steps: Steps of the proxy rung; confirm has 3 and full 10 times as many.
        text: File or folder; None is the interpreter's own standard library.
    """

    width: int = 64
    depth: int = 1
    heads: int = 2
    context: int = 64
    batch: int = 16
    held_out_sequences: int = 256
    proxy_steps: int = 120
    text: Path | None = None

    @property
    def name(self) -> str:
        """Its name on the command line."""
        return "charlm"

    @property
    def devices(self) -> tuple[DeviceKind, ...]:
        """The processor: a card would idle."""
        return ("cpu",)

    @property
    def tokens_per_step(self) -> int:
        """Bytes in a step."""
        return self.batch * self.context

    @property
    def parts(self) -> int:
        """One pass makes a step."""
        return 1

    @property
    def card_bytes(self) -> int:
        """None: it is trained on the processor."""
        return 0

    @property
    def text_steps(self) -> None:
        """None: batches are drawn."""
        return

    @property
    def brief(self) -> str:
        """The problem in a few sentences."""
        blocks = f"{self.depth} pre-norm block{'s' if self.depth != 1 else ''}"
        head = self.width // self.heads
        return (
            f"Byte-level language modelling of text (256 tokens, most of them rare), {self.batch} sequences of "
            f"{self.context} bytes a step. The model is a GPT of width {self.width} with {blocks} and {self.heads} "
            "heads: embed, then an RMS norm with gains (norm1); in a block an RMS norm before attention and before "
            "the MLP (4 times as wide, squared ReLU); an RMS norm (norm2) before the output projection (proj). "
            f"Heads are contiguous blocks of {head} outputs of q, k and v. In each head queries and keys, biases "
            "included, are brought to an RMS of 1; then neighbouring dimensions (2i, 2i + 1) turn as pairs: by "
            "position times a frequency that falls geometrically from 1 to 1/1024 over the first "
            f"{head // 4} pairs, while the others stand still; attention is a softmax of "
            f"{0.12 * (128 / head) ** 0.5:.2g} times the dot products. "
            "Logits are soft-capped at 15, biases everywhere, fp32 on a CPU. In a proxy trial the recipe and its "
            f"optimizers may use {self.rung('proxy').limits.cpu_seconds:.0f} CPU seconds."
        )

    def describe(self) -> Mapping[str, object]:
        """Sizes and numerics, without the text."""
        return {key: value for key, value in asdict(self).items() if key != "text"}

    def load(self) -> Text:
        """Read the text and its splits.

        Raises:
            evaluator.tasks.text.TextError: No such text, or too little of it.
        """
        return load_text(self.text, need=(self.held_out_sequences + 1) * self.context)

    @property
    def target(self) -> None:
        """None: nobody has set a record here."""
        return None

    def data_digest(self) -> str:
        """Hex digest of the text and its splits; read once per process."""
        return _data_digest(self)

    def rung(self, name: str) -> Rung:
        """One of the rungs.

        Raises:
            KeyError: No such rung.
        """
        rungs = {rung.name: rung for rung in self._rungs()}
        if name not in rungs:
            raise KeyError(f"charlm has no rung {name!r}; it has {', '.join(rungs)}")
        return rungs[name]

    def problem(self, rung: Rung) -> CharLM:
        """The same on every rung."""
        return self

    def promotion_rung(self) -> Rung:
        """The full rung on the test split, with rng_seeds of its own."""
        return self._full("test", first_rng_seed=3000)

    def shape(self) -> GPTShape:
        """The model; imports torch."""
        from evaluator.tasks.gpt import GPTShape

        return GPTShape(vocab=256, width=self.width, depth=self.depth, heads=self.heads)

    def training(self, device: torch.device, share: Share = WHOLE) -> CharLMTraining:
        """The trainer's side; imports torch and reads the text.

        Raises:
            ValueError: It is for a share: there is one pass a step.
        """
        from evaluator.tasks.charlm_training import CharLMTraining

        if share != WHOLE:
            raise ValueError(f"a step is one pass: it cannot be dealt to {share.ranks} ranks")

        assert device.type in self.devices, device
        return CharLMTraining(self)

    def _rungs(self) -> tuple[Rung, ...]:
        steps = self.proxy_steps
        return (
            Rung("smoke", _SMOKE_STEPS, _SMOKE_STEPS, 0, 1, "validation", Limits(5.0, 120.0), traced_steps=steps),
            Rung("proxy", steps, steps, 0, 2, "validation", Limits(15.0, 600.0)),
            Rung("confirm", 3 * steps, steps, 1000, 4, "validation", Limits(45.0, 1800.0)),
            self._full("validation", first_rng_seed=2000),
        )

    def _full(self, split: str, first_rng_seed: int) -> Rung:
        steps = 10 * self.proxy_steps
        return Rung("full", steps, 2 * self.proxy_steps, first_rng_seed, 12, split, Limits(150.0, 6000.0))


@cache
def _data_digest(task: CharLM) -> str:
    return task.load().digest()
