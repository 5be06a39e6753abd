// The first study's figures against ours. They agree if the intervals overlap; where it gave none, if its figure lies in
// our interval or within 10 % of our mean (PREREGISTRATION.md).
import * as figures from './first-study.mjs';
import { interval } from './statistics.mjs';

/** Endpoints of which the first study gave levels for every arm; of the others it gave them for GRPO alone. */
const LEVELS = ['halfLife', 'noiseMass', 'entropy', 'hardPass64', 'selected'];
const NAMES = {
  halfLife: 'half-life, steps',
  noiseMass: 'noise mass at the end',
  entropy: 'entropy at the end',
  hardPass64: 'pass@64 of hard prompts',
  selected: 'selected tokens per batch',
  pass16: 'pass@16',
  pass1: 'pass@1',
  neededSpark: 'needed spark',
};
/** Half of the last digit that the first study gave, so that its rounding is no disagreement. */
const ROUNDING = { halfLife: 0.5, entropy: 0.005, hardPass64: 0.00005, selected: 0.05 };

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

function row(section, tail, arm, what, theirs, ours, rounding) {
  const agree = ours === null || ours.half === null ? null : agrees(theirs, ours, rounding);
  return { section, tail, arm, what, theirs, ours, agree };
}

/** Rows of one cell. @param other - Arm to which differences are, of all endpoints; else they are to GRPO, and levels stay. */
function endpointRows(section, cell, arms, other) {
  return Object.entries(arms).flatMap(([arm, endpoints]) =>
    Object.entries(endpoints).map(([key, theirs]) => {
      const isLevel = other === undefined && (arm === 'grpo' || LEVELS.includes(key));
      const baseline = isLevel ? undefined : (other ?? 'grpo');
      const what =
        baseline === undefined
          ? NAMES[key]
          : `${NAMES[key]}, difference to ${baseline === 'grpo' ? 'GRPO' : baseline}`;
      return row(section, cell.tail, arm, what, theirs, endpointOf(cell, arm, key, baseline), ROUNDING[key]);
    }),
  );
}

function driftRows({ tables, thresholds, batches }) {
  const drifts = tables.flatMap(({ tail, arms }) =>
    Object.entries(figures.DRIFT).map(([arm, byTail]) => {
      const { mean, error } = arms[arm].measured.spark;
      const scale = arm === 'grpo' ? 1 : Math.abs(arms.grpo.measured.spark.mean);
      const what = arm === 'grpo' ? 'drift of log p of sparks' : 'drift, share of GRPO’s';
      const ours = { mean: mean / scale, half: (1.96 * error) / scale, n: batches };
      return row('§1', tail, arm, what, [byTail[tail], null], ours, 0.0055);
    }),
  );
  const betas = thresholds.map(({ tail, betas }) =>
    row('§1', tail, 'kept', 'beta at the threshold', [figures.THRESHOLDS[tail], null], interval(betas), 0.05),
  );
  return [...drifts, ...betas];
}

/** @param study - results/study.json. @param drift - results/drift.json. */
export function reproduction(study, drift) {
  const cell = (name, tail, env) =>
    study.cells.find((one) => one.study === name && one.env === env && one.tail === tail) ?? {
      tail,
      arms: [],
    };
  const atTails = (section, name, byTail, { env = 'B', other } = {}) =>
    Object.entries(byTail).flatMap(([tail, arms]) =>
      endpointRows(section, cell(name, Number(tail), env), arms, other),
    );
  return [
    ...driftRows(drift),
    ...atTails('§3', 'main', figures.PUBLISHED),
    ...atTails('§3, environment A', 'main', figures.ENVIRONMENT_A, { env: 'A' }),
    ...atTails('§3, Adam', 'added: Adam', figures.ADAM, { env: 'BAdam' }),
    ...atTails('§3, four updates', 'added: four updates', figures.FOUR_UPDATES, { env: 'BK4' }),
    ...atTails('§4', 'main', figures.CONFIRMED),
    ...atTails('§4, against the bonus', 'main', figures.AGAINST_BONUS, { other: 'ent .03' }),
    ...endpointRows('§4, released form', cell('fillers', 0.1, 'B'), figures.RELEASED_FORM[0.1]),
    ...endpointRows('§4, released form', cell('added: released form', 0.2, 'B'), figures.RELEASED_FORM[0.2]),
    ...endpointRows('§4, 16 updates', cell('epochs', 0.2, 'BK16'), figures.EPOCHS),
    ...endpointRows(
      '§4, 16 updates',
      cell('added: sixteen updates', 0.2, 'BK16'),
      figures.SIXTEEN_UPDATES_RELEASED,
    ),
    ...endpointRows('1000 tokens', cell('added: vocabulary', 0.3, 'B'), figures.AT_1000_TOKENS),
    ...endpointRows('§5', cell('quick', 0.2, 'B'), figures.QUICK),
  ];
}
