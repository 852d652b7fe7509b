"""Whether a script's model is the benchmark's.

The same parameters under the same names, and a forward pass that keeps nothing for the optimizer. What the forward pass
computes is compared when it runs (`evolve import --check`).
"""

from __future__ import annotations

import ast

from evolve.importing.errors import NotImportableError
from evolve.importing.trees import Definition, called, definitions_in, dotted, method, names_loaded, parents, string

_PARTS = {
    "GPT": {"embed", "blocks", "proj", "norm1", "norm2"},
    "Block": {"attn", "mlp", "norm1", "norm2"},
    "Attention": {"q", "k", "v", "proj"},
    "MLP": {"fc", "proj"},
}
"""Names of the submodules with parameters, by class."""
_PLAIN = frozenset(
    ["Linear", "Embedding", "RMSNorm", "LayerNorm", "Parameter", "ModuleList", "ParameterList", "Module"]
)
_WATCHING = frozenset(
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
        "register_module_forward_hook",
        "register_hook",
        "register_post_accumulate_grad_hook",
    ]
)


def check_architecture(tree: ast.Module) -> None:
    """Check a script's modules.

    Raises:
        NotImportableError: The model has other parameters than the benchmark's.
    """
    classes = [each for each in definitions_in(tree) if isinstance(each, ast.ClassDef) and _is_module(each)]
    made = {each.name: _submodules(each, {c.name for c in classes}) for each in classes}
    root = next((name for name, parts in made.items() if "embed" in parts and "blocks" in parts), None)
    if root is None:
        raise NotImportableError(
            "expected the benchmark's model: a class with the submodules embed, blocks, proj, norm1 and norm2",
            classes[-1:],
        )
    _check_loss(next(each for each in classes if each.name == root))
    if "bfloat16" not in ast.dump(tree):
        raise NotImportableError(
            "expected embed.weight in bfloat16, as in the benchmark: nothing in this script makes it so",
            [made[root]["embed"]],
        )
    for each in classes:
        parts = made[each.name]
        expected = _expected(parts)
        if expected is None:
            continue
        extra = [node for name, node in parts.items() if name not in expected and _has_parameters(node)]
        missing = expected - set(parts)
        if extra or missing:
            what = (
                f"{each.name} lacks {', '.join(sorted(missing))}"
                if missing
                else f"{each.name} has parameters of its own"
            )
            raise NotImportableError(f"the architecture differs from the benchmark's: {what}", extra or [each])


def _check_loss(model: ast.ClassDef) -> None:
    """Refuse a loss that is more than the cross entropy, summed or as a mean."""
    around = parents(model)
    for node in ast.walk(model):
        if not (isinstance(node, ast.Call) and method(node) == "cross_entropy"):
            continue
        outer = around[node]
        target = outer.targets[0] if isinstance(outer, ast.Assign) else None
        uses = [n for n in ast.walk(model) if isinstance(n, ast.Name) and n.id == dotted(target or node)]
        plain = isinstance(outer, ast.Return | ast.Tuple) or (
            target is not None
            and all(isinstance(around[n], ast.Return | ast.Assign | ast.Tuple | ast.Compare) for n in uses)
        )
        if not plain:
            raise NotImportableError(
                "expected a model that returns the cross entropy as it is, summed over tokens or as their mean: the "
                "loss is the task's, and what else is done with it cannot be imported",
                [outer],
            )
        keywords = {k.arg: k.value for k in node.keywords}
        if string(keywords.get("reduction")) == "none" or "label_smoothing" in keywords:
            raise NotImportableError("expected a cross entropy summed over tokens, or their mean, and no more", [node])


def _is_module(node: ast.ClassDef) -> bool:
    return any(dotted(base).rpartition(".")[2] in ("Module", "Linear", "Embedding") for base in node.bases)


def _submodules(node: ast.ClassDef, classes: set[str]) -> dict[str, ast.AST]:
    """Attributes that a constructor gives modules or parameters to."""
    found: dict[str, ast.AST] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Assign) and len(part.targets) == 1 and dotted(part.targets[0]).startswith("self."):
            for call in ast.walk(part.value):
                if isinstance(call, ast.Call) and (called(call).rpartition(".")[2] in _PLAIN | classes):
                    found[dotted(part.targets[0]).removeprefix("self.")] = part
        elif isinstance(part, ast.Call) and method(part) == "register_parameter" and part.args:
            found[string(part.args[0]) or "?"] = part
    return found


def _expected(parts: dict[str, ast.AST]) -> set[str] | None:
    names = set(parts)
    if "blocks" in names:
        return _PARTS["GPT"]
    if "attn" in names or "mlp" in names:
        return _PARTS["Block"]
    if {"q", "k"} & names or "qkv" in names:
        return _PARTS["Attention"]
    if "fc" in names:
        return _PARTS["MLP"]
    return None


def _has_parameters(node: ast.AST) -> bool:
    return "Rotary" not in ast.dump(node)


def check_watching(tree: ast.Module) -> None:
    """Check that nothing watches the model's passes.

    Args:
        tree: The script, settings folded: what they switch off does not count.

    Raises:
        NotImportableError: Something does.
    """
    reached = [node for statement in _reached(tree) for node in ast.walk(statement)]
    watching = [node for node in reached if isinstance(node, ast.Call) and method(node) in _WATCHING]
    if watching:
        raise NotImportableError(
            "activations and their gradients are out of an optimizer's reach under the contract: hooks on the model's "
            "passes cannot be imported",
            watching,
        )
    kept: dict[str, ast.AST] = {}
    for each in definitions_in(tree):
        if isinstance(each, ast.ClassDef) and _is_module(each):
            for function in each.body:
                if isinstance(function, ast.FunctionDef) and function.name not in ("__init__", "reset_parameters"):
                    for node in ast.walk(function):
                        own = isinstance(node, ast.Attribute) and dotted(node).startswith("self.")
                        if own and isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                            kept[node.attr] = node
    inside = {id(n) for c in definitions_in(tree) if isinstance(c, ast.ClassDef) and _is_module(c) for n in ast.walk(c)}
    for node in ast.walk(tree):
        read = (isinstance(node, ast.Attribute) and node.attr in kept) or string(node) in kept
        if read and id(node) not in inside:
            name = node.attr if isinstance(node, ast.Attribute) else string(node) or ""
            raise NotImportableError(
                "the forward pass keeps something for the optimizer, which cannot see it under the contract",
                [kept[name], node],
            )


def _reached(tree: ast.Module) -> list[ast.stmt]:
    """Statements of a module but for definitions that none of the others leads to."""
    known: dict[str, list[ast.stmt]] = {}
    for each in tree.body:
        if isinstance(each, Definition):
            known.setdefault(each.name, []).append(each)
    todo = [each for each in tree.body if not isinstance(each, Definition)]
    found: list[ast.stmt] = []
    while todo:
        statement = todo.pop()
        found.append(statement)
        for name in names_loaded(statement):
            todo += known.pop(name, [])
    return found


def mean_loss(tree: ast.Module) -> bool:
    """Whether the model's loss is a mean over tokens; the benchmark's is a sum."""
    for each in definitions_in(tree):
        if isinstance(each, ast.ClassDef) and _is_module(each):
            for node in ast.walk(each):
                if isinstance(node, ast.Call) and method(node) == "cross_entropy":
                    keywords = {k.arg: k.value for k in node.keywords}
                    return string(keywords.get("reduction")) != "sum"
    return False
