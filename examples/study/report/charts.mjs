// Curves over training: the mean of each arm, with half the 95 % interval of its paired difference to GRPO as a band.
import { legend, linearPlot } from '../../../bench/report/plot.mjs';
import { band, dot, drawing, path, short } from '../../../bench/report/svg.mjs';
import { classOf } from './style.mjs';

const [WIDTH, HEIGHT] = [420, 250];

/** Curve of a results file -> title and axis. */
export const CURVES = {
  sparkGeometric: ['Sparks', 'geometric mean probability'],
  entropy: ['Entropy', 'nats per token'],
  pass1: ['pass@1', 'exact'],
  pass16: ['pass@16', 'exact'],
  noiseMass: ['Noise', 'probability mass'],
  selectedPerBatch: ['Selected tokens', 'per batch'],
  pullRatio: ['Pull ratio', 'regulariser over policy term'],
};

/** One chart as SVG text. @param arms - Of one cell of a results file. */
export function chart(key, arms, size = [WIDTH, HEIGHT]) {
  const [width, height] = size;
  const series = arms.map(({ arm, curves }, place) => ({
    arm,
    name: classOf(arm, place),
    points: curves.steps
      .map((step, i) => ({ step, mean: curves[key][i][0], half: curves[key][i][1] ?? 0 }))
      .filter(({ mean }) => mean !== null),
  }));
  const points = series.flatMap((one) => one.points);
  const plot = linearPlot({
    width,
    height,
    xDomain: [0, Math.max(...points.map(({ step }) => step))],
    yDomain: [0, Math.max(1e-3, 1.05 * Math.max(...points.map(({ mean }) => mean)))],
    xLabel: 'step',
    yLabel: CURVES[key][1],
  });
  const drawn = series.map(({ arm, name, points }) => {
    const at = (value) => (point) => [plot.x(point.step), plot.y(Math.max(0, value(point)))];
    const [upper, lower] = [1, -1].map((sign) => points.map(at(({ mean, half }) => mean + sign * half)));
    const line = points.map(at(({ mean }) => mean));
    const last = points.at(-1);
    return [
      arm === 'grpo' ? '' : band(upper, lower, { class: `band ${name}` }),
      path(line, { class: `curve ${name}` }),
      dot(...line.at(-1), `${arm}, step ${last.step}: ${short(last.mean)}`, { class: name, r: 2.5 }),
    ].join('');
  });
  const [x, y, w, h] = [64, 0, width - 88, height - 44];
  const clip = `<svg x="${x}" y="${y}" width="${w + 6}" height="${h}" viewBox="${x} ${y} ${w + 6} ${h}">`;
  return drawing(width, height, CURVES[key][0], `${plot.axes}${clip}${drawn.join('')}</svg>`);
}

/** All curves of some arms. */
export function charts(arms) {
  const keys = legend(
    arms.map(({ arm, seeds }, place) => [classOf(arm, place), `${arm} (${seeds.length} seeds)`]),
  );
  const regularised = arms.some(({ arm }) => /^k/.test(arm));
  const figures = Object.entries(CURVES)
    .filter(([key]) => regularised || !/selected|pull/.test(key))
    .map(([key, [title]]) => `<figure><h3>${title}</h3>${chart(key, arms)}</figure>`);
  return `${keys}<div class="charts">${figures.join('\n')}</div>`;
}
