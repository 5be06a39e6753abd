// The first study's figures against ours. They agree if the intervals overlap; where it gave none, if its figure lies in
// our interval or within 10 % of our mean (PREREGISTRATION.md).
import { CONFIRMED, DRIFT, EPOCHS, PUBLISHED, QUICK, THRESHOLDS } from './first-study.mjs';
import { interval } from './statistics.mjs';

const LEVELS = ['halfLife', 'noiseMass'];
const NAMES = {
  halfLife: 'half-life, steps',
  noiseMass: 'noise mass at the end',
  pass16: 'pass@16, difference to GRPO',
  pass1: 'pass@1, difference to GRPO',
  neededSpark: 'needed spark, difference to GRPO',
};
/** Half of the last digit that the first study gave, so that its rounding is no disagreement. */
const ROUNDING = { halfLife: 0.5, noiseMass: 0.0005, drift: 0.0055 };

export function agrees([theirs, theirHalf], { mean, half }, rounding = 0.0005) {
  const distance = Math.abs(theirs - mean) - rounding;
  return (
    distance <= (half ?? 0) + (theirHalf ?? 0) || (theirHalf === null && distance <= 0.1 * Math.abs(mean))
  );
}

const armOf = (cell, arm) => cell?.arms.find((one) => one.arm === arm);

/** Level of an arm's endpoint, or its paired difference to another arm over common seeds; null where there are no runs. */
export function endpointOf(cell, arm, key, baseline) {
  const ours = armOf(cell, arm);
  if (ours === undefined) return null;
  if (baseline === undefined) return interval(ours.endpoints[key]);
  const theirs = armOf(cell, baseline);
  if (theirs === undefined) return null;
  const differences = ours.seeds.flatMap((seed, i) => {
    const at = theirs.seeds.indexOf(seed);
    return at < 0 ? [] : [ours.endpoints[key][i] - theirs.endpoints[key][at]];
  });
  return differences.length === 0 ? null : interval(differences);
}

function row(section, tail, arm, key, theirs, ours, rounding) {
  const agree = ours === null || ours.half === null ? null : agrees(theirs, ours, rounding);
  return { section, tail, arm, what: NAMES[key] ?? key, theirs, ours, agree };
}

function endpointRows(section, cell, figures) {
  return Object.entries(figures).flatMap(([arm, endpoints]) =>
    Object.entries(endpoints).map(([key, theirs]) =>
      row(
        section,
        cell?.tail,
        arm,
        key,
        theirs,
        endpointOf(cell, arm, key, LEVELS.includes(key) ? undefined : 'grpo'),
        ROUNDING[key],
      ),
    ),
  );
}

/** @param study - results/study.json. @param drift - results/drift.json. */
export function reproduction(study, drift) {
  const cell = (name, tail, env = 'B') =>
    study.cells.find((one) => one.study === name && one.env === env && one.tail === tail) ?? {
      tail,
      arms: [],
    };
  const driftRows = drift.tables.flatMap(({ tail, arms }) =>
    Object.entries(DRIFT).map(([arm, byTail]) => {
      const { mean, error } = arms[arm].measured.spark;
      const scale = arm === 'grpo' ? 1 : Math.abs(arms.grpo.measured.spark.mean);
      const what = arm === 'grpo' ? 'drift of log p of sparks' : 'drift, share of GRPO’s';
      const ours = { mean: mean / scale, half: (1.96 * error) / scale, n: drift.batches };
      return row('§1', tail, arm, what, [byTail[tail], null], ours, ROUNDING.drift);
    }),
  );
  const thresholds = drift.thresholds.map(({ tail, betas }) =>
    row('§1', tail, 'kept', 'beta at the threshold', [THRESHOLDS[tail], null], interval(betas), 0.05),
  );
  const tails = [0.1, 0.2, 0.3];
  const published = tails.flatMap((tail) =>
    Object.entries(PUBLISHED).map(([arm, byTail]) =>
      row(
        '§3',
        tail,
        arm,
        'pass16',
        byTail[tail],
        endpointOf(cell('main', tail), arm, 'pass16', 'grpo'),
        0.0005,
      ),
    ),
  );
  const confirmed = tails.flatMap((tail) => endpointRows('§4', cell('main', tail), CONFIRMED[tail]));
  return [
    ...driftRows,
    ...thresholds,
    ...published,
    ...confirmed,
    ...endpointRows('§4, 16 updates', cell('epochs', 0.2, 'BK16'), EPOCHS),
    ...endpointRows('§5', cell('quick', 0.2), QUICK),
  ];
}
