// The summary's figures as tables: heads, and rows from the arms of `summarise`.
import { K } from '../evaluate.mjs';

/** A mean with half of its interval, where there is one. */
function text({ mean, half }, digits = 3) {
  if (mean === null) return '';
  return half === null ? mean.toFixed(digits) : `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`;
}

const signed = (value) => (value.mean === null || value.mean < 0 ? text(value) : `+${text(value)}`);

const FIELDS = ['reward', 'pass1', 'passK', 'distinct', 'entropy'];
const FIELD_HEAD = ['reward', 'pass@1', `pass@${K}`, 'different correct answers', 'entropy'];

/** The start of the arm with the most seeds; arms of one seed share theirs. */
function startRow(arms) {
  const { start, seeds } = arms.reduce((a, b) => (b.seeds.length > a.seeds.length ? b : a));
  const cells = ['pass1', 'passK', 'distinct'].map((name) => text(start[name]));
  return ['supervised start', String(seeds.length), '', ...cells, ''];
}

export const OUTCOMES = {
  head: ['arm', 'seeds', ...FIELD_HEAD],
  rows: (arms) => [
    startRow(arms),
    ...arms.map(({ arm, seeds, outcomes }) => [
      arm,
      String(seeds.length),
      ...FIELDS.map((name) => text(outcomes[name])),
    ]),
  ],
};

export const DIFFERENCES = {
  head: ['minus GRPO, same seeds', 'pairs', ...FIELD_HEAD],
  rows: (arms) =>
    arms
      .filter(({ minusGrpo }) => minusGrpo !== null)
      .map(({ arm, minusGrpo }) => [
        arm,
        String(minusGrpo.reward.n),
        ...FIELDS.map((name) => signed(minusGrpo[name])),
      ]),
};

export const DIAGNOSTICS = {
  head: [
    'arm',
    'A < 0',
    'in the lowest rho',
    'protected',
    'their probability',
    'pull / policy term',
    'kept mass, A < 0',
  ],
  rows: (arms) =>
    arms
      .filter(({ diagnostics }) => diagnostics.protectedCount.mean !== null)
      .map(({ arm, lossOptions, diagnostics }) => [
        arm,
        text(diagnostics.negativeCount, 1),
        lossOptions.form === 'kept' ? '' : text(diagnostics.lowestCount, 1),
        text(diagnostics.protectedCount, 1),
        text(diagnostics.protectedProbability),
        text(diagnostics.pullRatio, 4),
        text(diagnostics.keptMassNegative),
      ]),
};

export const TIMES = {
  head: ['arm', 'step, ms', 'drawing answers, ms', 'lp-reg, ms', 'share of lp-reg'],
  rows: (arms) =>
    arms
      .filter(({ times }) => times.stepTime.mean !== null)
      .map(({ arm, times }) => [
        arm,
        ...['stepTime', 'drawTime', 'lossTime'].map((name) => times[name].mean.toFixed(1)),
        `${(100 * times.lossShare.mean).toFixed(1)} %`,
      ]),
};

/** A table for a terminal. */
export function printed({ head, rows }, arms) {
  const lines = [head, ...rows(arms)];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}
