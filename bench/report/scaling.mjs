// Time by rows and by vocabulary, with the fitted line and the slope of each decade.
import { legend, logLogPlot } from './plot.mjs';
import { dot, drawing, label, logDomain, path, short } from './svg.mjs';

const [WIDTH, HEIGHT] = [760, 340];
const SLOPE_TOLERANCE = 0.15;

function slopeText({ from, to, slope }) {
  const range = `${short(from)} to ${short(to)}`;
  if (slope === null) return `${range}: the fixed cost of a call is most of the time`;
  return `${range}: ${slope.toFixed(2)}${Math.abs(slope - 1) > SLOPE_TOLERANCE ? ' (exception)' : ''}`;
}

/** Why a decade may leave the line: where logits and copy move from one level of the memory to the next. */
function cacheEdges(points, dtypeBytes, caches) {
  return caches.flatMap((cache) => {
    const [, name, size, unit] = /^(L[23]) (\d+)([KM])$/.exec(cache) ?? [];
    if (name === undefined) return [];
    const bytes = Number(size) * (unit === 'K' ? 2 ** 10 : 2 ** 20);
    const crossing = points.find(({ shape }) => shape.reduce((a, b) => a * b, dtypeBytes) >= bytes);
    return crossing === undefined ? [] : [{ name, size: crossing.size }];
  });
}

function question({ name, fixed, why, loss, form, points, fit, slopes }, caches) {
  const times = points.flatMap(({ time, copy }) => [time.median, copy.median]);
  const { x, y, axes } = logLogPlot({
    width: WIDTH,
    height: HEIGHT,
    xDomain: logDomain(
      points.map(({ size }) => size),
      1.1,
    ),
    yDomain: logDomain(times, 1.3),
    xLabel: name,
    yLabel: 'milliseconds',
  });
  const fitted = points.map(({ size }) => [x(size), y(fit.overhead + fit.perUnit * size)]);
  const copies = points.map(({ size, copy }) => [x(size), y(copy.median)]);
  const edges = cacheEdges(points, 4, caches).map((edge) =>
    label(x(edge.size), 24, `logits exceed ${edge.name}`, { 'text-anchor': 'middle', class: 'note' }),
  );
  const dots = points.map(({ size, time }) =>
    dot(x(size), y(time.median), `${size}: ${time.median.toFixed(3)} ms`, { class: 'c1' }),
  );
  const content = [
    axes,
    path(copies, { class: 'roof dashed' }),
    path(fitted, { class: 'roof' }),
    ...edges,
    ...dots,
  ];
  const formula = `${short(1000 * fit.overhead)} µs + ${short(1e6 * fit.perUnit)} ns per unit, R² = ${fit.r2.toFixed(4)}`;
  return `<h3>By ${name} (${loss}, ${form}, float32, ${fixed})</h3>
<p>${formula}. Slope of the time beyond the fixed cost, by decade: ${slopes.map(slopeText).join('; ')}. ${why}</p>
${drawing(WIDTH, HEIGHT, `time by ${name}`, content.join(''))}`;
}

/** @param file - A results file of kind `scaling`. */
export function scalingSection({ results, environment }) {
  return `<h2>Does time grow linearly?</h2>
${legend([
  ['c1', 'measured'],
  ['line', 'fitted line'],
  ['line dashed', 'copy of the logits'],
])}
${results.map((result) => question(result, environment.caches)).join('\n')}`;
}
