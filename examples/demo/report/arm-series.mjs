// Runs as curves: a mean over the seeds of an arm, with its interval.
import { interval } from '../../study/statistics.mjs';

/** Points of a curve of steps, at most. */
const POINTS = 40;

/**
 * Runs by their arm, in the order in which the arms come.
 * @throws Where they cannot be compared: other settings, or the same seed twice.
 */
export function byArm(runs) {
  const arms = new Map();
  const howTrained = ({ size, startSteps, settings }) => JSON.stringify({ size, startSteps, settings });
  for (const run of runs) {
    const others = arms.get(run.arm) ?? [];
    const name = `${run.arm}, seed ${run.seed}`;
    if (others.some(({ seed }) => seed === run.seed)) throw new Error(`${name}: there are two runs of it`);
    if (howTrained(run) !== howTrained(runs[0])) {
      throw new Error(`${name}: its model or settings are not those of the other runs`);
    }
    arms.set(run.arm, [...others, run]);
  }
  return arms;
}

const present = (values) => values.filter((value) => value !== null && value !== undefined);

/** Mean of the values that are there, null without any. */
export function meanOf(values) {
  const some = present(values);
  return some.length === 0 ? null : some.reduce((a, b) => a + b, 0) / some.length;
}

/** Mean over seeds and half of its 95 % interval, null for a single seed or none. */
export function overSeeds(values) {
  const some = present(values);
  return some.length === 0 ? { mean: null, half: null, n: 0 } : interval(some);
}

/** A field of a run by step; neighbouring steps are averaged where there are many. */
function curveOf(records, field) {
  const size = Math.ceil(records.length / POINTS);
  const blocks = [];
  for (let first = 0; first < records.length; first += size) {
    const block = records.slice(first, first + size);
    blocks.push({
      step: meanOf(block.map(({ step }) => step)),
      value: meanOf(block.map((record) => record[field])),
    });
  }
  return blocks;
}

/**
 * One field of an arm's runs.
 * @param kind - `steps` or `evaluations`.
 * @returns Points `{ step, mean, half }`, up to the end of the shortest run.
 */
export function seriesOf(runs, kind, field) {
  const curves = runs.map((run) => curveOf(run[kind], field));
  const length = Math.min(...curves.map((curve) => curve.length));
  return curves[0].slice(0, length).map(({ step }, i) => {
    return { step, ...overSeeds(curves.map((curve) => curve[i].value)) };
  });
}
