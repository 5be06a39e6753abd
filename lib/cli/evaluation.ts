/** A batch file evaluated: its loss, and what Lp-Reg did to single tokens. */

import type { LossMetrics } from '../loss/metrics.js';
import { PolicyLoss } from '../loss/policy-loss.js';
import type { TokenArrays } from '../loss/token-fields.js';
import type { Placement } from '../native/context.js';
import { inspect } from '../native/inspect.js';
import type { Tensor, TensorDtype } from '../tensors/tensor.js';
import type { BatchFile } from './batch-file.js';

/** Loss, gradient and per-token results of a batch file. */
export interface Evaluation {
  readonly loss: number;
  readonly metrics: LossMetrics;
  readonly tokens: Partial<TokenArrays>;
  readonly gradLogits: Tensor;
  readonly backend: 'cpu' | 'cuda';
  readonly instructionSet: string;
  /** Name of the CUDA device; `undefined` on the CPU. */
  readonly device: string | undefined;
  /** The regularised tokens, strongest pull first; `undefined` for losses without Lp-Reg. */
  readonly protectedTokens: readonly ProtectedToken[] | undefined;
}

/** A token that Lp-Reg regularises, and what that changes. */
export interface ProtectedToken {
  readonly sequence: number;
  readonly position: number;
  readonly action: number;
  readonly advantage: number;
  readonly logProb: number;
  readonly proxyLogProb: number;
  /** d loss / d log-probability with `beta = 0`. */
  readonly coefLogProbWithout: number;
  readonly coefLogProb: number;
  /** d loss / d KL(q‖p); 0 in the forms that use a sampled KL. */
  readonly coefKl: number;
  /** Strength of the regulariser, as in the metric `pullRatio` (docs/semantics.md §6). */
  readonly pull: number;
}

/**
 * Evaluates a batch file. Where the gradient has the dtype of the logits, it overwrites them: the file's copy is ours.
 * @throws {LpRegError} What the options and the batch are refused for.
 */
export function evaluate(file: BatchFile, placement: Placement, gradDtype: TensorDtype): Evaluation {
  const policyLoss = new PolicyLoss({ ...file.options, ...placement });
  const { logits } = file.batch;
  const result = policyLoss.forwardBackwardSync(file.batch, {
    outputs: policyLoss.tokenFields,
    ...(logits.dtype === gradDtype ? { into: logits } : { dtype: gradDtype }),
  });
  return {
    ...result,
    backend: policyLoss.backend,
    instructionSet: policyLoss.instructionSet,
    device:
      policyLoss.backend === 'cuda'
        ? inspect().backends.cuda.devices[placement.device ?? 0]?.name
        : undefined,
    protectedTokens:
      policyLoss.options.objective === 'lp-reg' ? protectedTokens(file, placement, result.tokens) : undefined,
  };
}

/** The selected tokens next to the scalar stage without the regulariser, which needs no logits. */
function protectedTokens(file: BatchFile, placement: Placement, tokens: TokenArrays): ProtectedToken[] {
  const { batch, shape } = file;
  const without = coefficientsWithoutRegulariser(file, placement, tokens);
  const rows = [...tokens.selected.keys()].filter((row) => tokens.selected[row] === 1);
  const advantageStep = batch.advantages.length === batch.actions.length ? 1 : shape[1];
  const found = rows.map((row): ProtectedToken => {
    const at = (array: ArrayLike<number> | undefined) => array?.[row] ?? 0;
    const [coefLogProb, coefLogProbWithout, coefKl] = [
      at(tokens.coefLogProb),
      at(without),
      at(tokens.coefKl),
    ];
    return {
      sequence: Math.floor(row / shape[1]),
      position: row % shape[1],
      action: Number(batch.actions[row]),
      advantage: batch.advantages[Math.floor(row / advantageStep)] ?? 0,
      logProb: at(tokens.logProbs),
      proxyLogProb: at(tokens.proxyLogProbs),
      coefLogProbWithout,
      coefLogProb,
      coefKl,
      pull: Math.abs(coefLogProb - coefLogProbWithout) + coefKl * (1 - Math.exp(at(tokens.logKeptMass))),
    };
  });
  return found.sort((a, b) => b.pull - a.pull);
}

function coefficientsWithoutRegulariser(
  file: BatchFile,
  placement: Placement,
  tokens: TokenArrays,
): Float32Array {
  const { logits: _logits, oldLogits: _oldLogits, actions: _actions, ...inputs } = file.batch;
  // Stored proxies are an input of the stage, not a statistic.
  const { proxyLogProbs, ...statistics } = tokens;
  const policyLoss = new PolicyLoss({ ...file.options, ...placement, beta: 0 } as typeof file.options);
  const { tokens: scalars } = policyLoss.objectiveSync({
    ...inputs,
    shape: [file.shape[0], file.shape[1]],
    tokens: inputs.proxyLogProbs === undefined ? tokens : statistics,
  });
  return scalars.coefLogProb;
}
