// How probable the rare tokens were that were drawn, early and late, and which of them the filter keeps.
import { legend, linearPlot } from '../../../bench/report/plot.mjs';
import { drawing, element, short } from '../../../bench/report/svg.mjs';
import { BINS, LOWEST_EXPONENT } from '../record.mjs';

const [WIDTH, HEIGHT] = [420, 240];
/** Up to a probability of 0.1: the two bins above it hold nearly all tokens. */
const SHOWN = BINS - 2;
/** Of the steps, at either end. */
const SHARE = 0.2;

/** Tokens per step in each bin, over the early or late steps of all runs. */
function countsPerStep(runs, part) {
  const steps = runs.flatMap((run) => {
    const count = Math.max(1, Math.round(SHARE * run.steps.length));
    return part === 'early' ? run.steps.slice(0, count) : run.steps.slice(-count);
  });
  const average = (kind, bin) =>
    steps.reduce((sum, { histogram }) => sum + histogram[kind][bin], 0) / steps.length;
  return Array.from({ length: SHOWN }, (_, bin) => ({
    kept: average('kept', bin),
    dropped: average('dropped', bin),
  }));
}

const lowerEdge = (bin) => 10 ** (LOWEST_EXPONENT + bin / 2);

function histogram(title, counts, highest) {
  const edges = Array.from({ length: SHOWN + 1 }, (_, bin) => bin).filter((bin) => bin % 2 === 0);
  const { x, y, axes } = linearPlot({
    width: WIDTH,
    height: HEIGHT,
    xDomain: [0, SHOWN],
    yDomain: [0, highest],
    xLabel: 'probability of the drawn token',
    yLabel: 'tokens per step',
    xTicks: edges.map((bin) => [bin, bin === 0 ? '0' : String(short(lowerEdge(bin)))]),
  });
  const bars = counts.flatMap(({ kept, dropped }, bin) => {
    const bar = (low, high, colour, what) => {
      const range = `${bin === 0 ? 0 : short(lowerEdge(bin))} to ${short(lowerEdge(bin + 1))}`;
      return element(
        'rect',
        { x: x(bin) + 2, width: x(1) - x(0) - 4, y: y(high), height: y(low) - y(high), class: colour },
        element('title', {}, `${range}: ${short(high - low)} ${what} per step`),
      );
    };
    return [bar(0, kept, 'kept', 'kept'), bar(kept, kept + dropped, 'dropped', 'dropped')];
  });
  return `<figure><h3>${title}</h3>${drawing(WIDTH, HEIGHT, title, [axes, ...bars].join(''))}</figure>`;
}

/** @param arms - `name` and `runs` of each. */
export function histogramsSection(arms) {
  const shown = arms.flatMap(({ name, runs }) =>
    ['early', 'late'].map((part) => ({ title: `${name}: ${part}`, counts: countsPerStep(runs, part) })),
  );
  const highest = Math.max(
    1,
    ...shown.flatMap(({ counts }) => counts.map(({ kept, dropped }) => kept + dropped)),
  );
  return `<h2>Rare tokens, early and late</h2>
<p>Drawn tokens of a probability below ${short(lowerEdge(SHOWN))}, in the first and in the last ${100 * SHARE} % of the steps. The filter keeps
the tokens whose probability is at least kappa times that of the likeliest; Lp-Reg protects kept tokens only.</p>
${legend([
  ['kept', 'kept by the filter'],
  ['dropped', 'dropped'],
])}
<div class="charts">${shown.map(({ title, counts }) => histogram(title, counts, highest * 1.05)).join('\n')}</div>`;
}
