import { LpRegError } from '../errors.js';
import { AT, type CallArguments } from '../native/arguments.js';
import { type BatchFields, batchReader, scalarBatch } from '../native/batch-argument.js';
import { type ContextHandle, contextFor } from '../native/context.js';
import { TOKEN_FIELDS } from '../native/names.js';
import { missing } from '../options/checks.js';
import type { ResolvedOptions } from '../options/option-types.js';
import type { DeviceObjectiveBatch, ObjectiveBatch, TokenStatistics } from '../tensors/batch.js';
import { arrayArgument, DeviceData } from '../tensors/device-data.js';
import { fieldReader } from '../tensors/own-fields.js';
import { type CallFields, type KeepOption, readKeepOnDevice } from './call-options.js';
import type { LossValues } from './loss-result.js';
import { lossMetrics } from './metrics.js';
import { type OutputPlan, planOutputs, setResults } from './outputs.js';
import { readPair } from './sequences.js';
import { objectiveFields, type TokenField, type TokenResults } from './token-fields.js';

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
export type ObjectiveResult<OnDevice extends boolean = false> = LossValues<ObjectiveField, OnDevice>;

/** A call of the scalar stage, ready to run. */
export interface ObjectiveCall<OnDevice extends boolean> {
  readonly context: ContextHandle;
  readonly values: CallArguments;
  readonly rows: number;
  /** What the caller gets, once it has run. */
  readonly result: () => ObjectiveResult<OnDevice>;
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

const readBatch = batchReader(BATCH_INPUTS);

/** Statistics that the stage reads, and their positions among the arguments. */
const STATISTICS = {
  logProbs: AT.token_log_prob,
  entropy: AT.token_entropy,
  logKeptMass: AT.token_log_kept_mass,
  proxyLogProbs: AT.token_proxy_log_prob,
  kl: AT.token_kl,
  actionIsMax: AT.token_action_is_max,
} as const satisfies Record<keyof TokenStatistics, number>;

/** All that tokenStats gives may be handed on. */
const NO_STATISTICS = Object.fromEntries(Object.keys(TOKEN_FIELDS).map((field) => [field, undefined]));
const readStatistics = fieldReader(NO_STATISTICS as Record<TokenField, undefined>);
type StatisticsFields = ReturnType<typeof readStatistics>;

/** The scalar stage of one loss. */
export class ObjectiveStage {
  readonly #options: ResolvedOptions;
  readonly #native: Float64Array;
  readonly #outputs: OutputPlan;

  /** @param native - The options as the addon takes them. */
  constructor(options: ResolvedOptions, native: Float64Array) {
    this.#options = options;
    this.#native = native;
    this.#outputs = planOutputs(objectiveFields(options));
  }

  /** Checks a batch. */
  call<OnDevice extends boolean>(
    batch: ObjectiveBatch | DeviceObjectiveBatch,
    { keepOnDevice }: CallFields<keyof KeepOption>,
    isJob: boolean,
  ): ObjectiveCall<OnDevice> {
    const fields = readBatch(batch, 'batch');
    const statistics = readStatistics(fields.tokens, 'tokens');
    const [sequences, count] = readShape(fields, statistics);
    const { values, rows } = scalarBatch(fields, sequences, count);
    const context = contextFor(this.#options, statistics.logProbs, 'tokens.logProbs');
    values[AT.on_device] = statistics.logProbs instanceof DeviceData;
    setStatistics(values, fields, statistics, this.#options);
    const keepOn = readKeepOnDevice(keepOnDevice, statistics.logProbs);
    const results = setResults(values, this.#outputs, { rows, isJob, keepOn });
    values[AT.options] = this.#native;
    const result = (): ObjectiveResult<OnDevice> => ({
      backend: context.backend,
      loss: results.scalars[0] as number,
      metrics: lossMetrics(results.scalars),
      tokens: results.tokens() as TokenResults<ObjectiveField, OnDevice>,
    });
    return { context, values, rows, result };
  }
}

/** `[B, T]`, or packed rows as one sequence of the length that `cuSeqLens` ends with. */
function readShape(fields: BatchFields, statistics: StatisticsFields): [sequences: number, tokens: number] {
  const { shape, cuSeqLens } = fields;
  if (shape !== undefined && cuSeqLens !== undefined) {
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', 'cuSeqLens: has no effect with a shape [B, T]', {
      argument: 'cuSeqLens',
    });
  }
  if (cuSeqLens !== undefined) return [1, (statistics.logProbs as Float32Array | undefined)?.length ?? 0];
  if (shape === undefined) throw missing('shape', '[B, T], or cuSeqLens for packed rows');
  return readPair(shape, 'shape');
}

function setStatistics(
  values: CallArguments,
  fields: BatchFields,
  statistics: StatisticsFields,
  options: ResolvedOptions,
): void {
  for (const [field, position] of Object.entries(STATISTICS)) {
    values[position] = arrayArgument(statistics[field as keyof typeof STATISTICS]);
  }
  if (options.objective !== 'lp-reg' || options.proxy !== 'stored') return;
  if (statistics.proxyLogProbs !== undefined) {
    const message =
      "tokens.proxyLogProbs: has no effect with proxy: 'stored'; give proxyLogProbs beside tokens";
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument: 'tokens.proxyLogProbs' });
  }
  values[STATISTICS.proxyLogProbs] = arrayArgument(fields.proxyLogProbs);
}
