"""Which statements of a script matter for the training, given the names that are needed.

Printing, files, clocks, barriers, checkpoints, devices and guards do not matter. What is not known to be harmless does.
Names are taken as they are spelled: two variables of one name in different functions are needed together.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from evolve.blocks import blocks
from evolve.importing.trees import (
    Definition,
    Function,
    called,
    dotted,
    made_inside,
    method,
    names_bound,
    names_loaded,
    own_calls,
    walk_own,
)
from evolve.importing.trees import root as variable


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_QUIET_ROOTS = _words(
    "time os sys uuid logging logger log wandb gc json subprocess warnings datetime shutil pathlib glob platform "
    "socket random string math itertools functools copy re argparse tqdm builtins numpy np signal traceback inspect"
)
"""Modules whose functions change nothing that is trained."""
_QUIET = _words(
    "print len range enumerate zip sorted list tuple set dict float int str bool abs min max sum any all round "
    "isinstance getattr hasattr type id repr open iter next reversed map filter frozenset exit quit hash callable vars "
    "Path tqdm perf_counter ceil floor sqrt log cos exp partial defaultdict deque OrderedDict Counter deepcopy "
    "dataclass nullcontext ValueError RuntimeError Exception input vars dir locals globals super "
    "SummaryWriter"
)
_QUIET_METHODS = _words(
    """
    write flush close read readline exists mkdir makedirs mkdtemp format join append_text write_text info debug warning
    get keys values items copy clone detach float double half bfloat16 cpu cuda to type_as item tolist numpy size dim
    numel view reshape flatten transpose permute contiguous square sqrt rsqrt norm mean sum abs pow add sub mul div lerp
    min max clamp clamp_min clamp_max sign std var square unsqueeze squeeze expand named_parameters parameters modules
    named_modules children named_children buffers named_buffers state_dict startswith endswith lower upper strip split
    replace count index train eval compile zero_grad requires_grad_ isoformat strftime is_floating_point isfinite isnan
    all any argmax argmin cumsum chunk new_tensor new_zeros new_ones new_empty new_full element_size data_ptr glob open
    as_posix resolve relative_to with_suffix is_file is_dir unlink log_metrics finish union intersection difference
    add_argument parse_args parse_known_args bit_length is_integer t stack dot matmul mm bmm rfind find removeprefix
    removesuffix islower isdigit total_seconds now today synchronize add_scalar set_description set_postfix
    memory_allocated max_memory_allocated reset_peak_memory_stats record elapsed_time set_epoch nelement get_device
    add_scalars add_text add_histogram add_image add_images add_figure add_hparams add_custom_scalars
    """
)
"""Methods that leave their receiver alone, or change only what does not matter: modes, gradients to None."""
_QUIET_TORCH = _words(
    """
    manual_seed_all set_device synchronize empty_cache barrier init_process_group destroy_process_group get_device_name
    save get_rank get_world_size is_available device_count current_device max_memory_allocated memory_allocated
    reset_peak_memory_stats set_printoptions all_reduce broadcast all_gather gather get_rng_state get_rng_state_all
    is_initialized device compile no_grad enable_grad inference_mode autocast profile zeros ones empty full zeros_like
    ones_like empty_like full_like tensor as_tensor from_numpy arange linspace eye stack cat norm is_floating_point
    isfinite isnan is_tensor equal allclose finfo iinfo Generator get_default_dtype mem_get_info set_num_threads
    set_num_interop_threads enable_cudnn_sdp enable_flash_sdp enable_math_sdp enable_mem_efficient_sdp dot
    record_memory_history Event current_stream Stream where maximum minimum sum mean sqrt exp log abs
    """
)
"""Functions of torch and `torch.distributed` that change nothing that is trained, with one process."""
_RANDOM = _words(
    "rand randn randint randperm rand_like randn_like randint_like normal bernoulli multinomial dropout poisson"
)
_KEPT_GLOBALS = _words("set_float32_matmul_precision set_default_dtype use_deterministic_algorithms")
_CONTAINER_WRITES = _words("append extend insert add update clear pop popitem remove discard setdefault appendleft")


class Effects:
    """Decides about statements.

    Args:
        definitions: Functions and classes of the script, by name.
        needed: Names that are needed; may grow while this is used, after `forget`.
        models: Names of the model: calling it matters.

    Attributes:
        known_as: Names that may mean a part of what is needed.
        weights: Names that may mean weights, or a part of the model.
    """

    def __init__(self, definitions: dict[str, Definition], needed: set[str], models: Iterable[str] = ()) -> None:
        self._definitions, self.needed, self._models = definitions, needed, frozenset(models)
        self._verdicts: dict[str, bool] = {}
        self._fresh: frozenset[str] = frozenset()
        self._given: frozenset[str] = frozenset()
        self.known_as: frozenset[str] = frozenset()
        self.weights: frozenset[str] = frozenset()

    def functions(self) -> dict[str, Function]:
        """Functions of the script by name."""
        return {name: each for name, each in self._definitions.items() if isinstance(each, Function)}

    def forget(self) -> None:
        """Names have become needed: decide anew."""
        self._verdicts.clear()

    def matters(self, statement: ast.stmt, own: frozenset[str] = frozenset()) -> bool:
        """Whether a statement matters.

        Args:
            statement: The statement.
            own: Names that are a function's own, and so nobody else's.
        """
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return self._is_needed(statement.name, own)
            case ast.Import() | ast.ImportFrom():
                return any(self._is_needed(name, own) for name in names_bound(statement))
            case ast.Assign(targets=targets, value=value):
                seen = any(self._stores(target, own) and not self._fills(target) for target in targets)
                return seen or self.acts(value, own)
            case ast.AnnAssign(target=target, value=value):
                return value is not None and (self._stores(target, own) or self.acts(value, own))
            case ast.AugAssign(target=target, value=value):
                inside = isinstance(target, ast.Name) and target.id in self.weights - own
                return inside or self._stores(target, own) or self.acts(value, own)
            case ast.Expr(value=ast.Yield() | ast.YieldFrom() | ast.Await()):
                return True
            case ast.Expr(value=value):
                return self.acts(value, own)
            case ast.If(test=test, body=body, orelse=orelse):
                inside = any(self.matters(each, own) for each in [*body, *orelse])
                return inside or self.acts(test, own)
            case ast.For(iter=items, body=body, orelse=orelse) | ast.AsyncFor(iter=items, body=body, orelse=orelse):
                return any(self.matters(each, own) for each in [*body, *orelse]) or self.acts(items, own)
            case ast.While(test=test, body=body, orelse=orelse):
                return any(self.matters(each, own) for each in [*body, *orelse]) or self.acts(test, own)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                inside = any(self.matters(each, own) for each in body)
                return inside or any(self.acts(item.context_expr, own) for item in items)
            case ast.Try():
                return any(self.matters(each, own) for block in blocks(statement) for each in block)
            case ast.Assert(test=test):
                return self.acts(test, own)
            case ast.Delete(targets=targets):
                return any(not isinstance(each, ast.Name) and self._stores(each, own) for each in targets)
            case ast.Pass() | ast.Raise() | ast.Global() | ast.Nonlocal():
                return False
            case ast.Return() | ast.Break() | ast.Continue():
                return False
        return True

    def _is_needed(self, name: str, own: frozenset[str]) -> bool:
        return name in self.needed and name not in own

    def _stores(self, target: ast.expr, own: frozenset[str]) -> bool:
        """Whether storing there is seen by anyone who matters."""
        if isinstance(target, ast.Name):
            return self._is_needed(target.id, own)
        if isinstance(target, ast.Tuple | ast.List):
            return any(self._stores(each, own) for each in target.elts)
        if isinstance(target, ast.Starred):
            return self._stores(target.value, own)
        base: ast.expr = target
        while isinstance(base, ast.Attribute | ast.Subscript):
            base = base.value
        if isinstance(target, ast.Attribute) and dotted(target).partition(".")[0] in ("torch", "os"):
            return "matmul" in dotted(target) or "allow_tf32" in dotted(target)
        if isinstance(base, ast.Name) and base.id in own and base.id != "self":
            return True  # a function's parameter may be anybody's object
        if not isinstance(base, ast.Name) or base.id in _LOOPED:
            return True
        return self._is_needed(base.id, own) or base.id in self.known_as - own

    def _fills(self, target: ast.expr) -> bool:
        """Whether storing there fills a container that the function at hand made and that nobody else knows of."""
        return (
            isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in self._fresh
        )

    def acts(self, node: ast.AST | None, own: frozenset[str] = frozenset()) -> bool:
        """Whether evaluating an expression changes anything that matters."""
        if node is None:
            return False
        return any(self._call_acts(call, own) for call in own_calls(node)) or any(
            isinstance(each, ast.NamedExpr) and self._is_needed(each.target.id, own) for each in walk_own(node)
        )

    def _call_acts(self, node: ast.Call, own: frozenset[str]) -> bool:
        path, name = called(node), method(node)
        root = path.partition(".")[0]
        if any(keyword.arg == "out" and not isinstance(keyword.value, ast.Constant) for keyword in node.keywords):
            return True
        if isinstance(node.func, ast.Name):
            if node.func.id in self._models:
                return True
            if node.func.id in self._definitions:
                return self._definition_acts(node.func.id)
            return node.func.id not in _QUIET
        if root in ("torch", "dist", "F", "nn"):
            if name in _RANDOM or name in _KEPT_GLOBALS:
                return not _has_generator(node)
            if name == "manual_seed":
                return True
            return name.endswith("_") or (name not in _QUIET_TORCH and not _is_computing(path))
        if root in _QUIET_ROOTS and path:
            return name.endswith("_")  # a variable named like a module
        owner = self._definitions.get(root)
        if isinstance(owner, ast.ClassDef):
            return name.endswith("_") or any(self._method_acts(each) for each in _methods(owner, name))
        if isinstance(node.func, ast.Attribute) and name in _QUIET_METHODS and self._own_acts(node.func, own):
            return True
        if name in _CONTAINER_WRITES and isinstance(node.func, ast.Attribute):
            base: ast.expr = node.func.value
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            if isinstance(base, ast.Name) and base.id in self._given:
                return True  # the caller's container
            return not isinstance(base, ast.Name) or self._is_needed(base.id, own) or base.id in self.known_as - own
        return not (name == "to" or name in _QUIET_METHODS)

    def _own_acts(self, function: ast.Attribute, own: frozenset[str]) -> bool:
        """Whether a method that usually is harmless is one of the script's own that is not."""
        found = [
            each
            for definition in self._definitions.values()
            if isinstance(definition, ast.ClassDef)
            for each in _methods(definition, function.attr)
        ]
        base = variable(function.value)
        keeps = self._is_needed(base, own) and any(_keeps(each) for each in found)
        return keeps or any(self._method_acts(each) for each in found)

    def _method_acts(self, function: Function) -> bool:
        key = f"{function.name} {function.lineno}"
        if key not in self._verdicts:
            self._verdicts[key] = False  # recursion
            self._verdicts[key] = self._body_acts(function)
        return self._verdicts[key]

    def _definition_acts(self, name: str) -> bool:
        """Whether calling a function or class of the script changes anything that matters."""
        if name not in self._verdicts:
            self._verdicts[name] = False  # recursion
            definition = self._definitions[name]
            if isinstance(definition, ast.ClassDef):
                init = next((m for m in definition.body if isinstance(m, Function) and m.name == "__init__"), None)
                self._verdicts[name] = init is not None and self._body_acts(init, constructs=True)
            elif not _is_generator(definition):  # calling one runs nothing of it
                self._verdicts[name] = self._body_acts(definition)
        return self._verdicts[name]

    def _body_acts(self, function: Function, constructs: bool = False) -> bool:
        shared = {n for s in ast.walk(function) if isinstance(s, ast.Global | ast.Nonlocal) for n in s.names}
        own = frozenset(set().union(*(names_bound(s) for s in function.body)) - shared)
        parameters = {a.arg for a in ast.walk(function.args) if isinstance(a, ast.arg)}
        body = [s for s in function.body if not (constructs and (_sets_self(s) or _calls_super(s)))]
        outer = self._fresh, self._given
        if not constructs:
            self._fresh = made_inside(function) - parameters - shared
        self._given = frozenset(parameters - {"self"})
        try:
            return any(self.matters(s, own | parameters) for s in body)
        finally:
            self._fresh, self._given = outer


_LOOPED = frozenset({"group", "g", "opt", "optimizer", "p", "param", "param_group", "state", "pg", "module", "block"})


def _methods(definition: ast.ClassDef, name: str) -> list[Function]:
    return [each for each in definition.body if isinstance(each, Function) and each.name == name]


def _keeps(function: Function) -> bool:
    """Whether a method changes its own object."""
    return any(
        isinstance(node, ast.Attribute | ast.Subscript)
        and not isinstance(node.ctx, ast.Load)
        and variable(node) == "self"
        for node in ast.walk(function)
    )


def _is_generator(function: Function) -> bool:
    yields = any(isinstance(node, ast.Yield | ast.YieldFrom) for s in function.body for node in walk_own(s))
    return yields and not any("contextmanager" in dotted(each) for each in function.decorator_list)


def _sets_self(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Assign) and all(dotted(t).startswith("self.") for t in statement.targets)


def _calls_super(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and "super" in ast.dump(statement)


def _has_generator(node: ast.Call) -> bool:
    return any(keyword.arg == "generator" for keyword in node.keywords)


def _is_computing(path: str) -> bool:
    """Whether a function of torch only computes: all but those of a few corners."""
    return not any(corner in path for corner in ("_dynamo", "backends", ".cuda.", "distributed", "dist.", "_inductor"))


def definitions(tree: ast.AST) -> dict[str, Definition]:
    """Functions and classes of a script by name, wherever they stand outside of classes."""
    found: dict[str, Definition] = {}
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, Definition):
                found.setdefault(child.name, child)
            if not isinstance(child, ast.ClassDef | ast.expr):
                stack.append(child)
    return found


def sliced(body: list[ast.stmt], effects: Effects) -> list[ast.stmt]:
    """What matters of a block, also inside of compound statements; new lists, the statements changed in place."""
    kept = []
    for statement in body:
        if not effects.matters(statement):
            continue
        if isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for name in ("body", "orelse", "finalbody"):
                inner = getattr(statement, name, None)
                if inner:
                    left = _with_jumps(inner, effects)
                    setattr(statement, name, left or ([ast.Pass()] if name == "body" else []))
        kept.append(statement)
    return kept


def _with_jumps(body: list[ast.stmt], effects: Effects) -> list[ast.stmt]:
    """What matters of a block inside a loop or function, where jumps matter as well."""
    kept: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.Return | ast.Continue | ast.Break) or (
            isinstance(statement, ast.If) and _jumps(statement)
        ):
            kept.append(statement)
        else:
            kept += sliced([statement], effects)
    return kept


def _jumps(statement: ast.If) -> bool:
    return any(isinstance(node, ast.Return | ast.Continue | ast.Break) for node in walk_own(statement))


def needs(statements: Iterable[ast.stmt]) -> set[str]:
    """Names that statements read."""
    return set().union(*(names_loaded(statement) for statement in statements))
