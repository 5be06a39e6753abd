import type { NativeWorkspace } from '../native/addon-types.js';
import { AT } from '../native/arguments.js';
import { batchReader, logitsBatch } from '../native/batch-argument.js';
import { contextFor } from '../native/context.js';
import { type JobOptions, run, runJob } from '../native/jobs.js';
import { WORD_OPTIONS } from '../native/names.js';
import { rowOptionsArgument } from '../native/option-arguments.js';
import type { DeviceTokenStatsBatch, TokenStatsBatch } from '../tensors/batch.js';
import { arrayArgument, type DeviceData } from '../tensors/device-data.js';
import type { AnyTensor, Tensor } from '../tensors/tensor.js';
import { allocateByName } from './allocate.js';
import { BackwardPass, type ForwardPass } from './backward-pass.js';
import { type CallFields, callOptions, readKeepOnDevice } from './call-options.js';
import { type GradientOptions, NO_GRADIENT_OPTIONS } from './gradient.js';
import { type OutputPlan, planOutputs, readOutputs, setResults } from './outputs.js';
import { now } from './overwritten.js';
import { statsFields, type TokenField, type TokenResults } from './token-fields.js';
import {
  NO_TOKEN_STATS_OPTIONS,
  readTokenStatsOptions,
  type TokenStatsOptions,
} from './token-stats-options.js';

/** A batch whose actions are known, so that their log-probabilities are computed. */
export type ActionStatsBatch =
  | (TokenStatsBatch & { readonly actions: NonNullable<TokenStatsBatch['actions']> })
  | (DeviceTokenStatsBatch & { readonly actions: NonNullable<DeviceTokenStatsBatch['actions']> });

/** Cotangents of the statistics: what is multiplied with their Jacobian. */
export interface TokenCotangents {
  /** `[N]` d loss / d logProb; the batch must have had actions. @default 0 */
  readonly dLogProbs?: Float32Array | DeviceData | undefined;
  /** `[N]` d loss / d entropy. @default 0 */
  readonly dEntropy?: Float32Array | DeviceData | undefined;
  /** `[N]` d loss / d KL(q‖p), with the proxy as a constant; there must be a proxy. @default 0 */
  readonly dKl?: Float32Array | DeviceData | undefined;
}

const BATCH_INPUTS = [
  'logits',
  'actions',
  'mask',
  'oldLogits',
  'proxySnapshot',
] as const satisfies readonly (keyof TokenStatsBatch)[];

const readBatch = batchReader(BATCH_INPUTS);

const STATS = callOptions(NO_TOKEN_STATS_OPTIONS);
const VJP = callOptions({
  ...NO_GRADIENT_OPTIONS,
  dLogProbs: undefined,
  dEntropy: undefined,
  dKl: undefined,
});

/** Statistics of each token, and the way back from them to the logits. */
export class TokenStats<Field extends TokenField, OnDevice extends boolean = false> implements Disposable {
  /** Where they were computed. */
  readonly backend: 'cpu' | 'cuda';
  readonly tokens: TokenResults<Field, OnDevice>;
  readonly #pass: BackwardPass<keyof TokenCotangents>;

  /** @internal */
  constructor(pass: ForwardPass, tokens: TokenResults<Field, OnDevice>) {
    this.backend = pass.context.backend;
    this.tokens = tokens;
    this.#pass = new BackwardPass('tokenStatsBackward', pass, (values, fields) => {
      values[AT.d_log_prob] = arrayArgument(fields.dLogProbs);
      values[AT.d_entropy] = arrayArgument(fields.dEntropy);
      values[AT.d_kl] = arrayArgument(fields.dKl);
    });
  }

  /**
   * The vector-Jacobian product: d logits of `sum(dLogProbs * logProb + dEntropy * H + dKl * KL)`, off the
   * event loop. In place it consumes the logits, as {@link LossResult.backward} does.
   * @returns The tensor given as `into`, or a new one of the shape of the logits.
   * @throws {LpRegError} `ERR_MISSING` for `dLogProbs` without actions, `ERR_OPTION_WITHOUT_EFFECT` for `dKl`
   *   without a proxy, `ERR_NON_FINITE_INPUT`, and as {@link LossResult.backward}.
   * @example
   * const gradLogits = await stats.backward({ dLogProbs, dEntropy });
   */
  async backward<Into extends AnyTensor = Tensor>(
    options: TokenCotangents & GradientOptions<Into> & JobOptions,
  ): Promise<Into> {
    const [fields, job] = VJP.job(options);
    return (await this.#pass.runJob(fields, job)) as Into;
  }

  /**
   * {@link backward} on this thread, never with a copy.
   * @throws {LpRegError} As {@link backward}, except `ERR_ABORTED`.
   */
  backwardSync<Into extends AnyTensor = Tensor>(options: TokenCotangents & GradientOptions<Into>): Into {
    return this.#pass.run(VJP.sync(options)) as Into;
  }

  /** Lets go of the batch and the workspace. The arrays stay; a later backward pass is `ERR_DISPOSED`. */
  dispose(): void {
    this.#pass.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Computes log-probability, entropy and, with a filter, the proxy's statistics of each token, off the event
 * loop. In a trainer it takes the place of `log_softmax` and `gather`; a rollout's old log-probs and stored
 * proxies come from its forward part. `logKeptMass` is also the exact importance correction of sampling under
 * the same filter.
 *
 * @param batch - Logits `[B, T, V]` or `[N, V]`, actions and mask `[N]`.
 * @throws {LpRegError} As {@link PolicyLoss.forward}, and for its options `ERR_TYPE`, `ERR_OPTION`,
 *   `ERR_MISSING`, `ERR_OPTION_WITHOUT_EFFECT`, `ERR_BACKEND_UNAVAILABLE`.
 * @example
 * const { tokens } = await tokenStats({ logits, actions, mask }, { filter: { kind: 'min-p', kappa: 0.02 } });
 * tokens.logProbs; tokens.proxyLogProbs;
 */
export function tokenStats<
  const Field extends TokenField = 'logProbs' | 'entropy',
  OnDevice extends boolean = false,
>(
  batch: ActionStatsBatch,
  options?: TokenStatsOptions<Field, OnDevice> & JobOptions,
): Promise<TokenStats<Field, OnDevice>>;
export function tokenStats<const Field extends TokenField = 'entropy', OnDevice extends boolean = false>(
  batch: TokenStatsBatch | DeviceTokenStatsBatch,
  options?: TokenStatsOptions<Field, OnDevice> & JobOptions,
): Promise<TokenStats<Field, OnDevice>>;
export async function tokenStats(
  batch: TokenStatsBatch | DeviceTokenStatsBatch,
  options?: TokenStatsOptions<TokenField> & JobOptions,
): Promise<TokenStats<TokenField, boolean>> {
  const [fields, job] = STATS.job(options);
  const call = statsCall(batch, fields, true);
  return call.result(await runJob(call.context, 'tokenStats', call.values, job, call.rows));
}

/**
 * {@link tokenStats} on this thread.
 * @throws {LpRegError} As {@link tokenStats}, except `ERR_ABORTED`.
 */
export function tokenStatsSync<
  const Field extends TokenField = 'logProbs' | 'entropy',
  OnDevice extends boolean = false,
>(batch: ActionStatsBatch, options?: TokenStatsOptions<Field, OnDevice>): TokenStats<Field, OnDevice>;
export function tokenStatsSync<const Field extends TokenField = 'entropy', OnDevice extends boolean = false>(
  batch: TokenStatsBatch | DeviceTokenStatsBatch,
  options?: TokenStatsOptions<Field, OnDevice>,
): TokenStats<Field, OnDevice>;
export function tokenStatsSync(
  batch: TokenStatsBatch | DeviceTokenStatsBatch,
  options?: TokenStatsOptions<TokenField>,
): TokenStats<TokenField, boolean> {
  const call = statsCall(batch, STATS.sync(options), false);
  return call.result(run(call.context, 'tokenStats', call.values));
}

function statsCall(
  batch: TokenStatsBatch | DeviceTokenStatsBatch,
  fields: CallFields<keyof typeof NO_TOKEN_STATS_OPTIONS>,
  isJob: boolean,
) {
  const options = readTokenStatsOptions(fields);
  const inputs = readBatch(batch, 'batch');
  const checked = logitsBatch(inputs, options.temperature);
  const { values, rows } = checked;
  const { offered, byDefault } = statsOutputs(options.proxy, inputs.actions !== undefined);
  const plan = readOutputs(fields.outputs, offered, byDefault);
  const keepOn = readKeepOnDevice(fields.keepOnDevice, checked.logits.data);
  const results = setResults(values, plan, { rows, isJob, keepOn });
  const context = contextFor(options, checked.logits.data, 'logits');
  values[AT.allocate] = allocateByName;
  values[AT.options] = rowOptionsArgument(options);
  values[AT.non_finite] = WORD_OPTIONS.nonFinite.words.indexOf(options.nonFinite);
  const time = now();
  const result = (workspace: NativeWorkspace) =>
    new TokenStats<TokenField, boolean>({ context, batch: checked, time, workspace }, results.tokens());
  return { context, values, rows, result };
}

interface StatsOutputs {
  readonly offered: readonly TokenField[];
  readonly byDefault: OutputPlan;
}

const knownOutputs = new Map<string, StatsOutputs>();

/** What a call can give, worked out once for each kind of call. */
function statsOutputs(proxy: string | undefined, hasActions: boolean): StatsOutputs {
  const kind = `${proxy} ${hasActions}`;
  const known = knownOutputs.get(kind);
  if (known !== undefined) return known;
  const offered = statsFields(proxy, hasActions);
  const outputs = { offered, byDefault: planOutputs(offered) };
  knownOutputs.set(kind, outputs);
  return outputs;
}
