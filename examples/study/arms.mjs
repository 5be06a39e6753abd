// Environments and arms, all of them by options: of the simulation, and of PolicyLoss.
import { FILTER } from './environment.mjs';

/** Deviations from DEFAULTS in simulate.mjs. */
export const ENVIRONMENTS = {
  A: { promptScale: 1, initialNoise: 0.2, learningRate: 0.2, steps: 800 },
  B: { promptScale: 2, initialNoise: 0.1, learningRate: 0.1, steps: 1500 },
  BK16: { promptScale: 2, initialNoise: 0.1, learningRate: 0.3, steps: 60, epochs: 16, evaluateEvery: 5 },
  BK4: { promptScale: 2, initialNoise: 0.1, learningRate: 0.05, steps: 750, epochs: 4 },
  BAdam: { promptScale: 2, initialNoise: 0.1, learningRate: 0.002, steps: 1500, optimiser: 'adam' },
};

// The clip of GRPO for all, so that an arm differs from it by its regulariser only.
const CLIP = { clipLow: 0.2, clipHigh: 0.2 };
const grpo = (more = {}) => ({ objective: 'grpo', ...CLIP, ...more });
const lpReg = (more) => ({ objective: 'lp-reg', filter: FILTER, ...CLIP, ...more });
const reference = (rhoNeg, beta = 1) => lpReg({ form: 'reference', rhoNeg, beta });
const paper = (rho) => lpReg({ form: 'paper', rho, interpolation: 'linear' });
const kept = (beta) => lpReg({ form: 'kept', beta });

/** Name -> options of PolicyLoss. `k3` is the form of the released code, `kl` that of the paper. */
export const ARMS = {
  grpo: grpo(),
  'k3 rho .01': reference(0.01),
  'k3 rho .1': reference(0.1),
  'k3 rho .3': reference(0.3),
  'k3 rho .5': reference(0.5),
  'k3 rho 1': reference(1),
  'kl rho .01': paper(0.01),
  'kl rho .1': paper(0.1),
  'kl rho 1': paper(1),
  'kept b1': kept(1),
  'kept b2': kept(2),
  'kept b4': kept(4),
  'kept b8': kept(8),
  'ent .01': grpo({ entropyCoef: 0.01 }),
  'ent .03': grpo({ entropyCoef: 0.03 }),
  'ent .1': grpo({ entropyCoef: 0.1 }),
  'clip-higher': grpo({ clipHigh: 0.28 }),
};

/** An arm whose proxy stays that of the policy that sampled, for several updates per batch; form `paper` needs all of the proxy, which is the current policy's. */
export function withStoredProxy(loss) {
  if (loss.objective !== 'lp-reg' || loss.form === 'paper') return loss;
  const { filter: _, ...rest } = loss;
  return { ...rest, proxy: 'stored' };
}
