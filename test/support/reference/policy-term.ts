/** The policy term of one token for every loss: its value and its derivative with respect to `logProb` (SEMANTICS §3, §7). */
import type { ResolvedHyper } from './case.js';
import type { Margins } from './margins.js';

export interface PolicyTerm {
  value: number;
  slope: number;
  clipped: boolean;
  dualClipped: boolean;
}

const ZERO_TERM: PolicyTerm = { value: 0, slope: 0, clipped: false, dualClipped: false };

function clamp(value: number, lower: number, upper: number): number {
  return Math.min(Math.max(value, lower), upper);
}

/** `-A r`, 0 where `A = 0` even if the ratio overflowed. */
export function unclippedTerm(logRatio: number, advantage: number): PolicyTerm {
  if (advantage === 0) return ZERO_TERM;
  const value = -advantage * Math.exp(logRatio);
  return { value, slope: value, clipped: false, dualClipped: false };
}

function noteRatioMargins(logRatio: number, hyper: ResolvedHyper, margins: Margins): void {
  margins.note('clip-bound', logRatio - Math.log1p(hyper.high));
  if (hyper.low < 1) margins.note('clip-bound', logRatio - Math.log1p(-hyper.low));
  if (hyper.ratio_cap !== undefined) margins.note('ratio-cap', logRatio - Math.log(hyper.ratio_cap));
}

/** The clipped surrogate of SEMANTICS §3 with its optional ratio cap and dual clip. */
export function clippedSurrogate(
  logRatio: number,
  advantage: number,
  hyper: ResolvedHyper,
  margins: Margins,
): PolicyTerm {
  if (advantage === 0) return ZERO_TERM;
  noteRatioMargins(logRatio, hyper, margins);
  const ratio = Math.exp(logRatio);
  const cap = hyper.ratio_cap ?? Infinity;
  const first = -advantage * Math.min(ratio, cap);
  const second = -advantage * clamp(ratio, 1 - hyper.low, 1 + hyper.high);
  const clipped = second > first;
  const value = clipped ? second : first;
  const slope = clipped || ratio > cap ? 0 : first;
  if (hyper.dual === undefined || advantage > 0) return { value, slope, clipped, dualClipped: false };
  const ceiling = -advantage * hyper.dual;
  margins.note('dual-clip', value / ceiling - 1);
  return value > ceiling
    ? { value: ceiling, slope: 0, clipped, dualClipped: true }
    : { value, slope, clipped, dualClipped: false };
}

/** The constant `c` of CISPO. */
export function cispoWeight(logRatio: number, hyper: ResolvedHyper, margins: Margins): number {
  noteRatioMargins(logRatio, hyper, margins);
  return clamp(Math.exp(logRatio), 1 - hyper.low, 1 + hyper.high);
}

export function cispoTerm(weight: number, logRatio: number, logProb: number, advantage: number): PolicyTerm {
  const slope = -weight * advantage;
  return { value: slope * logProb, slope, clipped: weight !== Math.exp(logRatio), dualClipped: false };
}

export function sapoTerm(logRatio: number, advantage: number, hyper: ResolvedHyper): PolicyTerm {
  if (advantage === 0) return ZERO_TERM;
  const tau = advantage > 0 ? hyper.tau_pos : hyper.tau_neg;
  const ratio = Math.exp(logRatio);
  const gate = 1 / (1 + Math.exp(-tau * (ratio - 1)));
  const closing = 1 / (1 + Math.exp(tau * (ratio - 1)));
  const slope = closing === 0 ? 0 : -4 * advantage * gate * closing * ratio;
  return { value: -advantage * (4 / tau) * gate, slope, clipped: false, dualClipped: false };
}
