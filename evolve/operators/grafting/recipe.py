"""What a genome's recipe is made of: optimizers and their parameters, schedule, hooks, init rules.

Found on the syntax tree; whatever is written in a form that is not known here is left out, so that nobody
grafts what cannot be seen. This module must not know what is done with the parts.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from evolve.operators.base import NoVariationError
from evolve.operators.pruning.reading import HOOKS, Reading, string
from evolve.operators.pruning.scopes import Binding
from population.components import init_functions, initializer
from population.syntax import callee, entries

OPTIMIZER_API = frozenset({"param_groups", "state", "defaults", "step", "zero_grad", "add_param_group"})
"""What every optimizer offers; any other attribute ties code to one class."""

_ROLES = (
    ("vectors", re.compile(r"ndim\s*(<\s*2|<=\s*1|==\s*1|!=\s*2)")),
    ("hidden", re.compile(r"blocks.*ndim\s*(>=\s*2|>\s*1|==\s*2|!=\s*1)")),
    ("embed", re.compile(r"^(?!.*(ndim|not in)).*embed")),
    ("head", re.compile(r"^(?!.*(ndim|blocks|not in)).*(\bproj\b|head)")),
)
"""Which parameters a selecting expression means, by the benchmark's parameter names."""


@dataclass(frozen=True, eq=False)
class Group:
    """Parameters that an optimizer treats alike.

    Attributes:
        params: The expression that selects them.
        display: The dict that holds it, or None where the optimizer takes the parameters themselves.
        role: "hidden", "embed", "head", "vectors", or "" if the selection is not understood.
    """

    params: ast.expr
    display: ast.Dict | ast.Call | None
    role: str


@dataclass(frozen=True, eq=False)
class Slot:
    """An optimizer that the recipe constructs.

    Attributes:
        call: The construction; its first argument holds the parameters.
        variable: What it is assigned to.
        statement: The assignment.
        definition: Its class, if the genome defines it.
        groups: Its parameters; empty if they are not written as a list of dicts or one selection.
        display: The list of dicts, if there is one.
    """

    call: ast.Call
    variable: Binding
    statement: ast.stmt
    definition: ast.ClassDef | None
    groups: tuple[Group, ...]
    display: ast.List | None

    @property
    def class_name(self) -> str:
        """Name of the optimizer's class."""
        return callee(self.call)


class Recipe:
    """The parts of one genome's recipe.

    Attributes:
        reading: The genome.
        function: `recipe` itself.
        arguments: Its arguments by what they stand for: "model", "train_steps", "info".
        result: The dict that it returns.
        returns: The statement that returns it.
        entries: The dict's entries.
        slots: The optimizers, in order of construction.
        set_hparams: The function that sets the hyperparameters of a step, if `recipe` defines it.
        hooks: The other functions that it defines and returns, by entry.
        initializers: Statements that set parameters in place.

    Raises:
        NoVariationError: There is no recipe, or it does not return a dict that is written out.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        function = reading.recipe
        if not isinstance(function, ast.FunctionDef):
            raise NoVariationError("a parent has no function `recipe`")
        self.function = function
        self.arguments = self._arguments()
        self.returns, self.result = self._returned()
        self.entries = dict(entries(self.result))
        self.slots = self._slots()
        self.set_hparams = self._nested("set_hparams")
        self.hooks = {name: node for name in HOOKS if (node := self._nested(name)) is not None}
        self.initializers = self._initializers()

    def local(self, node: ast.AST) -> Binding | None:
        """The variable of the recipe itself that a name means."""
        if not isinstance(node, ast.Name):
            return None
        binding = self.reading.binding(node)
        return binding if binding.scope is self.reading.scopes.scope_of[self.function] else None

    def value_of(self, node: ast.expr) -> ast.expr:
        """What a name was set to, if the recipe sets it once and plainly; else the node itself."""
        binding = self.local(node)
        if binding is None or len(binding.stores) != 1:
            return node
        holder = self.reading.parent.get(binding.stores[0])
        if isinstance(holder, ast.Assign) and len(holder.targets) == 1 and holder in self.function.body:
            return holder.value
        return node

    def statement_of(self, node: ast.AST) -> ast.stmt:
        """The statement of the recipe's own body that holds a node."""
        while self.reading.parent[node] is not self.function:
            node = self.reading.parent[node]
        assert isinstance(node, ast.stmt)
        return node

    def optimizers_display(self) -> ast.List | None:
        """The list of optimizers, where it is written out."""
        listed = self.value_of(self.entries["optimizers"]) if "optimizers" in self.entries else None
        return listed if isinstance(listed, ast.List) else None

    def uses(self, node: ast.AST, binding: Binding) -> list[ast.Name]:
        """Where code reads a variable."""
        return [load for load in binding.loads if within(self.reading, load, node)]

    def attribute(self, load: ast.Name) -> str:
        """The attribute taken of a name, or "" if it is used otherwise."""
        holder = self.reading.parent[load]
        return holder.attr if isinstance(holder, ast.Attribute) else ""

    def _arguments(self) -> dict[str, Binding]:
        found = self.function.args
        positional = [*found.posonlyargs, *found.args]
        if len(positional) < 2:
            raise NoVariationError("a parent's recipe does not take (model, train_steps)")
        named = dict(zip(("model", "train_steps"), positional, strict=False))
        named |= {argument.arg: argument for argument in (*positional[2:], *found.kwonlyargs)}
        return {name: self.reading.binding(argument) for name, argument in named.items()}

    def _returned(self) -> tuple[ast.Return, ast.Dict | ast.Call]:
        last = self.function.body[-1]
        value = last.value if isinstance(last, ast.Return) else None
        if isinstance(last, ast.Return) and (
            isinstance(value, ast.Dict) or (isinstance(value, ast.Call) and callee(value) == "dict")
        ):
            return last, value
        raise NoVariationError("a parent's recipe does not end by returning a dict that is written out")

    def _nested(self, entry: str) -> ast.FunctionDef | None:
        value = self.entries.get(entry)
        binding = self.local(value) if value is not None else None
        if binding is None or len(binding.stores) != 1:
            return None
        node = binding.stores[0]
        return node if isinstance(node, ast.FunctionDef) and node in self.function.body else None

    def _slots(self) -> tuple[Slot, ...]:
        found = []
        for statement in self.function.body:
            match statement:
                case ast.Assign(targets=[ast.Name() as target], value=ast.Call(args=[first, *_]) as call):
                    definition = self.reading.definition(call.func)
                    own = isinstance(definition, ast.ClassDef) and _has_step(definition)
                    if own or self.reading.path(call.func).startswith("torch.optim."):
                        cls = definition if isinstance(definition, ast.ClassDef) else None
                        groups, display = self._groups(first)
                        variable = self.reading.binding(target)
                        found.append(Slot(call, variable, statement, cls, groups, display))
                case _:
                    continue
        return tuple(slot for slot in found if len(slot.variable.stores) == 1)

    def _groups(self, first: ast.expr) -> tuple[tuple[Group, ...], ast.List | None]:
        value = self.value_of(first)
        if isinstance(value, ast.List):
            groups = []
            for item in value.elts:
                written = dict(entries(item)) if isinstance(item, ast.Dict | ast.Call) else {}
                if "params" not in written or (isinstance(item, ast.Call) and callee(item) != "dict"):
                    return (), None
                assert isinstance(item, ast.Dict | ast.Call)
                groups.append(Group(written["params"], item, self._role(written["params"])))
            return tuple(groups), value
        if isinstance(first, ast.Starred) or not isinstance(value, ast.ListComp | ast.Call):
            return (), None
        return (Group(first, None, self._role(first)),), None

    def _role(self, params: ast.expr) -> str:
        value = self.value_of(params)
        if not isinstance(value, ast.ListComp | ast.List | ast.Call):
            return ""
        text = ast.unparse(value)
        return next((role for role, pattern in _ROLES if pattern.search(text)), "")

    def _initializers(self) -> tuple[ast.stmt, ...]:
        functions = init_functions(self.reading.tree)
        found: list[ast.stmt] = []
        for statement in self.function.body:
            match statement:
                case ast.Expr(value=ast.Call(func=ast.Name() as called)):
                    if self.reading.definition(called) in functions:
                        found.append(statement)
                case _ if initializer(statement):
                    found.append(statement)
                case _:
                    continue
        return tuple(found)


def _has_step(definition: ast.ClassDef) -> bool:
    return bool(definition.bases) and any(
        isinstance(part, ast.FunctionDef) and part.name == "step" for part in definition.body
    )


def within(reading: Reading, node: ast.AST, around: ast.AST) -> bool:
    """Whether a node is another one or lies inside it."""
    inner: ast.AST | None = node
    while inner is not None and inner is not around:
        inner = reading.parent.get(inner)
    return inner is around


def read_keys(nodes: list[ast.AST]) -> set[str]:
    """Constant string keys that code reads: `group["lr"]`, `group.get("lr")`."""
    found = set()
    for root in nodes:
        for node in ast.walk(root):
            match node:
                case ast.Subscript(slice=key, ctx=ast.Load()):
                    found.add(string(key))
                case ast.Call(func=ast.Attribute(attr="get" | "pop"), args=[key, *_]):
                    found.add(string(key))
                case ast.AugAssign(target=ast.Subscript(slice=key)):
                    found.add(string(key))
                case _:
                    continue
    return {key for key in found if key is not None}


def written_keys(nodes: list[ast.AST]) -> set[str]:
    """Constant string keys that code sets: `group["lr"] = ...`, `group.setdefault("peak_lr", ...)`."""
    found = set()
    for root in nodes:
        for node in ast.walk(root):
            match node:
                case ast.Subscript(slice=key, ctx=ast.Store()):
                    found.add(string(key))
                case ast.Call(func=ast.Attribute(attr="setdefault"), args=[key, *_]):
                    found.add(string(key))
                case _:
                    continue
    return {key for key in found if key is not None}


def is_selection(statement: ast.stmt) -> bool:
    """Whether a statement only names things that exist: a list of parameters, or numbers; such may be shared."""
    value = statement.value if isinstance(statement, ast.Assign) else None
    if isinstance(value, ast.ListComp):
        return isinstance(value.elt, ast.Name)
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in {"list", "tuple", "sorted", "len", "dict"}
    return isinstance(value, ast.Constant | ast.Attribute | ast.BinOp)


def changes(reading: Reading, statement: ast.stmt, binding: Binding) -> bool:
    """Whether a statement of the recipe works on a variable beyond binding it or handing it on."""
    if isinstance(statement, ast.FunctionDef | ast.Return | ast.ClassDef):
        return False
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return False
    return any(within(reading, use, statement) for use in (*binding.loads, *binding.stores))
