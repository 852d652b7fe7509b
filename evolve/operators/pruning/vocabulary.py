"""Functions and methods of Python and torch without an effect, by name; what is not listed may have one. Data only."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


PURE_BUILTINS = words("""
    abs all any bool complex dict divmod enumerate filter float frozenset getattr hasattr hash id int
    isinstance  issubclass len list map max min pow range repr reversed round set slice sorted str sum
    tuple type zip  callable iter super
""")

PURE_MODULES = frozenset({"math", "itertools", "operator", "typing", "cmath"})
"""Modules all of whose functions are pure (iterators that they consume apart)."""

PURE_OTHERS = words("""
    copy.copy copy.deepcopy functools.partial functools.wraps collections.OrderedDict
    collections.defaultdict  collections.namedtuple collections.deque collections.Counter
    contextlib.nullcontext  torch.distributed.get_rank torch.distributed.get_world_size
    torch.distributed.is_initialized  torch.distributed.is_available torch.cuda.is_available
    torch.no_grad torch.enable_grad torch.inference_mode  torch.compile torch.compiler.disable
    torch.jit.script torch.get_default_dtype torch.device torch.finfo  torch.iinfo torch.Size
    torch.optim.Optimizer torch.initial_seed
""")

_TENSOR_MATHS = words("""
    abs absolute acos add addbmm addcdiv addcmul addmm addmv addr all allclose amax amin angle any
    arange argmax argmin  argsort as_tensor asin atan atan2 baddbmm bincount block_diag bmm bool
    broadcast_tensors broadcast_to bucketize  cat cdist ceil chain_matmul cholesky chunk clamp clamp_max
    clamp_min clip clone column_stack complex concat  concatenate copysign cos cosh count_nonzero cov
    cross cummax cummin cumprod cumsum deg2rad det diag diag_embed  diagonal diff dist div divide dot
    dsplit dstack eig eigh eigvals eigvalsh einsum empty empty_like eq equal erf  erfc erfinv exp exp2
    expm1 eye flatten flip float_power floor floor_divide fmax fmin fmod frac frexp full  full_like
    gather ge geqrf ger gradient gt heaviside histc hstack hypot index_select inner inv inverse
    is_complex  is_floating_point is_nonzero is_tensor isclose isfinite isinf isnan kron ldexp le lerp
    lgamma linspace log log10  log1p log2 logaddexp logcumsumexp logdet logical_and logical_not
    logical_or logical_xor logspace logsumexp lt lu  lu_solve masked_fill masked_select matmul
    matrix_exp matrix_norm matrix_power matrix_rank max maximum mean median  meshgrid min minimum mm
    mode movedim moveaxis mul multi_dot multiply mv nan_to_num nanmean nanmedian nanquantile  nansum
    narrow ne neg negative norm normalize numel nonzero ones ones_like orgqr ormqr outer pinv pinverse
    polar  pow prod promote_types qr quantile rad2deg real reciprocal relu remainder repeat_interleave
    reshape result_type  roll rot90 round rsqrt scatter searchsorted sigmoid sign signbit sin sinc sinh
    slogdet softmax log_softmax  softplus silu gelu tanh solve solve_triangular sort split sqrt square
    squeeze stack std std_mean sub subtract sum  svd svdvals swapaxes take tan tensor tensor_split
    tensordot tile topk trace transpose trapz tril triu  true_divide trunc unbind unflatten unique
    unsqueeze vander var var_mean vdot vecdot vector_norm vmap vsplit  vstack where xlogy zeros
    zeros_like _foreach_norm
""")

PURE_TORCH = _TENSOR_MATHS
"""Last parts of the names of functions in `torch` and its submodules without an effect on anything."""

PURE_METHODS = _TENSOR_MATHS | words("""
    bfloat16 contiguous cpu cuda data_ptr detach dim double element_size expand expand_as float half int
    item long  new_empty new_full new_ones new_tensor new_zeros nelement permute pin_memory repeat size
    storage_offset stride t  to tolist type type_as untyped_storage view view_as movedim index_add
    index_copy index_fill masked_scatter  is_contiguous get_device has_names  get keys values items copy
    count index  startswith endswith split rsplit strip lstrip rstrip lower upper replace join format
    find rfind isdigit  partition rpartition removeprefix removesuffix  parameters named_parameters
    modules named_modules children named_children buffers named_buffers get_parameter  get_submodule
""")
"""Methods of tensors, modules, strings and containers without an effect on their receiver or arguments."""

VIEWS = words("""
    view view_as reshape flatten unflatten t transpose permute mT T H mH data detach squeeze unsqueeze
    expand  expand_as narrow diagonal real imag contiguous to float double half bfloat16 type type_as
    cpu cuda swapaxes  movedim moveaxis broadcast_to unbind split chunk tensor_split as_tensor ravel
    adjoint select get bool int long untyped_storage
""")
"""Methods and attributes whose result may share memory with their receiver."""

CREATORS = words("""
    zeros ones full empty arange linspace eye tensor zeros_like ones_like full_like empty_like clone
    new_zeros  new_ones new_full new_empty
""")
"""Functions and methods that make a new tensor."""

RANDOM_IN_PLACE = words("""
    normal_ uniform_ random_ bernoulli_ exponential_ geometric_ cauchy_ log_normal_ trunc_normal_
    kaiming_normal_  kaiming_uniform_ xavier_normal_ xavier_uniform_ orthogonal_ sparse_ dropout_
    alpha_dropout_ rrelu_
""")
"""In-place functions that draw from the random stream."""

NOT_VALUES = words("""
    requires_grad_ share_memory_ resize_ resize_as_ set_ detach_ retain_grad_ apply_ rename_
""")
"""Methods with a trailing underscore that change more than values."""

CONTAINER_WRITES = words("""
    append extend insert add update clear appendleft extendleft sort subtract
""")
"""Methods of lists, sets, dicts and deques that write to their receiver."""

ITERATORS = words("""
    parameters named_parameters modules named_modules children named_children buffers named_buffers  map
    filter zip iter enumerate reversed
""")
"""Functions and methods whose result can be walked through once."""

PLAIN_DECORATORS = words("""
    torch.no_grad torch.enable_grad torch.inference_mode torch.compile torch.compiler.disable
    torch.jit.script  contextlib.contextmanager functools.lru_cache functools.cache
""")
"""Decorators that leave the signature of a function as it is."""

OPTIMIZER_API = words("""
    step zero_grad state_dict load_state_dict add_param_group state param_groups defaults
    profile_hook_step  register_step_pre_hook register_step_post_hook register_state_dict_pre_hook
    register_state_dict_post_hook  register_load_state_dict_pre_hook register_load_state_dict_post_hook
    OptimizerPreHook OptimizerPostHook
""")
"""Attributes through which torch, or whoever drives an optimizer, may reach into a class of the genome."""

MODULE_API = words("""
    forward _call_impl _compiled_call_impl train eval
""")
"""Attributes of a module that are called without being named: a store to one may change all passes."""

TENSOR_ATTRIBUTES = words("""
    grad data requires_grad grad_fn is_leaf names shape dtype device layout real imag weight bias gains
    training  mT T H mH ndim itemsize nbytes
""")
"""Attributes of tensors and modules that mean something to torch."""

TORCH_GROUP_KEYS = words("""
    params param_names lr initial_lr max_lr min_lr betas eps weight_decay amsgrad maximize foreach
    capturable  differentiable fused momentum dampening nesterov alpha centered rho lambd t0 etas
    step_sizes max_iter max_eval  tolerance_grad tolerance_change history_size line_search_fn lr_decay
    initial_accumulator_value momentum_decay  decoupled_weight_decay ns_coefficients ns_steps
    adjust_lr_fn beta2_decay d
""")
"""Entries of parameter groups that torch's own optimizers and schedulers read."""
