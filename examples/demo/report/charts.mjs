// A chart for each curve of the report.
import { linearPlot } from '../../../bench/report/plot.mjs';
import { band, dot, drawing, path, short } from '../../../bench/report/svg.mjs';
import { ANSWERS_DRAWN, K } from '../evaluate.mjs';
import { seriesOf } from './arm-series.mjs';

const [WIDTH, HEIGHT] = [420, 260];

/** Title, axis, where the field is; `unit` values lie in [0, 1]. */
const CHARTS = [
  { title: 'Reward', axis: 'correct answers in training', kind: 'steps', field: 'reward', unit: true },
  { title: 'Entropy', axis: 'nats per token', kind: 'steps', field: 'entropy' },
  { title: 'pass@1', axis: 'mean over the targets', kind: 'evaluations', field: 'pass1', unit: true },
  { title: `pass@${K}`, axis: 'mean over the targets', kind: 'evaluations', field: 'passK', unit: true },
  {
    title: 'Different correct answers',
    axis: `per target, of ${ANSWERS_DRAWN} drawn`,
    kind: 'evaluations',
    field: 'distinct',
  },
  { title: 'Protected tokens', axis: 'per step', kind: 'steps', field: 'protectedCount' },
  {
    title: 'Probability of protected tokens',
    axis: 'mean of a step',
    kind: 'steps',
    field: 'protectedProbability',
  },
];

/** Neighbouring points that are there. */
function segments(points) {
  const parts = [[]];
  for (const point of points) {
    if (point.mean === null) parts.push([]);
    else parts.at(-1).push(point);
  }
  return parts.filter((part) => part.length > 0);
}

function curve({ points, colour, name }, { x, y }) {
  const at = (value) => (point) => [x(point.step), y(value(point))];
  return segments(points).map((part) => {
    const hasInterval = part.every(({ half }) => half !== null);
    const [upper, lower] = [1, -1].map((sign) => part.map(at(({ mean, half }) => mean + sign * half)));
    const last = part.at(-1);
    const title = `${name}, step ${short(last.step)}: ${short(last.mean)}`;
    return [
      hasInterval ? band(upper, lower, { class: `band ${colour}` }) : '',
      path(part.map(at(({ mean }) => mean)), { class: `curve ${colour}` }),
      dot(...at(({ mean }) => mean)(last), title, { class: colour, r: 2.5 }),
    ].join('');
  });
}

function chart({ title, axis, kind, field, unit }, arms) {
  const series = arms
    .map(({ name, colour, runs }) => ({ name, colour, points: seriesOf(runs, kind, field) }))
    .filter(({ points }) => points.some(({ mean }) => mean !== null));
  const heading = `<h3>${title}</h3>`;
  if (series.length === 0) return `<figure>${heading}<p class="legend">None in these runs.</p></figure>`;
  const points = series.flatMap((one) => one.points);
  const [highestMean, highest] = [0, 1].map((width) =>
    Math.max(...points.map(({ mean, half }) => (mean ?? 0) + width * (half ?? 0))),
  );
  const plot = linearPlot({
    width: WIDTH,
    height: HEIGHT,
    xDomain: [0, Math.max(1, ...points.map(({ step }) => step))],
    // A wide interval of few seeds may end above the chart rather than flatten the curves.
    yDomain: [0, unit ? 1 : Math.max(1.05 * Math.min(highest, 1.6 * highestMean), 1e-3)],
    xLabel: 'step',
    yLabel: axis,
  });
  // Intervals may reach beyond the axes.
  const clip = `<svg x="64" y="12" width="${WIDTH - 88}" height="${HEIGHT - 56}" viewBox="64 12 ${WIDTH - 88} ${HEIGHT - 56}">`;
  const curves = series.flatMap((one) => curve(one, plot)).join('');
  return `<figure>${heading}${drawing(WIDTH, HEIGHT, title, `${plot.axes}${clip}${curves}</svg>`)}</figure>`;
}

/** @param arms - `name`, `colour` and `runs` of each. */
export function chartsSection(arms) {
  return `<h2>Curves</h2>
<div class="charts">${CHARTS.map((one) => chart(one, arms)).join('\n')}</div>`;
}
