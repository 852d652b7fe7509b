"""Graft an optimizer: the donor's class takes over parameters of the first parent, with its own settings.

Who owns what is fixed by the host's selections of parameters, which stay as they are; so every parameter is
owned once if it was before. This module must not know how code is moved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.draft import Draft
from evolve.operators.grafting.hook import add_entries, without_entries
from evolve.operators.grafting.layout import laid_out, snake
from evolve.operators.grafting.recipe import (
    OPTIMIZER_API,
    Group,
    Recipe,
    Slot,
    read_keys,
    within,
    written_keys,
)
from evolve.operators.grafting.same import Sameness
from evolve.operators.grafting.schedule import settings_of

_WORDS = {
    "hidden": "the hidden matrices",
    "embed": "the embedding",
    "head": "the head",
    "vectors": "the vectors",
}


@dataclass(frozen=True)
class OptimizerGraft:
    """One optimizer of the donor for some groups of one optimizer of the host.

    Attributes:
        host_slot: Whose parameters are taken over.
        groups: Which of them, with the donor's group of the same role.
        donor_slot: What takes over.
    """

    host_slot: Slot
    groups: tuple[tuple[Group, Group], ...]
    donor_slot: Slot

    @property
    def whole(self) -> bool:
        """Whether nothing is left to the host's optimizer."""
        return len(self.groups) == len(self.host_slot.groups)

    @property
    def weight(self) -> float:
        """How often this graft should be tried among optimizers: hidden matrices decide most."""
        hidden = any(group.role == "hidden" for group, _ in self.groups)
        return 3.0 if hidden and len(self.groups) == 1 else 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: It cannot be moved.
        """
        return _Swap(self, host, donor).apply()


def optimizer_grafts(host: Recipe, donor: Recipe) -> Iterator[OptimizerGraft]:
    """Every optimizer graft that the two recipes allow; a class that is there already is none."""
    same = Sameness(host, donor)
    for ours in host.slots:
        for theirs in donor.slots:
            if theirs.definition is None:
                continue
            if ours.definition is not None and same.twin(donor.reading.binding(theirs.definition)) is ours.definition:
                continue
            roles = {group.role: group for group in theirs.groups if group.role}
            matched = tuple((group, roles[group.role]) for group in ours.groups if group.role in roles)
            fits = theirs.display is not None or len(matched) == 1
            if matched and len(matched) == len(ours.groups) and fits:
                yield OptimizerGraft(ours, matched, theirs)
            if len(ours.groups) > 1:
                yield from (OptimizerGraft(ours, (pair,), theirs) for pair in matched)


class _Swap:
    def __init__(self, graft: OptimizerGraft, host: Recipe, donor: Recipe) -> None:
        self.graft, self.host, self.donor = graft, host, donor
        self.ours, self.theirs = graft.host_slot, graft.donor_slot
        self.dropped = self._dropped_hooks()
        removed: list[ast.AST] = [host.hooks[name] for name in self.dropped]
        removed += [host.entries[name] for name in self.dropped]
        if graft.whole:
            removed.append(self.ours.call)
        else:
            removed += [group.display for group, _ in graft.groups if group.display is not None]
        kept = [group.params for group, _ in graft.groups]
        self.draft = Draft(host, donor, snake(self.theirs.class_name), removed, kept)

    def apply(self) -> Grafted:
        draft = self.draft
        name = self._variable()
        draft.rename(self.theirs.variable, name)
        hooks = self._hooks()
        call = self._call(f"{draft.indent}{name} = ")
        settings = self._settings()
        if self.graft.whole:
            draft.replace(self.ours.call, call)
            draft.before(self.ours.statement, [])
            for node in (*self.ours.variable.stores, *self.ours.variable.loads):
                if isinstance(node, ast.Name) and not self._inside_dropped(node):
                    draft.replace(node, name)
        else:
            draft.after(self.ours.statement, [f"{draft.indent}{name} = {call}"])
            self._leave()
            self._join(name)
        self._insert(hooks, settings)
        class_name = self._class_name()
        where = " and ".join(_WORDS.get(group.role, "its parameters") for group, _ in self.graft.groups)
        done = f"{class_name} for {where} in place of {self.ours.class_name}"
        if self.dropped:
            done += f", without {', '.join(self.dropped)}"
        if hooks:
            done += f", with {', '.join(hooks)}"
        return Grafted(draft.finish(), class_name, done)

    def _inside_dropped(self, node: ast.AST) -> bool:
        return any(within(self.host.reading, node, self.host.hooks[name]) for name in self.dropped)

    def _class_name(self) -> str:
        assert isinstance(self.theirs.call.func, ast.Name)
        return self.draft.take(self.theirs.call.func)

    def _variable(self) -> str:
        wanted = self.theirs.variable.name
        if self.graft.whole and wanted == self.ours.variable.name:
            return wanted
        if wanted in {"optimizer", "opt", "optim", "aux"}:
            wanted = snake(self.theirs.class_name)
        return self.draft.fresh(wanted)

    def _dropped_hooks(self) -> list[str]:
        """Hooks of the host that only the class makes sense of which goes."""
        if not self.graft.whole:
            return []
        found = []
        for name, hook in self.host.hooks.items():
            for load in self.host.uses(hook, self.ours.variable):
                if self.host.attribute(load) not in OPTIMIZER_API and name not in found:
                    found.append(name)
        return found

    def _call(self, before: str) -> str:
        """Construction of the donor's optimizer over the host's parameters, to stand behind `before`."""
        take, call = self.draft.take, self.theirs.call
        groups: list[str] = []
        for group, like in self.graft.groups:
            params = self.host.reading.text.of(group.params)
            groups.append(params if like.display is None else take(like.display, {like.params: params}))
        if len(groups) > 1:
            first = laid_out("[", groups, "]", before=f"{self.draft.indent}    ")
        else:
            first = groups[0] if self.theirs.display is None else f"[{groups[0]}]"
        rest = [take(argument) for argument in call.args[1:]]
        rest += [f"{word.arg}={take(word.value)}" if word.arg else f"**{take(word.value)}" for word in call.keywords]
        return laid_out(f"{take(call.func)}(", [first, *rest], ")", before=before)

    def _leave(self) -> None:
        """Take the groups out of the host's optimizer."""
        display, text = self.ours.display, self.host.reading.text
        if display is None:
            raise NoVariationError("the first parent's groups are not written out")
        leaving = [group.display for group, _ in self.graft.groups]
        going = [index for index, item in enumerate(display.elts) if item in leaving]
        spans = [text.span(item) for item in display.elts]
        for edit in text.without_members(text.span(display)[0], spans, going):
            self.draft.edit(edit.start, edit.end, edit.text)

    def _join(self, name: str) -> None:
        """Have the host treat the new optimizer like the one beside it."""
        host, draft, text = self.host, self.draft, self.host.reading.text
        listed = host.optimizers_display()
        ours = self.ours.variable
        place = next((item for item in listed.elts if _is(host, item, ours)), None) if listed else None
        if listed is None or place is None:
            raise NoVariationError("the first parent's list of optimizers is not written out")
        end = text.span(place)[1]
        draft.edit(end, end, f", {name}")
        scheduled = False
        for load in ours.loads:
            if host.attribute(load) == "param_groups":
                holder = host.reading.parent[load]
                assert isinstance(holder, ast.Attribute)
                around = host.reading.parent[holder]
                plain = isinstance(around, ast.For | ast.comprehension) or (
                    isinstance(around, ast.BinOp) and isinstance(around.op, ast.Add)
                )
                joined = f"{ours.name}.param_groups + {name}.param_groups"
                draft.replace(holder, joined if plain else f"({joined})")
                scheduled = True
        if host.set_hparams is not None and not scheduled and not self._list_is_scheduled(listed):
            raise NoVariationError("the first parent's schedule cannot take in another optimizer")

    def _list_is_scheduled(self, listed: ast.List) -> bool:
        """Whether the schedule runs over the list of optimizers itself."""
        holder = self.host.reading.parent[listed]
        if not (isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Name)):
            return False
        assert self.host.set_hparams is not None
        return bool(self.host.uses(self.host.set_hparams, self.host.reading.binding(holder.targets[0])))

    def _hooks(self) -> dict[str, ast.FunctionDef]:
        """Hooks of the donor that its optimizer needs: those that use it, and filters of the gradient."""
        found = {}
        for name, hook in self.donor.hooks.items():
            needed = name == "after_backward" or bool(self.donor.uses(hook, self.theirs.variable))
            if not needed:
                continue
            mine = self.host.hooks.get(name)
            if mine is not None and name not in self.dropped:
                raise NoVariationError(f"both parents have a hook {name}")
            found[name] = hook
        return found

    def _settings(self) -> list[str]:
        """Lines for the host's schedule that set what only the donor's class reads."""
        theirs, ours = self.donor.set_hparams, self.host.set_hparams
        if theirs is None:
            return []
        known = written_keys([ours]) if ours is not None else set()
        assert self.theirs.definition is not None
        wanted = (written_keys([theirs]) - known) & read_keys([self.theirs.definition])
        if not wanted:
            return []
        if ours is None:
            raise NoVariationError("the donor's optimizer is steered by a schedule; the host has none")
        for binding in self.donor.reading.scopes.scope_of[theirs].names.values():
            self.draft.rename(binding, binding.name)
        if theirs.args.args and ours.args.args:
            self.draft.rename(self.donor.reading.binding(theirs.args.args[0]), ours.args.args[0].arg)
        return settings_of(theirs, wanted, self.draft.take)

    def _insert(self, hooks: dict[str, ast.FunctionDef], settings: list[str]) -> None:
        draft, host = self.draft, self.host
        if settings and host.set_hparams is not None:
            last = host.set_hparams.body[-1]
            end = host.reading.text.span(last)[1]
            inner = " " * last.col_offset
            draft.edit(end, end, "".join(f"\n{inner}{line}" for line in settings))
        texts = []
        for name, hook in hooks.items():
            draft.rename(self.donor.reading.binding(hook), name if name in self.dropped else draft.fresh(name))
            texts.append(draft.statement_text(hook) + "\n")
        if texts:
            draft.before(host.returns, texts)
        without_entries(draft, host, self.dropped)
        add_entries(draft, host, {name: draft.take(self.donor.entries[name]) for name in hooks})


def _is(host: Recipe, item: ast.expr, variable: object) -> bool:
    return isinstance(item, ast.Name) and host.reading.binding(item) is variable
