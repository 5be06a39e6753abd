// Axes of a plot with logarithmic scales.
import { label, line, logScale, logTicks, short } from './svg.mjs';

/** Margins around the area of a plot. */
const MARGIN = { left: 64, right: 24, top: 12, bottom: 44 };

/**
 * Scales and axes.
 * @param options - width, height, xDomain, yDomain, xLabel, yLabel.
 * @returns x and y as functions of values, and the axes as SVG.
 */
export function logLogPlot({ width, height, xDomain, yDomain, xLabel, yLabel }) {
  const [left, right, top, bottom] = [MARGIN.left, width - MARGIN.right, MARGIN.top, height - MARGIN.bottom];
  const x = logScale(xDomain, [left, right]);
  const y = logScale(yDomain, [bottom, top]);
  const axes = [
    ...logTicks(xDomain).flatMap((tick) => [
      line(x(tick), top, x(tick), bottom, { class: 'grid' }),
      label(x(tick), bottom + 16, short(tick), { 'text-anchor': 'middle' }),
    ]),
    ...logTicks(yDomain).flatMap((tick) => [
      line(left, y(tick), right, y(tick), { class: 'grid' }),
      label(left - 8, y(tick) + 4, short(tick), { 'text-anchor': 'end' }),
    ]),
    label((left + right) / 2, height - 6, xLabel, { 'text-anchor': 'middle', class: 'axis' }),
    label(14, (top + bottom) / 2, yLabel, {
      'text-anchor': 'middle',
      class: 'axis',
      transform: `rotate(-90 14 ${(top + bottom) / 2})`,
    }),
  ];
  return { x, y, axes: axes.join('') };
}

/** Names of colours beside a plot's title. @param entries - [class, text] pairs. */
export function legend(entries) {
  const items = entries.map(([colour, text]) => `<span class="key ${colour}">${text}</span>`);
  return `<p class="legend">${items.join(' ')}</p>`;
}
