/** Memory for one batch, allocated and touched once, and the contenders that run on it. */
import { PolicyLoss } from '../loss/policy-loss.js';
import { tokenStatsSync } from '../loss/token-stats.js';
import { DEFAULT_FILTER } from '../options/defaults.js';
import type { PolicyLossBatch } from '../tensors/batch.js';
import type { Tensor } from '../tensors/tensor.js';
import { type BatchRecipe, drawBatch } from './draw-batch.js';
import { LOSSES, type LossLabel, type MeasuredLoss } from './losses.js';
import type { Contender } from './race.js';
import type { Extent, Form } from './traffic.js';
import { copyTime, negateTime } from './yardsticks.js';

/** What a contender calls: this build, or another one to compare it with. */
export interface MeasuredLibrary {
  readonly PolicyLoss: typeof PolicyLoss;
  readonly tokenStatsSync: typeof tokenStatsSync;
}

const THIS_BUILD: MeasuredLibrary = { PolicyLoss, tokenStatsSync };

/** The batch of a recipe in memory of its own. Every run begins with the logits as drawn, never with a gradient. */
export class Workbench {
  readonly extent: Extent;
  readonly batch: PolicyLossBatch;
  /** Where out-of-place gradients and copies go. */
  readonly target: Tensor;
  readonly #distinct: Float32Array | Uint16Array;
  #oldLogits: Tensor | undefined;

  constructor(recipe: BatchRecipe) {
    const { shape, dtype } = recipe;
    const [sequences, tokens, vocab] = shape;
    this.extent = { rows: sequences * tokens, vocab, dtype };
    const { distinctLogits, ...inputs } = drawBatch(recipe);
    this.#distinct = distinctLogits;
    this.batch = { logits: this.#newTensor(shape, dtype), ...inputs };
    this.target = this.#newTensor(shape, dtype);
  }

  /** Writes the drawn logits over what a gradient has left. */
  readonly restore = (): void => this.#fill(this.batch.logits);

  /** The copy of the logits into touched memory, and the negation of the logits in place. */
  yardsticks(threads: number): readonly [copy: Contender, negation: Contender] {
    const { data } = this.batch.logits;
    return [
      { name: 'copy', prepare: this.restore, run: () => copyTime(this.target.data, data, threads) },
      { name: 'negation', prepare: this.restore, run: () => negateTime(data, threads) },
    ];
  }

  /** A loss in one of its forms. */
  contender(loss: LossLabel, form: Form, library = THIS_BUILD, name: string = loss): Contender {
    const policyLoss = new library.PolicyLoss(LOSSES[loss].options);
    const batch = this.batchFor(loss);
    const { logits } = batch;
    const run = (call: () => unknown): Contender => {
      const untimed = () => {
        call();
        return undefined;
      };
      return { name, prepare: this.restore, run: untimed };
    };
    switch (form) {
      case 'forward':
        return run(() => policyLoss.forwardSync(batch).dispose());
      case 'backward':
        return this.#backward(policyLoss, batch, name);
      case 'in-place':
        return run(() => policyLoss.forwardBackwardSync(batch, { into: logits }));
      case 'in-place, no outputs':
        return run(() => policyLoss.forwardBackwardSync(batch, { into: logits, outputs: [] }));
      case 'out-of-place':
        return run(() => policyLoss.forwardBackwardSync(batch, { into: this.target }));
      case 'token-stats': {
        const { actions } = batch;
        const options = policyLoss.options.objective === 'lp-reg' ? { filter: DEFAULT_FILTER } : {};
        return run(() => library.tokenStatsSync({ logits, actions }, options).dispose());
      }
    }
  }

  /** The batch with what a loss needs beyond the others. */
  batchFor(loss: LossLabel): PolicyLossBatch {
    const { oldLogits }: MeasuredLoss = LOSSES[loss];
    return oldLogits ? { ...this.batch, oldLogits: this.#oldPolicy() } : this.batch;
  }

  #backward(policyLoss: PolicyLoss, batch: PolicyLossBatch, name: string): Contender {
    let result: ReturnType<PolicyLoss['forwardSync']> | undefined;
    const prepare = () => {
      this.restore();
      result?.dispose();
      result = policyLoss.forwardSync(batch);
    };
    const run = () => {
      result?.backwardSync({ into: batch.logits });
      return undefined;
    };
    return { name, prepare, run };
  }

  #oldPolicy(): Tensor {
    this.#oldLogits ??= this.#newTensor(this.batch.logits.shape, this.extent.dtype);
    return this.#oldLogits;
  }

  #newTensor(shape: readonly number[], dtype: Tensor['dtype']): Tensor {
    const size = shape.reduce((a, b) => a * b, 1);
    const data = dtype === 'float32' ? new Float32Array(size) : new Uint16Array(size);
    const tensor = { data, dtype, shape };
    this.#fill(tensor);
    return tensor;
  }

  #fill({ data }: Tensor): void {
    const target = data as Float32Array | Uint16Array;
    const tile = this.#distinct;
    for (let begin = 0; begin < target.length; begin += tile.length) {
      target.set(tile.subarray(0, Math.min(tile.length, target.length - begin)), begin);
    }
  }
}
