// The tables of the page, with what must be known to read them.
import { htmlTable } from '../../../bench/report/tables.mjs';
import { ANSWERS_DRAWN, K } from '../evaluate.mjs';
import { DIAGNOSTICS, DIFFERENCES, OUTCOMES, TIMES } from './tables.mjs';

function table({ head, rows }, arms) {
  const lines = rows(arms);
  return lines.length === 0 ? '' : htmlTable(head, lines);
}

/** @param arms - Of `summarise`. */
export function outcomesSection(arms) {
  return `<h2>Where each arm ended</h2>
<p>Reward and entropy (nats per token) over the last fifth of the steps; pass@1, pass@${K} and different correct answers (among ${ANSWERS_DRAWN} per
target) after the last one. ± is half of a 95 % interval by Student's t over the seeds; one seed has none, and tells no arm from another.</p>
${table(OUTCOMES, arms)}${table(DIFFERENCES, arms)}`;
}

/** @param arms - Of `summarise`. */
export function diagnosticsSection(arms) {
  const figures = table(DIAGNOSTICS, arms);
  if (figures === '') return '';
  return `<h2>What Lp-Reg did</h2>
<p>Tokens per step, over all steps. A pull of 0 means that the regulariser was inactive, near 1 that it weighed as much as the policy
term on the tokens of negative advantage. Where the lowest rho are mostly tokens that the filter drops, little is left to protect.</p>
${figures}`;
}

/** @param arms - Of `summarise`. */
export function timesSection(arms) {
  const figures = table(TIMES, arms);
  if (figures === '') return '';
  return `<h2>Time</h2>
<p>Means of wall time; whatever else the machine did is in them. The time of lp-reg includes copying the logits out of the memory of
the WebAssembly backend and the gradient into it.</p>
${figures}`;
}
