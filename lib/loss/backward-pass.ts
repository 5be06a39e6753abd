import { LpRegError } from '../errors.js';
import type { NativeWorkspace } from '../native/addon-types.js';
import { AT, type CallArguments } from '../native/arguments.js';
import type { CheckedLogitsBatch } from '../native/batch-argument.js';
import { addon } from '../native/binding.js';
import type { ContextHandle } from '../native/context.js';
import { guarded } from '../native/failure.js';
import { type JobOptions, run, runJob } from '../native/jobs.js';
import type { AnyTensor } from '../tensors/tensor.js';
import type { CallFields } from './call-options.js';
import {
  consuming,
  consumingLater,
  type GradientOptions,
  type GradientTarget,
  gradientTarget,
} from './gradient.js';
import { isOverwrittenSince } from './overwritten.js';

/** What a forward pass leaves behind. */
export interface ForwardPass {
  readonly context: ContextHandle;
  /** With the arguments of the forward pass, among them the options. */
  readonly batch: CheckedLogitsBatch;
  /** When the logits were read, for `isOverwrittenSince`. */
  readonly time: number;
  readonly workspace: NativeWorkspace;
}

/** Operations that go back to the logits. */
type BackwardOperation = 'lossBackward' | 'tokenStatsBackward';

/** Fills in what an operation takes beyond batch, workspace and gradient. */
type Complete<Option extends string> = (values: CallArguments, fields: CallFields<Option>) => void;

/** Options of a backward pass, whatever the operation. */
type BackwardFields<Option extends string> = CallFields<Option | keyof GradientOptions>;

/** The way back from a forward pass, as long as its logits last and it has not been disposed of. */
export class BackwardPass<Option extends string> {
  readonly #operation: BackwardOperation;
  readonly #complete: Complete<Option>;
  #pass: ForwardPass | undefined;
  #beingConsumed = false;

  constructor(operation: BackwardOperation, pass: ForwardPass, complete: Complete<Option>) {
    this.#operation = operation;
    this.#complete = complete;
    this.#pass = pass;
  }

  /** @param fields - Options of the call, among them `into` and `dtype`. */
  run(fields: BackwardFields<Option>): AnyTensor {
    const { pass, target, values } = this.#prepare(fields);
    consuming(target, () => run(pass.context, this.#operation, values));
    return target.tensor;
  }

  /** {@link run} off the event loop. */
  async runJob(fields: BackwardFields<Option>, job: JobOptions): Promise<AnyTensor> {
    const { pass, target, values } = this.#prepare(fields);
    this.#beingConsumed = target.inPlace;
    try {
      await consumingLater(target, () => runJob(pass.context, this.#operation, values, job, pass.batch.rows));
    } finally {
      this.#beingConsumed = false;
    }
    return target.tensor;
  }

  dispose(): void {
    const workspace = this.#pass?.workspace;
    if (workspace !== undefined && !ArrayBuffer.isView(workspace)) {
      guarded(() => addon().deviceDispose(workspace));
    }
    this.#pass = undefined;
  }

  #prepare(fields: BackwardFields<Option>): {
    pass: ForwardPass;
    target: GradientTarget;
    values: CallArguments;
  } {
    const pass = this.#pass;
    if (pass === undefined) throw new LpRegError('ERR_DISPOSED', 'this result has been disposed of');
    const { logits } = pass.batch;
    if (this.#beingConsumed || isOverwrittenSince(logits.data, pass.time)) {
      const message =
        'logits: a gradient has been written over them, so that nothing is left to differentiate';
      throw new LpRegError('ERR_CONSUMED', message, { argument: 'logits' });
    }
    const values = pass.batch.values.slice();
    values[AT.results] = undefined;
    values[AT.workspace] = pass.workspace;
    const target = gradientTarget(fields, pass.batch, values);
    this.#complete(values, fields);
    return { pass, target, values };
  }
}
