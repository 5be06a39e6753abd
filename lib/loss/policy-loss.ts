import { LpRegError } from '../errors.js';
import type { NativeWorkspace } from '../native/addon-types.js';
import { AT } from '../native/arguments.js';
import {
  batchReader,
  type CheckedLogitsBatch,
  logitsBatch,
  requireSequences,
} from '../native/batch-argument.js';
import { contextFor, contextInfo, contextOf } from '../native/context.js';
import { type JobOptions, run, runJob } from '../native/jobs.js';
import { lossOptionsArgument } from '../native/option-arguments.js';
import type { PolicyLossOptions, ResolvedOptions } from '../options/option-types.js';
import { resolveOptions } from '../options/resolve.js';
import type {
  DeviceObjectiveBatch,
  DevicePolicyLossBatch,
  ObjectiveBatch,
  PolicyLossBatch,
} from '../tensors/batch.js';
import type { AnyTensor, Tensor } from '../tensors/tensor.js';
import { allocateByName } from './allocate.js';
import {
  type CallFields,
  callOptions,
  type ForwardOptions,
  type KeepOption,
  readKeepOnDevice,
} from './call-options.js';
import {
  type BackwardOptions,
  consuming,
  consumingLater,
  gradientTarget,
  NO_BACKWARD_OPTIONS,
} from './gradient.js';
import { type LossAndGradient, LossResult, setGradOutput } from './loss-result.js';
import { lossMetrics } from './metrics.js';
import { type ObjectiveResult, ObjectiveStage } from './objective.js';
import { type CallResults, type OutputPlan, planOutputs, readOutputs, setResults } from './outputs.js';
import { now } from './overwritten.js';
import { stageStatsOptions } from './stage-statistics.js';
import {
  type DefaultTokenField,
  defaultLossFields,
  lossFields,
  type TokenField,
  type TokenResults,
} from './token-fields.js';
import type { TokenStatsOptions } from './token-stats-options.js';

const BATCH_INPUTS = [
  'logits',
  'actions',
  'oldLogProbs',
  'advantages',
  'mask',
  'cuSeqLens',
  'oldLogits',
  'proxySnapshot',
  'proxyLogProbs',
  'refLogProbs',
  'rolloutWeights',
  'chosen',
  'probThreshold',
  'tokenCount',
  'sequenceCount',
  'sequenceLengths',
  'maxLength',
] as const satisfies readonly (keyof PolicyLossBatch)[];

const readBatch = batchReader(BATCH_INPUTS);

const NO_FORWARD_OPTIONS = { outputs: undefined, keepOnDevice: undefined };
const FORWARD = callOptions(NO_FORWARD_OPTIONS);
const BOTH = callOptions({ ...NO_FORWARD_OPTIONS, ...NO_BACKWARD_OPTIONS });
const KEEP = callOptions({ keepOnDevice: undefined });

type ForwardFields = CallFields<keyof ForwardOptions>;

/**
 * A policy loss over the logits of a language model, with its gradient.
 *
 * Every method comes twice: asynchronous, off the event loop, and with `Sync` for callbacks of automatic
 * differentiation. Asynchronous calls of one JavaScript thread run one after the other, each on all threads
 * of `setThreads`. One over a few thousand logits that would not have to wait runs at once, which takes the
 * event loop less time than waking another thread.
 *
 * @example
 * const policyLoss = new PolicyLoss({ objective: 'lp-reg' });
 * const logits = { data: new Float32Array(B * T * V), dtype: 'float32', shape: [B, T, V] };
 * const result = await policyLoss.forward({ logits, actions, oldLogProbs, advantages, mask });
 * result.loss;
 * const gradLogits = await result.backward({ into: logits });
 */
export class PolicyLoss implements Disposable {
  /** The options, checked and with their defaults filled in. Frozen. */
  readonly options: ResolvedOptions;
  /** Where the loss of host tensors is computed; that of device tensors is computed on their device. */
  readonly backend: 'cpu' | 'cuda';
  /** CPU instruction set in use, such as `'avx2'`; the environment variable `LPREG_ISA` forces one. */
  readonly instructionSet: string;
  /** Every per-token result that this loss can give, for the option `outputs`. */
  readonly tokenFields: readonly TokenField[];
  /** Options with which {@link tokenStats} gives what the scalar stage of this loss reads, and nothing else. */
  readonly statsOptions: TokenStatsOptions<'logProbs'>;
  readonly #native: Float64Array;
  readonly #defaultOutputs: OutputPlan;
  readonly #objective: ObjectiveStage;
  #disposed = false;

  /**
   * @param options - The objective, and what deviates from its defaults; `presets` has published recipes.
   * @throws {LpRegError} `ERR_MISSING`, `ERR_TYPE`, `ERR_OPTION` (out of range), `ERR_OPTION_WITHOUT_EFFECT`
   *   (ignored by this loss), with the option's name in `argument`; `ERR_BACKEND_UNAVAILABLE`, `ERR_LIBRARY`.
   */
  constructor(options: PolicyLossOptions) {
    this.options = resolveOptions(options);
    this.tokenFields = Object.freeze(lossFields(this.options));
    this.statsOptions = stageStatsOptions(this.options);
    this.#native = lossOptionsArgument(this.options);
    this.#defaultOutputs = planOutputs(defaultLossFields(this.options));
    this.#objective = new ObjectiveStage(this.options, this.#native);
    const context = contextOf(this.options);
    this.backend = context.backend;
    this.instructionSet = contextInfo(context).instructionSet;
  }

  /**
   * Computes the loss of a batch, off the event loop.
   * @returns The loss, its metrics, per-token results, and the way backward.
   * @throws {LpRegError} `ERR_MISSING`, `ERR_TYPE`, `ERR_DTYPE`, `ERR_SHAPE`, `ERR_STRIDE`, `ERR_MASK`,
   *   `ERR_ACTION_RANGE`, `ERR_NON_FINITE_INPUT`, `ERR_NON_FINITE_LOGITS`, `ERR_NON_FINITE_LOSS` with
   *   `argument` and first `index`; `ERR_OPTION_WITHOUT_EFFECT` for an input that this loss ignores;
   *   `ERR_DETACHED`, `ERR_ABORTED`, `ERR_DISPOSED`, `ERR_OUT_OF_MEMORY`.
   */
  async forward<const Field extends TokenField = DefaultTokenField, OnDevice extends boolean = false>(
    batch: PolicyLossBatch | DevicePolicyLossBatch,
    options?: ForwardOptions<Field, OnDevice> & JobOptions,
  ): Promise<LossResult<Field, OnDevice>> {
    const [fields, job] = FORWARD.job(options);
    const call = this.#forwardCall<Field, OnDevice>(batch, fields, true);
    return call.result(await runJob(call.context, 'lossForward', call.values, job, call.rows));
  }

  /**
   * {@link forward} on this thread.
   * @throws {LpRegError} As {@link forward}, except `ERR_ABORTED`.
   */
  forwardSync<const Field extends TokenField = DefaultTokenField, OnDevice extends boolean = false>(
    batch: PolicyLossBatch | DevicePolicyLossBatch,
    options?: ForwardOptions<Field, OnDevice>,
  ): LossResult<Field, OnDevice> {
    const call = this.#forwardCall<Field, OnDevice>(batch, FORWARD.sync(options), false);
    return call.result(run(call.context, 'lossForward', call.values));
  }

  /**
   * Computes loss and gradient in one call: the way to train. The logits are read once where the loss allows
   * it: every loss whose tokens do not depend on one another, and Lp-Reg in form `kept`, with `selectOn:
   * 'old'` or with `probThreshold`.
   * @throws {LpRegError} As {@link forward} and {@link LossResult.backward}; after a failure in place,
   *   `status` tells whether the logits still are what they were. `checkFirst: true` makes sure of it for all
   *   but `ERR_ABORTED`.
   */
  async forwardBackward<
    const Field extends TokenField = DefaultTokenField,
    Into extends AnyTensor = Tensor,
    OnDevice extends boolean = false,
  >(
    batch: PolicyLossBatch | DevicePolicyLossBatch,
    options?: ForwardOptions<Field, OnDevice> & BackwardOptions<Into> & JobOptions,
  ): Promise<LossAndGradient<Field, Into, OnDevice>> {
    const [fields, job] = BOTH.job(options);
    const call = this.#bothCall<Field, Into, OnDevice>(batch, fields, true);
    const write = () => runJob(call.context, 'lossForwardBackward', call.values, job, call.rows);
    await consumingLater(call.target, write);
    return call.result();
  }

  /**
   * {@link forwardBackward} on this thread, never with a copy.
   * @throws {LpRegError} As {@link forwardBackward}, except `ERR_ABORTED`.
   */
  forwardBackwardSync<
    const Field extends TokenField = DefaultTokenField,
    Into extends AnyTensor = Tensor,
    OnDevice extends boolean = false,
  >(
    batch: PolicyLossBatch | DevicePolicyLossBatch,
    options?: ForwardOptions<Field, OnDevice> & BackwardOptions<Into>,
  ): LossAndGradient<Field, Into, OnDevice> {
    const call = this.#bothCall<Field, Into, OnDevice>(batch, BOTH.sync(options), false);
    consuming(call.target, () => run(call.context, 'lossForwardBackward', call.values));
    return call.result();
  }

  /**
   * The scalar stage alone: from per-token log-probabilities to the loss and to d loss / d logProb, d entropy
   * and d KL per token, for trainers that differentiate those themselves. The logits are not needed.
   * @throws {LpRegError} As {@link forward}; `ERR_MISSING` for a statistic in `tokens` that this loss needs.
   * @example
   * const stats = await tokenStats({ logits, actions, mask });
   * const batch = { shape: [B, T], tokens: stats.tokens, oldLogProbs, advantages, mask };
   * const { loss, tokens } = await policyLoss.objective(batch);
   * const gradLogits = await stats.backward({ dLogProbs: tokens.coefLogProb });
   */
  async objective<OnDevice extends boolean = false>(
    batch: ObjectiveBatch | DeviceObjectiveBatch,
    options?: KeepOption<OnDevice> & JobOptions,
  ): Promise<ObjectiveResult<OnDevice>> {
    this.#requireAlive();
    const [fields, job] = KEEP.job(options);
    const call = this.#objective.call<OnDevice>(batch, fields, true);
    await runJob(call.context, 'objective', call.values, job, call.rows);
    return call.result();
  }

  /**
   * {@link objective} on this thread.
   * @throws {LpRegError} As {@link objective}, except `ERR_ABORTED`.
   */
  objectiveSync<OnDevice extends boolean = false>(
    batch: ObjectiveBatch | DeviceObjectiveBatch,
    options?: KeepOption<OnDevice>,
  ): ObjectiveResult<OnDevice> {
    this.#requireAlive();
    const call = this.#objective.call<OnDevice>(batch, KEEP.sync(options), false);
    run(call.context, 'objective', call.values);
    return call.result();
  }

  /** Ends the use of this loss: later calls are `ERR_DISPOSED`. Calls under way and results go on. */
  dispose(): void {
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #forwardCall<Field extends TokenField, OnDevice extends boolean>(
    batch: PolicyLossBatch | DevicePolicyLossBatch,
    fields: ForwardFields,
    isJob: boolean,
  ) {
    const checked = this.#check(batch);
    const { values, rows } = checked;
    const context = contextFor(this.options, checked.logits.data, 'logits');
    const results = this.#results(checked, fields, isJob);
    values[AT.allocate] = allocateByName;
    const time = now();
    const result = (workspace: NativeWorkspace) => {
      const pass = { context, batch: checked, time, workspace };
      const tokens = results.tokens() as TokenResults<Field, OnDevice>;
      return new LossResult<Field, OnDevice>(pass, results.scalars, tokens);
    };
    return { context, values, rows, result };
  }

  #bothCall<Field extends TokenField, Into extends AnyTensor, OnDevice extends boolean>(
    batch: PolicyLossBatch | DevicePolicyLossBatch,
    fields: ForwardFields & CallFields<keyof BackwardOptions>,
    isJob: boolean,
  ) {
    const checked = this.#check(batch);
    const { values, rows } = checked;
    const context = contextFor(this.options, checked.logits.data, 'logits');
    const target = gradientTarget(fields, checked, values);
    setGradOutput(values, fields);
    const results = this.#results(checked, fields, isJob);
    const result = (): LossAndGradient<Field, Into, OnDevice> => ({
      backend: context.backend,
      loss: results.scalars[0] as number,
      metrics: lossMetrics(results.scalars),
      tokens: results.tokens(target.inPlace) as TokenResults<Field, OnDevice>,
      gradLogits: target.tensor as Into,
    });
    return { context, values, rows, target, result };
  }

  #check(batch: PolicyLossBatch | DevicePolicyLossBatch): CheckedLogitsBatch {
    this.#requireAlive();
    const fields = readBatch(batch, 'batch');
    const checked = logitsBatch(fields, this.options.temperature);
    requireSequences(fields, checked.logits.shape.length);
    checked.values[AT.options] = this.#native;
    return checked;
  }

  #results({ values, rows, logits }: CheckedLogitsBatch, fields: ForwardFields, isJob: boolean): CallResults {
    const plan = readOutputs(fields.outputs, this.tokenFields, this.#defaultOutputs);
    const keepOn = readKeepOnDevice(fields.keepOnDevice, logits.data);
    return setResults(values, plan, { rows, isJob, keepOn });
  }

  #requireAlive(): void {
    if (this.#disposed) throw new LpRegError('ERR_DISPOSED', 'this loss has been disposed of');
  }
}
