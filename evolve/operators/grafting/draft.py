"""A child in the making: the first parent's text, edits to it, and what is brought from the donor.

Whatever donor code is taken brings along everything that it names, found by scope analysis: definitions,
constants and imports of the module, and statements of the recipe that hold its state. Names that mean
something else in the host are changed. This module must not know which kind of component is moved.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.reach import lost
from evolve.operators.grafting.recipe import Recipe, within
from evolve.operators.grafting.same import Sameness
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.text import Edit, is_banner

_DEFINED_NAME = re.compile(r"(?:async\s+)?(?:def|class)\s+(\w+)")
_HYPERPARAMETERS_BANNER = "Init & Optim"


class Draft:
    """A child in the making.

    Args:
        host: The first parent, most of which stays.
        donor: The second parent.
        tag: Short word for what is moved; goes before names that clash.
        removed: Nodes of the host that will go; what only they use goes with them.
        kept: Nodes inside those that will be used again.

    Attributes:
        brought: Names of donor definitions as they are called in the child, in order of arrival.
    """

    def __init__(
        self,
        host: Recipe,
        donor: Recipe,
        tag: str,
        removed: Sequence[ast.AST] = (),
        kept: Sequence[ast.AST] = (),
    ) -> None:
        self.host, self.donor, self._tag = host, donor, tag
        self.brought: list[str] = []
        self._same = Sameness(host, donor)
        self._lost = lost(host, removed, kept)
        self._revived: set[int] = set()
        self._edits: list[Edit] = []
        self._removed = [node for node in removed if isinstance(node, ast.stmt)]
        self._names: dict[Binding, str] = {}
        self._taken_names = _every_name(host.reading.tree)
        self._module_pieces: dict[ast.stmt, None] = {}
        self._recipe_pieces: dict[ast.stmt, None] = {}
        self._written: dict[ast.stmt, str] = {}
        self._put: list[ast.stmt] = []
        self._signature: list[str] = []
        for role in ("model", "train_steps"):
            self._names[donor.arguments[role]] = host.arguments[role].name

    # What a graft says

    def rename(self, binding: Binding, name: str) -> None:
        """Call a donor's variable by this name in the child; nothing is brought for it."""
        self._names[binding] = name

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
        start, end = _whole(text.source, *text.span(statement))
        self._edits.append(Edit(start, end, "\n".join([*self._recipe_code(self.indent), *taken])))
        self._put.append(statement)

    def bring(self, definition: ast.stmt, in_place_of: ast.stmt) -> None:
        """Put a definition of the donor's module in the place of the host's of the same name."""
        self._lost = [unit for unit in self._lost if unit is not in_place_of]
        self._lost.append(in_place_of)
        for binding in self._bound(definition):
            self._names[binding] = binding.name
        self._module_pieces[definition] = None

    def fresh(self, name: str) -> str:
        """A name that means nothing in the host yet: this one, or with the tag before it, or numbered."""
        tag = self._tag
        tagged = f"{tag.upper()}_{name}" if name.isupper() else f"{tag.lower()}_{name}"
        if name[:1].isupper() and not name.isupper():
            tagged = f"{name}2"
        for candidate in (name, tagged, *(f"{tagged}_{number}" for number in range(2, 100))):
            if candidate not in self._taken_names and not hasattr(builtins, candidate):
                self._taken_names.add(candidate)
                return candidate
        raise NoVariationError(f"no free name is left for {name}")

    def take(self, node: ast.expr | ast.stmt, replaced: Mapping[ast.AST, str] | None = None) -> str:
        """Text of a donor's node under the child's names; everything that it needs is brought along.

        Args:
            node: An expression or a statement.
            replaced: Texts in the place of nodes inside it.

        Raises:
            NoVariationError: It needs something that cannot be moved.
        """
        text = self.donor.reading.text
        start, end = text.span(node)
        return self._renamed(node, start, end, replaced or {})

    # How it is done

    def _renamed(self, node: ast.AST, start: int, end: int, replaced: Mapping[ast.AST, str]) -> str:
        reading = self.donor.reading
        edits: list[Edit] = []
        inside = {id(part) for part in ast.walk(node)}
        stack: list[ast.AST] = [node]
        while stack:
            part = stack.pop()
            if part in replaced:
                assert isinstance(part, ast.expr)
                edits.append(Edit(*reading.text.span(part), replaced[part]))
                continue
            if isinstance(part, ast.Name | ast.FunctionDef | ast.ClassDef):
                old = part.id if isinstance(part, ast.Name) else part.name
                new = self._name_of(reading.binding(part), inside)
                if new != old:
                    edits.append(self._renaming(part, new))
            if isinstance(part, ast.Global | ast.Nonlocal):
                raise NoVariationError(f"line {part.lineno} of the donor rebinds an outer name")
            stack += reversed(list(ast.iter_child_nodes(part)))
        position, parts = start, []
        for edit in sorted(edits, key=lambda e: e.start):
            parts += [reading.text.source[position : edit.start], edit.text]
            position = edit.end
        return "".join(parts) + reading.text.source[position:end]

    def _renaming(self, node: ast.Name | ast.FunctionDef | ast.ClassDef, new: str) -> Edit:
        reading = self.donor.reading
        if isinstance(node, ast.Name):
            if reading.inside(node, ast.JoinedStr):
                raise NoVariationError(f"{node.id} would have to be renamed inside a formatted string")
            return Edit(*reading.text.span(node), new)
        start = reading.text.offset(node.lineno, node.col_offset)
        found = _DEFINED_NAME.match(reading.text.source, start)
        assert found is not None
        return Edit(*found.span(1), new)

    def _name_of(self, binding: Binding, inside: set[int]) -> str:
        """What a donor's variable is called in the child, seen from code whose nodes are `inside`."""
        scope = binding.scope
        if scope is None:
            return binding.name
        if binding in self._names:
            return self._names[binding]
        if scope is self.donor.reading.scopes.module:
            return self._module_name(binding)
        if id(scope.node) in inside:
            return binding.name
        if scope.node is self.donor.function:
            return self._recipe_name(binding)
        raise NoVariationError(f"{binding.name} belongs to a function around it")

    def _module_name(self, binding: Binding) -> str:
        statement = self._statement(binding, self.donor.reading.tree)
        twin = self._same.twin(binding)
        if twin is not None and self._may_share(statement, twin):
            self._revive(twin)
            self._names[binding] = binding.name
            return binding.name
        for name in self._bound(statement):
            self._names[name] = self._free_name(name)
            self.brought.append(self._names[name])
        self._module_pieces[statement] = None
        return self._names[binding]

    def _may_share(self, statement: ast.stmt, twin: ast.stmt) -> bool:
        """Equal code is shared; equal numbers only if the host has no other use for its own."""
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            return any(unit is twin for unit in self._lost)
        return True

    def _revive(self, unit: ast.stmt) -> None:
        """Keep a unit of the host that would have gone, and what it needs."""
        if id(unit) in self._revived:
            return
        self._revived.add(id(unit))
        reading = self.host.reading
        for node in ast.walk(unit):
            if isinstance(node, ast.Name) and node in reading.scopes.of:
                binding = reading.binding(node)
                if binding.scope is reading.scopes.module or binding.scope is self._host_scope():
                    for other in self._lost:
                        if any(within(reading, store, other) for store in binding.stores):
                            self._revive(other)

    def _host_scope(self) -> object:
        return self.host.reading.scopes.scope_of[self.host.function]

    def _free_name(self, binding: Binding) -> str:
        """The donor's own name if it is free in the host or becomes so."""
        for unit in self._lost:
            bound = [store.name for store in self._host_bound(unit)]
            if bound == [binding.name] and id(unit) not in self._revived:
                return binding.name
        return self.fresh(binding.name)

    def _recipe_name(self, binding: Binding) -> str:
        for role, argument in self.donor.arguments.items():
            if binding is argument:
                return self._argument(role)
        statement = self._statement(binding, self.donor.function)
        if any(slot.statement is statement for slot in self.donor.slots):
            raise NoVariationError(f"it needs the donor's optimizer {binding.name}")
        twin = self._same.twin(binding)
        if twin is not None and not isinstance(statement, ast.FunctionDef):
            self._revive(twin)
            self._names[binding] = binding.name
            return binding.name
        for name in self._bound(statement):
            self._names[name] = self.fresh(name.name)
        self._recipe_pieces[statement] = None
        for other in self.donor.function.body:
            if _changes(self.donor.reading, other, binding) and other not in self.donor.initializers:
                self._recipe_pieces[other] = None
        return self._names[binding]

    def _argument(self, role: str) -> str:
        """A further argument of the recipe, such as `info`, which the host then takes too."""
        host = self.host.arguments.get(role)
        if host is None:
            if role in self._taken_names:
                raise NoVariationError(f"the argument {role} means something else in the first parent")
            if role not in self._signature:
                self._signature.append(role)
        name = role if host is None else host.name
        self._names[self.donor.arguments[role]] = name
        return name

    def _statement(self, binding: Binding, block: ast.Module | ast.FunctionDef) -> ast.stmt:
        """The one statement of a block that binds a variable."""
        reading, found = self.donor.reading, []
        for store in binding.stores:
            node: ast.AST = store
            while reading.parent[node] is not block:
                node = reading.parent[node]
                if node is reading.tree:
                    raise NoVariationError(f"{binding.name} is set from somewhere else")
            if isinstance(node, ast.stmt) and node not in found:
                found.append(node)
        if len(found) != 1:
            raise NoVariationError(f"{binding.name} is set in {len(found)} places of the donor")
        return found[0]

    def _bound(self, statement: ast.stmt) -> list[Binding]:
        reading = self.donor.reading
        scope = reading.scopes.module if reading.parent[statement] is reading.tree else None
        scope = scope or reading.scopes.scope_of[self.donor.function]
        return [
            name
            for name in scope.names.values()
            if any(within(reading, store, statement) for store in name.stores)
        ]

    def _host_bound(self, unit: ast.stmt) -> list[Binding]:
        reading = self.host.reading
        names = reading.scopes.module.names.values() if reading.parent[unit] is reading.tree else ()
        return [name for name in names if any(within(reading, store, unit) for store in name.stores)]

    # The child's text

    def _recipe_code(self, indent: str) -> list[str]:
        """The donor's recipe statements that came since the last call, in their order."""
        done: dict[ast.stmt, str] = {}
        while missing := [p for p in self._recipe_pieces if p not in done and p not in self._written]:
            for piece in missing:
                done[piece] = self._statement_text(piece, indent)
        self._written |= done
        return [done[piece] for piece in self.donor.function.body if piece in done]

    def _statement_text(
        self, statement: ast.stmt, indent: str, replaced: Mapping[ast.AST, str] | None = None
    ) -> str:
        """A donor's statement with its comments, on lines of its own, indented for the host."""
        text = self.donor.reading.text
        start, end = _whole(text.source, *text.span(statement))
        return textwrap.indent(textwrap.dedent(self._renamed(statement, start, end, replaced or {})), indent)

    def statement_text(self, statement: ast.stmt, replaced: Mapping[ast.AST, str] | None = None) -> str:
        """A statement of the donor's recipe under the child's names, indented for the host's recipe."""
        return self._statement_text(statement, self.indent, replaced)

    @property
    def indent(self) -> str:
        """Indentation of the host's recipe."""
        return " " * self.host.function.body[0].col_offset

    def before(self, statement: ast.stmt, lines: Iterable[str]) -> None:
        """Put lines before a statement of the host's recipe, after what they need of the donor's recipe."""
        start, _ = _whole(self.host.reading.text.source, *self.host.reading.text.span(statement))
        taken = list(lines)
        code = [*self._recipe_code(self.indent), *taken]
        if code:
            self._edits.append(Edit(start, start, "".join(f"{line}\n" for line in code)))

    def finish(self) -> str:
        """The child's text."""
        host = self.host.reading.text
        texts: dict[ast.stmt, str] = {}
        while missing := [piece for piece in self._module_pieces if piece not in texts]:
            for piece in missing:
                texts[piece] = self._statement_text(piece, "")
        replaced = list(self._put)
        for piece in [piece for piece in self.donor.reading.tree.body if piece in texts]:
            place = self._place_of_twin(piece)
            if place is not None:
                replaced.append(place)
                self._edits.append(Edit(*_whole(host.source, *host.span(place)), texts.pop(piece)))
        gone = [unit for unit in self._lost if id(unit) not in self._revived and unit not in replaced]
        gone += [node for node in self._removed if node not in gone and node not in replaced]
        self._insert(texts, [*gone, *replaced])
        self._sign()
        for body in (self.host.reading.tree.body, self.host.function.body):
            self._edits += host.without(body, [unit for unit in body if unit in gone])
        return _applied(host.source, self._edits)

    def _place_of_twin(self, piece: ast.stmt) -> ast.stmt | None:
        names = [self._names[binding] for binding in self._bound(piece)]
        for unit in self._lost:
            if id(unit) not in self._revived and [name.name for name in self._host_bound(unit)] == names:
                return unit
        return None

    def _sign(self) -> None:
        arguments, text = self.host.function.args, self.host.reading.text
        if self._signature:
            if arguments.kwarg or arguments.vararg:
                raise NoVariationError("the first parent's recipe takes arguments that are not written out")
            last: ast.arg | ast.expr = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs][-1]
            defaults = [*arguments.defaults, *(node for node in arguments.kw_defaults if node)]
            ends: list[ast.arg | ast.expr] = [last, *defaults]
            end = max(text.span(node)[1] for node in ends)
            star = "" if arguments.kwonlyargs else ", *"
            self._edits.append(Edit(end, end, star + "".join(f", {role}" for role in self._signature)))

    def _insert(self, texts: Mapping[ast.stmt, str], gone: Sequence[ast.stmt]) -> None:
        """Put brought definitions where their like stand in the host."""
        host = self.host.reading
        body = [unit for unit in host.tree.body if unit not in gone]
        constants = [unit for unit in body if isinstance(unit, ast.Assign | ast.AnnAssign)]
        imports = [unit for unit in body if isinstance(unit, ast.Import | ast.ImportFrom)]
        places: dict[str, list[str]] = {"import": [], "optimizer": [], "constant": [], "recipe": []}
        donor_section = _section(self.donor)
        for piece, text in texts.items():
            if isinstance(piece, ast.Import | ast.ImportFrom):
                places["import"].append(text)
            elif isinstance(piece, ast.Assign | ast.AnnAssign):
                places["constant"].append(text)
            else:
                second = donor_section is not None and piece.lineno >= donor_section.lineno
                places["recipe" if second else "optimizer"].append(text)
        section = _section(self.host)
        top = [unit for unit in body if section is None or unit.lineno < section.lineno]
        top = [unit for unit in top if isinstance(unit, ast.FunctionDef | ast.ClassDef)]
        top = [unit for unit in top if unit is not self.host.function]
        self._after(imports, self._import_lines(places["import"]), "\n")
        self._after(top, places["optimizer"], "\n\n\n")
        self._after(constants, places["constant"], "\n")
        start, _ = _whole(host.text.source, *host.text.span(self.host.function))
        if places["recipe"]:
            self._edits.append(Edit(start, start, "".join(f"{text}\n\n\n" for text in places["recipe"])))

    def _import_lines(self, texts: list[str]) -> list[str]:
        return [line for text in texts for line in text.split("\n") if line]

    def _after(self, units: Sequence[ast.stmt], texts: Sequence[str], gap: str) -> None:
        if not texts:
            return
        text = self.host.reading.text
        if units:
            _, end = _whole(text.source, *text.span(units[-1]))
            self._edits.append(Edit(end, end, "".join(gap + piece for piece in texts)))
        else:
            start, _ = _whole(text.source, *text.span(self.host.function))
            self._edits.append(Edit(start, start, "".join(f"{piece}\n\n\n" for piece in texts)))


def _every_name(tree: ast.Module) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.split(".")[0])
            case _:
                continue
    return found


def _changes(reading: Reading, statement: ast.stmt, binding: Binding) -> bool:
    """Whether a statement of the recipe works on a variable beyond binding it or handing it on."""
    if isinstance(statement, ast.FunctionDef | ast.Return | ast.ClassDef):
        return False
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return False
    return any(within(reading, use, statement) for use in (*binding.loads, *binding.stores))


def _section(recipe: Recipe) -> ast.stmt | None:
    """The first statement below the banner of the hyperparameters."""
    source = recipe.reading.text.source
    lines = source.split("\n")
    banners = [i for i, line in enumerate(lines, 1) if _HYPERPARAMETERS_BANNER in line and is_banner(line)]
    if not banners:
        return None
    return next((unit for unit in recipe.reading.tree.body if unit.lineno > banners[0]), None)


def _whole(source: str, start: int, end: int) -> tuple[int, int]:
    """A statement's lines in full, with comments right above it (banners aside) and behind it."""
    first = source.rfind("\n", 0, start) + 1
    if source[first:start].strip():
        return start, end  # it shares its line
    above = first
    while above:
        before = source.rfind("\n", 0, above - 1) + 1
        line = source[before : above - 1]
        if not line.lstrip().startswith("#") or is_banner(line):
            break
        if len(line) - len(line.lstrip()) != start - first:
            break
        above = before
    stop = source.find("\n", end)
    stop = len(source) if stop < 0 else stop
    rest = source[end:stop].strip()
    return above, stop if not rest or rest.startswith("#") else end


def _applied(source: str, edits: Iterable[Edit]) -> str:
    """The text after all edits; insertions at the border of a replaced span stay, what lies inside goes."""
    replacements: list[Edit] = []
    for edit in sorted((edit for edit in edits if edit.start < edit.end), key=lambda e: (e.start, -e.end)):
        if replacements and edit.start < replacements[-1].end:
            if edit.end > replacements[-1].end:
                raise NoVariationError("two changes of the first parent overlap")
            continue
        replacements.append(edit)
    insertions = [
        edit
        for edit in edits
        if edit.start == edit.end and not any(other.start < edit.start < other.end for other in replacements)
    ]
    ordered = sorted([*insertions, *replacements], key=lambda e: (e.start, e.start < e.end))
    position, parts = 0, []
    for edit in ordered:
        parts += [source[position : edit.start], edit.text]
        position = edit.end
    return "".join(parts) + source[position:]
