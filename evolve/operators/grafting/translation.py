"""Donor code under the names of the child, and what that code needs of the donor.

Whatever is taken brings along everything that it names, found by scope analysis: definitions, constants and imports
of the module, and statements of the recipe that hold its state. Names that mean something else in the host are
changed. This module must not know where the code goes or which kind of component it is.
"""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Mapping, Sequence

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.layout import whole
from evolve.operators.grafting.recipe import Recipe, changes, is_selection, within
from evolve.operators.grafting.same import Sameness, imported
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.text import Edit

_DEFINED_NAME = re.compile(r"(?:async\s+)?(?:def|class)\s+(\w+)")


class Translation:
    """Turns code of the donor into code of the child.

    Args:
        host: The first parent.
        donor: The second parent.
        tag: Short word for what is moved; goes before names that clash.
        lost: Units of the host that will go unless the donor's code uses them.

    Attributes:
        lost: The same, kept up to date.
        revived: Those that the donor's code uses, by id.
        definitions: Statements of the donor's module that are brought, in order of arrival.
        imports: Imports that are brought, as lines.
        state: Statements of the donor's recipe that are brought, in order of arrival.
        signature: Further arguments that the recipe has to take.
    """

    def __init__(self, host: Recipe, donor: Recipe, tag: str, lost: Sequence[ast.stmt]) -> None:
        self.host, self.donor, self._tag = host, donor, tag
        self.lost = list(lost)
        self.revived: set[int] = set()
        self.definitions: dict[ast.stmt, None] = {}
        self.imports: list[str] = []
        self.state: dict[ast.stmt, None] = {}
        self.signature: list[str] = []
        self._same = Sameness(host, donor)
        self._names: dict[Binding, str] = {}
        self._taken_names = _visible_names(host)
        self._donor_names = {binding.name for binding in donor.reading.scopes.bindings}
        for role in ("model", "train_steps"):
            self._names[donor.arguments[role]] = host.arguments[role].name

    def rename(self, binding: Binding, name: str) -> None:
        """Call a donor's variable by this name in the child; nothing is brought for it."""
        self._names[binding] = name

    def bring(self, definition: ast.stmt, in_place_of: ast.stmt) -> None:
        """Put a definition of the donor's module in the place of the host's of the same name."""
        self.lost = [unit for unit in self.lost if unit is not in_place_of]
        self.lost.append(in_place_of)
        for binding in self._bound(definition):
            self._names[binding] = binding.name
        self.definitions[definition] = None

    def fresh(self, name: str) -> str:
        """A name that means nothing in the host yet: this one, or with the tag before it, or numbered."""
        tag = self._tag
        tagged = f"{tag.upper()}_{name}" if name.isupper() else f"{tag.lower()}_{name}"
        if name[:1].isupper() and not name.isupper():
            tagged = f"{name}2"
        for candidate in (name, tagged, *(f"{tagged}_{number}" for number in range(2, 100))):
            clash = candidate in self._taken_names or hasattr(builtins, candidate)
            if not clash and (candidate == name or candidate not in self._donor_names):
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

    def statement_text(self, statement: ast.stmt, indent: str, replaced: Mapping[ast.AST, str] | None = None) -> str:
        """A donor's statement with its comments, on lines of its own, indented."""
        text = self.donor.reading.text
        start, end = whole(text.source, *text.span(statement))
        if self.donor.reading.parent[statement] is self.donor.function:
            for binding in self._bound(statement):
                if binding not in self._names:
                    self._names[binding] = self.fresh(binding.name)
        return textwrap.indent(textwrap.dedent(self._renamed(statement, start, end, replaced or {})), indent)

    def place_of(self, definition: ast.stmt) -> ast.stmt | None:
        """The host's definition that goes and whose name a brought one takes."""
        names = [self._names[binding] for binding in self._bound(definition)]
        for unit in self.lost:
            if id(unit) not in self.revived and [name.name for name in self._host_bound(unit)] == names:
                return unit
        return None

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
                self._check_outer(part, inside)
            stack += reversed(list(ast.iter_child_nodes(part)))
        position, parts = start, []
        for edit in sorted(edits, key=lambda e: e.start):
            parts += [reading.text.source[position : edit.start], edit.text]
            position = edit.end
        return "".join(parts) + reading.text.source[position:end]

    def _check_outer(self, node: ast.Global | ast.Nonlocal, inside: set[int]) -> None:
        """A function may rebind an outer variable if that keeps its name."""
        scopes = self.donor.reading.scopes
        for scope in (scopes.scope_of[self.donor.function], scopes.module):
            for name in node.names:
                binding = scope.names.get(name)
                if binding is not None and self._name_of(binding, inside) != name:
                    raise NoVariationError(f"{name}, which the donor rebinds from inside, is taken")

    def _renaming(self, node: ast.Name | ast.FunctionDef | ast.ClassDef, new: str) -> Edit:
        reading = self.donor.reading
        if isinstance(node, ast.Name):
            if reading.inside(node, ast.JoinedStr):
                raise NoVariationError(f"{node.id} would have to be renamed inside a formatted string")
            self._check_capture(node, new)
            return Edit(*reading.text.span(node), new)
        start = reading.text.offset(node.lineno, node.col_offset)
        found = _DEFINED_NAME.match(reading.text.source, start)
        assert found is not None
        return Edit(*found.span(1), new)

    def _check_capture(self, node: ast.Name, new: str) -> None:
        """No scope between a name and its variable may use the new name for something else."""
        reading = self.donor.reading
        owner = reading.binding(node).scope
        around: ast.AST | None = node
        while around is not None:
            scope = reading.scopes.scope_of.get(around)
            if scope is owner:
                return
            if scope is not None and new in scope.names:
                raise NoVariationError(f"{node.id} cannot be called {new} where the donor uses it")
            around = reading.parent.get(around)

    def _name_of(self, binding: Binding, inside: set[int]) -> str:
        """What a donor's variable is called in the child, seen from code whose nodes are `inside`."""
        scope = binding.scope
        if scope is None:
            if binding.name in self.host.reading.scopes.module.names:
                raise NoVariationError(f"the builtin {binding.name} means something else in the first parent")
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
        """The child's name for something of the donor's module, which is brought unless the host has it."""
        if len(binding.stores) == 1 and isinstance(binding.stores[0], ast.alias):
            return self._imported_name(binding, binding.stores[0])
        statement = self._statement(binding, self.donor.reading.tree)
        twin = self._same.twin(binding)
        if twin is not None and self._may_share(statement, twin):
            self._revive(twin)
            self._names[binding] = binding.name
            return binding.name
        for name in self._bound(statement):
            self._names[name] = self._free_name(name)
        self.definitions[statement] = None
        return self._names[binding]

    def _imported_name(self, binding: Binding, alias: ast.alias) -> str:
        path = imported(self.donor.reading, alias)
        other = self.host.reading.scopes.module.names.get(binding.name)
        if other is not None and [imported(self.host.reading, store) for store in other.stores] == [path]:
            for unit in self.lost:
                if within(self.host.reading, other.stores[0], unit):
                    self._revive(unit)
            self._names[binding] = binding.name
            return binding.name
        if "." in alias.name and not alias.asname and path[0] is None and other is not None:
            raise NoVariationError(f"the import of {alias.name} clashes with another {binding.name}")
        name = self._names[binding] = self._free_name(binding)
        what = f"import {alias.name}" if path[0] is None else f"from {path[0]} import {alias.name}"
        plain = alias.asname is None and name == binding.name
        self.imports.append(what if plain else f"{what} as {name}")
        return name

    def _may_share(self, statement: ast.stmt, twin: ast.stmt) -> bool:
        """Equal code is shared; equal numbers only if the host has no other use for its own."""
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            return any(unit is twin for unit in self.lost)
        return True

    def _revive(self, unit: ast.stmt) -> None:
        """Keep a unit of the host that would have gone, and what it needs."""
        if id(unit) in self.revived:
            return
        self.revived.add(id(unit))
        reading = self.host.reading
        for node in ast.walk(unit):
            if isinstance(node, ast.Name) and node in reading.scopes.of:
                binding = reading.binding(node)
                if (
                    binding.scope is reading.scopes.module
                    or binding.scope is reading.scopes.scope_of[self.host.function]
                ):
                    for other in self.lost:
                        if any(within(reading, store, other) for store in binding.stores):
                            self._revive(other)

    def _free_name(self, binding: Binding) -> str:
        """The donor's own name if it is free in the host or becomes so."""
        for unit in self.lost:
            bound = [store.name for store in self._host_bound(unit)]
            if bound == [binding.name] and id(unit) not in self.revived:
                return binding.name
        return self.fresh(binding.name)

    def _recipe_name(self, binding: Binding) -> str:
        for role, argument in self.donor.arguments.items():
            if binding is argument:
                return self._argument(role)
        statement = self._statement(binding, self.donor.function)
        if any(slot.statement is statement for slot in self.donor.slots):
            raise NoVariationError(f"it needs the donor's optimizer {binding.name}")
        changing = [
            other
            for other in self.donor.function.body
            if other not in self.donor.initializers and changes(self.donor.reading, other, binding)
        ]
        twin = self._same.twin(binding)
        if twin is not None and not changing and is_selection(statement):
            self._revive(twin)
            self._names[binding] = binding.name
            return binding.name
        for name in self._bound(statement):
            self._names[name] = self.fresh(name.name)
        self.state |= dict.fromkeys([statement, *changing])
        return self._names[binding]

    def _argument(self, role: str) -> str:
        """A further argument of the recipe, such as `info`, which the host then takes too."""
        host = self.host.arguments.get(role)
        if host is None:
            if role in self._taken_names:
                raise NoVariationError(f"the argument {role} means something else in the first parent")
            if role not in self.signature:
                self.signature.append(role)
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
            rebound = isinstance(node, ast.FunctionDef) and node is not store  # through `nonlocal`
            if isinstance(node, ast.stmt) and node not in found and not rebound:
                found.append(node)
        if len(found) != 1:
            raise NoVariationError(f"{binding.name} is set in {len(found)} places of the donor")
        return found[0]

    def _bound(self, statement: ast.stmt) -> list[Binding]:
        """Variables of the donor's module or recipe that a statement binds."""
        reading = self.donor.reading
        outer = reading.parent[statement] is reading.tree
        scope = reading.scopes.module if outer else reading.scopes.scope_of[self.donor.function]
        return [name for name in scope.names.values() if _binds(reading, statement, name)]

    def _host_bound(self, unit: ast.stmt) -> list[Binding]:
        """Variables of the host's module that a unit binds."""
        reading = self.host.reading
        names = reading.scopes.module.names.values() if reading.parent[unit] is reading.tree else ()
        return [name for name in names if _binds(reading, unit, name)]


def _binds(reading: Reading, statement: ast.stmt, binding: Binding) -> bool:
    """Whether a statement itself binds a variable; functions inside it may do so later, through `nonlocal`."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return any(store is statement for store in binding.stores)
    return any(within(reading, store, statement) for store in binding.stores)


def _visible_names(host: Recipe) -> set[str]:
    """Names that mean something where donor code may be put: in the module, the recipe and the schedule."""
    scopes = host.reading.scopes
    inner = [host.function, *([host.set_hparams] if host.set_hparams else [])]
    found = {name for scope in (scopes.module, *(scopes.scope_of[node] for node in inner)) for name in scope.names}
    return found | {binding.name for binding in scopes.of.values() if binding.scope is None}
