/**
 * Seeded random batches over every loss and option, each with its float64 reference. Batches in which a discrete
 * decision lies near its boundary are drawn again, so that float32 logits must decide exactly like the reference.
 */

import { reached } from './draw/coverage.js';
import { drawMeta, LOSSES } from './draw/meta.js';
import { drawTensors } from './draw/tensors.js';
import { Random } from './random.js';
import { type LossName, type ReferenceInput, validTokens } from './reference/case.js';
import { evaluateReference, type ReferenceResult } from './reference.js';

export { Coverage } from './draw/coverage.js';
export { LOSSES } from './draw/meta.js';

/** Least distance of any decision from its boundary, in the decision's own unit (mostly log units). */
const MARGIN = 1e-4;
/** Larger token losses come from ratios that no trainer survives and only measure `exp`. */
const LARGEST_TOKEN_LOSS = 1e5;
const MOST_ATTEMPTS = 200;

export interface DrawnBatch {
  input: ReferenceInput;
  reference: ReferenceResult;
  /** Options and branches reached, each as `loss: option`. */
  reached: string[];
}

/** Whether float32 logits must decide as the reference does, and every value is finite. */
export function isUsable({ margins, tokens, loss, grad }: ReferenceResult): boolean {
  if (margins.smallest() < MARGIN || !Number.isFinite(loss)) return false;
  if (tokens.kl?.some((value) => !Number.isFinite(value))) return false;
  return (
    tokens.token_loss.every((value) => Math.abs(value) < LARGEST_TOKEN_LOSS) && grad.every(Number.isFinite)
  );
}

/** Marks part of Clip-Cov's candidates as drawn for zeroing. */
function chooseCandidates(random: Random, input: ReferenceInput): void {
  const { candidate } = evaluateReference(input).tokens;
  const chosen = input.chosen as Uint8Array;
  for (const token of validTokens(input)) {
    if (candidate?.[token] === 1 && random.chance(0.6)) chosen[token] = 1;
  }
}

/** Draws the batch of this seed; `loss` defaults to one of all losses, chosen by the seed. */
export function drawBatch(
  seed: number,
  loss: LossName = LOSSES[seed % LOSSES.length] as LossName,
): DrawnBatch {
  const meta = drawMeta(new Random(seed, LOSSES.indexOf(loss)), loss, `drawn ${loss} ${seed}`);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const random = new Random(seed, LOSSES.indexOf(loss), attempt);
    const input = drawTensors(random, meta);
    if (input.chosen !== undefined) chooseCandidates(random, input);
    const reference = evaluateReference(input);
    if (isUsable(reference)) return { input, reference, reached: reached(input, reference) };
  }
  throw new Error(`seed ${seed}: no batch with clear decisions in ${MOST_ATTEMPTS} attempts`);
}
