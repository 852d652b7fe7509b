"""Keeps keys out of everything that is written: what looks like a secret in the environment is masked in texts."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_SHORTEST = 6
"""Shorter values are no secrets, and masking them would spoil the text."""
_BEARER = re.compile(r"(?i)\b(bearer\s+|sk-|api[_-]?key[\"'=:\s]+)[\w.\-*]{6,}")


def masked(text: str, environment: Mapping[str, str]) -> str:
    """The text with every secret of the environment, and whatever looks like a key, replaced by "[key]"."""
    secrets = {value for name, value in environment.items() if _NAME.search(name) and len(value) >= _SHORTEST}
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "[key]")
    return _BEARER.sub("[key]", text)
