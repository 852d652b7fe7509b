"""The program or the JSON object in a reply, out of its fences. This module must not run or judge either."""

from __future__ import annotations

import json
import re

from evolve.replies.errors import UnusableReplyError

_FENCE = re.compile(
    r"^[ \t]*(?P<mark>```+|~~~+)[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<body>.*?)^[ \t]*(?P=mark)[ \t]*$", re.M | re.S
)
_OPEN = re.compile(r"^[ \t]*(```+|~~~+)", re.M)


def program_in(reply: str) -> str:
    """The one whole program of a reply: the fenced block that defines `recipe`, or the reply if it is bare code.

    Raises:
        UnusableReplyError: There is none, several that differ, or one that breaks off.
    """
    blocks = [match["body"] for match in _FENCE.finditer(reply)]
    whole = {block.strip() for block in blocks if _defines_recipe(block)}
    if len(whole) == 1:
        return whole.pop() + "\n"
    if len(whole) > 1:
        raise UnusableReplyError(f"the reply holds {len(whole)} different programs: give one")
    if len(_OPEN.findall(reply)) % 2:
        raise UnusableReplyError("the fenced program breaks off: give the whole file, and close the fence with ```")
    if not blocks and _defines_recipe(reply) and reply.lstrip().startswith(('"""', "import ", "from ", "#")):
        return reply.strip() + "\n"
    raise UnusableReplyError(
        "no program found: expected the whole file, with its function recipe(model, train_steps), in one ```python "
        "fence"
    )


def object_in(reply: str) -> dict[str, object]:
    """The one JSON object of a reply, fenced or not.

    Raises:
        UnusableReplyError: There is none, or it is not valid.
    """
    bodies = [match["body"] for match in _FENCE.finditer(reply)]
    if not bodies and "{" in reply:
        bodies = [reply[reply.find("{") : reply.rfind("}") + 1]]
    objects: list[dict[str, object]] = []
    fault = 'no JSON object found: expected one, such as {"LR": 0.02}, in a ```json fence'
    for body in bodies:
        try:
            found = json.loads(body)
        except ValueError as error:
            fault = f"the JSON is not valid: {error}"
            continue
        if isinstance(found, dict) and found not in objects:
            objects.append(found)
    if len(objects) > 1:
        raise UnusableReplyError(f"the reply holds {len(objects)} different objects: give one")
    if objects:
        return objects[0]
    raise UnusableReplyError(fault)


def _defines_recipe(text: str) -> bool:
    return re.search(r"^def recipe\(", text, re.M) is not None
