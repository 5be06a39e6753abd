// The tables of docs/evidence.md, between its `study:...` marks.
import { readFileSync, writeFileSync } from 'node:fs';
import { fill, markdownTable } from '../../../bench/report/markdown.mjs';
import { endpointOf } from '../reproduction.mjs';
import { number, ranged } from './tables.mjs';

const digitsOf = (what) => (/half-life/.test(what) ? 0 : /threshold/.test(what) ? 1 : 3);

function comparison({ theirs, ours, agree, what }) {
  if (ours === null) return `${theirs[0]}; no runs`;
  const digits = digitsOf(what);
  const given = theirs.filter((value) => value !== null).join(' ± ');
  return `${given}; ${ranged(ours, digits)}${agree === false ? ' **no**' : ''}`;
}

/** A row per arm and figure, a column per tail: the first study's figure; ours. */
function pivot(rows) {
  const tails = [...new Set(rows.map(({ tail }) => tail))].sort();
  const names = [...new Set(rows.map(({ arm, what }) => JSON.stringify([arm, what])))];
  return markdownTable(
    ['arm', 'figure', ...tails.map((tail) => `tail ${tail}`)],
    names.map((name) => {
      const [arm, what] = JSON.parse(name);
      const at = (tail) => rows.find((row) => row.arm === arm && row.what === what && row.tail === tail);
      return [arm, what, ...tails.map((tail) => (at(tail) === undefined ? '' : comparison(at(tail))))];
    }),
  );
}

function endpoints(cells) {
  const difference = (cell, arm, key, digits) =>
    ranged(endpointOf(cell, arm, key, arm === 'grpo' ? undefined : 'grpo'), digits);
  return markdownTable(
    [
      'tail',
      'arm',
      'seeds',
      'half-life',
      'pass@1',
      'pass@16',
      'needed spark',
      'noise mass',
      'selected at first',
    ],
    cells.flatMap((cell) =>
      cell.arms.map(({ arm, seeds, endpoints: { beta } }) => [
        cell.tail,
        /rule/.test(arm)
          ? `${arm}: beta ${number(Math.min(...beta), 2)} to ${number(Math.max(...beta), 2)}`
          : arm,
        seeds.length,
        ranged(endpointOf(cell, arm, 'halfLife'), 0),
        ...['pass1', 'pass16', 'neededSpark'].map((key) => difference(cell, arm, key)),
        ranged(endpointOf(cell, arm, 'noiseMass')),
        number(endpointOf(cell, arm, 'selectedFirst').mean, 1),
      ]),
    ),
  );
}

function thresholds(test) {
  const betas = test[0]?.outcomes.map(({ beta }) => beta) ?? [];
  return markdownTable(
    ['environment', 'tail', 'predicted', ...betas.map((beta) => `beta ${beta}`)],
    test.map(({ env, tail, predicted, outcomes }) => [
      env,
      tail,
      ranged(predicted, 2),
      ...outcomes.map(({ ends, away }) =>
        ends.length === 0 ? 'no runs' : `${away} of ${ends.length} ran away`,
      ),
    ]),
  );
}

/** @param file - docs/evidence.md. */
export function fillDocument(file, { study, agreement, test }) {
  const of = (name, env = 'B') =>
    study.cells.filter((cell) => cell.study === name && cell.env === env).sort((a, b) => a.tail - b.tail);
  const section = (name) => pivot(agreement.filter(({ section }) => section === name));
  const contents = {
    'study:drift': section('§1'),
    'study:published': section('§3'),
    'study:environment-a': section('§3, environment A'),
    'study:adam': section('§3, Adam'),
    'study:four': section('§3, four updates'),
    'study:confirmed': section('§4'),
    'study:against-bonus': section('§4, against the bonus'),
    'study:released': section('§4, released form'),
    'study:sixteen': section('§4, 16 updates'),
    'study:quick': section('§5'),
    'study:main': endpoints(of('main')),
    'study:threshold': thresholds(test),
    'study:fillers': endpoints(of('fillers')),
    'study:recurrent': endpoints(of('recurrent', 'R')),
    'study:rule': endpoints(of('rule')),
    'study:epochs': endpoints(of('epochs', 'BK16')),
    'study:vocabulary': section('1000 tokens'),
  };
  const text = Object.entries(contents).reduce(
    (all, [mark, content]) => fill(all, mark, content),
    readFileSync(file, 'utf8'),
  );
  writeFileSync(file, text);
}
