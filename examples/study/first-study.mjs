// Figures of the first study (numpy, 825 runs), which this one is to reproduce: [value, half of its 95 % interval or null].

/** Ratio of an arm's drift of log p of the sparks to GRPO's, at the initial policy of environment A. */
export const DRIFT = {
  grpo: { 0.03: -0.054, 0.1: -0.05, 0.2: -0.041, 0.3: -0.027 }, // the drift itself
  'k3 rho .01': { 0.03: 0, 0.1: 0, 0.2: 0, 0.3: 0 },
  'k3 rho .1': { 0.03: 0.007, 0.1: 0, 0.2: 0, 0.3: 0 },
  'k3 rho .3': { 0.03: 0.035, 0.1: 0.088, 0.2: 0.074, 0.3: 0 },
  'k3 rho .5': { 0.03: 0.027, 0.1: 0.074, 0.2: 0.157, 0.3: 0.32 },
  'k3 rho 1': { 0.03: 0.012, 0.1: 0, 0.2: -0.1, 0.3: -0.29 },
  'kept b1': { 0.03: 0.036, 0.1: 0.109, 0.2: 0.221, 0.3: 0.347 },
  'kl rho .1': { 0.03: -0.012, 0.1: 0, 0.2: 0, 0.3: 0 },
  'kl rho 1': { 0.03: -0.12, 0.1: -0.35, 0.2: -0.64, 0.3: -0.84 },
  'ent .01': { 0.03: 0.11, 0.1: 0.15, 0.2: 0.21, 0.3: 0.28 },
  'ent .1': { 0.03: 1.06, 0.1: 1.53, 0.2: 2.07, 0.3: 2.82 },
};

/** beta at which `kept` stops extinction. */
export const THRESHOLDS = { 0.03: 28, 0.1: 9.2, 0.2: 4.5, 0.3: 2.9 };

/** GRPO at the end, environment B. */
const GRPO = {
  0.03: {
    pass16: [0.49, 0.039],
    neededSpark: [0.083, null],
    noiseMass: [0.004, null],
    entropy: [0.14, null],
  },
  0.1: { pass16: [0.45, 0.032], neededSpark: [0.045, null], noiseMass: [0.008, null], entropy: [0.15, null] },
  0.2: {
    pass16: [0.425, 0.023],
    neededSpark: [0.026, null],
    noiseMass: [0.011, null],
    entropy: [0.17, null],
  },
  0.3: { pass16: [0.412, 0.02], neededSpark: [0.011, null], noiseMass: [0.014, null], entropy: [0.2, null] },
};

/** Figures at all tails, and halves of their intervals. */
const pairs = (values, halves = []) => values.map((value, place) => [value, halves[place] ?? null]);

/** Published arms and bonuses, environment B: pass@16 at tails 0.03, 0.1, 0.2, 0.3; selected tokens per batch over the run. */
const PUBLISHED_PASS16 = {
  'k3 rho .01': pairs([0, 0, 0, 0]),
  'k3 rho .1': pairs([-0.0001, 0.0001, -0.0001, 0], [0.0004, 0.0002, 0.0002, 0.0001]),
  'k3 rho 1': pairs([-0.002, -0.003, -0.001, -0.007], [0.004, 0.005, 0.003, 0.006]),
  'kl rho .01': pairs([0, 0, 0, 0]),
  'kl rho .1': pairs([-0.007, -0.007, -0.007, -0.009], [0.014, 0.012, 0.009, 0.009]),
  'kl rho 1': pairs([-0.029, -0.026, -0.022, -0.023], [0.036, 0.017, 0.019, 0.018]),
  'ent .01': pairs([0.023, 0.037, 0.031, 0.025], [0.018, 0.039, 0.029, 0.021]),
  'ent .1': pairs([0.116, -0.449, -0.425, -0.412], [0.053, 0.032, 0.023, 0.02]),
};
const PUBLISHED_SELECTED = {
  'k3 rho .01': [0, 0, 0, 0],
  'k3 rho .1': [3.4, 1.1, 0.5, 0.3],
  'kl rho .1': [28, 16, 10, 7],
};
const BONUS_NOISE = { 'ent .1': [0.08, 0.83, 0.87, 0.88] };
const ALL_TAILS = [0.03, 0.1, 0.2, 0.3];

/** By tail and arm: five seeds of the arms that were fixed beforehand, environment B. */
export const PUBLISHED = byTail((place) => [
  ['grpo', GRPO[ALL_TAILS[place]]],
  ...Object.entries(PUBLISHED_PASS16).map(([arm, figures]) => [
    arm,
    {
      pass16: figures[place],
      ...(arm in PUBLISHED_SELECTED && { selected: [PUBLISHED_SELECTED[arm][place], null] }),
      ...(arm in BONUS_NOISE && { noiseMass: [BONUS_NOISE[arm][place], null] }),
    },
  ]),
]);

/** Environment A: half-life of the sparks; that no Lp-Reg arm moves pass@16 by more than 0.001. */
const HALF_LIVES_A = {
  grpo: pairs([69, 69, 74, 87], [2, 1, 1, 1]),
  'k3 rho .1': pairs([70, 69, 74, 87]),
  'kl rho 1': pairs([61, 51, 48, 50]),
  'ent .01': pairs([77, 80, 89, 112]),
};
const LP_REG = ['k3 rho .01', 'k3 rho .1', 'k3 rho 1', 'kl rho .01', 'kl rho .1', 'kl rho 1'];
export const ENVIRONMENT_A = byTail((place) =>
  ['grpo', ...LP_REG, 'ent .01'].map((arm) => [
    arm,
    {
      ...(arm in HALF_LIVES_A && { halfLife: HALF_LIVES_A[arm][place] }),
      ...(LP_REG.includes(arm) && { pass16: [0, 0.001] }),
      ...(arm === 'grpo' &&
        ALL_TAILS[place] === 0.1 && { entropy: [0.078, null], hardPass64: [0.0001, null] }),
    },
  ]),
);

function byTail(armsAt) {
  return Object.fromEntries(ALL_TAILS.map((tail, place) => [tail, Object.fromEntries(armsAt(place))]));
}

/** Adam, environment B. */
export const ADAM = {
  0.1: {
    grpo: { pass16: [0.672, null] },
    'k3 rho .1': { pass16: [0, null] },
    'kl rho .1': { pass16: [0, null] },
    'kept b1': { pass16: [0.003, 0.004] },
    'ent .01': { pass16: [-0.018, 0.02] },
  },
  0.3: {
    grpo: { pass16: [0.648, null] },
    'k3 rho .1': { pass16: [0, null] },
    'kl rho .1': { pass16: [0, null] },
    'kept b1': { pass16: [0.007, 0.03] },
    'ent .01': { pass16: [-0.024, 0.027] },
  },
};

/** Four updates per batch, environment B. */
export const FOUR_UPDATES = {
  0.1: {
    'k3 rho .01': { pass16: [0, null] },
    'k3 rho .1': { pass16: [0, null] },
    'kl rho .1': { pass16: [-0.007, 0.013] },
    'kept b1': { pass16: [-0.001, 0.006] },
    'ent .01': { pass16: [0.03, 0.045] },
    'clip-higher': { pass16: [0, null] },
  },
  0.3: {
    'k3 rho .01': { pass16: [0, null] },
    'k3 rho .1': { pass16: [0, null] },
    'kl rho .1': { pass16: [-0.008, 0.01] },
    'kept b1': { pass16: [0.013, 0.016] },
    'ent .01': { pass16: [0.033, 0.023] },
    'clip-higher': { pass16: [0, null] },
  },
};

/** The best `kept` arm of each tail against the bonus of 0.03, paired, environment B. */
export const AGAINST_BONUS = {
  0.1: { 'kept b8': { pass16: [-0.028, 0.013], pass1: [-0.001, 0.008], noiseMass: [-0.012, 0.004] } },
  0.2: { 'kept b4': { pass16: [-0.046, 0.022], pass1: [0.012, 0.01], noiseMass: [-0.04, 0.012] } },
  0.3: { 'kept b2': { pass16: [-0.024, 0.02], pass1: [0.055, 0.02], noiseMass: [-0.109, 0.021] } },
};

/** The released form with other numbers, environment B. */
export const RELEASED_FORM = {
  0.1: { 'k3 rho .3 b8': { pass16: [0.019, 0.015] } },
  0.2: { 'k3 rho .4 b4': { pass16: [0.005, 0.011] } },
};

/** Confirmation, environment B: half-life and noise mass as levels, the rest as paired differences to GRPO. */
export const CONFIRMED = {
  0.1: {
    grpo: { halfLife: [125, 4], noiseMass: [0.0086, null] },
    'kept b1': {
      halfLife: [132, 4],
      pass16: [0.002, 0.003],
      pass1: [0.002, 0.002],
      neededSpark: [0.003, 0.002],
      noiseMass: [0.0086, null],
    },
    'kept b8': {
      halfLife: [286, 22],
      pass16: [0.047, 0.02],
      pass1: [0.036, 0.016],
      neededSpark: [0.048, 0.018],
      noiseMass: [0.0094, null],
    },
    'ent .01': { halfLife: [145, null], pass16: [0.023, 0.009], noiseMass: [0.011, null] },
    'ent .03': {
      halfLife: [223, null],
      pass16: [0.075, 0.018],
      pass1: [0.037, 0.012],
      noiseMass: [0.021, null],
    },
  },
  0.2: {
    grpo: { halfLife: [133, 4], noiseMass: [0.012, null] },
    'kept b1': {
      halfLife: [149, 5],
      pass16: [0.006, 0.004],
      pass1: [0.006, 0.005],
      neededSpark: [0.007, 0.007],
      noiseMass: [0.012, null],
    },
    'kept b4': {
      halfLife: [270, 14],
      pass16: [0.037, 0.018],
      pass1: [0.028, 0.015],
      neededSpark: [0.038, 0.02],
      noiseMass: [0.013, null],
    },
    'ent .01': { halfLife: [162, null], pass16: [0.031, 0.016], noiseMass: [0.018, null] },
    'ent .03': {
      halfLife: [305, null],
      pass16: [0.083, 0.019],
      pass1: [0.016, 0.012],
      noiseMass: [0.053, null],
    },
  },
  0.3: {
    grpo: { halfLife: [155, 5], noiseMass: [0.015, null] },
    'kept b1': {
      halfLife: [189, 7],
      pass16: [0.006, 0.006],
      pass1: [0.002, 0.003],
      neededSpark: [0.003, 0.003],
      noiseMass: [0.015, null],
    },
    'kept b2': {
      halfLife: [246, 11],
      pass16: [0.019, 0.015],
      pass1: [0.014, 0.011],
      neededSpark: [0.018, 0.013],
      noiseMass: [0.016, null],
    },
    'ent .01': { halfLife: [200, null], pass16: [0.024, 0.015], noiseMass: [0.024, null] },
    'ent .03': {
      halfLife: [493, null],
      pass16: [0.043, 0.024],
      pass1: [-0.041, 0.018],
      noiseMass: [0.125, null],
    },
  },
};

/** What the vocabulary may change, tail 0.3. */
const { grpo, 'kept b2': keptB2, 'ent .03': bonus } = CONFIRMED[0.3];
export const AT_1000_TOKENS = {
  grpo: { ...grpo, entropy: PUBLISHED[0.3].grpo.entropy },
  'kl rho .1': { selected: PUBLISHED[0.3]['kl rho .1'].selected },
  'kept b2': keptB2,
  'ent .03': bonus,
  'ent .1': { noiseMass: PUBLISHED[0.3]['ent .1'].noiseMass },
};

/** Sixteen updates per batch, tail 0.2: paired difference to GRPO in pass@16; half-life in batches. */
export const EPOCHS = {
  grpo: { halfLife: [4, null] },
  'kept b1': { pass16: [0.013, 0.018] },
  'kept b4': { halfLife: [9, null], pass16: [0.055, 0.033], pass1: [0.055, 0.031] },
  'clip-higher': { pass16: [0.024, 0.019] },
  'ent .01': { pass16: [0.027, 0.019] },
};
export const SIXTEEN_UPDATES_RELEASED = { 'k3 rho .1': { pass16: [-0.003, 0.005] } };

/** The quick study's figures, tail 0.2, seeds 200-204: half-life, paired difference in pass@16. */
export const QUICK = {
  grpo: { halfLife: [132, 4] },
  'k3 rho .01': { halfLife: [132, 4], pass16: [0, null] },
  'kept b1': { halfLife: [147, 4], pass16: [0.006, 0.006] },
  'kept b4': { halfLife: [257, 11], pass16: [0.026, 0.016] },
  'ent .01': { halfLife: [155, 6], pass16: [0.021, 0.017] },
  'ent .1': { pass16: [-0.48, 0.08], noiseMass: [0.8, null] },
};
