/** The rows that README and report show for a target. */
import { expect, it } from 'vitest';

const { targetRows } = await import(new URL('../bench/targets.mjs', import.meta.url).href);

const timed = (loss: string, dtype: string, median: number, copy: number) => ({
  name: `16x16x151936/${dtype}/flat/${loss}/in-place`,
  shape: [16, 16, 151936],
  dtype,
  loss,
  form: 'in-place',
  time: { median },
  ratioToCopy: { value: median / copy },
  copy: { time: { median: copy } },
});

const verdicts = (files: object) => targetRows(files).map(({ verdict }: { verdict: string }) => verdict);

it('the slowest case of a target is within its bound: met', () => {
  const results = [timed('grpo', 'float32', 9, 10), timed('lp-reg', 'float32', 14, 10)];
  expect(verdicts({ cases: { results } })).toEqual(['met', 'met']);
});

it('one case of a target is beyond its bound: missed, by how much', () => {
  const results = [timed('grpo', 'float32', 9, 10), timed('lp-reg-kept', 'float32', 12, 10)];
  expect(verdicts({ cases: { results } })).toEqual(['missed by 20 %']);
});

it('16-bit logits take longer than float32: missed', () => {
  const results = [timed('gspo', 'float32', 10, 10), timed('gspo', 'bfloat16', 11, 5)];
  expect(verdicts({ cases: { results } })).toEqual(['missed by 10 %']);
});

it('the machine was slower while 16-bit logits were measured: the copies beside them tell', () => {
  const slow = timed('gspo', 'bfloat16', 18, 10);
  const results = [timed('gspo', 'float32', 10, 10), ...Array(2).fill(timed('gspo', 'bfloat16', 9, 5)), slow];
  expect(verdicts({ cases: { results } })).toEqual(['met']);
});

it('a peer is absent: its row gives the reason and is not met', () => {
  const batches = [{ shape: [16, 16, 151936], results: [], absent: { 'torch eager': 'none' }, rejected: [] }];
  const rows = targetRows({ peers: { batches } });
  expect(rows[0]).toMatchObject({ measured: 'none', verdict: 'not measured' });
});

it('memory grows with the vocabulary: missed', () => {
  const results = [{ shape: [1, 64, 65536], loss: 'grpo', peakBytes: 4 * 64 * 65536 }];
  expect(verdicts({ memory: { results } })[0]).toMatch(/missed/);
});

it('a decade of the growth leaves the line: the exception is named', () => {
  const fit = { r2: 0.999 };
  const slopes = [{ from: 1, to: 8, slope: 1.3 }];
  const [row] = targetRows({ scaling: { results: [{ name: 'rows', fixed: '', fit, slopes }] } });
  expect(row.measured).toContain('1 to 8: 1.30');
});

it('no results: no rows', () => {
  expect(targetRows({})).toEqual([]);
});
