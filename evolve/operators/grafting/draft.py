"""A child in the making: the first parent's text, edits to it, and what is brought from the donor.

This module must not know which kind of component is moved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.layout import applied, section, whole
from evolve.operators.grafting.reach import lost
from evolve.operators.grafting.recipe import Recipe
from evolve.operators.grafting.translation import Translation
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.text import Edit


class Draft:
    """A child in the making.

    Args:
        host: The first parent, most of which stays.
        donor: The second parent.
        tag: Short word for what is moved; goes before names that clash.
        removed: Nodes of the host that will go; what only they use goes with them.
        kept: Nodes inside those that will be used again.
    """

    def __init__(
        self,
        host: Recipe,
        donor: Recipe,
        tag: str,
        removed: Sequence[ast.AST] = (),
        kept: Sequence[ast.AST] = (),
    ) -> None:
        self.host, self.donor = host, donor
        self._code = Translation(host, donor, tag, lost(host, removed, kept))
        self._removed = [node for node in removed if isinstance(node, ast.stmt)]
        self._edits: list[Edit] = []
        self._written: dict[ast.stmt, str] = {}
        self._put: list[ast.stmt] = []

    # Code of the donor

    def rename(self, binding: Binding, name: str) -> None:
        """Call a donor's variable by this name in the child; nothing is brought for it."""
        self._code.rename(binding, name)

    def fresh(self, name: str) -> str:
        """A name that means nothing in the host yet: this one, or with the tag before it, or numbered."""
        return self._code.fresh(name)

    def take(self, node: ast.expr | ast.stmt, replaced: Mapping[ast.AST, str] | None = None) -> str:
        """See `Translation.take`."""
        return self._code.take(node, replaced)

    def statement_text(self, statement: ast.stmt, replaced: Mapping[ast.AST, str] | None = None) -> str:
        """A statement of the donor's recipe under the child's names, indented for the host's recipe."""
        return self._code.statement_text(statement, self.indent, replaced)

    def bring(self, definition: ast.stmt, in_place_of: ast.stmt) -> None:
        """See `Translation.bring`."""
        self._code.bring(definition, in_place_of)

    @property
    def adds_code(self) -> bool:
        """Whether anything beside what is named has to be brought."""
        return bool(self._code.definitions or self._code.imports or self._code.state)

    # Changes of the host

    @property
    def indent(self) -> str:
        """Indentation of the host's recipe."""
        return " " * self.host.function.body[0].col_offset

    def edit(self, start: int, end: int, text: str) -> None:
        """Replace characters of the host's text."""
        self._edits.append(Edit(start, end, text))

    def replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        """Put other text in the place of a node of the host."""
        self._edits.append(Edit(*self.host.reading.text.span(node), text))

    def put(self, statement: ast.stmt, lines: Iterable[str]) -> None:
        """Put lines in the place of a statement of the host's recipe, after what they need of the donor's."""
        text = self.host.reading.text
        taken = list(lines)
        start, end = whole(text.source, *text.span(statement))
        self._edits.append(Edit(start, end, "\n".join([*self._state(), *taken])))
        self._put.append(statement)

    def before(self, statement: ast.stmt, lines: Iterable[str]) -> None:
        """Put lines before a statement of the host's recipe, after what they need of the donor's recipe."""
        start, _ = whole(self.host.reading.text.source, *self.host.reading.text.span(statement))
        taken = list(lines)
        state = self._state()
        gap = [""] if state and any("def " in line for line in taken) else []
        code = [*state, *gap, *taken]
        if code:
            self._edits.append(Edit(start, start, "".join(f"{line}\n" for line in code)))

    def after(self, statement: ast.stmt, lines: Iterable[str]) -> None:
        """Put lines after a statement of the host's recipe, behind what they need of the donor's recipe."""
        taken = list(lines)
        _, end = whole(self.host.reading.text.source, *self.host.reading.text.span(statement))
        self._edits.append(Edit(end, end, "".join(f"\n{line}" for line in [*self._state(), *taken])))

    def finish(self) -> str:
        """The child's text."""
        host = self.host.reading.text
        texts: dict[ast.stmt, str] = {}
        while missing := [piece for piece in self._code.definitions if piece not in texts]:
            for piece in missing:
                texts[piece] = self._code.statement_text(piece, "")
        replaced = list(self._put)
        for piece in [piece for piece in self.donor.reading.tree.body if piece in texts]:
            place = self._code.place_of(piece)
            if place is not None:
                replaced.append(place)
                self._edits.append(Edit(*whole(host.source, *host.span(place)), texts.pop(piece)))
        gone = [unit for unit in self._code.lost if id(unit) not in self._code.revived and unit not in replaced]
        gone += [node for node in self._removed if node not in gone and node not in replaced]
        self._insert(texts, [*gone, *replaced])
        self._sign()
        for body in (self.host.reading.tree.body, self.host.function.body):
            self._edits += host.without(body, [unit for unit in body if unit in gone])
        return applied(host.source, self._edits)

    def _state(self) -> list[str]:
        """The donor's recipe statements that came since the last call, in their order."""
        done: dict[ast.stmt, str] = {}
        while missing := [p for p in self._code.state if p not in done and p not in self._written]:
            for piece in missing:
                done[piece] = self.statement_text(piece)
        self._written |= done
        return [done[piece] for piece in self.donor.function.body if piece in done]

    def _sign(self) -> None:
        arguments, text = self.host.function.args, self.host.reading.text
        if self._code.signature:
            if arguments.kwarg or arguments.vararg:
                raise NoVariationError("the first parent's recipe takes arguments that are not written out")
            last: ast.arg | ast.expr = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs][-1]
            defaults = [*arguments.defaults, *(node for node in arguments.kw_defaults if node)]
            ends: list[ast.arg | ast.expr] = [last, *defaults]
            end = max(text.span(node)[1] for node in ends)
            star = "" if arguments.kwonlyargs else ", *"
            self._edits.append(Edit(end, end, star + "".join(f", {role}" for role in self._code.signature)))

    def _insert(self, texts: Mapping[ast.stmt, str], gone: Sequence[ast.stmt]) -> None:
        """Put brought definitions where their like stand in the host."""
        host = self.host.reading
        body = [unit for unit in host.tree.body if unit not in gone]
        constants = [unit for unit in body if isinstance(unit, ast.Assign | ast.AnnAssign)]
        imports = [unit for unit in body if isinstance(unit, ast.Import | ast.ImportFrom)]
        places: dict[str, list[str]] = {"optimizer": [], "constant": [], "recipe": []}
        theirs = section(self.donor.reading)
        for piece in [unit for unit in self.donor.reading.tree.body if unit in texts]:
            text = texts[piece]
            if isinstance(piece, ast.Assign | ast.AnnAssign):
                places["constant"].append(text)
            else:
                second = theirs is not None and piece.lineno >= theirs.lineno
                places["recipe" if second else "optimizer"].append(text)
        ours = section(self.host.reading)
        top = [unit for unit in body if ours is None or unit.lineno < ours.lineno]
        top = [unit for unit in top if isinstance(unit, ast.FunctionDef | ast.ClassDef)]
        top = [unit for unit in top if unit is not self.host.function]
        self._after(imports, self._code.imports, "\n")
        self._after(top, places["optimizer"], "\n\n\n")
        self._after(constants, places["constant"], "\n")
        start, _ = whole(host.text.source, *host.text.span(self.host.function))
        if places["recipe"]:
            self._edits.append(Edit(start, start, "".join(f"{text}\n\n\n" for text in places["recipe"])))

    def _after(self, units: Sequence[ast.stmt], texts: Sequence[str], gap: str) -> None:
        if not texts:
            return
        text = self.host.reading.text
        if units:
            _, end = whole(text.source, *text.span(units[-1]))
            self._edits.append(Edit(end, end, "".join(gap + piece for piece in texts)))
        else:
            start, _ = whole(text.source, *text.span(self.host.function))
            self._edits.append(Edit(start, start, "".join(f"{piece}\n\n\n" for piece in texts)))
