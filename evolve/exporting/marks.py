"""How a genome stands inside a script: its own text in two parts between marks, so that it can be taken out again.

The first part stands in the section `Optimizer`, the second in `Init & Optim Hyperparams`. Text in, text out; must not
know any script.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass

from population.genome import GenomeError, digest, parse

BANNER = "{0}########################################\n{0}#{1:^38}#\n{0}########################################\n"
OPTIMIZER, HYPERPARAMETERS = "Optimizer", "Init & Optim Hyperparams"
_BEGIN, _END = "# >>> genome, part {} of 2", "# <<< genome, part {} of 2"
_MARK = re.compile(r"^[ \t]*# (>>>|<<<) genome, part [12] of 2", re.MULTILINE)
_MOVED = "# (stands at the top of the file) "


class ExportError(ValueError):
    """This program cannot be exported like this; the message says why and what to do."""


@dataclass(frozen=True)
class Halves:
    """A genome in two parts.

    Attributes:
        optimizer: What stands in the section `Optimizer`: docstring, imports, and all above the other banner.
        hyperparameters: What stands in `Init & Optim Hyperparams`; "" for a genome without that banner.
        future: Its `from __future__` imports, a line each, which only the top of a file may hold.
        digest: The genome's identity.
    """

    optimizer: str
    hyperparameters: str
    future: str
    digest: str


def halves(source: str) -> Halves:
    """Split a genome at its own banners; the banners are left out.

    Raises:
        ExportError: It holds a mark of ours.
        GenomeError: It is no genome.
    """
    parse(source)
    if _MARK.search(source):
        raise ExportError("the genome holds a line like our marks, `# >>> genome, part 1 of 2`: take it out first")
    place = _banner(source, HYPERPARAMETERS)
    first, second = (source[: place[0]], source[place[1] :]) if place else (source, "")
    own = _banner(first, OPTIMIZER)
    first = first[: own[0]] + first[own[1] :] if own else first
    first, future = _without_future(first)
    return Halves(first.strip("\n"), second.strip("\n"), future, digest(source))


def check_whole(script: str, source: str) -> None:
    """Refuse a script that is no Python, or that does not hold the genome as it is.

    Raises:
        ExportError: It is one.
    """
    try:
        compile(script, "<script>", "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f"line {error.lineno}: {error.msg}"
        raise ExportError(f"the script with the genome in it is not Python, {where}") from error
    held = genome_in(script)
    if held is None or digest(held) != digest(source):
        raise ExportError(
            "the genome would not stay the same in a script: look for a text in quotes that holds a banner or a mark"
        )


def _without_future(text: str) -> tuple[str, str]:
    """A part of a genome with its `from __future__` imports made comments; and these imports, a line each.

    Raises:
        ExportError: One shares its line with something else.
    """
    lines = text.split("\n")
    body = ast.parse(text).body
    found = [node for node in body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    for node in found:
        end = node.end_lineno or node.lineno
        if any(other is not node and other.lineno <= end and (other.end_lineno or 0) >= node.lineno for other in body):
            raise ExportError(
                f"line {node.lineno} of the genome: put its `from __future__` import on a line of its own"
            )
        lines[node.lineno - 1 : end] = [_MOVED + line for line in lines[node.lineno - 1 : end]]
    return "\n".join(lines), "\n".join(ast.unparse(node) for node in found)


def marked(text: str, part: int, note: str = "", indent: str = "") -> str:
    """A part between marks, indented as the lines around it; what continues a text in quotes is left as it is."""
    begin = _BEGIN.format(part) + (f": {note}" if note else "")
    body = indented(text, indent)
    return f"{indent}{begin}\n\n{body}\n\n{indent}{_END.format(part)}\n"


def genome_in(script: str) -> str | None:
    """The genome that stands between marks in a script, None if none does or it is not whole."""
    found = []
    for part in (1, 2):
        begin = re.search(rf"^([ \t]*){re.escape(_BEGIN.format(part))}.*\n", script, re.MULTILINE)
        if begin is None:
            return None
        end = re.compile(rf"^{begin[1]}{re.escape(_END.format(part))}$", re.MULTILINE).search(script, begin.end())
        if end is None:
            return None
        found.append((script[begin.end() : end.start()].strip("\n"), begin[1]))
    try:
        source = _joined(*(indented(text, indent, back=True) for text, indent in found))
        parse(source)
    except (GenomeError, SyntaxError, ValueError, RecursionError, tokenize.TokenError):
        return None
    return source


def _joined(first: str, second: str) -> str:
    """A genome from its parts as they stand in a script, its banners put back."""
    first = first.replace(_MOVED, "")
    head = _end_of_head(first)
    banners = [BANNER.format("", name) for name in (OPTIMIZER, HYPERPARAMETERS)]
    rest = f"\n\n\n{banners[1]}\n{second}" if second else ""
    return f"{first[:head].rstrip()}\n\n{banners[0]}\n\n{first[head:].strip()}{rest}\n".lstrip("\n")


def indented(text: str, indent: str, back: bool = False) -> str:
    """Text with every line of code moved right, or back again; lines inside texts in quotes stay."""
    if not indent:
        return text
    lines = text.split("\n")
    block = "if 1:\n" + text if back else text
    inside = {number - back for number in _inside_texts(block)}
    moved = []
    for number, line in enumerate(lines, 1):
        if number in inside or not line.strip():
            moved.append(line)
        else:
            moved.append(line.removeprefix(indent) if back else indent + line)
    return "\n".join(moved)


def _inside_texts(text: str) -> set[int]:
    """Numbers of lines that begin inside a text in quotes."""
    found: set[int] = set()
    starts: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "STRING":
            found.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind == "FSTRING_START":  # of Python 3.12 and later: one text in several tokens
            starts.append(token.start[0])
        elif kind == "FSTRING_END":
            found.update(range(starts.pop() + 1, token.end[0] + 1))
    return found


def _banner(text: str, title: str) -> tuple[int, int] | None:
    """Where the banner of a section begins and ends."""
    lines = rf"^#{{10,}}[ \t]*\n#[ \t]*{re.escape(title)}[ \t]*#[ \t]*\n#{{10,}}[ \t]*\n?"
    found = re.search(lines, text, re.MULTILINE)
    return (found.start(), found.end()) if found else None


def _end_of_head(text: str) -> int:
    """Where docstring and imports end, as a place in the text."""
    end = 0
    for place, statement in enumerate(ast.parse(text).body):
        docstring = place == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        end = statement.end_lineno or 0
    return len("".join(f"{line}\n" for line in text.split("\n")[:end]))  # as Python counts them: not `splitlines`
