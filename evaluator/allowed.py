"""What a genome may use, as plain tables: for `evaluator.check` and for whoever writes genomes."""

from __future__ import annotations


def _words(text: str) -> list[str]:
    return text.split()


def _say(names: str, advice: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), advice)


MAX_SOURCE_BYTES = 64 * 1024
"""Size of a genome, in UTF-8 bytes."""
MAX_DEPTH = 120
"""Levels of a genome's syntax tree: what Python's own parser takes differs between its versions."""

MODULES = frozenset(
    _words(
        """
        __future__ collections collections.abc contextlib copy dataclasses functools itertools math typing
        torch torch._dynamo torch._inductor torch._inductor.config torch.amp torch.autograd torch.cuda
        torch.backends.cuda torch.distributed torch.fft torch.func torch.linalg torch.nn torch.nn.functional
        torch.nn.init torch.nn.parameter torch.nn.utils torch.optim torch.optim.lr_scheduler
        torch.optim.optimizer torch.optim.swa_utils torch.random torch.special
        """
    )
)
"""Modules that may be imported."""

THIRD_PARTY_OPTIMIZERS = frozenset(
    _words(
        """
        adabelief_pytorch apex bitsandbytes came_pytorch dadaptation deepspeed dion distributed_shampoo
        galore_torch heavyball kron_torch lion_pytorch muon optax optimi prodigyopt psgd_torch
        pytorch_optimizer schedulefree soap sophia timm torch_optimizer torchopt transformers
        """
    )
)
"""Packages whose import gets the advice to write the optimizer out."""


NAMES = {
    **_say("open input breakpoint exit quit help", "a genome has no files and no terminal"),
    **_say("exec eval compile __import__", "a genome must not make code from text"),
    **_say("globals locals vars dir", "keep state in objects or closures"),
    **_say("memoryview", "use tensors"),
}
"""Built-in names that may not be used, and what to say."""

MODULE_MEMBERS = frozenset(
    _words(
        """
        os sys io builtins subprocess socket multiprocessing threading ctypes importlib inspect gc pickle
        marshal shutil pathlib tempfile signal types warnings hub package serialization rpc elastic launch
        _sys _os _C
        """
    )
)
"""What may not be reached through an imported module: files, processes, the interpreter."""

ATTRIBUTES = {
    **_say(
        "cpp_extension load_library from_file load_state_dict_from_url",
        "a genome has no files, processes, threads or network",
    ),
    **_say(
        "f_globals f_locals f_back f_builtins gi_frame cr_frame tb_frame func_globals",
        "a genome must not look into the interpreter",
    ),
    **_say(
        """
        register_forward_hook register_forward_pre_hook register_full_backward_hook register_hook
        register_full_backward_pre_hook register_module_forward_hook register_post_accumulate_grad_hook
        """,
        "the forward pass runs elsewhere, so such hooks never fire; use the recipe's after_backward(step)",
    ),
    **_say("set_num_threads set_num_interop_threads", "a candidate has one thread, which the evaluator decides"),
    **_say("init_process_group destroy_process_group", "torch.distributed is initialized; just use it"),
}
"""Attribute names that may not be used on anything, and what to say."""

INTERPRETER = frozenset(
    _words(
        """
        os sys io builtins subprocess socket multiprocessing threading ctypes importlib inspect gc pickle marshal shutil
        pathlib tempfile _sys _os _C torch
        """
    )
)
"""What may not be reached as an attribute of anything: a module under another name is still that module."""

MOST_ITEMS = 64
"""Numbers in one literal list, tuple, set or dict."""
MOST_CHARACTERS = 300
"""Characters of a literal string that is no docstring."""
MOST_BITS = 64
"""Of a literal whole number."""

TORCH_MEMBERS = frozenset(_words("load save jit classes library export onnx utils storage"))
"""Members of `torch` itself that may not be used: they reach files or compilers."""

DUNDERS = frozenset(
    f"__{name}__"
    for name in _words(
        """
        init setstate getstate call enter exit len iter next getitem setitem contains repr str post_init eq
        hash bool add mul name all slots future
        """
    )
)
"""Double-underscore names that may be used; all others reach interpreter internals."""

COMPUTED_NAMES = frozenset({"getattr", "setattr", "hasattr", "delattr"})
"""Built-ins that need a constant attribute name."""
