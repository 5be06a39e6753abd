// Tables of the report, as HTML.
import { endpointOf } from '../reproduction.mjs';

export const number = (value, digits = 3) =>
  value === null || value === undefined ? '' : value.toFixed(digits).replace(/^-(0\.?0*)$/, '$1');
/** A mean with half of its interval. */
export const ranged = (ours, digits = 3) =>
  ours === null || ours === undefined
    ? 'no runs'
    : `${number(ours.mean, digits)}${ours.half === null ? '' : ` ± ${number(ours.half, digits)}`}`;

export function table(head, rows) {
  const cell = (value) =>
    typeof value === 'object' ? `<td class="${value.class}">${value.text}</td>` : `<td>${value}</td>`;
  const body = rows.map((row) => `<tr>${row.map(cell).join('')}</tr>`).join('\n');
  return `<div class="scroll"><table><tr>${head.map((name) => `<th>${name}</th>`).join('')}</tr>\n${body}</table></div>`;
}

/** Endpoints of every arm of a cell: half-life, noise and selection as levels, the rest as differences to GRPO. */
export function endpointTable(cell) {
  const difference = (arm, key) =>
    arm === 'grpo' ? ranged(endpointOf(cell, arm, key)) : ranged(endpointOf(cell, arm, key, 'grpo'));
  return table(
    [
      'arm',
      'seeds',
      'half-life',
      'its difference',
      'pass@1',
      'pass@16',
      'needed spark',
      'noise mass',
      'entropy',
      'selected, first',
      'pull ratio, first',
      'beta',
    ],
    cell.arms.map(({ arm, seeds, endpoints }) => [
      arm,
      seeds.length,
      ranged(endpointOf(cell, arm, 'halfLife'), 0),
      arm === 'grpo' ? '' : ranged(endpointOf(cell, arm, 'halfLife', 'grpo'), 0),
      ...['pass1', 'pass16', 'neededSpark'].map((key) => difference(arm, key)),
      ranged(endpointOf(cell, arm, 'noiseMass')),
      ranged(endpointOf(cell, arm, 'entropy'), 2),
      number(endpointOf(cell, arm, 'selectedFirst').mean, 1),
      number(endpointOf(cell, arm, 'pullRatio').mean, 3),
      endpoints.beta[0] === null ? '' : ranged({ ...endpointOf(cell, arm, 'beta'), half: null }, 1),
    ]),
  );
}

export function driftTable({ tables }) {
  const arms = Object.keys(tables[0].arms);
  const cell = ({ arms: byArm }, arm) => {
    const { expected, measured } = byArm[arm];
    const scale = arm === 'grpo' ? 1 : Math.abs(byArm.grpo.expected.spark);
    const of = (value) => number(value / scale, arm === 'grpo' ? 4 : 3);
    return `${of(measured.spark.mean)} ± ${of(1.96 * measured.spark.error)} (${of(expected.spark)})`;
  };
  return table(
    ['arm', ...tables.map(({ tail, keptMass }) => `tail ${tail}, Z ${number(keptMass)}`)],
    arms.map((arm) => [arm, ...tables.map((one) => cell(one, arm))]),
  );
}

export function reproductionTable(rows) {
  const agreement = {
    true: { class: 'yes', text: 'yes' },
    false: { class: 'no', text: 'no' },
    null: 'no interval',
  };
  return table(
    ['section', 'tail', 'arm', 'figure', 'first study', 'ours', 'n', 'agree'],
    rows.map(({ section, tail, arm, what, theirs, ours, agree }) => {
      const digits = /half-life/.test(what) ? 0 : /threshold/.test(what) ? 1 : 4;
      const given = theirs[1] === null ? `${theirs[0]}` : `${theirs[0]} ± ${theirs[1]}`;
      return [
        section,
        tail,
        arm,
        what,
        given,
        ranged(ours, digits),
        ours?.n ?? 0,
        ours === null ? 'no runs' : agreement[agree],
      ];
    }),
  );
}
