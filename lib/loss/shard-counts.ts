import { LpRegError } from '../errors.js';
import { missing } from '../options/checks.js';
import type { ResolvedOptions } from '../options/option-types.js';
import type { ObjectiveInputs } from '../tensors/batch.js';
import { describe, fieldReader } from '../tensors/own-fields.js';
import type { PolicyLoss } from './policy-loss.js';
import { readSequences } from './sequences.js';

/** What a shard of a batch adds to the divisors of the whole: plain numbers, to be exchanged as they are. */
export interface ShardCounts {
  /** Valid tokens. Add them up over the shards. */
  readonly tokenCount: number;
  /** Sequences, those without a valid token too. Add them up. */
  readonly sequenceCount: number;
  /** `T`; packed: rows of the longest sequence. Take the largest. */
  readonly maxLength: number;
}

/** Which sequences a shard holds. */
export interface ShardLayout {
  /** `[B, T]` of a padded shard; packed rows have `cuSeqLens` instead. */
  readonly shape?: readonly [sequences: number, tokens: number] | undefined;
  /** `[B + 1]` where each sequence of packed rows begins. */
  readonly cuSeqLens?: Int32Array | BigInt64Array | undefined;
  /** `[N]` 1 for tokens that count. @default all count */
  readonly mask?: Uint8Array | undefined;
}

/** Facts of the whole batch that a {@link PolicyLossBatch} takes in place of what it would count itself. */
export type WholeBatchFacts = Pick<
  ObjectiveInputs,
  'tokenCount' | 'sequenceCount' | 'maxLength' | 'probThreshold'
>;

const readLayout = fieldReader({ shape: undefined, cuSeqLens: undefined, mask: undefined });

/**
 * Counts one shard of a batch: the part of one process, or one micro-batch.
 * @throws {LpRegError} `ERR_MISSING` without `shape` and `cuSeqLens`, `ERR_SHAPE`, `ERR_TYPE`.
 * @example
 * const counts = await allGather(shardCounts({ shape: [B, T], mask }));
 * const result = policyLoss.forwardBackwardSync({ ...batch, ...wholeBatch(policyLoss, counts) });
 */
export function shardCounts(shard: ShardLayout): ShardCounts {
  const { shape, cuSeqLens, mask } = readLayout(shard, 'shard');
  const starts = readSequences(shape, cuSeqLens, 'shard');
  const rows = starts.at(-1) as number;
  return {
    tokenCount: mask === undefined ? rows : countOnes(mask, rows),
    sequenceCount: starts.length - 1,
    maxLength: starts.reduce((most, start, b) => Math.max(most, start - (starts[b - 1] ?? start)), 0),
  };
}

function countOnes(mask: unknown, rows: number): number {
  if (!(mask instanceof Uint8Array)) {
    throw new LpRegError('ERR_TYPE', `shard.mask: expected a Uint8Array, received ${describe(mask)}`, {
      argument: 'shard.mask',
    });
  }
  if (mask.length !== rows) {
    throw new LpRegError('ERR_SHAPE', `shard.mask: expected ${rows} elements, received ${mask.length}`, {
      argument: 'shard.mask',
    });
  }
  return mask.reduce((sum, bit) => sum + bit, 0);
}

/** Losses whose tokens depend on other sequences through counts alone. */
const BY_COUNTS: ReadonlySet<string> = new Set(['grpo', 'gspo', 'cispo', 'sapo', 'lp-reg']);

/**
 * What each shard adds to its batch, so that losses and gradients of the shards add up to those of the whole:
 * the divisors of the loss's aggregation. It is enough for GRPO, GSPO, CISPO, SAPO and Lp-Reg in form `kept`, and in
 * form `paper` with a threshold that is known beforehand; the other losses select among all tokens and take
 * {@link joinShards}.
 * @param counts - {@link shardCounts} of every shard of the batch, this one's included.
 * @param known - `probThreshold`, which Lp-Reg in form `paper` needs, and only that.
 * @throws {LpRegError} `ERR_OPTION` for a loss that needs more than counts, `ERR_MISSING`,
 *   `ERR_OPTION_WITHOUT_EFFECT` for a threshold that the loss ignores.
 */
export function wholeBatch(
  policyLoss: PolicyLoss,
  counts: readonly ShardCounts[],
  known: Pick<WholeBatchFacts, 'probThreshold'> = {},
): WholeBatchFacts {
  const { options } = policyLoss;
  requireCountsEnough(options, known.probThreshold);
  if (counts.length === 0) throw missing('counts', 'there must be a shard');
  // A divisor must be above 0; where nothing counts, everything that it divides is 0.
  const sum = (key: 'tokenCount' | 'sequenceCount') =>
    Math.max(
      1,
      counts.reduce((total, shard) => total + shard[key], 0),
    );
  const threshold = known.probThreshold === undefined ? {} : { probThreshold: known.probThreshold };
  switch (options.objective === 'gspo' ? 'seq-mean-token-mean' : options.aggregation) {
    case 'token-mean':
      return { tokenCount: sum('tokenCount'), ...threshold };
    case 'seq-mean-token-sum-norm':
      return { maxLength: Math.max(1, ...counts.map((shard) => shard.maxLength)), ...threshold };
    default:
      return { sequenceCount: sum('sequenceCount'), ...threshold };
  }
}

function requireCountsEnough(options: ResolvedOptions, probThreshold: number | undefined): void {
  const isPaper = options.objective === 'lp-reg' && options.form === 'paper';
  const isReference = options.objective === 'lp-reg' && options.form === 'reference';
  if (!BY_COUNTS.has(options.objective) || isReference) {
    const argument = isReference ? 'form' : 'objective';
    const name = isReference ? options.form : options.objective;
    const message = `${argument}: ${name} selects among the tokens of all shards; join them with joinShards`;
    throw new LpRegError('ERR_OPTION', message, { argument });
  }
  if (isPaper && probThreshold === undefined) {
    throw missing(
      'probThreshold',
      'a shard cannot tell the quantile of all; join the shards with joinShards',
    );
  }
  if (!isPaper && probThreshold !== undefined) {
    const message = 'probThreshold: has no effect on losses other than lp-reg in form paper';
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument: 'probThreshold' });
  }
}
