"""What the tests of python/lp_reg.py share: where they run, small batches, golden vectors and their rule.

LPREG_TEST_DEVICE: cpu (default), cuda, or emulated: CUDA's code path on host memory, with LPREG_LIBRARY naming
liblpreg_emulated.so.
"""
import json
import math
import os
import sys

import torch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'python'))
import lp_reg  # noqa: E402  (found through the line above)

WHERE = os.environ.get('LPREG_TEST_DEVICE', 'cpu')
DEVICE = torch.device('cuda' if WHERE == 'cuda' else 'cpu')
ON_DEVICE = WHERE != 'cpu'
if WHERE == 'emulated':
    lp_reg._place = lambda tensor: lp_reg._Place(lp_reg.BACKEND_CUDA, 0, None)


def finish():
    """Raises what the kernels have found; on the CPU the call itself has raised."""
    if ON_DEVICE:
        lp_reg.synchronize(DEVICE)


def batch(shape=(2, 3, 11), seed=1, dtype=torch.float32, spread=2.0):
    """logits and the inputs that every loss needs; old log-probs near the current ones, both signs of advantages."""
    random = torch.Generator().manual_seed(seed)
    logits = (torch.randn(shape, generator=random) * spread).to(dtype)
    actions = torch.randint(0, shape[-1], shape[:-1], generator=random)
    log_probs = torch.log_softmax(logits.double(), -1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)
    old = (log_probs + 0.3 * torch.randn(shape[:-1], generator=random)).float()
    advantages = torch.randn(shape[:-1], generator=random)
    return logits.to(DEVICE), {'actions': actions.to(DEVICE), 'old_log_probs': old.to(DEVICE),
                               'advantages': advantages.to(DEVICE)}


# ---------------------------------------------------------------------------------------------------- golden vectors

_DTYPES = {'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16,
           'I32': torch.int32, 'U8': torch.uint8}
VECTORS = os.path.join(ROOT, 'test', 'vectors')


class Vector:
    """One golden vector: `case` (docs/semantics.md §9), `tensors` on the CPU."""

    def __init__(self, name):
        self.name = name
        with open(os.path.join(VECTORS, name), 'rb') as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
            data = file.read()
        self.case = json.loads(header.pop('__metadata__')['case'])
        self.tensors = {}
        for key, entry in header.items():
            begin, end = entry['data_offsets']
            flat = torch.frombuffer(bytearray(data[begin:end]), dtype=_DTYPES[entry['dtype']])
            self.tensors[key] = flat.reshape(entry['shape'])

    def device(self, name):
        return self.tensors[name].to(DEVICE)

    def expected(self):
        """Field of the rule -> expected tensor. cov is for people."""
        return {key[4:]: tensor for key, tensor in self.tensors.items() if key.startswith('exp.') and key != 'exp.cov'}


def vectors():
    return sorted(name for name in os.listdir(VECTORS) if name.endswith('.safetensors'))


_HYPER = {'low': 'clip_low', 'high': 'clip_high', 'dual': 'dual_clip', 'coef': 'kl_cov_coef', 'ratio': 'clip_cov_ratio',
          'lb': 'cov_low', 'ub': 'cov_high', 'frac': 'top_fraction', 'interp': 'interpolation'}
_ESTIMATORS = {'kl': 'k1', 'abs': 'abs', 'mse': 'k2', 'low_var_kl': 'k3'}


def loss_of(vector):
    """The PolicyLoss of a vector."""
    case = vector.case
    objective, _, form = case['loss'].partition('lp-reg-')
    options = {} if objective else {'form': form}
    if form == 'paper':
        options['interpolation'] = 'linear'  # the file's default, unlike the API's
    for key, value in {**case.get('hyper', {}), **case.get('extras', {})}.items():
        name = {'kl_ref_type': 'kl_ref_estimator'}.get(key, _HYPER.get(key, key))
        if value is not None and name != 'prob_threshold':
            options[name] = _ESTIMATORS[value] if name.endswith('estimator') else value
    if not options.get('kl_ref_coef'):
        options.pop('kl_ref_estimator', None)
    if case['loss'] != 'gspo':
        options['aggregation'] = case['agg']
    options.update(_proxy_options(case.get('filter')))
    row = {'temperature': case['temperature'], 'softcap': case.get('softcap')}
    return lp_reg.PolicyLoss(objective or 'lp-reg', **row, **options)


def _proxy_options(given):
    if given is None:
        return {}
    if given['source'] == 'stored':
        return {'proxy': 'stored'}
    value = {'min-p': 'kappa', 'fixed': 'tau'}[given['mode']]
    made = {'kind': given['mode'], value: given['value'], 'on': given.get('on') or 'scaled'}
    if given['mode'] == 'fixed':
        made['empty'] = given.get('empty') or 'argmax'
    return {'proxy': given['source'], 'filter': made}


_INPUTS = {'actions': 'actions', 'old_logp': 'old_log_probs', 'advantages': 'advantages', 'mask': 'mask',
           'rollout_weights': 'rollout_weights', 'chosen': 'chosen'}


def inputs_of(vector):
    """Inputs of a vector's loss beside the logits."""
    case, tensors = vector.case, vector.tensors
    inputs = {name: vector.device(key) for key, name in _INPUTS.items() if key in tensors}
    source = (case.get('filter') or {}).get('source')
    if source == 'old':
        inputs['old_logits'] = vector.device('old_logits')
    if source == 'stored':
        inputs['proxy_log_probs'] = vector.device('stored_proxy_logp')
    if (case.get('extras') or {}).get('kl_ref_coef'):
        inputs['ref_log_probs'] = vector.device('ref_logp')
    inputs['prob_threshold'] = case.get('hyper', {}).get('prob_threshold')
    return inputs


OUTPUT_OF = {'logp': 'log_probs', 'proxy_logp': 'proxy_log_probs', 'coef_logp': 'coef_log_prob'}


def outputs_of(vector):
    """Per-token outputs that the vector has expectations of."""
    return [OUTPUT_OF.get(field, field) for field in vector.expected() if field not in ('loss', 'grad')]


# Half of the last place of a float type that a gradient is stored in: (bits of the fraction, least exponent).
_STORED = {torch.float16: (10, -14), torch.bfloat16: (7, -126)}
_STRICT_VOCAB = 4099  # from here on log-prob and gradient must be better than PyTorch's


def _exponent(magnitude, least):
    return torch.floor(torch.log2(magnitude)).clamp(min=least)


def violation(vector, field, actual):
    """What is wrong with a field by the rule of docs/semantics.md §9, '' if nothing is."""
    want = vector.expected()[field].reshape(-1)
    got = actual.detach().cpu().reshape(-1)
    if got.numel() != want.numel():
        return f'{field} has {got.numel()} elements, expected {want.numel()}'
    if not want.is_floating_point():
        wrong = int((got.long() != want.long()).sum())
        return f'{field}: {wrong} decisions differ' if wrong else ''
    stored, got, want = actual.dtype, got.double(), want.double()
    finite = torch.where(want.isfinite(), want.abs(), torch.zeros_like(want))
    largest = finite.max().item() if finite.numel() else 0.0
    ulp = 2.0 ** (max(math.floor(math.log2(largest)), -126) - 23) if largest > 0 else 2.0 ** -149
    torchs = vector.case['f32_torch_error'].get(f'{field}_abs') or 0.0
    same = (got == want) | (got.isnan() & want.isnan())
    error = torch.where(same, torch.zeros_like(got), (got - want).abs()).nan_to_num(nan=math.inf)

    def outside(allowed, strict):
        limit = torch.full_like(error, allowed)
        if field == 'grad' and stored in _STORED:
            bits, least = _STORED[stored]
            limit += torch.exp2(_exponent(want.abs() + allowed, least) - bits - 1)
        return ~same & ((error >= limit) if strict else (error > limit))

    bad = outside(max(1.5 * torchs, 4 * ulp), False)
    if vector.case['V'] >= _STRICT_VOCAB and field in ('logp', 'grad'):
        bad |= outside(torchs, True)
    if not bad.any():
        return ''
    worst = int(torch.where(bad, error, torch.full_like(error, -1)).argmax())
    return f'{field}[{worst}] is {got[worst]:.9g}, expected {want[worst]:.9g}'
