/** Results as a table for a terminal. */
import type { CaseResult } from './measure-case.js';
import type { Ratio } from './statistics.js';

type Column = readonly [head: string, cell: (result: CaseResult) => string];

const COLUMNS: readonly Column[] = [
  ['case', ({ name }) => name],
  ['ms', ({ time }) => milliseconds(time.median)],
  ['ns/element', ({ nanosecondsPerElement }) => nanosecondsPerElement.toFixed(3)],
  ['GB/s', ({ gigabytesPerSecond }) => gigabytesPerSecond.toFixed(1)],
  ['copy ms', ({ copy }) => milliseconds(copy.time.median)],
  ['of copy', ({ ratioToCopy }) => ratio(ratioToCopy)],
  ['of negation', ({ ratioToNegation }) => ratio(ratioToNegation)],
  ['selected', ({ selection }) => `${selection.selectedCount}/${selection.rows}`],
];

/** Three significant digits, however short the time. */
export function milliseconds(time: number): string {
  return time >= 100 ? time.toFixed(0) : time.toPrecision(3);
}

/** A ratio with the quartiles of the rounds' own. */
export function ratio({ value, low, high }: Ratio): string {
  return `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

/** Head and rows in columns: the first to the left, numbers to the right. */
export function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return `${[head, ...rows].map(line).join('\n')}\n`;
}

/** Time, rate and ratios of each case. */
export function caseTable(results: readonly CaseResult[]): string {
  return textTable(
    COLUMNS.map(([head]) => head),
    results.map((result) => COLUMNS.map(([, cell]) => cell(result))),
  );
}
