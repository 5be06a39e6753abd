/** The demo runs as `npm run demo:eval` runs it, and tells what the vectors say. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('demo: selection and protected tokens of both real batches are those of the vectors', () => {
  const demo = join(__dirname, '../examples/demo-eval/main.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [demo], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const [, paper, reference] = stdout.split(/^(?=\d\d_real_stories260K)/m);
  expect(paper).toMatch(/2 of them kept by the filter and protected/);
  expect(paper).toMatch(/^ +3 +8 +282 /m);
  expect(reference).toMatch(/1 of them kept by the filter and protected/);
  expect(reference).toMatch(/^ +3 +9 +417 /m);
});
