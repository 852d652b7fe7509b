"""Graft a hook: a function of the donor that runs around every step, with the state that it shares.

Hooks that work on the same state (an average kept after each step and read for evaluation, say) move
together. This module must not know how code is moved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.draft import Draft
from evolve.operators.grafting.recipe import Recipe
from evolve.operators.grafting.schedule import joined_groups
from evolve.operators.pruning.scopes import Binding


@dataclass(frozen=True)
class HookGraft:
    """Hooks of the donor that share state.

    Attributes:
        names: The hooks' entries in what the recipe returns.
    """

    names: tuple[str, ...]
    weight: float = 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: The hooks need an optimizer of the donor, or share state with its schedule.
        """
        hooks = {name: donor.hooks[name] for name in self.names}
        old = [name for name in self.names if name in host.entries]
        removed: list[ast.AST] = [host.hooks[name] for name in old if name in host.hooks]
        removed += [host.entries[name] for name in old]
        draft = Draft(host, donor, "new", removed)
        for name, hook in hooks.items():
            replaces = name in old and host.hooks.get(name) is not None and host.hooks[name].name == hook.name
            draft.rename(donor.reading.binding(hook), hook.name if replaces else draft.fresh(hook.name))
        replaced = joined_groups(host, donor, list(hooks.values()))
        texts = [draft.statement_text(hook, replaced) + "\n" for hook in hooks.values()]
        draft.before(host.returns, texts)
        without_entries(draft, host, old)
        add_entries(draft, host, {name: draft.take(donor.entries[name]) for name in hooks})
        done = f"the hook{'s' if len(hooks) > 1 else ''} {' and '.join(hooks)}"
        if old:
            done += " in place of its own"
        return Grafted(draft.finish(), ", ".join(f"recipe.{name}" for name in hooks), done)


def hook_grafts(host: Recipe, donor: Recipe) -> Iterator[HookGraft]:
    """One graft for each set of the donor's hooks that belong together."""
    left = list(donor.hooks)
    while left:
        together = [left.pop(0)]
        state = _state(donor, donor.hooks[together[0]])
        while more := [name for name in left if state & _state(donor, donor.hooks[name])]:
            together += more
            left = [name for name in left if name not in more]
            for name in more:
                state |= _state(donor, donor.hooks[name])
        if donor.set_hparams is None or not state & _state(donor, donor.set_hparams):
            yield HookGraft(tuple(together))


def _state(donor: Recipe, function: ast.FunctionDef) -> set[Binding]:
    """Variables of the recipe that a function inside it uses; arguments, optimizers and functions aside."""
    scope = donor.reading.scopes.scope_of[donor.function]
    apart = {*donor.arguments.values(), *(slot.variable for slot in donor.slots)}
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    found = {donor.reading.binding(node) for node in names}
    return {
        binding
        for binding in found
        if binding.scope is scope
        and binding not in apart
        and not any(isinstance(store, ast.FunctionDef) for store in binding.stores)
    }


def add_entries(draft: Draft, host: Recipe, added: Mapping[str, str]) -> None:
    """Have the host's recipe return further entries."""
    result, text = host.result, host.reading.text
    if isinstance(result, ast.Call):
        last: ast.expr = [*result.args, *(keyword.value for keyword in result.keywords)][-1]
        lines = [f", {name}={value}" for name, value in added.items()]
    else:
        last = result.values[-1]
        lines = [f', "{name}": {value}' for name, value in added.items()]
    end = text.span(last)[1]
    while text.source[end : end + 1] == ")" and end < text.span(result)[1] - 1:
        end += 1
    if lines:
        draft.edit(end, end, "".join(lines))


def without_entries(draft: Draft, host: Recipe, names: Iterable[str]) -> None:
    """Have the host's recipe no longer return some entries."""
    result, text = host.result, host.reading.text
    gone = set(names)
    if not gone:
        return
    if isinstance(result, ast.Call):
        if result.args:
            raise NoVariationError("the first parent's recipe returns a dict that is built from another")
        indices = [i for i, keyword in enumerate(result.keywords) if keyword.arg in gone]
        opening = text.source.index("(", text.span(result.func)[1])
        edits = text.without_members(opening, [text.span(keyword) for keyword in result.keywords], indices)
    else:
        pairs = list(zip(result.keys, result.values, strict=True))
        indices = [i for i, (key, _) in enumerate(pairs) if isinstance(key, ast.Constant) and key.value in gone]
        edits = text.without_members(text.span(result)[0], [text.span(pair) for pair in pairs], indices)
    for edit in edits:
        draft.edit(edit.start, edit.end, edit.text)
