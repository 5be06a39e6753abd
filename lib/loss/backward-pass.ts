import { LpRegError } from '../errors.js';
import type { GradientArgument, NativeWorkspace, Operations } from '../native/addon-types.js';
import type { CheckedLogitsBatch } from '../native/batch-argument.js';
import type { ContextHandle } from '../native/context.js';
import { type JobOptions, run, runJob } from '../native/jobs.js';
import type { Fields } from '../tensors/own-fields.js';
import type { Tensor } from '../tensors/tensor.js';
import { consuming, consumingLater, type GradientTarget, gradientTarget } from './gradient.js';
import { isOverwrittenSince } from './overwritten.js';

/** What a forward pass leaves behind. */
export interface ForwardPass {
  readonly context: ContextHandle;
  readonly batch: CheckedLogitsBatch;
  /** When the logits were read, for `isOverwrittenSince`. */
  readonly time: number;
  readonly workspace: NativeWorkspace;
}

/** Operations that go back to the logits. */
type BackwardOperation = 'lossBackward' | 'tokenStatsBackward';

/** Makes an operation's arguments from the options of a call, the forward pass and the gradient's place. */
type Complete<Name extends BackwardOperation> = (
  fields: Fields,
  pass: ForwardPass,
  gradient: GradientArgument,
) => Operations[Name]['arguments'];

/** The way back from a forward pass, as long as its logits last and it has not been disposed of. */
export class BackwardPass<Name extends BackwardOperation> {
  readonly #operation: Name;
  readonly #complete: Complete<Name>;
  #pass: ForwardPass | undefined;
  #beingConsumed = false;

  constructor(operation: Name, pass: ForwardPass, complete: Complete<Name>) {
    this.#operation = operation;
    this.#complete = complete;
    this.#pass = pass;
  }

  /** @param fields - Options of the call, among them `into` and `dtype`. */
  run(fields: Fields): Tensor {
    const { pass, target, argument } = this.#prepare(fields);
    consuming(target, () => run(pass.context, this.#operation, argument));
    return target.tensor;
  }

  /** {@link run} off the event loop. */
  async runJob(fields: Fields, job: JobOptions): Promise<Tensor> {
    const { pass, target, argument } = this.#prepare(fields);
    this.#beingConsumed = target.inPlace;
    try {
      await consumingLater(target, () =>
        runJob(pass.context, this.#operation, argument, job, pass.batch.rows),
      );
    } finally {
      this.#beingConsumed = false;
    }
    return target.tensor;
  }

  dispose(): void {
    this.#pass = undefined;
  }

  #prepare(fields: Fields): {
    pass: ForwardPass;
    target: GradientTarget;
    argument: Operations[Name]['arguments'];
  } {
    const pass = this.#pass;
    if (pass === undefined) throw new LpRegError('ERR_DISPOSED', 'this result has been disposed of');
    const { logits } = pass.batch;
    if (this.#beingConsumed || isOverwrittenSince(logits.data, pass.time)) {
      const message =
        'logits: a gradient has been written over them, so that nothing is left to differentiate';
      throw new LpRegError('ERR_CONSUMED', message, { argument: 'logits' });
    }
    const target = gradientTarget(fields, logits);
    return { pass, target, argument: this.#complete(fields, pass, target.argument) };
  }
}
