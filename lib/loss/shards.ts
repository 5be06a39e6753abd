import { LpRegError } from '../errors.js';
import { TOKEN_FIELDS } from '../native/names.js';
import { missing } from '../options/checks.js';
import type { ObjectiveBatch, ObjectiveInputs, TokenStatistics } from '../tensors/batch.js';
import { describe, fieldName, fieldReader } from '../tensors/own-fields.js';
import type { ObjectiveResult } from './objective.js';
import { readSequences } from './sequences.js';
import type { TokenCotangents } from './token-stats.js';

/** A part of a batch: an {@link ObjectiveBatch} of whole sequences on the host, without facts of the whole. */
export type ShardBatch = Omit<
  ObjectiveBatch,
  'probThreshold' | 'tokenCount' | 'sequenceCount' | 'sequenceLengths' | 'maxLength'
>;

/** Arrays of one value per row that a shard may have. */
const INPUTS = {
  oldLogProbs: Float32Array,
  advantages: Float32Array,
  refLogProbs: Float32Array,
  rolloutWeights: Float32Array,
  proxyLogProbs: Float32Array,
  mask: Uint8Array,
  chosen: Uint8Array,
} as const satisfies { [Name in keyof ObjectiveInputs]?: unknown };

const STATISTICS = {
  logProbs: Float32Array,
  entropy: Float32Array,
  logKeptMass: Float32Array,
  proxyLogProbs: Float32Array,
  kl: Float32Array,
  actionIsMax: Uint8Array,
} as const satisfies Record<keyof TokenStatistics, unknown>;

type RowArray = Float32Array | Uint8Array;
type RowArrays = Record<string, RowArray>;

type Kinds = Readonly<Record<string, Float32ArrayConstructor | Uint8ArrayConstructor>>;

interface Shard {
  /** The caller's name for it. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly tokens: Readonly<Record<string, unknown>>;
  /** Where each sequence begins, and where the last one ends. */
  readonly starts: readonly number[];
  readonly rows: number;
}

const noFields = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, undefined])) as Record<string, undefined>;
const readInputs = fieldReader(noFields(...Object.keys(INPUTS), 'shape', 'cuSeqLens', 'tokens'));
/** All that tokenStats gives may be handed on. */
const readTokens = fieldReader(noFields(...Object.keys(TOKEN_FIELDS)));

/** The shards of a batch as one batch of the scalar stage, and the way back from its results to each shard. */
export class JoinedShards {
  /** Packed rows: those of the first shard, then those of the second, and so on. */
  readonly batch: ObjectiveBatch;
  readonly #starts: readonly number[];

  /**
   * @internal
   * @param starts - Where the rows of each shard begin, and where the last ones end.
   */
  constructor(batch: ObjectiveBatch, starts: readonly number[]) {
    this.batch = batch;
    this.#starts = starts;
  }

  /**
   * A shard's part of an array `[N]` of the joined batch, such as a per-token result: a view, not a copy.
   * @param shard - Position of the shard among those that were joined.
   * @throws {LpRegError} `ERR_OPTION` for a shard that there is not, `ERR_SHAPE` for an array of another length.
   */
  part<Values extends Float32Array | Int32Array | Uint8Array>(values: Values, shard: number): Values {
    const [begin, end] = [this.#starts[shard], this.#starts[shard + 1]];
    if (begin === undefined || end === undefined) {
      const message = `shard: expected one of ${this.#starts.length - 1} from 0, received ${describe(shard)}`;
      throw new LpRegError('ERR_OPTION', message, { argument: 'shard' });
    }
    requireLength(values, [this.#starts.at(-1) as number], 'values');
    return values.subarray(begin, end) as Values;
  }

  /**
   * What a shard's `TokenStats.backward` takes: d loss of the whole batch by each of the shard's statistics.
   * @param tokens - Those of `PolicyLoss.objective` on {@link batch}.
   * @throws {LpRegError} As {@link part}.
   */
  cotangents(tokens: ObjectiveResult['tokens'], shard: number): TokenCotangents {
    const { entropy, kl } = this.batch.tokens;
    return {
      dLogProbs: this.part(tokens.coefLogProb, shard),
      dEntropy: entropy === undefined ? undefined : this.part(tokens.coefEntropy, shard),
      dKl: kl === undefined ? undefined : this.part(tokens.coefKl as Float32Array, shard),
    };
  }
}

/**
 * Joins the parts of a batch that lie in several processes, or in the micro-batches of one step, for losses that
 * select among all tokens. A shard is a plain object of typed arrays, a few numbers per token: send every
 * process's to every other. Each then computes the same loss, thresholds and selections, bit for bit, and takes
 * its own rows back to the logits with the cotangents of its shard.
 *
 * @param shards - Parts of the batch in one order for all processes. All have the same inputs, but for the mask, which
 *   is all ones where it is absent.
 * @throws {LpRegError} `ERR_MISSING`, `ERR_TYPE`, `ERR_SHAPE`, `ERR_OPTION_WITHOUT_EFFECT`; `argument` names the
 *   shard, such as `'shards[1].tokens.entropy'`. What the values must be is checked by `objective`.
 * @example
 * const stats = await tokenStats({ logits, actions, mask }, policyLoss.statsOptions);
 * const shards = await allGather({ shape: [B, T], tokens: stats.tokens, oldLogProbs, advantages, mask });
 * const joined = joinShards(shards);
 * const { loss, tokens } = await policyLoss.objective(joined.batch);
 * const gradLogits = await stats.backward(joined.cotangents(tokens, rank));
 */
export function joinShards(shards: readonly ShardBatch[]): JoinedShards {
  if (!Array.isArray(shards)) throw wrongType('shards', 'an array', shards);
  if (shards.length === 0) throw missing('shards', 'there must be one');
  const read = shards.map((shard, i) => readShard(shard, `shards[${i}]`));
  const starts = [0];
  for (const { rows } of read) starts.push((starts.at(-1) as number) + rows);
  const ends = read.flatMap((shard, i) => shard.starts.slice(1).map((end) => end + (starts[i] as number)));
  const batch = {
    ...joinColumns(INPUTS, read, ''),
    cuSeqLens: Int32Array.from([0, ...ends]),
    tokens: joinColumns(STATISTICS, read, 'tokens'),
  };
  return new JoinedShards(batch as unknown as ObjectiveBatch, starts);
}

function readShard(value: ShardBatch, name: string): Shard {
  const { shape, cuSeqLens, tokens, ...inputs } = readInputs(value, name);
  const starts = readSequences(shape, cuSeqLens, name);
  return {
    name,
    inputs,
    tokens: readTokens(tokens, `${name}.tokens`),
    starts,
    rows: starts.at(-1) as number,
  };
}

/** Joins the arrays of one table, of the shards themselves or of their `tokens`. */
function joinColumns(table: Kinds, shards: readonly Shard[], parent: '' | 'tokens'): RowArrays {
  const rows = shards.reduce((sum, shard) => sum + shard.rows, 0);
  const joined: RowArrays = {};
  for (const [field, Kind] of Object.entries(table)) {
    const columns = shards.map((shard) => (parent === '' ? shard.inputs : shard.tokens)[field]);
    if (columns.every((column) => column === undefined)) continue;
    const values = new Kind(rows);
    let begin = 0;
    for (const [i, shard] of shards.entries()) {
      const target = values.subarray(begin, begin + shard.rows);
      fill(target, columns[i], shard, fieldName(parent, field));
      begin += shard.rows;
    }
    joined[field] = values;
  }
  return joined;
}

/** Writes a shard's array, or one of its sequences' advantages to each of their rows. */
function fill(target: RowArray, values: unknown, { name, starts, rows }: Shard, field: string): void {
  const argument = `${name}.${field}`;
  if (values === undefined && field === 'mask') {
    target.fill(1);
    return;
  }
  if (values === undefined) throw missing(argument, 'another shard has it');
  const Kind = target.constructor as Float32ArrayConstructor | Uint8ArrayConstructor;
  if (!(values instanceof Kind)) throw wrongType(argument, `a ${Kind.name}`, values);
  const isPerSequence = field === 'advantages' && values.length !== rows;
  requireLength(values, isPerSequence ? [rows, starts.length - 1] : [rows], argument);
  if (!isPerSequence) {
    target.set(values);
    return;
  }
  values.forEach((value, b) => {
    target.fill(value, starts[b], starts[b + 1]);
  });
}

function wrongType(argument: string, expected: string, received: unknown): LpRegError {
  const message = `${argument}: expected ${expected}, received ${describe(received)}`;
  return new LpRegError('ERR_TYPE', message, { argument });
}

function requireLength(values: { length: number }, allowed: readonly number[], argument: string): void {
  if (allowed.includes(values.length)) return;
  const message = `${argument}: expected ${allowed.join(' or ')} elements, received ${values.length}`;
  throw new LpRegError('ERR_SHAPE', message, { argument });
}
