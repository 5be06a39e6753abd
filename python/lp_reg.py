"""lp-reg for PyTorch: fused policy losses (Lp-Reg, GRPO, GSPO, ...) over logits [B, T, V], on CPU and CUDA tensors.

One file over ctypes and liblpreg.so; needs nothing but PyTorch (1.13 or later). Copy it, or put its folder on
PYTHONPATH.

    policy_loss = lp_reg.PolicyLoss("lp-reg", entropy_coef=0.001)
    loss, metrics, tokens = policy_loss(logits, actions=actions, old_log_probs=old, advantages=advantages)
    loss.backward()

Three forms: `PolicyLoss.__call__` (whole loss), `token_stats` (per-token operation in place of a trainer's
log-probs), `PolicyLoss.objective` (scalar stage). Names, defaults and mathematics are those of the TypeScript API in
snake_case; "§6" cites docs/semantics.md. The library is found through LPREG_LIBRARY, beside this file, or in the
package around it. On CUDA tensors nothing waits for the device: what is wrong with their values is told by
`synchronize`.
"""
import ctypes
import functools
import operator
import os
import platform
import sys
import threading
from collections.abc import Mapping
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, \
    c_uint32, c_uint64, c_uint8, c_void_p, sizeof
from typing import Any, Dict, NamedTuple, Optional, Sequence

try:
    import torch
except ImportError:  # the C ABI below works without it
    torch = None

# ------------------------------------------------------------------------------------------------------------ errors

# By lpreg_status. A workspace is this module's own, so that a bad one is a defect.
ERROR_CODES = (
    'ERR_INTERNAL', 'ERR_INTERNAL', 'ERR_TYPE', 'ERR_SHAPE', 'ERR_DTYPE', 'ERR_STRIDE', 'ERR_ALIAS', 'ERR_MISSING',
    'ERR_OPTION', 'ERR_OPTION_WITHOUT_EFFECT', 'ERR_MASK', 'ERR_ACTION_RANGE', 'ERR_NON_FINITE_INPUT',
    'ERR_NON_FINITE_LOGITS', 'ERR_NON_FINITE_LOSS', 'ERR_INTERNAL', 'ERR_OUT_OF_MEMORY', 'ERR_SNAPSHOT_TOO_LARGE',
    'ERR_ABORTED', 'ERR_BACKEND_UNAVAILABLE', 'ERR_DEVICE')


class LpRegError(Exception):
    """What this module raises on purpose.

    code: stable name such as 'ERR_OPTION' (docs/errors.md). argument: the option or input, '' if none. index: its
    first offending element or row, -1 if none. status: 'consumed' where an in-place gradient has overwritten logits.
    """

    def __init__(self, code, message, argument='', index=-1, status='untouched'):
        where = f' (first at index {index})' if index >= 0 else ''
        super().__init__(f'{code}: {argument + ": " if argument else ""}{message}{where}')
        self.code, self.argument, self.index, self.status = code, argument, index, status


# ----------------------------------------------------------------------------------- the C ABI (native/include/lpreg.h)

ABI_VERSION = 1
BACKEND_CPU, BACKEND_CUDA = 1, 2
ABSENT, HOST, DEVICE = 0, 1, 2


class _Sized(Structure):
    """A struct that begins with its own size."""

    def __init__(self, *values, **named):
        super().__init__(*values, **named)
        self.struct_size = sizeof(self)


class Error(_Sized):
    _fields_ = [('struct_size', c_size_t), ('status', c_int32), ('output_status', c_int32), ('index', c_int64),
                ('argument', c_char * 32), ('message', c_char * 256)]


class ContextOptions(_Sized):
    _fields_ = [('struct_size', c_size_t), ('backend', c_int32), ('threads', c_int32), ('device', c_int32),
                ('staging_bytes', c_int64)]


class ContextInfo(_Sized):
    _fields_ = [('struct_size', c_size_t), ('version', c_char_p), ('instruction_set', c_char_p),
                ('instruction_sets', c_char_p), ('cuda_reason', c_char_p), ('backend', c_int32), ('threads', c_int32),
                ('abi_version', c_uint32), ('device', c_int32)]


class Call(_Sized):
    _fields_ = [('struct_size', c_size_t), ('stream', c_void_p), ('cancel', c_void_p), ('rows_done', c_void_p),
                ('gradient_is_scratch', c_int32), ('host_memory', c_int32)]


class Scalar(Structure):
    _fields_ = [('kind', c_int32), ('value', c_double), ('device', c_void_p)]


class Matrix(Structure):
    _fields_ = [('data', c_void_p), ('dtype', c_int32), ('row_stride', c_int64), ('sequence_stride', c_int64)]


class Snapshot(_Sized):
    _fields_ = [('struct_size', c_size_t), ('rows', c_int64), ('capacity', c_int64), ('row_ptr', c_void_p),
                ('ids', c_void_p), ('log_q', c_void_p), ('log_kept_mass', c_void_p), ('uniform', c_void_p)]


class RowOptions(Structure):
    _fields_ = [('temperature', c_double), ('softcap', c_double), ('filter_value', c_double), ('filter_kind', c_int32),
                ('filter_on', c_int32), ('filter_empty', c_int32), ('proxy', c_int32)]


class LossOptions(_Sized):
    _fields_ = [('struct_size', c_size_t), ('row', RowOptions)] + [(name, c_int32) for name in (
        'objective', 'aggregation', 'estimator', 'reference_estimator', 'interpolation', 'select_on', 'non_finite',
        'check_first')] + [(name, c_double) for name in (
            'clip_low', 'clip_high', 'dual_clip', 'ratio_cap', 'entropy_coef', 'reference_coef', 'beta', 'rho',
            'rho_negative', 'rho_positive', 'kl_cov_percent', 'kl_cov_coef', 'clip_cov_ratio', 'cov_low', 'cov_high',
            'top_fraction', 'tau_positive', 'tau_negative')] + [('seed', c_uint64)]


class Batch(_Sized):
    _fields_ = [('struct_size', c_size_t), ('sequences', c_int64), ('tokens', c_int64), ('rows', c_int64),
                ('vocab', c_int64), ('cu_seq_lens', c_void_p), ('logits', Matrix), ('old_logits', Matrix),
                ('proxy_snapshot', POINTER(Snapshot)), ('actions', c_void_p), ('action_dtype', c_int32),
                ('advantages_per_sequence', c_int32)] + [(name, c_void_p) for name in (
                    'mask', 'old_log_probs', 'advantages', 'ref_log_probs', 'rollout_weights', 'proxy_log_probs',
                    'chosen')] + [(name, Scalar) for name in (
                        'prob_threshold', 'token_count', 'sequence_count', 'max_length')] + [
                            ('sequence_lengths', c_void_p)]


class TokenOutputs(_Sized):
    _fields_ = [('struct_size', c_size_t)] + [(name, c_void_p) for name in (
        'log_prob', 'entropy', 'log_kept_mass', 'proxy_log_prob', 'kl', 'token_loss', 'coef_log_prob', 'coef_entropy',
        'coef_kl', 'weight', 'log_sum_exp', 'keep_count', 'action_is_max', 'selected', 'clipped', 'dual_clipped',
        'candidate')]


class LossResultStruct(_Sized):
    _fields_ = [('struct_size', c_size_t)] + [(name, c_double) for name in (
        'loss', 'policy_loss', 'entropy_term', 'reference_term', 'entropy', 'clip_fraction', 'dual_clip_fraction',
        'approx_kl', 'ratio_min', 'ratio_max', 'ratio_mean', 'kept_mass', 'proxy_kl', 'kept_mass_negative',
        'kept_mass_selected', 'pull_ratio', 'prob_threshold')] + [(name, c_int64) for name in (
            'valid_count', 'negative_count', 'lowest_count', 'selected_count')]


class RowState(Structure):
    _fields_ = [('max', c_float), ('cut', c_float)] + [(name, c_double) for name in (
        'log_sum_exp', 'action_offset', 'log_prob', 'entropy', 'log_kept_mass', 'proxy_log_prob', 'kl')] + [
            ('keep_count', c_int32), ('flags', c_uint32)]


class CudaInfo(_Sized):
    _fields_ = [('struct_size', c_size_t), ('reason', c_char_p), ('advice', c_char_p), ('architectures', c_char_p),
                ('driver_version', c_int32), ('runtime_version', c_int32), ('device_count', c_int32)]


class DeviceInfo(_Sized):
    _fields_ = [('struct_size', c_size_t), ('name', c_char * 256), ('reason', c_char * 256), ('memory_bytes', c_int64),
                ('compute_capability', c_int32), ('multiprocessors', c_int32)]


def _function(*arguments, result=c_int32):
    return ctypes.CFUNCTYPE(result, *arguments)


_LOSS = (c_void_p, POINTER(LossOptions), POINTER(Batch))
_WORKSPACE = (c_void_p, c_size_t)
_RESULT = (POINTER(TokenOutputs), c_void_p, POINTER(Call), POINTER(Error))
_ROWS = (c_void_p, POINTER(RowOptions), POINTER(Batch))
_SIZE = _function(*_LOSS, POINTER(c_size_t), POINTER(Error))


class Api(Structure):
    """The function table; what this module does not call is a bare pointer."""
    _fields_ = [
        ('abi_version', c_uint32),
        ('context_create', _function(POINTER(ContextOptions), POINTER(c_void_p), POINTER(Error))),
        ('context_destroy', _function(c_void_p, result=None)),
        ('context_set_threads', _function(c_void_p, c_int32, POINTER(Error))),
        ('context_info', _function(c_void_p, POINTER(ContextInfo), POINTER(Error))),
        ('loss_workspace_size', _SIZE),
        ('loss_forward', _function(*_LOSS, *_WORKSPACE, *_RESULT)),
        ('loss_backward', _function(*_LOSS, *_WORKSPACE, Scalar, POINTER(Matrix), POINTER(Call), POINTER(Error))),
        ('loss_forward_backward', _function(*_LOSS, *_WORKSPACE, Scalar, POINTER(Matrix), *_RESULT)),
        ('token_stats', _function(*_ROWS, c_int32, c_void_p, c_void_p, POINTER(TokenOutputs), POINTER(Call),
                                  POINTER(Error))),
        ('token_stats_backward', _function(*_ROWS, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(Matrix),
                                           POINTER(Call), POINTER(Error))),
        ('objective_workspace_size', _SIZE),
        ('objective', _function(*_LOSS, POINTER(TokenOutputs), *_WORKSPACE, *_RESULT)),
        ('row_parts', c_void_p), ('row_parts_merge', c_void_p), ('row_kept', c_void_p), ('row_kept_merge', c_void_p),
        ('row_finalize', c_void_p), ('row_gradient', c_void_p),
        ('snapshot_size', _function(*_ROWS, c_void_p, c_void_p, POINTER(Call), POINTER(Error))),
        ('snapshot_write', _function(*_ROWS, c_void_p, POINTER(Snapshot), POINTER(Call), POINTER(Error))),
        ('context_synchronize', _function(c_void_p, c_void_p, POINTER(Error))),
        ('cuda_info', _function(POINTER(CudaInfo), POINTER(Error))),
        # PyTorch has a CUDA runtime of its own.
        *((name, c_void_p) for name in (
            'device_info', 'device_of_pointer', 'device_allocate', 'device_release', 'device_upload', 'device_download',
            'device_clear', 'device_synchronize', 'stream_create', 'stream_destroy')),
    ]


def _candidates():
    here = os.path.dirname(os.path.abspath(__file__))
    package = os.path.dirname(here)
    machine = {'x86_64': 'x64', 'AMD64': 'x64', 'aarch64': 'arm64'}.get(platform.machine(), platform.machine())
    return [os.path.join(here, 'liblpreg.so'), os.path.join(package, 'build', 'Release', 'liblpreg.so'),
            os.path.join(package, 'prebuilds', f'{sys.platform}-{machine}', 'liblpreg.so')]


def library_path():
    """The library in use: LPREG_LIBRARY, else the first that exists beside this file or in the package around it."""
    named = os.environ.get('LPREG_LIBRARY')
    paths = [named] if named else _candidates()
    for path in paths:
        if os.path.exists(path):
            return os.path.abspath(path)
    raise LpRegError('ERR_LIBRARY', 'liblpreg.so was not found at ' + ', '.join(paths) + (
        '; LPREG_LIBRARY names the last place to look at' if named else
        '; set LPREG_LIBRARY to its path, which `lp-reg inspect --paths` prints where the npm package is installed'))


@functools.lru_cache(maxsize=None)
def api():
    """The library's function table, loaded on first use."""
    path = library_path()
    try:
        get_api = ctypes.CDLL(path).lpreg_get_api
    except (OSError, AttributeError) as error:
        raise LpRegError('ERR_LIBRARY', f'{path} could not be loaded: {error}') from error
    get_api.argtypes, get_api.restype = [c_uint32], POINTER(Api)
    table = get_api(ABI_VERSION)
    if not table or table.contents.abi_version != ABI_VERSION:
        raise LpRegError('ERR_LIBRARY', f'{path} does not have version {ABI_VERSION} of the C ABI')
    return table.contents


def _call(function, *arguments):
    error = Error()
    status = function(*arguments, byref(error))
    if status == 0:
        return
    code = ERROR_CODES[status] if status < len(ERROR_CODES) else 'ERR_INTERNAL'
    name = error.argument.decode()
    raise LpRegError(code, error.message.decode(), ARGUMENT_NAMES.get(name, name), error.index,
                     'consumed' if error.output_status == 1 else 'untouched')


_contexts: Dict[Any, c_void_p] = {}
_contexts_lock = threading.Lock()
# Threads and device handles do not survive a fork: the child makes its own.
os.register_at_fork(after_in_child=_contexts.clear)


def _context(backend, device):
    with _contexts_lock:
        if (backend, device) not in _contexts:
            context = c_void_p()
            _call(api().context_create, byref(ContextOptions(backend=backend, device=device)), byref(context))
            _contexts[backend, device] = context
        return _contexts[backend, device]


def set_threads(threads):
    """Threads of the CPU back end; 0: as many as this process may use (the default)."""
    _call(api().context_set_threads, _context(BACKEND_CPU, 0), threads)


def inspect():
    """What is in use: library, abi_version, version, instruction_set, instruction_sets, threads; and cuda, a dict whose
    `reason` says why CUDA is off ('' when it is on) and `advice` what to do about it."""
    info, cuda = ContextInfo(), CudaInfo()
    _call(api().context_info, _context(BACKEND_CPU, 0), byref(info))
    _call(api().cuda_info, byref(cuda))
    return {'library': library_path(), **_plain_values(info, 'abi_version', 'version', 'instruction_set',
                                                       'instruction_sets', 'threads'),
            'cuda': _plain_values(cuda, *(name for name, _ in CudaInfo._fields_[1:]))}


def _plain_values(struct, *names):
    values = {name: getattr(struct, name) for name in names}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


# ----------------------------------------------------------------------------------------------------------- options

_COMMON = {'temperature': 1, 'softcap': None, 'entropy_coef': 0, 'kl_ref_coef': 0, 'kl_ref_estimator': 'k3',
           'non_finite': 'error', 'check_first': False}
_AGGREGATION = {'aggregation': 'token-mean'}
_DEFAULT_FILTER = {'kind': 'min-p', 'kappa': 0.02, 'on': 'scaled'}


def _clip(low, high):
    return {'clip_low': low, 'clip_high': high}


def _surrogate(low, high):
    return {**_clip(low, high), 'dual_clip': None, 'ratio_cap': None}


_LP_REG = {**_COMMON, **_AGGREGATION, **_surrogate(1, 9), 'beta': 1, 'filter': _DEFAULT_FILTER, 'proxy': 'current'}

# Every option of every loss with its default; None is off. In the order of lpreg_objective.
DEFAULTS = {
    'grpo': {**_COMMON, **_AGGREGATION, **_surrogate(0.2, 0.2)},
    'gspo': {**_COMMON, **_surrogate(3e-4, 4e-4)},
    'kl-cov': {**_COMMON, **_AGGREGATION, 'k_percent': 0.2, 'kl_cov_coef': 1},
    'clip-cov': {**_COMMON, **_AGGREGATION, **_surrogate(0.2, 0.2), 'clip_cov_ratio': 2e-4, 'cov_low': 1, 'cov_high': 5,
                 'seed': 0},
    '80-20': {**_COMMON, **_AGGREGATION, **_surrogate(0.2, 0.2), 'top_fraction': 0.2},
    'lp-reg paper': {**_LP_REG, 'select_on': 'current', 'rho': 0.01, 'interpolation': 'lower'},
    'lp-reg reference': {**_LP_REG, 'select_on': 'current', 'rho_neg': 0.01, 'rho_pos': 0, 'estimator': 'k3'},
    'lp-reg kept': {**_LP_REG, 'estimator': 'k3'},
    'cispo': {**_COMMON, **_AGGREGATION, **_clip(0.2, 0.2)},
    'sapo': {**_COMMON, **_AGGREGATION, 'tau_pos': 1, 'tau_neg': 1.05},
}
OBJECTIVES = tuple(DEFAULTS)
FORMS = ('paper', 'reference', 'kept')
_OFF_BY_DEFAULT = ('softcap', 'dual_clip', 'ratio_cap')

# Option -> field of lpreg_loss_options.
NUMBER_OPTIONS = {
    'clip_low': 'clip_low', 'clip_high': 'clip_high', 'dual_clip': 'dual_clip', 'ratio_cap': 'ratio_cap',
    'entropy_coef': 'entropy_coef', 'kl_ref_coef': 'reference_coef', 'beta': 'beta', 'rho': 'rho',
    'rho_neg': 'rho_negative', 'rho_pos': 'rho_positive', 'k_percent': 'kl_cov_percent', 'kl_cov_coef': 'kl_cov_coef',
    'clip_cov_ratio': 'clip_cov_ratio', 'cov_low': 'cov_low', 'cov_high': 'cov_high', 'top_fraction': 'top_fraction',
    'tau_pos': 'tau_positive', 'tau_neg': 'tau_negative', 'seed': 'seed'}
_ESTIMATORS = ('k1', 'abs', 'k2', 'k3')
# Option -> field, and its words in the order of the enumerators.
WORD_OPTIONS = {
    'aggregation': ('aggregation', (
        'token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean', 'seq-mean-token-sum-norm')),
    'estimator': ('estimator', _ESTIMATORS),
    'kl_ref_estimator': ('reference_estimator', _ESTIMATORS),
    'interpolation': ('interpolation', ('lower', 'linear')),
    'select_on': ('select_on', ('current', 'old')),
    'non_finite': ('non_finite', ('error', 'propagate'))}
PROXIES = ('none', 'current', 'old', 'stored', 'snapshot')
FILTERS = ('none', 'min-p', 'fixed')
FILTER_ON = ('scaled', 'raw')
FILTER_EMPTY = ('argmax', 'uniform')
_FILTER_KEYS = {'min-p': ('kind', 'kappa', 'on'), 'fixed': ('kind', 'tau', 'on', 'empty')}

# Result -> field of lpreg_token_outputs.
TOKEN_FIELDS = {
    'log_probs': 'log_prob', 'entropy': 'entropy', 'log_kept_mass': 'log_kept_mass',
    'proxy_log_probs': 'proxy_log_prob', 'kl': 'kl', 'token_loss': 'token_loss', 'coef_log_prob': 'coef_log_prob',
    'coef_entropy': 'coef_entropy',
    'coef_kl': 'coef_kl', 'weight': 'weight', 'log_sum_exp': 'log_sum_exp', 'keep_count': 'keep_count',
    'action_is_max': 'action_is_max', 'selected': 'selected', 'clipped': 'clipped', 'dual_clipped': 'dual_clipped',
    'candidate': 'candidate'}
_FLAGS = ('action_is_max', 'selected', 'clipped', 'dual_clipped', 'candidate')
METRIC_FIELDS = {**{name: name for name, _ in LossResultStruct._fields_[2:]}, 'ref_kl_term': 'reference_term'}
del METRIC_FIELDS['reference_term']

# What a failure calls an argument -> what the caller calls it, where the two differ.
ARGUMENT_NAMES = {
    **{field: f'tokens.{name}' for name, field in TOKEN_FIELDS.items()},
    **{field: name for name, field in NUMBER_OPTIONS.items()},
    **{field: name for name, (field, _) in WORD_OPTIONS.items()},
    'filter_kind': 'filter', 'filter_value': 'filter', 'filter_on': 'filter.on', 'filter_empty': 'filter.empty',
    'rows': 'shape', 'vocab': 'logits', 'gradient': 'into', 'd_log_prob': 'd_log_probs'}


def _index(word, words, argument):
    if word in words:
        return words.index(word)
    raise LpRegError('ERR_OPTION' if isinstance(word, str) else 'ERR_TYPE',
                     f'expected one of {", ".join(words)}, received {word!r}', argument)


def _number(value, argument):
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise LpRegError('ERR_TYPE', f'expected a number, received {value!r}', argument)
    return value


def _reject_unknown(given, known, prefix=''):
    for name in given:
        if name not in known:
            _without_effect(prefix + name, f'here; there are {", ".join(known)}')


def _row_options(temperature, softcap, filter, proxy):
    row = RowOptions(temperature=_number(temperature, 'temperature'), proxy=_index(proxy, PROXIES, 'proxy'))
    if softcap is not None:
        row.softcap = _off_or_positive(softcap, 'softcap')
    if filter is None:
        return row
    if not isinstance(filter, Mapping):
        raise LpRegError('ERR_TYPE', f'expected a dict, received {filter!r}', 'filter')
    row.filter_kind = _index(filter.get('kind'), FILTERS[1:], 'filter.kind') + 1
    keys = _FILTER_KEYS[filter['kind']]
    _reject_unknown(filter, keys, 'filter.')
    if filter.get(keys[1]) is None:
        raise LpRegError('ERR_MISSING', 'a filter needs it', f'filter.{keys[1]}')
    row.filter_value = _number(filter[keys[1]], f'filter.{keys[1]}')
    row.filter_on = _index(filter.get('on', 'scaled'), FILTER_ON, 'filter.on')
    row.filter_empty = _index(filter.get('empty', 'argmax'), FILTER_EMPTY, 'filter.empty')
    return row


def _off_or_positive(value, argument):
    if _number(value, argument) == 0:  # at the C ABI 0 is "off", which None says here
        raise LpRegError('ERR_OPTION', 'must be above 0; None is off', argument)
    return value


def _without_effect(argument, why):
    raise LpRegError('ERR_OPTION_WITHOUT_EFFECT', f'has no effect {why}', argument)


def resolve_options(objective, form=None, **given):
    """Checks names and types, fills in the defaults. Returns the loss's name in DEFAULTS and all of its options."""
    kinds = sorted({name.split()[0] for name in OBJECTIVES})
    _index(objective, kinds, 'objective')
    if objective == 'lp-reg':
        loss = f'lp-reg {FORMS[_index("paper" if form is None else form, FORMS, "form")]}'
    elif form is not None:
        _without_effect('form', 'on other losses than lp-reg')
    else:
        loss = objective
    defaults = DEFAULTS[loss]
    _reject_unknown(given, tuple(defaults))
    options = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    if given.get('kl_ref_estimator') is not None and given.get('kl_ref_coef') is None:
        _without_effect('kl_ref_estimator', 'without kl_ref_coef')
    if options['check_first'] and options['non_finite'] == 'propagate':
        _without_effect('check_first', "with non_finite='propagate', which checks nothing")
    if options.get('proxy') in ('stored', 'snapshot'):
        if given.get('filter') is not None:
            _without_effect('filter', f'with proxy={options["proxy"]!r}, filtered beforehand')
        options['filter'] = None
    return loss, options


def _loss_options(loss, options):
    """lpreg_loss_options; what the loss does not use stays 0. Ranges are checked by the library."""
    struct = LossOptions(objective=OBJECTIVES.index(loss))
    if not isinstance(options['check_first'], bool):
        raise LpRegError('ERR_TYPE', f'expected True or False, received {options["check_first"]!r}', 'check_first')
    struct.check_first = options['check_first']
    for name, field in NUMBER_OPTIONS.items():
        value = options.get(name)
        if value is not None:
            check = _off_or_positive if name in _OFF_BY_DEFAULT else _number
            setattr(struct, field, check(value, name))
    for name, (field, words) in WORD_OPTIONS.items():
        if name in options:
            setattr(struct, field, _index(options[name], words, name))
    if options['kl_ref_coef'] == 0:
        struct.reference_estimator = 0
    if loss == 'gspo':
        struct.aggregation = WORD_OPTIONS['aggregation'][1].index('seq-mean-token-mean')
    struct.row = _row_options(options['temperature'], options['softcap'], options.get('filter'),
                              options.get('proxy', 'none'))
    return struct


def _stats_fields(proxy, has_actions):
    """Per-token statistics that there are under a proxy."""
    fields = ['log_probs', 'entropy', 'log_sum_exp', 'action_is_max']
    if proxy == 'stored':
        fields.append('proxy_log_probs')
    elif proxy != 'none':
        fields += ['log_kept_mass', 'proxy_log_probs', 'kl', 'keep_count']
    return [name for name in fields if has_actions or name not in ('log_probs', 'proxy_log_probs', 'action_is_max')]


def _objective_fields(loss, options):
    fields = ['token_loss', 'coef_log_prob', 'coef_entropy', 'coef_kl', 'weight', 'selected', 'clipped']
    if options.get('dual_clip') is not None:
        fields.append('dual_clipped')
    return fields + (['candidate'] if loss == 'clip-cov' else [])


def _stage_statistics(loss, options):
    """Statistics that the scalar stage of a loss reads, apart from stored proxies, which are an input."""
    statistics = ['log_probs']
    if options['entropy_coef'] != 0 or loss == '80-20':
        statistics.append('entropy')
    if options.get('proxy', 'stored') != 'stored':
        statistics.append('proxy_log_probs')
    return statistics + {'lp-reg paper': ['log_kept_mass', 'kl'], 'lp-reg kept': ['action_is_max']}.get(loss, [])


def default_outputs(loss, options):
    """Per-token results given by default: all but two that few want, and a KL that would cost a sweep of its own."""
    proxy = options.get('proxy', 'none')
    wants_kl = proxy == 'current' or loss == 'lp-reg paper'
    unwanted = ('log_sum_exp', 'action_is_max') + (() if wants_kl else ('kl',))
    fields = _stats_fields(proxy, True) + _objective_fields(loss, options)
    return [name for name in fields if name not in unwanted]


def _outputs(asked, offered, by_default):
    if asked is None:
        return ','.join(by_default)
    for name in asked:
        if name not in offered:
            known = name in TOKEN_FIELDS
            raise LpRegError('ERR_OPTION_WITHOUT_EFFECT' if known else 'ERR_OPTION',
                             f'{name} does not apply here' if known else f'there is no field {name!r}', 'outputs')
    return ','.join(asked)


# ------------------------------------------------------------------------------------------------- tensors to structs

class ProxySnapshot(NamedTuple):
    """Proxies of an older policy in compressed rows, made by `proxy_snapshot`: q of row i is exp(log_q[k]) at ids[k],
    row_ptr[i] <= k < row_ptr[i+1], or 1/V everywhere where uniform[i] is 1."""
    row_ptr: Any  # int64 [N + 1]
    ids: Any  # int32
    log_q: Any  # float32
    log_kept_mass: Any  # float32 [N]
    uniform: Any  # uint8 [N]


_SNAPSHOT = ProxySnapshot._fields
_FLOATS = ('old_log_probs', 'advantages', 'ref_log_probs', 'rollout_weights', 'proxy_log_probs')
_SCALARS = ('prob_threshold', 'token_count', 'sequence_count', 'max_length')
_OBJECTIVE_INPUTS = (*_FLOATS, 'mask', 'cu_seq_lens', 'chosen', 'sequence_lengths', *_SCALARS)
# Token statistics that the scalar stage reads; those that take a gradient come first.
_DIFFERENTIABLE_STATISTICS = ('log_probs', 'entropy', 'kl')
_STATISTICS = (*_DIFFERENTIABLE_STATISTICS, 'log_kept_mass', 'proxy_log_probs', 'action_is_max')
# Every tensor that an operation may be given beside the logits, in this order.
_INPUTS = ('actions', 'old_logits', *_OBJECTIVE_INPUTS, *_SNAPSHOT, *(f'stats_{name}' for name in _STATISTICS))


class _Place(NamedTuple):
    """Where a call runs."""
    backend: int
    device: int
    stream: Optional[int]


def _place(tensor):
    if tensor.device.type == 'cpu':
        return _Place(BACKEND_CPU, 0, None)
    if tensor.device.type == 'cuda':
        return _Place(BACKEND_CUDA, tensor.device.index, torch.cuda.current_stream(tensor.device).cuda_stream)
    raise LpRegError('ERR_BACKEND_UNAVAILABLE', f'tensors on {tensor.device.type} are not supported', 'logits')


def _rows(shape):
    return functools.reduce(operator.mul, shape, 1)


def _pointer(tensor):
    return None if tensor is None else tensor.data_ptr()


def _dtype(tensor, argument):
    kinds = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}
    if tensor.dtype not in kinds:
        raise LpRegError('ERR_DTYPE', f'expected float32, float16 or bfloat16, received {tensor.dtype}', argument)
    return kinds[tensor.dtype]


def _matrix(tensor, argument):
    """lpreg_matrix of logits [B, T, V] or [N, V]; every stride but the vocabulary's is free."""
    if tensor is None:
        return Matrix()
    *outer, vocab = tensor.shape
    if vocab > 1 and tensor.stride(-1) != 1:
        raise LpRegError('ERR_STRIDE', 'the vocabulary must have stride 1', argument)
    row_stride = tensor.stride(-2) if outer[-1] > 1 else vocab
    sequence_stride = tensor.stride(0) if len(outer) == 2 and outer[0] > 1 else 0
    if sequence_stride == 0 and len(outer) == 2 and outer[0] > 1:
        raise LpRegError('ERR_STRIDE', 'sequences overlap', argument)
    return Matrix(tensor.data_ptr(), _dtype(tensor, argument), row_stride, sequence_stride)


def _scalar(tensor):
    if tensor is None:
        return Scalar(ABSENT, 0, None)
    if _place(tensor).backend == BACKEND_CPU:
        return Scalar(HOST, tensor.item(), None)
    return Scalar(DEVICE, 0, tensor.data_ptr())


def _batch(shape, logits, inputs):
    """lpreg_batch of tensors that `_checked_inputs` has prepared; `shape` is [B, T] or [N]."""
    rows, packed = _rows(shape), inputs['cu_seq_lens']
    batch = Batch(sequences=shape[0], tokens=shape[1], rows=rows) if len(shape) == 2 else Batch(
        sequences=rows if packed is None else packed.numel() - 1, tokens=1, rows=rows)
    if logits is not None:
        batch.vocab = logits.shape[-1]
        batch.logits = _matrix(logits, 'logits')
    batch.old_logits = _matrix(inputs['old_logits'], 'old_logits')
    for name in (*_FLOATS, 'actions', 'mask', 'cu_seq_lens', 'chosen', 'sequence_lengths'):
        setattr(batch, name, _pointer(inputs[name]))
    for name in _SCALARS:
        setattr(batch, name, _scalar(inputs[name]))
    batch.action_dtype = int(inputs['actions'] is not None and inputs['actions'].dtype == torch.int64)
    advantages = inputs['advantages']
    batch.advantages_per_sequence = int(advantages is not None and advantages.numel() != rows)
    if inputs['row_ptr'] is not None:
        arrays = {name: inputs[name].data_ptr() for name in _SNAPSHOT}
        batch.proxy_snapshot = ctypes.pointer(Snapshot(rows=rows, capacity=inputs['ids'].numel(), **arrays))
    return batch


def _shaped(tensor, shape, argument, per_sequence=None):
    """Throws unless the tensor has the batch's shape, or is flat, or has one element per sequence where allowed."""
    allowed = [tuple(shape), (_rows(shape),)] + ([] if per_sequence is None else [(per_sequence,)])
    if tuple(tensor.shape) not in allowed:
        expected = ' or '.join(map(str, allowed))
        raise LpRegError('ERR_SHAPE', f'expected {expected}, received {tuple(tensor.shape)}', argument)


def _typed(tensor, dtypes, argument):
    if tensor.dtype not in dtypes:
        names = ' or '.join(str(dtype).replace('torch.', '') for dtype in dtypes)
        raise LpRegError('ERR_DTYPE', f'expected {names}, received {tensor.dtype}', argument)
    return tensor


def _scalar_tensor(value, name):
    if isinstance(value, torch.Tensor):
        _shaped(value, (), name)
        return value.detach().to(torch.float64)
    return torch.tensor(float(_number(value, name)), dtype=torch.float64)


def _checked_input(name, value, shape, sequences):
    """One input as the C ABI takes it: dtype converted where nothing is lost, contiguous."""
    if name in _SCALARS:
        return _scalar_tensor(value, name)
    if name == 'sequence_lengths':
        value = torch.as_tensor(value, dtype=torch.float64)
    if not isinstance(value, torch.Tensor):
        raise LpRegError('ERR_TYPE', f'expected a tensor, received {value!r}', name)
    if name == 'cu_seq_lens':
        return _typed(value, (torch.int32, torch.int64), name).to(torch.int64).contiguous()
    if name == 'sequence_lengths':
        _shaped(value, (sequences,), name)
        return value.contiguous()
    _shaped(value, shape, name, sequences if name == 'advantages' else None)
    if name == 'actions':
        return _typed(value, (torch.int32, torch.int64), name).contiguous()
    if name in ('mask', 'chosen', 'stats_action_is_max'):
        return _typed(value, (torch.bool, torch.uint8), name).contiguous().view(torch.uint8)
    return _typed(value, (torch.float32, torch.float16, torch.bfloat16), name).to(torch.float32).contiguous()


def _checked_inputs(shape, device, given):
    """Prepared tensors in the order of _INPUTS, None where absent."""
    given = dict(given)
    snapshot = given.pop('proxy_snapshot', None)
    old_logits = given.pop('old_logits', None)
    packed = given.get('cu_seq_lens')
    sequences = shape[0] if len(shape) == 2 else None if packed is None else packed.numel() - 1
    inputs = {name: _checked_input(name, value, shape, sequences)
              for name, value in given.items() if value is not None}
    if snapshot is not None:
        inputs.update(zip(_SNAPSHOT, snapshot))
    if old_logits is not None:
        inputs['old_logits'] = old_logits.detach()
    for name, tensor in inputs.items():
        if tensor.device != device and name not in _SCALARS:
            raise LpRegError('ERR_TYPE', f'lies on {tensor.device}, the batch on {device}', name)
    return [inputs.get(name) for name in _INPUTS]


_PACKED = 'rows without a batch dimension are packed, and the loss must know their sequences'


def _checked_logits(logits, cu_seq_lens, needs_sequences):
    if torch is None:
        raise LpRegError('ERR_LIBRARY', 'PyTorch is not installed')
    if not isinstance(logits, torch.Tensor):
        raise LpRegError('ERR_TYPE', f'expected a tensor, received {type(logits).__name__}', 'logits')
    if logits.dim() not in (2, 3):
        raise LpRegError('ERR_SHAPE', f'expected [B, T, V] or [N, V], received {tuple(logits.shape)}', 'logits')
    if logits.dim() == 2 and needs_sequences and cu_seq_lens is None:
        raise LpRegError('ERR_MISSING', _PACKED, 'cu_seq_lens')
    if logits.dim() == 3 and cu_seq_lens is not None:
        _without_effect('cu_seq_lens', 'on logits [B, T, V]')
    _dtype(logits, 'logits')
    return logits.shape[:-1]


def _require(given, *names):
    for name in names:
        if given.get(name) is None:
            raise LpRegError('ERR_MISSING', 'the loss needs it', name)


# --------------------------------------------------------------------------------------------- operations on tensors
# Plain functions over prepared tensors; options travel as the bytes of their struct in hexadecimal, outputs as
# 'name,name', so that all of it fits the schema of a registered operator.

@functools.lru_cache(maxsize=256)
def _decoded(struct, text):
    return struct.from_buffer_copy(bytes.fromhex(text))


def _encoded(struct):
    return bytes(struct).hex()


@functools.lru_cache(maxsize=256)
def _workspace_plan(options, backend, device, objective):
    """Bytes of a workspace as (fixed, per row, per sequence): an upper bound that also holds for symbolic sizes."""
    size = api().objective_workspace_size if objective else api().loss_workspace_size

    def ask(sequences, tokens):
        answer = c_size_t()
        batch = Batch(sequences=sequences, tokens=tokens, rows=sequences * tokens, vocab=2)
        _call(size, _context(backend, device), byref(_decoded(LossOptions, options)), byref(batch), byref(answer))
        return answer.value

    many = 1 << 20
    none, rows, sequences = ask(0, 0), ask(1, many), ask(many, 1)
    return none + 65536, -(-(rows - none) // many), max(0, -(-(sequences - rows) // many))


def _workspace(options, shape, like, sequences, objective=False):
    place = _place(like)
    fixed, per_row, per_sequence = _workspace_plan(options, place.backend, place.device, objective)
    return like.new_empty((fixed + per_row * _rows(shape) + per_sequence * sequences,), dtype=torch.uint8)


def _sequences(shape, inputs):
    packed = inputs[_INPUTS.index('cu_seq_lens')]
    return shape[0] if packed is None else packed.shape[0] - 1


def _token_tensors(outputs, shape, like):
    """Memory of the asked outputs: float32 [F, ...], int32 [C, ...], uint8 [U, ...] with the batch's shape."""
    names = outputs.split(',') if outputs else []
    flags = sum(name in _FLAGS for name in names)
    counts = names.count('keep_count')
    return (like.new_empty((len(names) - flags - counts, *shape), dtype=torch.float32),
            like.new_empty((counts, *shape), dtype=torch.int32), like.new_empty((flags, *shape), dtype=torch.uint8))


def _split_tokens(outputs, tensors):
    """name -> its slice of the tensors of `_token_tensors`."""
    queues = [iter(tensor.unbind(0)) for tensor in tensors]
    names = outputs.split(',') if outputs else []
    return {name: next(queues[2 if name in _FLAGS else 1 if name == 'keep_count' else 0]) for name in names}


def _output_struct(named):
    return TokenOutputs(**{TOKEN_FIELDS[name]: tensor.data_ptr() for name, tensor in named.items()})


def _result_tensor(like):
    """lpreg_loss_result as float64 elements; counts are read through a view of int64."""
    result = like.new_empty((sizeof(LossResultStruct) // 8,), dtype=torch.float64)
    if _place(like).backend == BACKEND_CPU:
        c_size_t.from_address(result.data_ptr()).value = sizeof(LossResultStruct)
    return result


def _loss_of(result):
    return result[LossResultStruct.loss.offset // 8].to(torch.float32)


def _call_struct(place):
    return byref(Call(stream=place.stream))


def _loss_forward(logits, *rest):
    *inputs, options, outputs = rest
    place, shape = _place(logits), logits.shape[:-1]
    workspace = _workspace(options, shape, logits, _sequences(shape, inputs))
    result, tokens = _result_tensor(logits), _token_tensors(outputs, shape, logits)
    _call(api().loss_forward, _context(place.backend, place.device), byref(_decoded(LossOptions, options)),
          byref(_batch(shape, logits, dict(zip(_INPUTS, inputs)))), workspace.data_ptr(), workspace.numel(),
          byref(_output_struct(_split_tokens(outputs, tokens))), result.data_ptr(), _call_struct(place))
    return (_loss_of(result), result, workspace, *tokens)


def _loss_forward_fake(logits, *rest):
    *inputs, options, outputs = rest
    shape = logits.shape[:-1]
    return (logits.new_empty((), dtype=torch.float32),
            logits.new_empty((sizeof(LossResultStruct) // 8,), dtype=torch.float64),
            _workspace(options, shape, logits, _sequences(shape, inputs)), *_token_tensors(outputs, shape, logits))


def _empty_like_dense(logits):
    return logits.new_empty(logits.shape)


def _loss_backward(grad_output, workspace, logits, *rest):
    *inputs, options = rest
    place, gradient = _place(logits), _empty_like_dense(logits)
    scale = grad_output.to(torch.float64)
    _call(api().loss_backward, _context(place.backend, place.device), byref(_decoded(LossOptions, options)),
          byref(_batch(logits.shape[:-1], logits, dict(zip(_INPUTS, inputs)))), workspace.data_ptr(), workspace.numel(),
          _scalar(scale), byref(_matrix(gradient, 'into')), _call_struct(place))
    return gradient


def _plain(outputs):
    return ','.join(name for name in outputs.split(',') if name not in _DIFFERENTIABLE_STATISTICS)


def _stats_tensors(logits, options, outputs):
    """Memory of one statistics pass: the results that take a gradient (empty where not asked), states, others."""
    shape, names = logits.shape[:-1], outputs.split(',')
    rows, is_old = _rows(shape), _decoded(RowOptions, options).proxy == PROXIES.index('old')
    return (*(logits.new_empty(shape if name in names else (0,), dtype=torch.float32)
              for name in _DIFFERENTIABLE_STATISTICS),
            logits.new_empty((rows, sizeof(RowState)), dtype=torch.uint8),
            logits.new_empty((rows if is_old else 0, sizeof(RowState)), dtype=torch.uint8),
            *_token_tensors(_plain(outputs), shape, logits))


def _stats_by_name(outputs, made):
    first = {name: tensor for name, tensor in zip(_DIFFERENTIABLE_STATISTICS, made) if name in outputs.split(',')}
    return {**first, **_split_tokens(_plain(outputs), made[5:])}


def _stats_forward(logits, *rest):
    *inputs, options, non_finite, outputs = rest
    place, shape, row = _place(logits), logits.shape[:-1], _decoded(RowOptions, options)
    made = _stats_tensors(logits, options, outputs)
    states, proxy_states = made[3:5]
    _call(api().token_stats, _context(place.backend, place.device), byref(row),
          byref(_batch(shape, logits, dict(zip(_INPUTS, inputs)))), non_finite, states.data_ptr(),
          proxy_states.data_ptr() if proxy_states.numel() else None,
          byref(_output_struct(_stats_by_name(outputs, made))), _call_struct(place))
    return made


def _stats_forward_fake(logits, *rest):
    *_, options, _, outputs = rest
    return _stats_tensors(logits, options, outputs)


def _stats_backward(d_log_prob, d_entropy, d_kl, states, proxy_states, logits, *rest):
    *inputs, options = rest
    place, gradient = _place(logits), _empty_like_dense(logits)
    cotangents = [None if d is None or d.numel() == 0 else d.to(torch.float32).contiguous()
                  for d in (d_log_prob, d_entropy, d_kl)]
    _call(api().token_stats_backward, _context(place.backend, place.device), byref(_decoded(RowOptions, options)),
          byref(_batch(logits.shape[:-1], logits, dict(zip(_INPUTS, inputs)))), states.data_ptr(),
          proxy_states.data_ptr() if proxy_states.numel() else None, *map(_pointer, cotangents),
          byref(_matrix(gradient, 'into')), _call_struct(place))
    return gradient


def _objective_forward(*rest):
    *inputs, options, outputs = rest
    named = dict(zip(_INPUTS, inputs))
    log_probs = named['stats_log_probs']
    place, shape = _place(log_probs), log_probs.shape
    workspace = _workspace(options, shape, log_probs, _sequences(shape, inputs), True)
    result, tokens = _result_tensor(log_probs), _token_tensors(outputs, shape, log_probs)
    coefficients = log_probs.new_empty((3, *shape))
    statistics = TokenOutputs(**{TOKEN_FIELDS[name]: _pointer(named[f'stats_{name}']) for name in _STATISTICS})
    written = _output_struct(_split_tokens(outputs, tokens))
    for field, tensor in zip(('coef_log_prob', 'coef_entropy', 'coef_kl'), coefficients):
        setattr(written, field, tensor.data_ptr())
    _call(api().objective, _context(place.backend, place.device), byref(_decoded(LossOptions, options)),
          byref(_batch(shape, None, named)), byref(statistics), workspace.data_ptr(), workspace.numel(), byref(written),
          result.data_ptr(), _call_struct(place))
    for name, tensor in _split_tokens(outputs, tokens).items():
        if name.startswith('coef_'):
            tensor.copy_(coefficients[('coef_log_prob', 'coef_entropy', 'coef_kl').index(name)])
    return (_loss_of(result), result, coefficients, *tokens)


def _objective_forward_fake(*rest):
    *inputs, _, outputs = rest
    log_probs = inputs[_INPUTS.index('stats_log_probs')]
    return (log_probs.new_empty((), dtype=torch.float32),
            log_probs.new_empty((sizeof(LossResultStruct) // 8,), dtype=torch.float64),
            log_probs.new_empty((3, *log_probs.shape)), *_token_tensors(outputs, log_probs.shape, log_probs))


# ---------------------------------------------------------------------------------------------------------- autograd
# Where torch.library can register operators with autograd (2.4 and later), it does, and torch.compile takes them into
# its graph as they are; elsewhere the same functions make a torch.autograd.Function.

_COUNT = len(_INPUTS)


def _run(name, *arguments):
    return getattr(torch.ops.lp_reg, name)(*arguments) if _registered else _OPERATIONS[name][0](*arguments)


def _loss_context(ctx, inputs, output):
    logits, *rest = inputs
    ctx.set_materialize_grads(False)
    ctx.options = rest[_COUNT]
    ctx.save_for_backward(logits, output[2], *rest[:_COUNT])


def _loss_vjp(ctx, grad_loss, *_):
    logits, workspace, *inputs = ctx.saved_tensors
    gradient = None if grad_loss is None else _run('loss_backward', grad_loss, workspace, logits, *inputs, ctx.options)
    return (gradient, *[None] * (_COUNT + 2))


def _stats_context(ctx, inputs, output):
    logits, *rest = inputs
    ctx.set_materialize_grads(False)
    ctx.options = rest[_COUNT]
    ctx.save_for_backward(logits, output[3], output[4], *rest[:_COUNT])


def _stats_vjp(ctx, *cotangents):
    logits, states, proxy_states, *inputs = ctx.saved_tensors
    wanted = [None if d is None or d.numel() == 0 else d for d in cotangents[:3]]
    gradient = None if wanted == [None] * 3 else _run('stats_backward', *wanted, states, proxy_states, logits, *inputs,
                                                      ctx.options)
    return (gradient, *[None] * (_COUNT + 3))


def _objective_context(ctx, inputs, output):
    ctx.set_materialize_grads(False)
    ctx.given = [tensor is not None for tensor in inputs[:_COUNT]]
    ctx.save_for_backward(output[2])


def _objective_vjp(ctx, grad_loss, *_):
    gradients = [None] * (_COUNT + 2)
    (coefficients,) = ctx.saved_tensors
    first = _INPUTS.index('stats_log_probs')
    for i in range(len(_DIFFERENTIABLE_STATISTICS)):
        if grad_loss is not None and ctx.given[first + i]:
            gradients[first + i] = grad_loss * coefficients[i]
    return tuple(gradients)


def _function_of(forward, context, vjp, differentiable):
    """A torch.autograd.Function; of its outputs the first `differentiable` take a gradient."""

    def run(ctx, *inputs):
        output = forward(*inputs)
        context(ctx, inputs, output)
        ctx.mark_non_differentiable(*output[differentiable:])
        return output

    members = {'forward': staticmethod(run), 'backward': staticmethod(torch.autograd.function.once_differentiable(vjp))}
    return type(f'LpReg{forward.__name__}', (torch.autograd.Function,), members)


# Name -> implementation, implementation without data, schema's arguments, number of results.
_TENSORS = ', '.join(f'Tensor? {name}' for name in _INPUTS)
_OPERATIONS = {
    'loss': (_loss_forward, _loss_forward_fake, f'Tensor logits, {_TENSORS}, str options, str outputs', 6),
    'loss_backward': (_loss_backward, lambda g, w, logits, *_: _empty_like_dense(logits),
                      f'Tensor grad_output, Tensor workspace, Tensor logits, {_TENSORS}, str options', 1),
    'stats': (_stats_forward, _stats_forward_fake,
              f'Tensor logits, {_TENSORS}, str options, int non_finite, str outputs', 8),
    'stats_backward': (_stats_backward, lambda a, b, c, s, p, logits, *_: _empty_like_dense(logits),
                       'Tensor? d_log_prob, Tensor? d_entropy, Tensor? d_kl, Tensor states, Tensor proxy_states, '
                       f'Tensor logits, {_TENSORS}, str options', 1),
    'objective': (_objective_forward, _objective_forward_fake, f'{_TENSORS}, str options, str outputs', 6),
}
_registered = torch is not None and hasattr(torch.library, 'custom_op')


def _register():
    operators = {}
    for name, (implementation, fake, arguments, results) in _OPERATIONS.items():
        returned = 'Tensor' if results == 1 else f'({", ".join(["Tensor"] * results)})'
        made = torch.library.custom_op(f'lp_reg::{name}', implementation, mutates_args=(),
                                       schema=f'({arguments}) -> {returned}')
        made.register_fake(fake)
        operators[name] = made
    for name, (_, context, vjp, _) in _DIFFERENTIABLE.items():
        operators[name].register_autograd(vjp, setup_context=context)


_DIFFERENTIABLE = {
    'loss': (_loss_forward, _loss_context, _loss_vjp, 1),
    'stats': (_stats_forward, _stats_context, _stats_vjp, 3),
    'objective': (_objective_forward, _objective_context, _objective_vjp, 1),
}
if _registered:
    _register()
elif torch is not None:
    _FUNCTIONS = {name: _function_of(*parts) for name, parts in _DIFFERENTIABLE.items()}


def _apply(name, *arguments):
    return _run(name, *arguments) if _registered else _FUNCTIONS[name].apply(*arguments)


# -------------------------------------------------------------------------------------------------------- public API

class Metrics(Mapping):
    """Scalars of a batch (docs/semantics.md): name -> 0-dimensional tensor on the batch's device, so that looking at
    one waits for nothing. `floats()` brings all of them to the host at once. NaN: not applicable or not computed."""

    def __init__(self, result):
        self._result = result

    def __getitem__(self, name):
        field = getattr(LossResultStruct, METRIC_FIELDS[name])
        is_count = name.endswith('_count')
        return (self._result.view(torch.int64) if is_count else self._result)[field.offset // 8]

    def __iter__(self):
        return iter(METRIC_FIELDS)

    def __len__(self):
        return len(METRIC_FIELDS)

    def floats(self):
        host = Metrics(self._result.cpu())
        return {name: host[name].item() for name in self}


class LossResult(NamedTuple):
    """loss: float32 scalar tensor. metrics: `Metrics`. tokens: name -> tensor of the batch's shape, no gradient."""
    loss: Any
    metrics: Metrics
    tokens: Dict[str, Any]


class PolicyLoss:
    """A policy loss. Options are those of the TypeScript API in snake_case (`lp_reg.DEFAULTS` lists them all); the
    back end follows the tensors. Raises LpRegError for unknown options, wrong types and values out of range.

    stats_options: keyword arguments with which `token_stats` gives what `objective` reads, and nothing else.
    """

    def __init__(self, objective, form=None, **options):
        self.loss_name, self.options = resolve_options(objective, form, **options)
        self._struct = _loss_options(self.loss_name, self.options)
        self._encoded = _encoded(self._struct)
        self._default_outputs = default_outputs(self.loss_name, self.options)
        proxy = self.options.get('proxy', 'none')
        row = {name: self.options[name] for name in ('temperature', 'softcap', 'non_finite')}
        filtered = {} if proxy in ('none', 'stored') else {'filter': self.options['filter'], 'proxy': proxy}
        self.stats_options = {**row, **filtered, 'outputs': _stage_statistics(self.loss_name, self.options)}
        self._scalar_fields = _objective_fields(self.loss_name, self.options)
        self._all_fields = _stats_fields(proxy, True) + self._scalar_fields
        _workspace_plan(self._encoded, BACKEND_CPU, 0, False)  # has the library check every range

    def __call__(self, logits, *, actions, old_log_probs, advantages, outputs: Optional[Sequence[str]] = None,
                 **inputs):
        """Loss that autograd can take back to the logits.

        logits: [B, T, V], or [N, V] with `cu_seq_lens`; float32, float16 or bfloat16; any strides but the
        vocabulary's. actions: int32 or int64; old_log_probs, advantages (also [B]): float32, float16 or bfloat16; all
        of shape [B, T] or flat. Further inputs, by keyword: mask (bool or uint8), cu_seq_lens, old_logits,
        proxy_snapshot, ref_log_probs, rollout_weights, proxy_log_probs, chosen, sequence_lengths, and as numbers or
        scalar tensors prob_threshold, token_count, sequence_count, max_length.
        outputs: names of the per-token results; default: see `default_outputs`.
        The gradient takes one more read and one write of the logits; `forward_backward` can do with less.
        """
        given = dict(inputs, actions=actions, old_log_probs=old_log_probs, advantages=advantages)
        prepared = self._prepare(logits, given)
        fields = _outputs(outputs, self._all_fields, self._default_outputs)
        loss, result, _, *tokens = _apply('loss', logits, *prepared, self._encoded, fields)
        return self._result(loss, result, fields, tokens)

    def forward_backward(self, logits, *, actions, old_log_probs, advantages, into=None, grad_output=1.0,
                         outputs: Optional[Sequence[str]] = None, **inputs):
        """Loss and gradient in one call, and where the loss allows it in one pass over the logits, without autograd.

        into: where the gradient goes, the logits themselves for in place; a dense tensor of its own by default.
        Returns (LossResult, gradient); hand it on with `logits.backward(gradient)`. Not for use under torch.compile.
        """
        given = dict(inputs, actions=actions, old_log_probs=old_log_probs, advantages=advantages)
        prepared = self._prepare(logits, given)
        fields = _outputs(outputs, self._all_fields, self._default_outputs)
        logits, gradient = logits.detach(), _empty_like_dense(logits) if into is None else into.detach()
        if gradient.shape != logits.shape:
            raise LpRegError('ERR_SHAPE', f'expected {tuple(logits.shape)}, received {tuple(gradient.shape)}', 'into')
        place, shape = _place(logits), logits.shape[:-1]
        workspace = _workspace(self._encoded, shape, logits, _sequences(shape, prepared))
        result, tokens = _result_tensor(logits), _token_tensors(fields, shape, logits)
        scale = _scalar_tensor(grad_output, 'grad_output')
        call = Call(stream=place.stream, gradient_is_scratch=int(into is None))
        _call(api().loss_forward_backward, _context(place.backend, place.device), byref(self._struct),
              byref(_batch(shape, logits, dict(zip(_INPUTS, prepared)))), workspace.data_ptr(), workspace.numel(),
              _scalar(scale), byref(_matrix(gradient, 'into')), byref(_output_struct(_split_tokens(fields, tokens))),
              result.data_ptr(), byref(call))
        return self._result(_loss_of(result), result, fields, tokens), gradient

    def objective(self, tokens: Mapping, *, old_log_probs, advantages, outputs: Optional[Sequence[str]] = None,
                  **inputs):
        """Scalar stage, for trainers that expose log-probs only: loss that autograd can take back to the statistics.

        tokens: `log_probs` [B, T] (or [N] with `cu_seq_lens`), and what the loss needs of `entropy`, `kl`,
        `log_kept_mass`, `proxy_log_probs`, `action_is_max`; the first three take a gradient. Other inputs as above.
        With proxy='stored', `proxy_log_probs` are an input, not a statistic.
        """
        if torch is None:
            raise LpRegError('ERR_LIBRARY', 'PyTorch is not installed')
        _reject_unknown(tokens, _STATISTICS, 'tokens.')
        if tokens.get('log_probs') is None:
            raise LpRegError('ERR_MISSING', 'the scalar stage needs it', 'tokens.log_probs')
        _reject_unknown(inputs, _OBJECTIVE_INPUTS)
        shape = tokens['log_probs'].shape
        if len(shape) == 1 and inputs.get('cu_seq_lens') is None:
            raise LpRegError('ERR_MISSING', _PACKED, 'cu_seq_lens')
        given = dict(inputs, old_log_probs=old_log_probs, advantages=advantages,
                     **{f'stats_{name}': tensor for name, tensor in tokens.items()})
        _require(given, 'old_log_probs', 'advantages')
        if self.options.get('proxy') == 'stored':
            if tokens.get('proxy_log_probs') is not None:
                _without_effect('tokens.proxy_log_probs', "with proxy='stored'; give proxy_log_probs beside tokens")
            given['stats_proxy_log_probs'] = inputs.get('proxy_log_probs')
        prepared = _checked_inputs(shape, tokens['log_probs'].device, given)
        default = [name for name in self._default_outputs if name in self._scalar_fields]
        fields = _outputs(outputs, self._scalar_fields, default)
        loss, result, _, *tensors = _apply('objective', *prepared, self._encoded, fields)
        return self._result(loss, result, fields, tensors)

    def _prepare(self, logits, given):
        _reject_unknown(given, ('actions', *_OBJECTIVE_INPUTS, 'old_logits', 'proxy_snapshot'))
        shape = _checked_logits(logits, given.get('cu_seq_lens'), True)
        _require(given, 'actions', 'old_log_probs', 'advantages')
        return _checked_inputs(shape, logits.device, given)

    @staticmethod
    def _result(loss, result, fields, tokens):
        return LossResult(loss, Metrics(result.detach()), {
            name: tensor for name, tensor in _split_tokens(fields, [tensor.detach() for tensor in tokens]).items()})


def _encoded_row_options(temperature, softcap, filter, proxy):
    return _encoded(_row_options(temperature, softcap, filter, proxy))


if _registered:  # structs are nothing that a compiler could trace
    _encoded_row_options = torch.compiler.assume_constant_result(_encoded_row_options)


def token_stats(logits, actions=None, *, mask=None, filter=None, proxy=None, old_logits=None, proxy_snapshot=None,
                temperature=1, softcap=None, non_finite='error', outputs: Optional[Sequence[str]] = None):
    """Per-token operation in place of a trainer's log-probs (§1). Returns name -> tensor of the batch's shape.

    `log_probs` (with actions), `entropy` and `kl` (with a proxy) take a gradient; the others are `log_sum_exp`,
    `action_is_max`, `log_kept_mass`, `proxy_log_probs`, `keep_count`. logits: [B, T, V] or [N, V].
    proxy: None (no filter), 'current' (default with a filter), 'old' with `old_logits`, 'snapshot' with
    `proxy_snapshot`.
    """
    shape = _checked_logits(logits, None, False)
    proxy = ('none' if filter is None else 'current') if proxy is None else proxy
    if proxy == 'stored':
        raise LpRegError('ERR_OPTION', 'stored log-probs need no statistics', 'proxy')
    options = _encoded_row_options(temperature, softcap, filter, proxy)
    words = WORD_OPTIONS['non_finite'][1]
    given = {'actions': actions, 'mask': mask, 'old_logits': old_logits, 'proxy_snapshot': proxy_snapshot}
    prepared = _checked_inputs(shape, logits.device, given)
    offered = _stats_fields(proxy, actions is not None)
    fields = _outputs(outputs, offered, offered)
    made = _apply('stats', logits, *prepared, options, _index(non_finite, words, 'non_finite'), fields)
    named = _stats_by_name(fields, (*made[:5], *(tensor.detach() for tensor in made[5:])))
    return {name: named[name] for name in fields.split(',') if name}


def proxy_snapshot(logits, *, filter, mask=None, temperature=1, softcap=None, max_entries=None):
    """Compressed proxy of these logits, for a later policy's `proxy='snapshot'` at the same temperature.

    max_entries: raises ERR_SNAPSHOT_TOO_LARGE where the kept sets hold more, on CUDA in `synchronize`; default: as many
    as there are, which on CUDA waits for the stream.
    """
    shape = _checked_logits(logits, None, False)
    place = _place(logits)
    row = _row_options(temperature, softcap, filter, 'current')
    batch = _batch(shape, logits, dict(zip(_INPUTS, _checked_inputs(shape, logits.device, {'mask': mask}))))
    context, call = _context(place.backend, place.device), _call_struct(place)
    rows, size = batch.rows, max_entries
    states = logits.new_empty((rows, sizeof(RowState)), dtype=torch.uint8)
    if size is None:
        entries = logits.new_empty((1,), dtype=torch.int64)
        _call(api().snapshot_size, context, byref(row), byref(batch), states.data_ptr(), entries.data_ptr(), call)
        _call(api().context_synchronize, context, place.stream)  # the count of a bad batch would be no size
        size = entries.item()
    made = ProxySnapshot(
        logits.new_empty((rows + 1,), dtype=torch.int64), logits.new_empty((size,), dtype=torch.int32),
        logits.new_empty((size,), dtype=torch.float32), logits.new_empty((rows,), dtype=torch.float32),
        logits.new_empty((rows,), dtype=torch.uint8))
    struct = Snapshot(rows=rows, capacity=size, **{name: tensor.data_ptr() for name, tensor in made._asdict().items()})
    _call(api().snapshot_write, context, byref(row), byref(batch), states.data_ptr(), byref(struct), call)
    return made


def synchronize(device=None):
    """Waits for the current stream and raises what the kernels have found wrong since the last call: on CUDA tensors
    bad masks and actions and non-finite values are told here. device: as of torch.device; default: the current one."""
    device = torch.device('cuda', torch.cuda.current_device()) if device is None else torch.device(device)
    place = _place(torch.empty(0, device=device))
    _call(api().context_synchronize, _context(place.backend, place.device), place.stream)
