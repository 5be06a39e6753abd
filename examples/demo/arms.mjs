// Which loss an arm of the demo trains with. All average over the tokens, except GSPO, which cannot.
import { presets } from 'lp-reg';

const grpo = (overrides) => presets.grpo({ aggregation: 'token-mean', klRefCoef: 0, ...overrides });

function lpReg({ form = 'paper', rho, beta, filter }) {
  const selection = form === 'reference' ? { rhoNeg: rho } : form === 'paper' ? { rho } : {};
  return { objective: 'lp-reg', form, ...selection, beta, filter };
}

/** Arm -> the flags that it takes, and its options for `PolicyLoss`. */
export const ARMS = {
  grpo: { flags: [], options: () => grpo() },
  'lp-reg': {
    flags: ['form', 'rho', 'beta', 'kappa'],
    options: ({ form, rho, beta, kappa }) =>
      lpReg({ form, rho, beta, filter: kappa === undefined ? undefined : { kind: 'min-p', kappa } }),
  },
  'entropy-bonus': {
    flags: ['entropy-coef'],
    options: ({ 'entropy-coef': entropyCoef = 0.01 }) => grpo({ entropyCoef }),
  },
  'clip-higher': {
    flags: ['clip-high'],
    options: ({ 'clip-high': clipHigh = 0.28 }) => grpo({ clipHigh }),
  },
  'kl-cov': {
    flags: ['k-percent'],
    options: ({ 'k-percent': kPercent }) => presets.klCov(given({ kPercent })),
  },
  '80-20': {
    flags: ['top-fraction'],
    options: ({ 'top-fraction': topFraction }) => presets.highEntropy8020(given({ topFraction })),
  },
  gspo: { flags: [], options: () => presets.gspo() },
};

/** Without the fields that are undefined, which would hide a preset's own. */
const given = (fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Flags that say which loss; the others say how it is trained. */
export const ARM_FLAGS = [...new Set(Object.values(ARMS).flatMap(({ flags }) => flags))];

/**
 * One arm with the flags that were given.
 * @param values - By flag; those of other arms are left out.
 * @returns Its `name` with the flags, and `lossOptions`.
 */
export function armOf(objective, values) {
  const { flags, options } = ARMS[objective];
  const own = Object.fromEntries(
    flags.filter((flag) => values[flag] !== undefined).map((flag) => [flag, values[flag]]),
  );
  const details = Object.entries(own).map(([flag, value]) => `${flag} ${value}`);
  return {
    name: details.length === 0 ? objective : `${objective}, ${details.join(', ')}`,
    lossOptions: given(options(own)),
  };
}
