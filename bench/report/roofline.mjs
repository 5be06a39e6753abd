// Rate of minimal bytes by the size of the logits, under the rates of the copy and of the negation in place: these losses
// do a few operations per byte, so memory is their roof.
import { legend, logLogPlot } from './plot.mjs';
import { dot, drawing, logDomain, path } from './svg.mjs';

const [WIDTH, HEIGHT] = [760, 380];
const COLOURS = { grpo: 'c1', 'lp-reg-kept': 'c3', 'lp-reg': 'c2' };

/** Of the logits: an in-place step reads and writes each once. */
const megabytes = ({ minimalBytes }) => minimalBytes / 2e6;

/** The roof at each size: the median over the cases of that size. */
function roof(results, yardstick) {
  const bySize = new Map();
  for (const result of results) {
    const size = megabytes(result);
    bySize.set(size, [...(bySize.get(size) ?? []), result[yardstick].gigabytesPerSecond]);
  }
  const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return [...bySize].sort(([a], [b]) => a - b).map(([size, rates]) => [size, middle(rates)]);
}

/** @param results - Of a results file of kind `cases`. */
export function rooflineSection(results) {
  const shown = results.filter(({ loss, form }) => form === 'in-place' && loss in COLOURS);
  if (shown.length === 0) return '';
  const roofs = { copy: roof(shown, 'copy'), negation: roof(shown, 'negation') };
  const rates = [
    ...shown.map((result) => result.gigabytesPerSecond),
    ...Object.values(roofs).flatMap((points) => points.map(([, rate]) => rate)),
  ];
  const { x, y, axes } = logLogPlot({
    width: WIDTH,
    height: HEIGHT,
    xDomain: logDomain(shown.map(megabytes), 1.3),
    yDomain: logDomain(rates, 1.3),
    xLabel: 'size of the logits, MB',
    yLabel: 'minimal bytes, GB/s',
  });
  const scaled = (points) => points.map(([size, rate]) => [x(size), y(rate)]);
  const content = [
    axes,
    path(scaled(roofs.copy), { class: 'roof' }),
    path(scaled(roofs.negation), { class: 'roof dashed' }),
    ...shown.map((result) =>
      dot(
        x(megabytes(result)),
        y(result.gigabytesPerSecond),
        `${result.name}: ${result.gigabytesPerSecond.toFixed(1)} GB/s`,
        {
          class: `${COLOURS[result.loss]}${result.dtype === 'float32' ? '' : ' hollow'}`,
        },
      ),
    ),
  ];
  return `<h2>Roofline</h2>
<p>Each logit read once and each gradient element written once, per second, in place. Memory is the roof.</p>
${legend([
  ['line', 'copy of the logits'],
  ['line dashed', 'negation in place'],
  ['c1', 'grpo'],
  ['c3', 'lp-reg-kept'],
  ['c2', 'lp-reg'],
  ['hollow', '16-bit logits'],
])}
${drawing(WIDTH, HEIGHT, 'roofline', content.join(''))}`;
}
