/** Logits to measure with. Time may depend on their distribution: on how many tokens a filter keeps, above all. */
import { Random } from './random.js';

/**
 * - `peaked`: as of a trained model. Some eight tokens hold nearly all of the mass, and a min-p filter keeps a few of them.
 * - `flat`: standard normal logits. No token stands out, and a min-p filter of 0.02 keeps a quarter of a large vocabulary.
 */
export type Distribution = 'peaked' | 'flat';

const PEAKED_DEVIATION = 2;
const HEAD_TOKENS = 8;
/** How far the likeliest token lies above all of the background together, in nats. */
const HEAD_LEAD = 3;
const HEAD_STEP = 0.8;
const NORMALS = 2 ** 16;

/** `[rows, vocab]` of float32 logits. */
export function drawLogits(
  distribution: Distribution,
  rows: number,
  vocab: number,
  seed: number,
): Float32Array {
  const random = new Random(seed);
  const normals = Float32Array.from({ length: NORMALS }, () => random.normal());
  const deviation = distribution === 'peaked' ? PEAKED_DEVIATION : 1;
  const logits = new Float32Array(rows * vocab);
  for (let i = 0; i < logits.length; i++) {
    logits[i] = deviation * (normals[random.bits() >>> 16] as number);
  }
  if (distribution === 'peaked' && vocab > 2 * HEAD_TOKENS) raiseHeads(logits, vocab, random);
  return logits;
}

function raiseHeads(logits: Float32Array, vocab: number, random: Random): void {
  const background = Math.log(vocab) + PEAKED_DEVIATION ** 2 / 2;
  for (let begin = 0; begin < logits.length; begin += vocab) {
    for (let rank = 0; rank < HEAD_TOKENS; rank++) {
      const level = background + HEAD_LEAD - HEAD_STEP * rank + 0.5 * random.normal();
      logits[begin + (random.bits() % vocab)] = level;
    }
  }
}
