import { AT, type CallArguments } from '../native/arguments.js';
import type { JobOptions } from '../native/jobs.js';
import type { AnyTensor, Tensor } from '../tensors/tensor.js';
import { BackwardPass, type ForwardPass } from './backward-pass.js';
import { callOptions } from './call-options.js';
import { type BackwardOptions, NO_BACKWARD_OPTIONS } from './gradient.js';
import { type LossMetrics, lossMetrics } from './metrics.js';
import type { TokenField, TokenResults } from './token-fields.js';

/** Loss, metrics and per-token results of a batch. */
export interface LossValues<Field extends TokenField, OnDevice extends boolean = false> {
  /** Where it was computed. */
  readonly backend: 'cpu' | 'cuda';
  /** The loss, aggregated over the batch. */
  readonly loss: number;
  readonly metrics: LossMetrics;
  readonly tokens: TokenResults<Field, OnDevice>;
}

/** What {@link PolicyLoss.forwardBackward} gives. */
export interface LossAndGradient<
  Field extends TokenField,
  Into extends AnyTensor,
  OnDevice extends boolean = false,
> extends LossValues<Field, OnDevice> {
  /** d loss / d logits: the tensor given as `into`, or a new one. */
  readonly gradLogits: Into;
}

const BACKWARD = callOptions(NO_BACKWARD_OPTIONS);

/**
 * Result of a forward pass, which can be taken backward as often as its logits last.
 *
 * It holds on to the batch, whose arrays must not change until the last backward pass, and to a workspace of
 * about 100 bytes per row, until it is disposed of or collected.
 */
export class LossResult<Field extends TokenField, OnDevice extends boolean = false>
  implements LossValues<Field, OnDevice>, Disposable
{
  readonly backend: 'cpu' | 'cuda';
  readonly loss: number;
  readonly metrics: LossMetrics;
  readonly tokens: TokenResults<Field, OnDevice>;
  readonly #pass: BackwardPass<keyof BackwardOptions>;

  /**
   * @internal
   * @param scalars - As `lossMetrics` takes them; they are read now.
   */
  constructor(pass: ForwardPass, scalars: Float64Array, tokens: TokenResults<Field, OnDevice>) {
    this.backend = pass.context.backend;
    this.loss = scalars[0] as number;
    this.metrics = lossMetrics(scalars);
    this.tokens = tokens;
    this.#pass = new BackwardPass('lossBackward', pass, setGradOutput);
  }

  /**
   * Computes d loss / d logits off the event loop.
   *
   * In place (`into` the logits themselves) the logits are consumed: this result, and every other over the
   * same memory, has then no backward pass any more. Logits that are not in a `SharedArrayBuffer` are copied
   * when called and overwritten when the promise resolves; to save the copy use a `SharedArrayBuffer` or
   * {@link backwardSync}.
   *
   * @returns The tensor given as `into`, or a new one of the shape of the logits.
   * @throws {LpRegError} `ERR_CONSUMED`, `ERR_DISPOSED`, `ERR_DETACHED`, `ERR_ABORTED` (`status` tells
   *   whether `into` has been written to), `ERR_ALIAS`, `ERR_SHAPE`, `ERR_STRIDE`, `ERR_DTYPE`, `ERR_TYPE`,
   *   `ERR_OPTION_WITHOUT_EFFECT`, `ERR_NON_FINITE_INPUT`, `ERR_OUT_OF_MEMORY`.
   * @example
   * const gradLogits = await result.backward();
   * @example
   * await result.backward({ into: logits, gradOutput: 1 / accumulationSteps });
   */
  async backward<Into extends AnyTensor = Tensor>(
    options?: BackwardOptions<Into> & JobOptions,
  ): Promise<Into> {
    const [fields, job] = BACKWARD.job(options);
    return (await this.#pass.runJob(fields, job)) as Into;
  }

  /**
   * {@link backward} on this thread, never with a copy. For callbacks of automatic differentiation.
   * @throws {LpRegError} As {@link backward}, except `ERR_ABORTED`.
   */
  backwardSync<Into extends AnyTensor = Tensor>(options?: BackwardOptions<Into>): Into {
    return this.#pass.run(BACKWARD.sync(options)) as Into;
  }

  /**
   * Lets go of the batch and the workspace. Values and arrays stay; a later backward pass is `ERR_DISPOSED`.
   */
  dispose(): void {
    this.#pass.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Fills in the factor of a gradient; that it is a finite number is checked natively. */
export function setGradOutput(
  values: CallArguments,
  { gradOutput }: Readonly<Record<'gradOutput', unknown>>,
): void {
  values[AT.grad_output] = gradOutput === undefined ? 1 : gradOutput;
}
