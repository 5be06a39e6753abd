// Which runs a study consists of, in the order in which they are made. PREREGISTRATION.md says why.
import { ARMS, ENVIRONMENTS, withStoredProxy } from './arms.mjs';
import { DEFAULTS } from './environment.mjs';
import { RECURRENT } from './recurrent.mjs';

const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);

/** One run: what it is called, who computes it, and all of its options. */
function job({ study, env, tail, arm, seed, loss = ARMS[arm], simulator = 'simulate', ...more }) {
  const defaults = simulator === 'simulate' ? DEFAULTS : RECURRENT;
  const options = { ...defaults, ...ENVIRONMENTS[env], tail, seed, loss, ...more };
  return { name: { study, env, tail, arm, seed }, simulator, options };
}
const jobs = (seeds, tails, arms, rest) =>
  seeds.flatMap((seed) => tails.flatMap((tail) => arms.map((arm) => job({ ...rest, seed, tail, arm }))));

const QUICK_ARMS = ['grpo', 'k3 rho .01', 'kept b1', 'kept b4', 'ent .01', 'ent .1'];
const CONFIRMED = ['grpo', 'kept b1', 'kept b2', 'kept b4', 'kept b8', 'ent .01', 'ent .03'];
const PUBLISHED = ['k3 rho .01', 'k3 rho .1', 'k3 rho 1', 'kl rho .01', 'kl rho .1', 'kl rho 1', 'ent .1'];
const TAILS = [0.2, 0.1, 0.3];

const quick = () => jobs(range(200, 205), [0.2], QUICK_ARMS, { study: 'quick', env: 'B' });

const main = (seeds, arms, tails = TAILS, env = 'B') => jobs(seeds, tails, arms, { study: 'main', env });

function manyEpochs(seeds) {
  const arms = ['grpo', 'kept b1', 'kept b4', 'clip-higher', 'ent .01'];
  return seeds.flatMap((seed) =>
    arms.map((arm) =>
      job({ study: 'epochs', env: 'BK16', tail: 0.2, arm, seed, loss: withStoredProxy(ARMS[arm]) }),
    ),
  );
}

/** Deterministic tokens beside the decision points: rho_eff = rho (1 + F). */
function fillers(seeds) {
  const reference = (rhoNeg) => ({ ...ARMS['k3 rho .3'], rhoNeg, beta: 8 });
  const arms = {
    grpo: { loss: ARMS.grpo },
    'k3 rho .06 b8': { loss: reference(0.06) },
    'k3 rho .3 b8': { loss: reference(0.3) },
    'k3 rho .06 b8, 4 fillers': { loss: reference(0.06), fillers: 4 },
  };
  return seeds.flatMap((seed) =>
    Object.entries(arms).map(([arm, more]) =>
      job({ study: 'fillers', env: 'B', tail: 0.1, arm, seed, ...more }),
    ),
  );
}

/** One beta for all tails against a beta that is set once from the mean `pullRatio` of the first batches. */
function betaRule(seeds) {
  const arms = {
    grpo: { loss: ARMS.grpo },
    'kept b4': { loss: ARMS['kept b4'] },
    'kept by rule': { loss: ARMS['kept b1'], betaRule: { pullRatio: 0.3, batches: 20 } },
  };
  return seeds.flatMap((seed) =>
    TAILS.flatMap((tail) =>
      Object.entries(arms).map(([arm, more]) => job({ study: 'rule', env: 'B', tail, arm, seed, ...more })),
    ),
  );
}

const recurrent = (seeds) =>
  jobs(seeds, [0.2], ['grpo', 'k3 rho .01', 'kept b1', 'kept b4', 'kept b8', 'ent .01', 'ent .03'], {
    study: 'recurrent',
    env: 'R',
    simulator: 'recurrent',
  });

/** Added after the main study had been seen: is it the vocabulary that makes the entropy bonus and the noise differ from the first study? */
const vocabulary = () =>
  jobs(range(300, 305), [0.3], ['grpo', 'kl rho .1', 'kept b2', 'ent .03', 'ent .1'], {
    study: 'added: vocabulary',
    env: 'B',
    vocabulary: 1000,
  });

/** Added for what else the first study tried: Adam; four updates per batch; its other settings of the released form. */
function added() {
  const adam = ['grpo', 'k3 rho .1', 'kl rho .1', 'kept b1', 'ent .01'];
  const four = ['grpo', 'k3 rho .01', 'k3 rho .1', 'kl rho .1', 'kept b1', 'ent .01', 'clip-higher'];
  const seeds = range(300, 305);
  const [thin, fat] = [0.1, 0.3];
  const reference = (rhoNeg, beta) => ({ ...ARMS['k3 rho .3'], rhoNeg, beta });
  const stored = (study, env, tail, arm, seed) =>
    job({ study, env, tail, arm, seed, loss: withStoredProxy(ARMS[arm]) });
  return [
    ...jobs(seeds, [thin, fat], adam, { study: 'added: Adam', env: 'BAdam' }),
    ...seeds.flatMap((seed) =>
      [thin, fat].flatMap((tail) => four.map((arm) => stored('added: four updates', 'BK4', tail, arm, seed))),
    ),
    ...seeds.flatMap((seed) => [
      job({ study: 'added: released form', env: 'B', tail: 0.2, arm: 'grpo', seed }),
      job({
        study: 'added: released form',
        env: 'B',
        tail: 0.2,
        arm: 'k3 rho .4 b4',
        seed,
        loss: reference(0.4, 4),
      }),
    ]),
    ...seeds.flatMap((seed) =>
      ['grpo', 'k3 rho .1'].map((arm) => stored('added: sixteen updates', 'BK16', 0.2, arm, seed)),
    ),
  ];
}

/** For the smoke test. */
const tiny = () =>
  jobs([1, 2], [0.2], ['grpo', 'kept b4'], {
    study: 'tiny',
    env: 'B',
    steps: 6,
    evaluateEvery: 3,
    vocabulary: 20,
  });

const ALL_ARMS = [...CONFIRMED, ...PUBLISHED];
const ALL_TAILS = [...TAILS, 0.03];

/** Name -> runs, in the order of their priority: the study may be stopped at any time. */
export const PLANS = {
  quick,
  tiny,
  vocabulary,
  added,
  full: () => [
    ...main(range(300, 303), CONFIRMED),
    ...betaRule(range(400, 402)),
    ...recurrent(range(300, 303)),
    ...fillers(range(300, 302)),
    ...main(range(300, 303), PUBLISHED),
    ...recurrent(range(303, 305)),
    ...betaRule(range(402, 405)),
    ...fillers(range(302, 305)),
    ...main(range(303, 305), ALL_ARMS),
    ...manyEpochs(range(300, 310)),
    ...main(range(305, 310), ALL_ARMS),
    ...main(range(300, 310), ALL_ARMS, [0.03]),
    ...main(range(300, 310), ALL_ARMS, ALL_TAILS, 'A'),
  ],
};
