import { LpRegError } from '../errors.js';
import type { LossOptionsArgument, LossResultValue, Operations } from '../native/addon-types.js';
import { batchFields, scalarBatch } from '../native/batch-argument.js';
import { TOKEN_FIELDS } from '../native/names.js';
import type { ResolvedOptions } from '../options/option-types.js';
import type { ObjectiveBatch, TokenStatistics } from '../tensors/batch.js';
import { describe, type Fields, ownFields, rejectUnknownFields, seal } from '../tensors/own-fields.js';
import { allocateByName } from './allocate.js';
import type { LossValues } from './loss-result.js';
import { lossMetrics } from './metrics.js';
import {
  allocateTokens,
  objectiveFields,
  type TokenArrays,
  type TokenField,
  type TokenResults,
  tokensArgument,
} from './token-fields.js';

/** Per-token results of the scalar stage. */
export type ObjectiveField =
  | 'tokenLoss'
  | 'coefLogProb'
  | 'coefEntropy'
  | 'coefKl'
  | 'weight'
  | 'selected'
  | 'clipped';

/** Loss, metrics and coefficients per token. */
export type ObjectiveResult = LossValues<ObjectiveField>;

/** A call of the scalar stage, ready to run. */
export interface ObjectiveCall {
  readonly argument: Operations['objective']['arguments'];
  readonly rows: number;
  readonly tokens: Partial<TokenArrays>;
}

const BATCH_INPUTS = [
  'shape',
  'tokens',
  'oldLogProbs',
  'advantages',
  'mask',
  'cuSeqLens',
  'proxyLogProbs',
  'refLogProbs',
  'rolloutWeights',
  'chosen',
  'probThreshold',
  'tokenCount',
  'sequenceCount',
  'sequenceLengths',
  'maxLength',
] as const satisfies readonly (keyof ObjectiveBatch)[];

const STATISTICS = [
  'logProbs',
  'entropy',
  'logKeptMass',
  'proxyLogProbs',
  'kl',
  'actionIsMax',
] as const satisfies readonly (keyof TokenStatistics)[];

/** Checks a batch of the scalar stage. */
export function objectiveCall(
  batch: ObjectiveBatch,
  options: ResolvedOptions,
  native: LossOptionsArgument,
): ObjectiveCall {
  const fields = batchFields(batch, BATCH_INPUTS);
  const statistics = ownFields(fields.tokens, 'tokens');
  // All that tokenStats gives may be handed on.
  rejectUnknownFields(statistics, Object.keys(TOKEN_FIELDS), 'tokens');
  const [sequences, count] = readShape(fields, statistics);
  const checked = scalarBatch(fields, sequences, count);
  const tokens = allocateTokens(objectiveFields(options), checked.rows);
  const argument = {
    allocate: allocateByName,
    options: native,
    batch: checked.argument,
    tokens: statisticsArgument(fields, statistics, options),
    outputs: tokensArgument(tokens),
  };
  return { argument, rows: checked.rows, tokens };
}

/** What a caller gets of a call that has run. */
export function objectiveResult(call: ObjectiveCall, value: LossResultValue): ObjectiveResult {
  return {
    loss: value.loss as number,
    metrics: lossMetrics(value),
    tokens: call.tokens as TokenResults<ObjectiveField & TokenField>,
  };
}

/** `[B, T]`, or packed rows as one sequence of the length that `cuSeqLens` ends with. */
function readShape(fields: Fields, statistics: Fields): [sequences: number, tokens: number] {
  const { shape, cuSeqLens } = fields;
  if (shape !== undefined && cuSeqLens !== undefined) {
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', 'cuSeqLens: has no effect with a shape [B, T]', {
      argument: 'cuSeqLens',
    });
  }
  if (cuSeqLens !== undefined) return [1, (statistics.logProbs as Float32Array | undefined)?.length ?? 0];
  const isPair = Array.isArray(shape) && shape.length === 2;
  if (isPair && shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    return shape as [number, number];
  const code = shape === undefined ? 'ERR_MISSING' : 'ERR_SHAPE';
  const message = `shape: expected [B, T], or cuSeqLens for packed rows, received ${describe(shape)}`;
  throw new LpRegError(code, message, { argument: 'shape' });
}

function statisticsArgument(fields: Fields, statistics: Fields, options: ResolvedOptions): Fields {
  const argument: Record<string, unknown> = {};
  for (const field of STATISTICS) argument[TOKEN_FIELDS[field]] = statistics[field];
  if (options.objective === 'lp-reg' && options.proxy === 'stored') {
    if (statistics.proxyLogProbs !== undefined) {
      const message =
        "tokens.proxyLogProbs: has no effect with proxy: 'stored'; give proxyLogProbs beside tokens";
      throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument: 'tokens.proxyLogProbs' });
    }
    argument[TOKEN_FIELDS.proxyLogProbs] = fields.proxyLogProbs;
  }
  return seal(argument);
}
