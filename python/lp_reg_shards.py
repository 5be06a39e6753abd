"""lp-reg for batches that lie in several processes, or in the micro-batches of one optimizer step.

Beside lp_reg.py. The parts of a batch are its shards: whole sequences, in one order for all processes.

Losses whose tokens depend on other sequences through counts alone (GRPO, GSPO, CISPO, SAPO, Lp-Reg in form 'kept',
and in form 'paper' with a known threshold) take those counts:

    facts = whole_batch(policy_loss, total_counts([shard_counts(mask.shape, mask) for mask in masks]))
    policy_loss(logits, ..., mask=mask, **facts).loss.backward()

The others select among all tokens. Their scalar stage runs on the tokens of all shards, a few numbers each:

    tokens = lp_reg.token_stats(logits, actions, mask=mask, **policy_loss.stats_options)
    joined = gather_shards(Shard(tokens, dict(old_log_probs=old, advantages=advantages, mask=mask)))
    policy_loss.objective(joined.tokens, **joined.inputs).loss.backward()

Every loss is that of the whole batch, and its gradient that of this process's own rows. Where a trainer averages
gradients over processes, as DistributedDataParallel does, multiply the loss by their number.
"""
from typing import Any, Dict, NamedTuple, Optional, Sequence

import torch
import torch.distributed as dist

import lp_reg
from lp_reg import LpRegError

# ------------------------------------------------------------------------------------------------------------ counts


class ShardCounts(NamedTuple):
    """What shards add to the divisors of the whole batch."""
    token_count: int  # valid tokens
    sequence_count: int  # sequences, those without a valid token too
    max_length: int  # T; packed: rows of the longest sequence


_BY_COUNTS = ('grpo', 'gspo', 'cispo', 'sapo', 'lp-reg kept', 'lp-reg paper')


def shard_counts(shape, mask=None, cu_seq_lens=None):
    """Counts one shard.

    shape: (B, T), or (N,) with `cu_seq_lens`. mask: bool or uint8 of that shape or flat; None: all tokens count.
    Waits for the device that the mask lies on.
    """
    starts = _starts(shape, cu_seq_lens)
    rows = starts[-1]
    if mask is not None and mask.numel() != rows:
        raise LpRegError('ERR_SHAPE', f'expected {rows} elements, received {mask.numel()}', 'mask')
    longest = max((end - start for start, end in zip(starts, starts[1:])), default=0)
    return ShardCounts(rows if mask is None else int(mask.sum()), len(starts) - 1, longest)


def total_counts(counts: Sequence[ShardCounts], group=None):
    """Counts of a whole batch: of these shards and, where torch.distributed is initialised, of those of every other
    process of `group` (default: all processes)."""
    mine = [sum(shard.token_count for shard in counts), sum(shard.sequence_count for shard in counts),
            max((shard.max_length for shard in counts), default=0)]
    everyone = _exchange_integers(mine, group)
    return ShardCounts(sum(shard[0] for shard in everyone), sum(shard[1] for shard in everyone),
                       max(shard[2] for shard in everyone))


def whole_batch(policy_loss, counts: ShardCounts, prob_threshold=None):
    """Keyword arguments that each shard adds to its call of `policy_loss`, so that losses and gradients of the shards
    add up to those of the whole batch: the divisor of the loss's aggregation.

    prob_threshold: for Lp-Reg in form 'paper', which needs it here, and only there.
    Raises LpRegError: ERR_OPTION for a loss that selects among all tokens, and takes `gather_shards`.
    """
    name = policy_loss.loss_name
    if name not in _BY_COUNTS:
        raise LpRegError('ERR_OPTION', f'{name} selects among the tokens of all shards; use gather_shards', 'objective')
    is_paper = name == 'lp-reg paper'
    if is_paper and prob_threshold is None:
        raise LpRegError('ERR_MISSING', 'a shard cannot tell the quantile of all; use gather_shards', 'prob_threshold')
    if not is_paper and prob_threshold is not None:
        raise LpRegError('ERR_OPTION_WITHOUT_EFFECT', "has no effect but on lp-reg in form 'paper'", 'prob_threshold')
    aggregation = policy_loss.options.get('aggregation', 'seq-mean-token-mean')
    field = {'token-mean': 'token_count', 'seq-mean-token-sum-norm': 'max_length'}.get(aggregation, 'sequence_count')
    # A divisor must be above 0; where nothing counts, everything that it divides is 0.
    facts = {field: max(1, getattr(counts, field))}
    return {**facts, 'prob_threshold': prob_threshold} if is_paper else facts


# ------------------------------------------------------------------------------------------------------------ shards

class Shard(NamedTuple):
    """A part of a batch: arguments of `PolicyLoss.objective` without facts of the whole batch.

    tokens: what `lp_reg.token_stats(..., **policy_loss.stats_options)` gives, of shape [B, T], or [N] with `cu_seq_lens`
    in the inputs. inputs: old_log_probs, advantages (also [B]) and what else the loss takes per token.
    """
    tokens: Dict[str, Any]
    inputs: Dict[str, Any]


class JoinedShards(NamedTuple):
    """Shards as one batch of packed rows: `policy_loss.objective(joined.tokens, **joined.inputs)`. rows: for each shard
    that was given, the slice of a per-token result [N] that is its own."""
    tokens: Dict[str, Any]
    inputs: Dict[str, Any]
    rows: Sequence[slice]


_INPUTS = ('old_log_probs', 'advantages', 'ref_log_probs', 'rollout_weights', 'proxy_log_probs', 'mask', 'chosen')
_STATISTICS = ('log_probs', 'entropy', 'kl', 'log_kept_mass', 'proxy_log_probs', 'action_is_max')
_FLAGS = ('mask', 'chosen', 'tokens.action_is_max')
# Everything a shard may have per row, as it is known here.
_COLUMNS = (*_INPUTS, *(f'tokens.{name}' for name in _STATISTICS))


def join_shards(shards: Sequence[Shard]):
    """Joins the shards of one process: the micro-batches of a step. Statistics keep their way back in autograd."""
    if not shards:
        raise LpRegError('ERR_MISSING', 'there must be one', 'shards')
    packed = [_packed(shard, f'shards[{i}]') for i, shard in enumerate(shards)]
    return _joined(packed, range(len(packed)))


def gather_shards(shard: Shard, group=None):
    """Joins the shards of all processes of `group` (default: all processes); each gives its own, and all of them must
    call. Where torch.distributed is not initialised, this shard is the whole batch.

    Only this process's own statistics keep their way back in autograd, so that the gradient is that of its rows. The
    lengths of the shards are exchanged first, which waits for the device once. `JoinedShards` of micro-batches may be
    given too.
    """
    own = _packed(Shard(shard.tokens, shard.inputs), 'shard')
    if not _is_distributed():
        return _joined([own], [0])
    device = own.columns['tokens.log_probs'].device
    present = sum(1 << i for i, name in enumerate(_COLUMNS) if name in own.columns)
    sizes = _exchange_integers([own.starts[-1], len(own.starts) - 1, present], group)
    names = [name for i, name in enumerate(_COLUMNS) if any(size[2] >> i & 1 for size in sizes)]
    for rank, size in enumerate(sizes):
        for name in names:
            if name != 'mask' and not size[2] >> _COLUMNS.index(name) & 1:
                raise LpRegError('ERR_MISSING', f'process {rank} does not have it, another one does', name)
    lengths = _gather_padded(torch.tensor(_lengths(own.starts), dtype=torch.int64, device=device)[None],
                             [size[1] for size in sizes], group)
    columns = torch.stack([_column(own, name).detach().to(torch.float32) for name in names])
    values = _gather_padded(columns, [size[0] for size in sizes], group)
    rank = dist.get_rank(group)
    packed = [own if i == rank else _received(names, values[i], lengths[i][0].tolist()) for i in range(len(sizes))]
    return _joined(packed, [rank])


class _Packed(NamedTuple):
    """A shard by columns of one value per row."""
    columns: Dict[str, Any]
    starts: Sequence[int]
    name: str


def _packed(shard, name):
    log_probs = shard.tokens.get('log_probs')
    if log_probs is None:
        raise LpRegError('ERR_MISSING', 'a shard needs it', f'{name}.tokens.log_probs')
    inputs = {key: value for key, value in shard.inputs.items() if value is not None}
    starts = _starts(log_probs.shape, inputs.pop('cu_seq_lens', None))
    tokens = {key: shard.tokens[key] for key in _STATISTICS if shard.tokens.get(key) is not None}
    columns = {**inputs, **{f'tokens.{key}': value for key, value in tokens.items()}}
    for key, value in columns.items():
        if key not in _COLUMNS:
            raise LpRegError('ERR_OPTION_WITHOUT_EFFECT', f'has no effect here; there are {", ".join(_INPUTS)}',
                             f'{name}.{key}')
        if key == 'advantages' and value.numel() == len(starts) - 1 != starts[-1]:
            value = value.reshape(-1).repeat_interleave(torch.tensor(_lengths(starts), device=value.device))
        if value.numel() != starts[-1]:
            raise LpRegError('ERR_SHAPE', f'expected {starts[-1]} elements, received {value.numel()}', f'{name}.{key}')
        columns[key] = value.reshape(-1)
    return _Packed(columns, starts, name)


def _column(shard, name):
    if name == 'mask' and name not in shard.columns:
        return torch.ones_like(shard.columns['tokens.log_probs'], dtype=torch.uint8)
    if name not in shard.columns:
        raise LpRegError('ERR_MISSING', 'another shard has it', f'{shard.name}.{name}')
    return shard.columns[name]


def _joined(shards, own):
    names = [name for name in _COLUMNS if any(name in shard.columns for shard in shards)]
    columns = {}
    for name in names:
        parts = [_column(shard, name) for shard in shards]
        dtype = torch.uint8 if name in _FLAGS else torch.float32
        columns[name] = torch.cat([part.to(dtype) for part in parts])
    lengths, begins = [0], [0]
    for shard in shards:
        lengths += _lengths(shard.starts)
        begins.append(begins[-1] + shard.starts[-1])
    device = shards[0].columns['tokens.log_probs'].device
    inputs = {name: column for name, column in columns.items() if not name.startswith('tokens.')}
    inputs['cu_seq_lens'] = torch.tensor(lengths, dtype=torch.int64).cumsum(0).to(device)
    tokens = {name[len('tokens.'):]: column for name, column in columns.items() if name.startswith('tokens.')}
    return JoinedShards(tokens, inputs, [slice(begins[i], begins[i + 1]) for i in own])


def _received(names, values, lengths):
    columns = {name: column.to(torch.uint8) if name in _FLAGS else column for name, column in zip(names, values)}
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    return _Packed(columns, starts, 'shard')


def _starts(shape, cu_seq_lens):
    """Where each sequence begins, and where the last one ends."""
    if cu_seq_lens is not None:
        return [int(start) for start in cu_seq_lens.tolist()]
    if len(shape) != 2:
        raise LpRegError('ERR_MISSING', 'rows without a batch dimension are packed', 'cu_seq_lens')
    return [b * shape[1] for b in range(shape[0] + 1)]


def _lengths(starts):
    return [end - start for start, end in zip(starts, starts[1:])]


# -------------------------------------------------------------------------------------------------------- collectives

def _is_distributed():
    return dist.is_available() and dist.is_initialized()


def _device_of(group):
    """Where the tensors of a collective have to be."""
    on_cuda = dist.get_backend(group) == 'nccl'
    return torch.device('cuda', torch.cuda.current_device()) if on_cuda else torch.device('cpu')


def _exchange_integers(values, group):
    """These integers of every process."""
    if not _is_distributed():
        return [values]
    mine = torch.tensor(values, dtype=torch.int64, device=_device_of(group))
    everyone = [torch.empty_like(mine) for _ in range(dist.get_world_size(group))]
    dist.all_gather(everyone, mine, group=group)
    return [tensor.tolist() for tensor in everyone]


def _gather_padded(matrix, widths, group):
    """Matrices of every process, with as many rows as this one and `widths` columns."""
    moved = matrix.to(_device_of(group))
    padded = moved.new_zeros((moved.shape[0], max(widths)))
    padded[:, :moved.shape[1]] = moved
    everyone = [torch.empty_like(padded) for _ in widths]
    dist.all_gather(everyone, padded, group=group)
    return [tensor[:, :width].to(matrix.device) for tensor, width in zip(everyone, widths)]
