"""What every operator that asks a language model is: a request in, a reply out, a child from the reply.

Pure: must not know who asks, the store or the engine. A reply is data; it is never run here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evolve.operators.base import Child
from evolve.replies.statement import Statement
from population.components import hyperparameters, with_values
from population.genome import digest
from population.rows import Move

STATEMENT = """\
Begin your reply with these five lines, each on one line:
HYPOTHESIS: why the loss should be lower, or for a removal why it should be no higher, in one sentence
CHANGE: what you change, in at most 20 words: later prompts quote this
COMPONENT: the part it touches most: a class, function, parameter group, schedule or hyperparameter
DEPTH: shallow (values only), moderate (a part changed), deep (a new mechanism) or breakthrough (a new kind)
PROVENANCE: invented (your own), adapted (a known technique, changed) or imported (a known technique as it is)"""

_BLOCK = """
<<<<<<< SEARCH
lines of the program, exactly as they stand, enough of them to be unique
=======
the lines to stand there instead
>>>>>>> REPLACE"""

BLOCKS = f"Then give your change as one or more blocks of this form, and nothing after them:{_BLOCK}"

PROGRAM = f"""Then give the new program, and nothing after it: either whole, in one ```python fence, or, if most lines
of the first program stay, as one or more blocks of this form, in which that one is quoted:{_BLOCK}"""


class AskingOperator(Protocol):
    """Has a language model make a child from one or two parents.

    Attributes:
        name: Its name in tables and on the command line.
        parents: How many parents it wants.
        request: What is asked of the model, the form of the reply included.
    """

    name: str
    parents: int
    request: str

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child that a reply describes.

        Args:
            reply: The model's words.
            sources: The parents' texts, the main parent first.

        Raises:
            UnusableReplyError: The reply has not the form that was asked for, or does not fit the parents.
        """
        ...


def described(source: str, parent: str, statement: Statement, change: str) -> Child:
    """A child with the model's own words, and the hyperparameters that it changed.

    Args:
        source: The child's text.
        parent: The main parent's text.
        statement: What the model said.
        change: What was done, if it was more than changing values and the model did not say.
    """
    moved = moves(parent, source)
    done = "; ".join(f"{move.component} {move.old:g} -> {move.new:g}" for move in moved) or statement.change or change
    return Child(
        source,
        statement.component,
        f"{done} ({statement.hypothesis})" if statement.hypothesis else done,
        moved,
        statement.hypothesis,
        statement.depth,
        statement.provenance,
    )


def moves(parent: str, child: str) -> tuple[Move, ...]:
    """Hyperparameters whose values differ, if nothing else does."""
    before = {each.name: each.value for each in hyperparameters(parent)}
    after = {each.name: each.value for each in hyperparameters(child)}
    changed = {name: value for name, value in after.items() if name in before and before[name] != value}
    if set(before) != set(after):
        return ()
    expected = with_values(parent, changed)
    if expected != child and digest(expected) != digest(child):
        return ()
    return tuple(Move(name, float(before[name]), float(value)) for name, value in changed.items())
