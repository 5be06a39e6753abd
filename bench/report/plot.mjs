// Axes of a plot.
import { label, line, linearScale, linearTicks, logScale, logTicks, short } from './svg.mjs';

/** Margins around the area of a plot. */
const MARGIN = { left: 64, right: 24, top: 12, bottom: 44 };

/** Ticks with what is written at them. */
const named = (ticks) => ticks.map((tick) => [tick, short(tick)]);

const axesOf =
  (scale, ticks) =>
  ({ width, height, xDomain, yDomain, xLabel, yLabel, xTicks = named(ticks(xDomain)) }) => {
    const [left, right, top, bottom] = [
      MARGIN.left,
      width - MARGIN.right,
      MARGIN.top,
      height - MARGIN.bottom,
    ];
    const x = scale(xDomain, [left, right]);
    const y = scale(yDomain, [bottom, top]);
    const axes = [
      ...xTicks.flatMap(([tick, name]) => [
        line(x(tick), top, x(tick), bottom, { class: 'grid' }),
        label(x(tick), bottom + 16, name, { 'text-anchor': 'middle' }),
      ]),
      ...named(ticks(yDomain)).flatMap(([tick, name]) => [
        line(left, y(tick), right, y(tick), { class: 'grid' }),
        label(left - 8, y(tick) + 4, name, { 'text-anchor': 'end' }),
      ]),
      label((left + right) / 2, height - 6, xLabel, { 'text-anchor': 'middle', class: 'axis' }),
      label(14, (top + bottom) / 2, yLabel, {
        'text-anchor': 'middle',
        class: 'axis',
        transform: `rotate(-90 14 ${(top + bottom) / 2})`,
      }),
    ];
    return { x, y, axes: axes.join('') };
  };

/**
 * Scales and axes, logarithmic.
 * @param options - width, height, xDomain, yDomain, xLabel, yLabel; xTicks, pairs of a value and its name, where other than
 *   round numbers are to stand there.
 * @returns x and y as functions of values, and the axes as SVG.
 */
export const logLogPlot = axesOf(logScale, logTicks);

/** The same with linear scales. */
export const linearPlot = axesOf(linearScale, linearTicks);

/** Names of colours beside a plot's title. @param entries - [class, text] pairs. */
export function legend(entries) {
  const items = entries.map(([colour, text]) => `<span class="key ${colour}">${text}</span>`);
  return `<p class="legend">${items.join(' ')}</p>`;
}
