// From evaluations (JSONL, large) to a results file (JSON, small): endpoints of every run, and curves per arm.

import { interval } from './statistics.mjs';
import { cells, finishedRuns } from './tables.mjs';

/** Endpoints and curves that results files hold. */
export const ENDPOINTS = [
  'halfLife',
  'pass1',
  'pass16',
  'neededSpark',
  'hardPass64',
  'noiseMass',
  'entropy',
  'selectedFirst',
  'selected',
  'selectedSparks',
  'pullRatio',
  'beta',
];
const CURVES = ['sparkGeometric', 'entropy', 'pass1', 'pass16', 'noiseMass', 'selectedPerBatch', 'pullRatio'];

const rounded = (value) => (typeof value === 'number' ? Number(value.toPrecision(4)) : (value ?? null));

/** Mean of an arm at each evaluation, and half the 95 % interval of its difference to GRPO over common seeds. */
function curvesOf(runs, baseline) {
  const steps = runs[0].evaluations.map(({ step }) => step);
  const paired = runs.filter(({ seed }) => baseline.has(seed));
  const curve = (key) =>
    steps.map((_, at) => {
      if (runs[0].evaluations[at][key] === null) return [null, null]; // no batches before the first evaluation
      const mean = interval(runs.map(({ evaluations }) => evaluations[at][key])).mean;
      const difference = interval(
        paired.map(({ seed, evaluations }) => evaluations[at][key] - baseline.get(seed).evaluations[at][key]),
      );
      return [rounded(mean), rounded(difference.half)];
    });
  return { steps, ...Object.fromEntries(CURVES.map((key) => [key, curve(key)])) };
}

function summariseCell({ study, env, tail, arms, runs }) {
  const baseline = new Map(runs.filter(({ arm }) => arm === 'grpo').map((run) => [run.seed, run]));
  return {
    study,
    env,
    tail,
    arms: arms.map((arm) => {
      const members = runs.filter((run) => run.arm === arm).sort((a, b) => a.seed - b.seed);
      return {
        arm,
        seeds: members.map(({ seed }) => seed),
        endpoints: Object.fromEntries(ENDPOINTS.map((key) => [key, members.map((run) => rounded(run[key]))])),
        curves: curvesOf(members, baseline),
      };
    }),
  };
}

/** @param lines - Of one or several JSONL files. */
export function summarise(lines) {
  const runs = finishedRuns(lines);
  return {
    commits: [...new Set(runs.map(({ commit }) => commit))],
    runs: runs.length,
    cells: cells(runs).map(summariseCell),
  };
}
