// Other libraries: how many times our time each takes.
import { drawing, element, label, line, logDomain, logScale, logTicks, short } from './svg.mjs';
import { htmlTable } from './tables.mjs';

const [WIDTH, NAME_WIDTH, ROW, TOP, BOTTOM] = [760, 270, 22, 8, 40];

function bars(title, results) {
  const domain = logDomain([0.5, 2, ...results.map(({ timesOurs }) => timesOurs.value)], 1.3);
  const x = logScale(domain, [NAME_WIDTH, WIDTH - 70]);
  const height = TOP + results.length * ROW + BOTTOM;
  const grid = logTicks(domain).flatMap((tick) => [
    line(x(tick), TOP, x(tick), height - BOTTOM, { class: 'grid' }),
    label(x(tick), height - BOTTOM + 16, short(tick), { 'text-anchor': 'middle' }),
  ]);
  const content = results.flatMap(({ work, contender, timesOurs, time }, row) => {
    const y = TOP + row * ROW;
    const [begin, end] = [1, timesOurs.value].sort((a, b) => a - b).map(x);
    const bar = { x: begin, y: y + 4, width: Math.max(end - begin, 0.5), height: ROW - 8 };
    return [
      label(NAME_WIDTH - 12, y + 15, `${work}: ${contender}`, { 'text-anchor': 'end' }),
      element('rect', { ...bar, class: contender === 'copy' ? 'muted' : 'c1' }),
      label(end + 6, y + 15, `${short(timesOurs.value)}× (${short(time.median)} ms)`),
    ];
  });
  const one = line(x(1), TOP, x(1), height - BOTTOM, { class: 'yardstick' });
  const axis = label((NAME_WIDTH + WIDTH) / 2, height - 6, 'time over ours', {
    'text-anchor': 'middle',
    class: 'axis',
  });
  return drawing(WIDTH, height, title, [...grid, ...content, one, axis].join(''));
}

function batch({ shape, dtype, results, absent, rejected }) {
  const title = `${shape.join(' × ')}, ${dtype}`;
  const others = results.filter(({ contender }) => contender !== 'lp-reg');
  const missing = [
    ...Object.entries(absent).map(([name, reason]) => [name, 'absent', reason]),
    ...rejected.map(({ contender, work, problem }) => [`${work}: ${contender}`, 'not timed', problem]),
  ];
  return `<h3>${title}</h3>${bars(title, others)}
${missing.length === 0 ? '' : htmlTable(['contender', '', 'why'], missing)}`;
}

/** @param file - A results file of kind `peers`. */
export function peersSection({ batches }) {
  return `<h2>Against other libraries</h2>
<p>Same batch, same process memory from run to run, one run of each in turns; each gave our result before it was timed.</p>
${batches.map(batch).join('\n')}`;
}
