import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { LpRegErrorCode } from '../lib/index.js';
import * as lpreg from '../lib/index.js';
import { examplesIn, runExample } from './support/examples.js';
import { smallBatch } from './support/small-batch.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const errorsPage = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');

interface TrainingStep {
  result: lpreg.LossAndGradient<lpreg.DefaultTokenField, lpreg.Tensor>;
  logits: { data: Float32Array };
}

test('the example of the README runs as printed and trains on what it says', async () => {
  const { actions, oldLogProbs, advantages, mask } = smallBatch();
  const inputs = { actions, oldLogProbs, advantages, mask, B: 2, T: 3, V: 5 };
  const [code = ''] = examplesIn('README.md');
  const { printed, result, logits } = await runExample<TrainingStep>(code, ['result', 'logits'], {
    modules: { 'lp-reg': lpreg },
    inputs,
  });
  expect(printed).toStrictEqual([
    result.loss,
    result.metrics.entropy,
    result.metrics.selectedCount,
    result.tokens.logProbs,
  ]);
  expect(result.metrics.entropy).toBeCloseTo(Math.log(5), 6); // the example's logits are zeros
  expect(result.gradLogits).toBe(logits);
  expect(logits.data.some((value) => value !== 0)).toBe(true);
});

test('every link of the README to a file of this repository leads somewhere', () => {
  const targets = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target]) => target as string);
  expect(targets.length).toBeGreaterThan(5);
  for (const target of targets) {
    expect(() => readFileSync(new URL(`../${target}`, import.meta.url)), target).not.toThrow();
  }
});

test('docs/errors.md explains each error code and no other', () => {
  const source = readFileSync(new URL('../lib/errors.ts', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/\| '(ERR_[A-Z_]+)'/g)].map(([, code]) => code as LpRegErrorCode);
  const documented = [...errorsPage.matchAll(/^\| `(ERR_[A-Z_]+)`/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toStrictEqual(codes.toSorted());
  expect(new lpreg.LpRegError('ERR_TYPE', 'x').status).toBe('untouched');
});
