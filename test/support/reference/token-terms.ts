/** Per-token values and derivatives of the loss, before weights and extras (SEMANTICS §3, §6, §7). */
import { validTokens } from './case.js';
import { type Decisions, logRatioOf, type Scene, usesSampledPull } from './decisions.js';
import { sampledKl } from './estimator.js';
import { cispoTerm, clippedSurrogate, type PolicyTerm, sapoTerm, unclippedTerm } from './policy-term.js';

/** Per-token arrays `[B*T]`; masked positions hold 0. */
export interface TokenTerms {
  /** Policy term times its rollout weight, and its derivative with respect to `logProb`. */
  policy: Float64Array;
  policySlope: Float64Array;
  /** Lp-Reg's or KL-Cov's addition, its derivative with respect to `logProb`, and with respect to KL(q||p). */
  regulariser: Float64Array;
  regulariserSlope: Float64Array;
  klSlope: Float64Array;
  clipped: Uint8Array;
  dualClipped: Uint8Array;
}

/** The GSPO log-ratio around the frozen mean; the token moves it as if it were its own ratio. */
function gspoTerm(scene: Scene, decisions: Decisions, token: number): PolicyTerm {
  const { input, statistics, hyper, margins } = scene;
  const mean = decisions.sequenceLogRatio?.[Math.floor(token / input.meta.T)] as number;
  const moved = (statistics.logp[token] as number) - (decisions.logpAtDecision[token] as number);
  const advantage = input.advantages[token] as number;
  if (mean <= 10) return clippedSurrogate(mean + moved, advantage, hyper, margins);
  return { ...clippedSurrogate(10, advantage, hyper, margins), slope: 0 };
}

/** The loss's own policy term, before any replacement. */
function surrogateTerm(scene: Scene, decisions: Decisions, token: number): PolicyTerm {
  const { input, statistics, hyper, margins } = scene;
  const advantage = input.advantages[token] as number;
  const logRatio = logRatioOf(scene, token);
  switch (input.meta.loss) {
    case 'gspo':
      return gspoTerm(scene, decisions, token);
    case 'kl-cov':
      return unclippedTerm(logRatio, advantage);
    case 'cispo':
      return cispoTerm(
        decisions.cispoWeight?.[token] as number,
        logRatio,
        statistics.logp[token] as number,
        advantage,
      );
    case 'sapo':
      return sapoTerm(logRatio, advantage, hyper);
    default:
      return clippedSurrogate(logRatio, advantage, hyper, margins);
  }
}

/** The policy term after Lp-Reg's and Clip-Cov's replacements; the clip flags stay those of the surrogate. */
function policyTerm(scene: Scene, decisions: Decisions, token: number): PolicyTerm {
  const term = surrogateTerm(scene, decisions, token);
  if (decisions.selected[token] === 0) return term;
  if (scene.input.meta.loss === 'clip-cov') return { ...term, value: 0, slope: 0 };
  if (!usesSampledPull(scene)) return term;
  const { value, slope } = unclippedTerm(logRatioOf(scene, token), scene.input.advantages[token] as number);
  return { ...term, value, slope };
}

interface Regulariser {
  value: number;
  slope: number;
  klSlope: number;
}

/** What a selected token adds to its policy term. */
function regulariserTerm(scene: Scene, token: number): Regulariser {
  const { input, hyper, statistics, margins } = scene;
  const logp = statistics.logp[token] as number;
  if (input.meta.loss === 'lp-reg-paper') {
    return { value: hyper.beta * (statistics.kl?.[token] as number), slope: 0, klSlope: hyper.beta };
  }
  if (input.meta.loss === 'kl-cov') {
    const d = logRatioOf(scene, token);
    return { value: hyper.coef * Math.abs(d), slope: hyper.coef * Math.sign(d), klSlope: 0 };
  }
  if (!usesSampledPull(scene)) return { value: 0, slope: 0, klSlope: 0 };
  const target = statistics.proxyLogp?.[token] as number;
  const estimate = sampledKl(hyper.estimator, target, logp, input.meta.kl_bound, margins);
  return { value: hyper.beta * estimate.value, slope: hyper.beta * estimate.slope, klSlope: 0 };
}

function emptyTerms(size: number): TokenTerms {
  return {
    policy: new Float64Array(size),
    policySlope: new Float64Array(size),
    regulariser: new Float64Array(size),
    regulariserSlope: new Float64Array(size),
    klSlope: new Float64Array(size),
    clipped: new Uint8Array(size),
    dualClipped: new Uint8Array(size),
  };
}

export function tokenTerms(scene: Scene, decisions: Decisions): TokenTerms {
  const terms = emptyTerms(scene.input.mask.length);
  for (const token of validTokens(scene.input)) {
    const term = policyTerm(scene, decisions, token);
    const rolloutWeight = scene.input.rolloutWeights?.[token] ?? 1;
    terms.policy[token] = rolloutWeight * term.value;
    terms.policySlope[token] = rolloutWeight * term.slope;
    terms.clipped[token] = term.clipped ? 1 : 0;
    terms.dualClipped[token] = term.dualClipped ? 1 : 0;
    if (decisions.selected[token] === 0) continue;
    const added = regulariserTerm(scene, token);
    terms.regulariser[token] = added.value;
    terms.regulariserSlope[token] = added.slope;
    terms.klSlope[token] = added.klSlope;
  }
  return terms;
}
