// Time over the time of the copy, one line per loss, one drawing per shape and dtype.
import { legend } from './plot.mjs';
import { dot, drawing, label, line, logDomain, logScale, logTicks, short } from './svg.mjs';

const [WIDTH, NAME_WIDTH, ROW, TOP, BOTTOM] = [760, 250, 20, 8, 40];
const COLOURS = { peaked: 'c1', flat: 'c2' };
/** Keeps the two apart where their times are alike. */
const SHIFTS = { peaked: -3, flat: 3 };

function ratioRow(results, x, y) {
  return results.map(({ name, distribution, ratioToCopy, time }) => {
    const { value, low, high } = ratioToCopy;
    const title = `${name}: ${value.toFixed(2)} times the copy, quartiles ${low.toFixed(2)} to ${high.toFixed(2)}, ${time.median.toFixed(2)} ms`;
    const colour = COLOURS[distribution];
    const level = y + SHIFTS[distribution];
    return (
      line(x(low), level, x(high), level, { class: `whisker ${colour}` }) +
      dot(x(value), level, title, { class: colour })
    );
  });
}

function ratioDrawing(title, rows, domain) {
  const height = TOP + rows.length * ROW + BOTTOM;
  const bottom = height - BOTTOM;
  const x = logScale(domain, [NAME_WIDTH, WIDTH - 20]);
  const grid = logTicks(domain).flatMap((tick) => [
    line(x(tick), TOP, x(tick), bottom, { class: 'grid' }),
    label(x(tick), bottom + 16, short(tick), { 'text-anchor': 'middle' }),
  ]);
  const content = rows.flatMap(([name, results], row) => {
    const y = TOP + (row + 0.5) * ROW;
    return [label(NAME_WIDTH - 12, y + 4, name, { 'text-anchor': 'end' }), ...ratioRow(results, x, y)];
  });
  const one = line(x(1), TOP, x(1), bottom, { class: 'yardstick' });
  const axis = label(
    (NAME_WIDTH + WIDTH - 20) / 2,
    height - 6,
    'time over the time of a copy of the logits',
    {
      'text-anchor': 'middle',
      class: 'axis',
    },
  );
  return `<h3>${title}</h3>${drawing(WIDTH, height, title, [...grid, one, ...content, axis].join(''))}`;
}

/** @param results - Of a results file of kind `cases`. */
export function ratioSection(results) {
  const groups = new Map();
  for (const result of results) {
    const key = `${result.shape.join(' × ')}, ${result.dtype}`;
    const rows = groups.get(key) ?? new Map();
    const name = `${result.loss}, ${result.form}`;
    groups.set(key, rows.set(name, [...(rows.get(name) ?? []), result]));
  }
  // Within one drawing only: rows of a few tokens cost a multiple of a copy, and would squeeze all others together.
  const drawings = [...groups].map(([title, rows]) => {
    const values = [...rows.values()]
      .flat()
      .flatMap(({ ratioToCopy: { low, value, high } }) => [low, value, high]);
    return ratioDrawing(title, [...rows], logDomain([...values, 0.9, 2]));
  });
  return `<h2>Against a copy of the logits</h2>
<p>Left of the line: faster than copying the logits once with as many threads. Bars: quartiles of the rounds.</p>
${legend([
  ['c1', 'peaked logits'],
  ['c2', 'flat logits'],
])}
${drawings.join('\n')}`;
}
