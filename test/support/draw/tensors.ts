/** Draws the per-token inputs around the current log-probabilities, so that every branch of the losses is met. */

import { encodeHalf } from '../half.js';
import type { Random } from '../random.js';
import type { CaseMeta, ReferenceInput } from '../reference/case.js';
import { readRow } from '../reference/row.js';
import { drawAction, drawLogits, drawOldLogits } from './logits.js';

function drawMask(random: Random, { B, T }: CaseMeta): Uint8Array {
  const mask = new Uint8Array(B * T).fill(1);
  const kind = random.next();
  if (kind < 0.25) return mask;
  if (kind < 0.28) return mask.fill(0);
  for (let b = 0; b < B; b++) {
    const length = random.chance(0.1) ? 0 : random.integer(1, T);
    const row = mask.subarray(b * T, b * T + T).fill(0, length);
    if (kind > 0.6) for (let t = 0; t < length; t++) row[t] = random.chance(0.8) ? 1 : 0;
  }
  return mask;
}

function drawAdvantages(random: Random, { B, T }: CaseMeta): Float32Array {
  const perToken = random.chance(0.4);
  const one = () => (random.chance(0.08) ? 0 : random.normal());
  const perSequence = Float32Array.from({ length: B }, one);
  const advantages = new Float32Array(B * T);
  return advantages.map((_, token) => (perToken ? one() : (perSequence[Math.floor(token / T)] as number)));
}

/** Logits, actions and the current log-probability of every token. */
function drawRows(random: Random, meta: CaseMeta) {
  const { B, T, V, temperature, softcap } = meta;
  const logits = drawLogits(random, meta);
  const actions = new Int32Array(B * T);
  const logp = new Float64Array(B * T);
  for (let token = 0; token < actions.length; token++) {
    const row = logits.subarray(token * V, token * V + V);
    const repeats = token > 0 && row.every((value, v) => value === logits[(token - 1) * V + v]);
    const action = repeats && V < 100 ? (actions[token - 1] as number) : drawAction(random, row);
    actions[token] = action;
    logp[token] = readRow(row, temperature, softcap).logProbs[action] as number;
  }
  return { logits, actions, logp };
}

/** A log-probability near another one; never above 0. */
function near(random: Random, logp: number, spread: number): number {
  return Math.min(0, logp + random.normal() * spread);
}

/** Ratios that overflow are finite losses only where the clip or `A = 0` removes them. */
function mayOverflow({ loss, hyper }: CaseMeta, advantage: number): boolean {
  if (loss === 'sapo') return true;
  if (loss === 'cispo') return true;
  if (advantage === 0) return true;
  return advantage > 0 && loss !== 'kl-cov' && hyper.rho_pos === undefined;
}

function drawOldLogp(random: Random, meta: CaseMeta, logp: Float64Array, advantages: Float32Array) {
  const spread = meta.loss === 'gspo' ? random.pick([0.002, 0.02, 0.3]) : random.pick([0.05, 0.3, 1.2]);
  const far = meta.loss === 'gspo' && random.chance(0.1) ? -12 : 0;
  return Float32Array.from(logp, (value, token) => {
    if (random.chance(0.02) && mayOverflow(meta, advantages[token] as number)) return -1000;
    return near(random, value + far, spread);
  });
}

/** Proxy log-probabilities as a rollout stores them: `-1e4` for a filtered token. */
function drawStoredProxy(random: Random, logp: Float64Array): Float32Array {
  const spread = random.pick([0.5, 4, 8]);
  return Float32Array.from(logp, (value) => (random.chance(0.3) ? -1e4 : near(random, value + 0.3, spread)));
}

function drawGivenCounts(random: Random, { agg, B, T }: CaseMeta): Partial<ReferenceInput> {
  if (random.chance(0.75)) return {};
  const sequenceCount = B + random.integer(0, 5);
  switch (agg) {
    case 'token-mean':
      return { tokenCount: B * T + random.integer(0, 50) };
    case 'seq-mean-token-sum':
      return { sequenceCount };
    case 'seq-mean-token-mean': {
      const sequenceLengths = Float64Array.from({ length: B }, () => T + random.integer(0, 9));
      return random.pick([{ sequenceLengths }, { sequenceCount }, { sequenceLengths, sequenceCount }]);
    }
    case 'seq-mean-token-sum-norm':
      return { maxLength: T + random.integer(1, 30) };
  }
}

/** Fills every input of the masked tokens with values that would show if they were read. */
function spoilMasked(input: ReferenceInput): void {
  const { V } = input.meta;
  input.mask.forEach((bit, token) => {
    if (bit === 1) return;
    input.logits.fill(Number.NaN, token * V, token * V + V);
    input.oldLogits?.fill(Number.NaN, token * V, token * V + V);
    input.actions[token] = -100;
    for (const values of [input.oldLogp, input.advantages, input.refLogp, input.rolloutWeights]) {
      if (values !== undefined) values[token] = Number.NaN;
    }
    if (input.storedProxyLogp !== undefined) input.storedProxyLogp[token] = Number.NaN;
  });
}

/** Draws every tensor that the metadata asks for; masked rows hold garbage. Clip-Cov's `chosen` is left empty. */
export function drawTensors(random: Random, meta: CaseMeta): ReferenceInput {
  const { logits, actions, logp } = drawRows(random, meta);
  const advantages = drawAdvantages(random, meta);
  const input: ReferenceInput = {
    meta,
    logits,
    actions,
    advantages,
    oldLogp: drawOldLogp(random, meta, logp, advantages),
    mask: drawMask(random, meta),
    ...drawGivenCounts(random, meta),
  };
  if (meta.filter?.source === 'old') input.oldLogits = drawOldLogits(random, logits);
  if (meta.filter?.source === 'stored') input.storedProxyLogp = drawStoredProxy(random, logp);
  if (meta.loss === 'clip-cov') input.chosen = new Uint8Array(logp.length);
  if (meta.extras.kl_ref_coef !== undefined) {
    const spread = random.pick([0.3, 1, 4]);
    input.refLogp = Float32Array.from(logp, (value) => near(random, value, spread));
  }
  if (random.chance(0.3)) input.rolloutWeights = Float32Array.from(logp, () => random.uniform(0.3, 2));
  spoilMasked(input);
  if (meta.logits_copy !== null) input.logits16 = encodeHalf(logits, meta.logits_copy);
  return input;
}
