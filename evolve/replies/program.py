"""The new program in a reply that may give it whole or as changes of a known one."""

from __future__ import annotations

from evolve.replies.blocks import apply, blocks_in, has_blocks
from evolve.replies.code import program_in


def changed(reply: str, source: str) -> str:
    """The program that a reply describes.

    Args:
        reply: The model's words.
        source: The program that SEARCH blocks quote, if there are any.

    Raises:
        UnusableReplyError: There is no whole program and no block, or one that cannot be used.
    """
    return apply(source, blocks_in(reply)) if has_blocks(reply) else program_in(reply)
