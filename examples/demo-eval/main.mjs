// npm run demo:eval - GRPO and Lp-Reg on logits of a real language model, token by token.
// The batch-file reader belongs to the command line (lp-reg eval), not to the public API; hence its path.
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBatchFile } from '../../dist/cli/batch-file.js';
import { compareWithGrpo, selectionByForm } from './compare.mjs';

const FILES = ['32_real_stories260K_paper', '33_real_stories260K_reference'];

const text = (value) => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3))));
const signed = (value) => `${value > 0 ? '+' : ''}${value === 0 ? '0' : value.toExponential(2)}`;

function printTable(head, rows) {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column].length)));
  for (const row of [head, ...rows]) {
    console.log(`  ${row.map((cell, column) => cell.padStart(widths[column])).join('  ')}`);
  }
}

function printProtected(tokens, form) {
  if (tokens.length === 0) {
    console.log(
      '  Nothing is selected: on this batch Lp-Reg is inactive, and only the clip range differs from GRPO.',
    );
    return;
  }
  const head = ['b', 't', 'token', 'A', 'p', 'q', 'GRPO', 'beta=0', 'Lp-Reg', 'top: GRPO', 'top: Lp-Reg'];
  printTable(
    head,
    tokens.map((token) => [
      ...[token.sequence, token.position, token.action].map(String),
      ...[token.advantage, token.probability, token.proxy].map(text),
      ...[...token.actionPush, ...token.topPush].map(signed),
    ]),
  );
  console.log(
    '  p, q: probability of the sampled token under policy and proxy. The rest is the push -dloss/dlogit on the',
  );
  console.log('  sampled token (negative: pushed down) and on the most probable token of the row.');
  if (form === 'paper') {
    console.log(
      '  This form pulls all tokens that the filter keeps, in proportion to p: the most probable one gains most.',
    );
  }
}

function printFile(path) {
  const file = readBatchFile(path);
  const { options, shape } = file;
  const { grpo, lpReg, protectedTokens, changedByClip, changedByRegulariser } = compareWithGrpo(file);
  const { validCount, negativeCount, lowestCount, pullRatio } = lpReg.metrics;

  console.log(`\n${basename(path)}: stories260K, ${shape[0]} x ${shape[1]} tokens, vocabulary ${shape[2]}`);
  console.log(`  form '${options.form}', filter ${JSON.stringify(options.filter)}, proxy '${options.proxy}'`);
  console.log(`  loss: GRPO ${text(grpo.loss)}, Lp-Reg ${text(lpReg.loss)}`);
  console.log(
    `  ${validCount} tokens, ${negativeCount} with A < 0; ${lowestCount} in the lowest rho; ` +
      `${protectedTokens.length} of them kept by the filter and protected`,
  );
  console.log(
    `  gradient rows that change: ${changedByRegulariser.length} by the regulariser (pull / policy term ` +
      `${text(pullRatio)}), ${changedByClip.length} by the wider clip (1 / 9 in place of 0.2 / 0.2)\n`,
  );
  printProtected(protectedTokens, options.form);

  console.log('\n  What each form selects on this batch:');
  printTable(
    ['form', 'A < 0', 'lowest', 'selected', 'pull / policy term'],
    selectionByForm(file).map(({ name, metrics }) => [
      name,
      ...[metrics.negativeCount, metrics.lowestCount, metrics.selectedCount, metrics.pullRatio].map(text),
    ]),
  );
}

for (const name of FILES) {
  printFile(fileURLToPath(new URL(`../../test/vectors/${name}.safetensors`, import.meta.url)));
}
