// Text of SVG elements, and scales from values to pixels.

const escapeText = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/** An element; content is SVG already. */
export function element(name, attributes, content = '') {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeText(value)}"`);
  return `<${name}${list.join('')}>${content}</${name}>`;
}

/** Text at a point. @param attributes - Such as `text-anchor`. */
export function label(x, y, text, attributes = {}) {
  return element('text', { x: round(x), y: round(y), ...attributes }, escapeText(text));
}

export function line(x1, y1, x2, y2, attributes = {}) {
  return element('line', { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), ...attributes });
}

/** A line through points. */
export function path(points, attributes) {
  const d = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${round(x)},${round(y)}`).join('');
  return element('path', { d, fill: 'none', ...attributes });
}

/** The area between two lines through points, such as an interval around a curve. */
export function band(upper, lower, attributes) {
  const outline = [...upper, ...lower.toReversed()];
  const points = outline.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');
  return element('polygon', { points, ...attributes });
}

/** A dot with a title that browsers show on hover. */
export function dot(x, y, title, attributes) {
  return element(
    'circle',
    { cx: round(x), cy: round(y), r: 4, ...attributes },
    element('title', {}, escapeText(title)),
  );
}

/** A whole drawing, scaled to the width of its page. */
export function drawing(width, height, title, content) {
  const attributes = { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': title };
  return element('svg', attributes, content);
}

/** A logarithmic scale. */
export function logScale([low, high], [start, end]) {
  return (value) =>
    start + ((Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))) * (end - start);
}

export function linearScale([low, high], [start, end]) {
  return (value) => start + ((value - low) / (high - low)) * (end - start);
}

/** About five round numbers. */
export function linearTicks([low, high]) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 5));
  const step = [1, 2, 5, 10].map((digit) => digit * power).find((size) => (high - low) / size <= 6);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Round numbers, the more per power of ten the fewer powers there are. */
export function logTicks([low, high]) {
  const decades = Math.log10(high / low);
  const digits = decades > 3 ? [1] : decades > 0.7 ? [1, 2, 5] : [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    ticks.push(...digits.map((digit) => digit * 10 ** power));
  }
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

/** The range of some values, a little wider. */
export function logDomain(values, margin = 1.15) {
  return [Math.min(...values) / margin, Math.max(...values) * margin];
}

/** A number for a person: three digits, no exponent. */
export function short(value) {
  if (value >= 1e6) return `${short(value / 1e6)}M`;
  if (value >= 1e4) return `${short(value / 1e3)}k`;
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function round(value) {
  return Math.round(value * 10) / 10;
}
