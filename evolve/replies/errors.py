"""Why a reply cannot be used, in words that the model can act on."""

from __future__ import annotations


class UnusableReplyError(Exception):
    """A reply cannot be turned into a child; the message tells its author what was expected and what came."""
