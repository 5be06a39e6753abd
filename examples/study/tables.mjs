// From evaluations to endpoints: one row per run, then paired differences to GRPO.
import { ARMS } from './arms.mjs';
import { halfLife, interval } from './statistics.mjs';

/** Endpoints of a finished run. */
export function endpoints(evaluations) {
  const final = evaluations.at(-1);
  const first = evaluations[1];
  return {
    pass1: final.pass1,
    pass16: final.pass16,
    hardPass64: final.hardPass64,
    neededSpark: final.neededSpark,
    noiseMass: final.noiseMass,
    entropy: final.entropy,
    halfLife: halfLife(evaluations.map(({ step, sparkGeometric }) => [step, sparkGeometric])),
    selectedFirst: first.selectedPerBatch, // in the first evaluation interval
    selected: evaluations.slice(1).reduce((sum, e) => sum + e.selectedPerBatch, 0) / (evaluations.length - 1),
    selectedSparks:
      evaluations.slice(1).reduce((sum, e) => sum + e.selectedSparksPerBatch, 0) / (evaluations.length - 1),
    pullRatio: first.pullRatio,
    beta: final.beta,
  };
}

/** Finished runs: name, evaluations in order, endpoints. */
export function finishedRuns(lines) {
  const runs = new Map();
  for (const { name, options, commit, last, ...evaluation } of lines) {
    const key = JSON.stringify([name, options]);
    if (!runs.has(key)) runs.set(key, { ...name, commit, evaluations: [], finished: false });
    const run = runs.get(key);
    run.evaluations.push(evaluation);
    run.finished ||= last;
  }
  return [...runs.values()]
    .filter(({ finished }) => finished)
    .map((run) => ({ ...run, ...endpoints(run.evaluations) }));
}

/** Groups by study, environment and tail, in order of appearance. */
export function cells(runs) {
  const groups = groupBy(runs, cellOf);
  return [...groups].map(([key, members]) => {
    const [study, env, tail] = JSON.parse(key);
    return { study, env, tail, arms: inOrder(members.map(({ arm }) => arm)), runs: members };
  });
}
/** Each arm once, in the order of arms.mjs; what is not there comes last. */
function inOrder(arms) {
  const place = (arm) => (arm in ARMS ? Object.keys(ARMS).indexOf(arm) : Number.POSITIVE_INFINITY);
  return [...new Set(arms)].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

const cellOf = ({ study, env, tail }) => JSON.stringify([study, env, tail]);

function groupBy(values, keyOf) {
  const groups = new Map();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return groups;
}

/** Level of an endpoint, and its difference to another arm over the seeds that both have. */
export function compare(cell, arm, key, baseline = 'grpo') {
  const of = (name) =>
    new Map(cell.runs.filter((run) => run.arm === name).map((run) => [run.seed, run[key]]));
  const [ours, theirs] = [of(arm), of(baseline)];
  const seeds = [...ours.keys()].filter((seed) => theirs.has(seed));
  return {
    level: interval([...ours.values()]),
    difference: interval(seeds.map((seed) => ours.get(seed) - theirs.get(seed))),
  };
}

const text = ({ mean, half }, digits) =>
  `${mean.toFixed(digits)}${half === null ? '' : `±${half.toFixed(digits)}`}`;

/** What `npm run study` prints. */
export function comparisonTable(lines) {
  return cells(finishedRuns(lines))
    .map((cell) => {
      const rows = cell.arms.map((arm) => {
        const of = (key) => compare(cell, arm, key);
        const selected = of('selectedFirst').level.mean;
        const last = interval(
          cell.runs.filter((run) => run.arm === arm).map((run) => run.evaluations.at(-1).selectedPerBatch),
        );
        return [
          arm,
          `${of('pass16').level.n}`,
          text(of('halfLife').level, 0),
          text(of('pass1').difference, 3),
          text(of('pass16').difference, 3),
          text(of('neededSpark').difference, 3),
          text(of('noiseMass').level, 3),
          `${selected.toFixed(1)} -> ${last.mean.toFixed(1)}`,
        ];
      });
      const head = [
        'arm',
        'n',
        'half-life',
        'd pass@1',
        'd pass@16',
        'd needed spark',
        'noise mass',
        'selected/batch',
      ];
      const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
      const line = (row) =>
        `  ${row.map((value, i) => (i === 0 ? value.padEnd(widths[i]) : value.padStart(widths[i]))).join('  ')}`;
      const title = `${cell.study}: environment ${cell.env}, tail ${cell.tail}; d: paired difference to GRPO, ± 95 %`;
      return ['', title, line(head), ...rows.map(line)].join('\n');
    })
    .join('\n');
}
