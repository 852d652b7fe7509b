"""Mark and sweep over a genome: what can be observed, starting from whatever has an effect.

A *unit* is a piece of code without any effect but on resources (see `holders`); it wakes when each of its views holds a
live resource. A compound statement with a pure header wakes when something inside it does. What is no unit is awake
from the start. Units that never wake are dead: without them the genome does the same.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evolve.blocks import blocks
from evolve.operators.pruning.calls import Known, keys_of, known_functions
from evolve.operators.pruning.emptiness import keys_to_pin
from evolve.operators.pruning.holders import Resource, attribute, is_own, key
from evolve.operators.pruning.keys import dict_entries
from evolve.operators.pruning.observers import Observers
from evolve.operators.pruning.purity import Purity, paired
from evolve.operators.pruning.reading import CONTRACT, Function, Reading, is_docstring
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.text import Element
from evolve.operators.pruning.units import NEVER, Unit
from evolve.operators.pruning.vocabulary import OPTIMIZER_API, PLAIN_DECORATORS, TORCH_GROUP_KEYS


class Liveness:
    """The units of a genome, asleep and awake.

    Attributes:
        units: All units that stand in code that is awake, in order of discovery.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._purity = Purity(reading)
        self._known: dict[ast.AST, Known] = {}
        self._calls: dict[ast.AST, Known] = {}
        self._spread: dict[ast.AST, dict[str, Binding]] = {}
        for known in known_functions(reading):
            self._known[known.function] = known
            self._calls.update(dict.fromkeys(known.calls, known))
            arguments = {argument.arg: reading.binding(argument) for argument in known.arguments()}
            owners = (given.owner for entries in known.unpacked.values() for given in entries.values())
            self._spread.update(dict.fromkeys(owners, arguments))
        self._keys = keys_of(reading)
        self._observers = Observers(reading, self._purity, self._keys)
        self._live: set[Resource] = {key(name) for name in (*CONTRACT, "params", *self._keys.pinned)}
        if self._uses_torch_optimizers():
            self._live.update(key(name) for name in TORCH_GROUP_KEYS)
        self.units: list[Unit] = []
        self._statements(reading.tree.body, None)
        self._settle()

    def dead(self) -> list[Unit]:
        """The units that nothing needs."""
        return [unit for unit in self.units if not unit.awake]

    def _settle(self) -> None:
        changed = True
        while changed:
            changed = False
            for unit in self.units:  # grows while it is walked
                if not unit.awake and all(self._is_live(view) for view in unit.views):
                    self._wake(unit)
                    changed = True
            changed = changed or self._pin_states()

    def _is_live(self, view: frozenset[Resource]) -> bool:
        keys = [resource[1] for resource in view if isinstance(resource, tuple) and resource[0] == "key"]
        if keys and (self._keys.hidden_readers or any(self._keys.may_be_built(name) for name in keys)):
            return True
        return not self._live.isdisjoint(view)

    def _uses_torch_optimizers(self) -> bool:
        paths = (self._reading.path(n) for n in self._reading.nodes if isinstance(n, ast.Attribute | ast.Name))
        return any(path.startswith("torch.optim.") and path != "torch.optim.Optimizer" for path in paths)

    # Units

    def _add(
        self,
        node: ast.AST | Element,
        inner: Sequence[ast.AST],
        views: tuple[frozenset[Resource], ...],
        *,
        owner: ast.AST | None = None,
        name: str = "",
        blocks: list[list[ast.stmt]] | None = None,
        header: Unit | None = None,
    ) -> Unit:
        unit = Unit(node, inner, views, owner, name, blocks or [], header)
        self.units.append(unit)
        return unit

    def _wake(self, unit: Unit | None) -> None:
        while unit is not None and not unit.awake:
            unit.awake = True
            for node in unit.inner:
                self._read(node)
            if isinstance(unit.node, Function | ast.ClassDef):
                for block in unit.blocks:
                    self._statements(block, None)
            unit = unit.header

    def _statements(self, block: list[ast.stmt], header: Unit | None) -> None:
        for statement in block:
            self._statement(statement, header)

    def _statement(self, node: ast.stmt, header: Unit | None) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node, header)
            case ast.ClassDef():
                self._class(node, header)
            case ast.Import() | ast.ImportFrom():
                for alias in node.names:
                    self._add(alias, [], self._import_views(node, alias), owner=node, header=header)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node, header)
            case ast.Expr():
                self._expression(node, header)
            case ast.Delete() if all(isinstance(target, ast.Name) for target in node.targets):
                bindings = frozenset(self._reading.binding(target) for target in node.targets)
                self._add(node, [], (bindings,), header=header)
            case ast.Global() | ast.Nonlocal():
                self._declaration(node, header)
            case ast.If() | ast.While() | ast.For() | ast.With():
                self._compound(node, header)
            case ast.Pass():
                pass
            case ast.Try():
                self._wake(header)
                self._read(node)
                for statement in node.body:
                    self._keep(statement)
            case _:
                self._wake(header)
                self._read(node)

    def _keep(self, node: ast.stmt) -> None:
        """Wake a statement whatever it does, and those in its blocks: it may be there for the exception it raises."""
        for unit in self.units:
            if unit.node is node or unit.owner is node:
                self._wake(unit)
        if not isinstance(node, Function | ast.ClassDef):
            for block in blocks(node):
                for statement in block:
                    self._keep(statement)

    def _function(self, node: Function, header: Unit | None) -> None:
        views: tuple[frozenset[Resource], ...] = (frozenset({self._reading.binding(node)}),)
        defaults = [*node.args.defaults, *node.args.kw_defaults]
        quiet = self._has_plain_decorators(node) and all(self._purity.is_pure(default) for default in defaults)
        if node is self._reading.recipe or not quiet:
            views = ()
        owner = self._reading.parent[node]
        if isinstance(owner, ast.ClassDef) and views:
            own = is_own(node.name) and node.name not in OPTIMIZER_API and self._observers.is_own_class(owner)
            views = (frozenset({self._reading.binding(node), attribute(node.name)}),) if own else ()
        inner: list[ast.AST] = [*node.decorator_list, *([node.returns] if node.returns else []), node.args]
        self._add(node, inner, views, blocks=[node.body], header=header)

    def _class(self, node: ast.ClassDef, header: Unit | None) -> None:
        inner: list[ast.AST] = [*node.decorator_list, *node.bases, *node.keywords]
        quiet = self._has_plain_decorators(node) and all(self._is_quiet(statement) for statement in node.body)
        views = (frozenset({self._reading.binding(node)}),) if quiet else ()
        self._add(node, inner, views, blocks=[node.body], header=header)

    def _is_quiet(self, node: ast.stmt) -> bool:
        """Whether a statement of a class's body does nothing but name something."""
        match node:
            case ast.FunctionDef(args=arguments):
                defaults = [*arguments.defaults, *arguments.kw_defaults]
                return all(self._purity.is_pure(each) for each in [*node.decorator_list, *defaults])
            case ast.Assign(value=value, targets=targets):
                return self._purity.is_pure(value) and all(isinstance(target, ast.Name) for target in targets)
            case ast.AnnAssign(value=value, target=ast.Name()):
                return self._purity.is_pure(value)
            case _:
                return isinstance(node, ast.Pass) or is_docstring(node)

    def _has_plain_decorators(self, node: Function | ast.ClassDef) -> bool:
        builtin = {
            "builtins.staticmethod",
            "builtins.classmethod",
            "builtins.property",
            "dataclasses.dataclass",
        }
        plain = PLAIN_DECORATORS | builtin
        return all(self._reading.path(d.func if isinstance(d, ast.Call) else d) in plain for d in node.decorator_list)

    def _import_views(self, node: ast.Import | ast.ImportFrom, alias: ast.alias) -> tuple[frozenset[Resource], ...]:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            return ()
        return (frozenset({self._reading.binding(alias)}),)

    def _declaration(self, node: ast.Global | ast.Nonlocal, header: Unit | None) -> None:
        """A name declared here goes with its variable, or when nothing in this function binds it."""
        function = self._reading.inside(node, Function, ast.ClassDef)
        for name in node.names:
            bindings = frozenset(b for b in self._reading.scopes.bindings if b.name == name)
            views: tuple[frozenset[Resource], ...] = (bindings,)
            if isinstance(node, ast.Nonlocal) and function is not None and not self._binds(function, name):
                views = NEVER
            self._add(node, [], views, owner=node, name=name, header=header)

    def _binds(self, function: ast.AST, name: str) -> bool:
        return any(
            isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load) for n in ast.walk(function)
        )

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, header: Unit | None) -> None:
        targets: list[ast.expr] = list(node.targets) if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.Assign) and isinstance(targets[0], ast.Tuple):
            pairs = [(t, paired(node, t)) for t in targets[0].elts]
            if all(v is not None and isinstance(t, ast.Name) and self._purity.is_pure(v) for t, v in pairs):
                for target, value in pairs:
                    assert value is not None
                    self._add(
                        target, [value], (self._observers.target(target) or frozenset(),), owner=node, header=header
                    )
                return
        views = self._observers.assignment(node, targets)
        if views is None:
            self._wake(header)
            self._read(node)
            return
        self._add(node, [node], views, header=header)

    def _expression(self, node: ast.Expr, header: Unit | None) -> None:
        if is_docstring(node):
            return
        entries = dict_entries(self._reading, node.value)
        fills = isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute)
        view: frozenset[Resource] | None
        if fills and entries is not None and all(self._purity.is_pure(entry.value) for entry in entries):
            view = frozenset(key(entry.key) for entry in entries)  # state.update(...)
        else:
            view = self._observers.written(node.value)
        if view is None:
            self._wake(header)
            self._read(node)
        else:
            self._add(node, [node.value], (view,), header=header)

    def _compound(self, node: ast.If | ast.While | ast.For | ast.With, header: Unit | None) -> None:
        heads: list[ast.AST]
        views = NEVER
        match node:
            case ast.If() | ast.While():
                heads = [node.test]
                sleeps = self._purity.is_pure(node.test)
            case ast.For():
                heads = [node.iter, node.target]
                sleeps = self._purity.is_pure(node.iter) and not self._purity.is_iterator(node.iter)
                names = [n for n in ast.walk(node.target) if isinstance(n, ast.expr)]
                plain = all(isinstance(n, ast.Name | ast.Tuple | ast.List | ast.Starred) for n in names)
                views = (frozenset(self._reading.binding(n) for n in names if isinstance(n, ast.Name)),)
                sleeps = sleeps and plain
            case ast.With():
                heads = list(node.items)
                sleeps = all(i.optional_vars is None and self._purity.is_pure(i.context_expr) for i in node.items)
        unit = self._add(node, heads, views if sleeps else (), header=header)
        for block in (node.body, getattr(node, "orelse", [])):
            self._statements(block, unit)
        if not sleeps:
            self._wake(unit)
        if isinstance(node, ast.With) and any(self._may_catch(item.context_expr) for item in node.items):
            for statement in node.body:
                self._keep(statement)

    def _may_catch(self, context: ast.expr) -> bool:
        """Whether a context may go on after an exception, as `contextlib.suppress` does."""
        path = self._reading.path(context.func) if isinstance(context, ast.Call) else ""
        return not path or path == "contextlib.suppress"

    # Reading what is awake

    def _read(self, node: ast.AST | None) -> None:
        """Mark everything that evaluating a node reads; members that may sleep become units."""
        match node:
            case None | ast.expr_context() | ast.operator():
                return
            case ast.Name(ctx=ast.Load()):
                self._live.add(self._reading.binding(node))
            case ast.AugAssign(target=ast.Name() as target):
                self._live.add(self._reading.binding(target))
                self._read(node.value)
            case ast.AugAssign(target=ast.Attribute(value=owner, attr=name)):
                self._live.add(attribute(name))
                self._read(owner)
                self._read(node.value)
            case ast.Attribute(value=owner, attr=name, ctx=ast.Load()):
                self._live.add(attribute(name))
                self._read(owner)
            case ast.Subscript(value=owner, slice=ast.Constant(value=str(name)), ctx=context):
                if not isinstance(context, ast.Store) or isinstance(self._reading.parent[node], ast.AugAssign):
                    self._live.add(key(name))
                self._read(owner)
            case ast.Constant(value=str(text)):
                self._live.update((key(text), attribute(text)))
            case ast.arguments():
                self._arguments(node)
            case ast.Call() if node in self._calls:
                self._call(node, self._calls[node])
            case ast.Dict() | ast.Call():
                self._maker(node)
            case ast.stmt() | ast.ExceptHandler() | ast.match_case():
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.stmt):
                        self._statement(child, None)
                    else:
                        self._read(child)
            case _:
                for child in ast.iter_child_nodes(node):
                    self._read(child)

    def _arguments(self, signature: ast.arguments) -> None:
        known = self._known.get(self._reading.parent[signature])
        for argument in known.arguments() if known else []:
            default = known.default(argument) if known else None
            inner = [n for n in (default, argument.annotation) if n is not None]
            sleeps = self._purity.is_pure(default)
            view = frozenset({self._reading.binding(argument)})
            self._add(argument, inner, (view,) if sleeps else (), owner=signature)
        if known is None:
            for child in ast.iter_child_nodes(signature):
                self._read(child)

    def _call(self, node: ast.Call, known: Known) -> None:
        self._read(node.func)
        seen: list[object] = []
        for argument in known.arguments():
            given = known.given(node, argument)
            if given is None or given.owner is not node:
                continue  # nothing, or an entry of a dict that is read where it stands
            seen.append(given.member)
            sleeps = self._purity.is_pure(given.value)
            view = frozenset({self._reading.binding(argument)})
            self._add(given.member, [given.value], (view,) if sleeps else (), owner=node)
            if not sleeps:
                self._live.add(self._reading.binding(argument))
        for extra in [*node.args, *node.keywords]:
            if extra not in seen:
                self._read(extra)

    def _maker(self, node: ast.Dict | ast.Call) -> None:
        """A call, or something that makes a dict, whose entries may sleep."""
        entries = dict_entries(self._reading, node)
        if entries is None:
            for child in ast.iter_child_nodes(node):
                self._read(child)
            return
        if isinstance(node, ast.Call):
            self._read(node.func)
            for argument in node.args:
                self._read(argument)
        arguments = self._spread.get(node)
        may_sleep = arguments is not None or self._keys.may_lose_entries(node)
        may_sleep = may_sleep and not self._reading.is_quoted(node)
        for entry in entries:
            resource = key(entry.key) if arguments is None else arguments[entry.key]
            sleeps = may_sleep and self._purity.is_pure(entry.value)
            self._add(entry.element, [entry.value], (frozenset({resource}),) if sleeps else (), owner=node)
            if not sleeps:
                self._live.add(resource)

    def _pin_states(self) -> bool:
        """Keep what decides whether a state is empty where that decides about more than its own entries."""
        tests = [unit.node for unit in self.units if unit.awake and isinstance(unit.node, ast.If)]
        asleep = [unit.node for unit in self.units if not unit.awake and isinstance(unit.node, ast.stmt)]
        names = keys_to_pin(self._reading, tests, asleep, lambda name: key(name) in self._live)
        self._live.update(key(name) for name in names)
        return bool(names)
