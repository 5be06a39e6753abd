// npm run bench:memory: how much memory does an in-place step need beyond the logits? Target: O(rows), nothing that grows
// with the vocabulary. Linux only: reads the peak resident size (VmHWM) of a process of its own per point.
//   --json FILE    write the results
//   --quick        small batches
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { textTable } from '../dist/bench/case-table.js';
import { Workbench } from '../dist/bench/workbench.js';
import { environmentNow, thisCommand, writeResults } from './results-file.mjs';

const SHAPES = [
  [1, 64, 65536],
  [1, 256, 65536],
  [1, 1024, 65536],
  [1, 4096, 65536],
  [1, 4096, 4096],
  [1, 65536, 4096],
  [1, 262144, 512],
];
const QUICK_SHAPES = [
  [1, 64, 4096],
  [1, 4096, 512],
];
const LOSSES = ['grpo', 'lp-reg'];

/** Bytes by a field of /proc/self/status. */
function statusBytes(field) {
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(
    readFileSync('/proc/self/status', 'utf8'),
  );
  return 1024 * Number(kilobytes);
}

/** Peak growth of this process over one in-place step, after a first step has started threads and compiled code. */
function peakOfStep(shape, loss) {
  const warmUp = new Workbench({ shape: [1, 64, 64], dtype: 'float32', distribution: 'peaked', seed: 1 });
  for (let i = 0; i < 50; i++) warmUp.contender(loss, 'in-place').run();
  const { run } = new Workbench({ shape, dtype: 'float32', distribution: 'peaked', seed: 1 }).contender(
    loss,
    'in-place',
  );
  globalThis.gc();
  writeFileSync('/proc/self/clear_refs', '5'); // sets the peak to the present size
  const before = statusBytes('VmHWM');
  run();
  return statusBytes('VmHWM') - before;
}

async function measure(shape, loss) {
  const child = fork(fileURLToPath(import.meta.url), [], { execArgv: ['--expose-gc'] });
  child.send({ shape, loss });
  const [peak] = await once(child, 'message');
  const [, rows, vocab] = shape;
  return { shape, loss, logitsBytes: 4 * rows * vocab, peakBytes: peak, bytesPerRow: peak / rows };
}

async function main() {
  const { values } = parseArgs({
    options: { json: { type: 'string' }, quick: { type: 'boolean', default: false } },
  });
  const environment = environmentNow();
  const results = [];
  for (const loss of LOSSES) {
    for (const shape of values.quick ? QUICK_SHAPES : SHAPES) results.push(await measure(shape, loss));
  }
  const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
  const rows = results.map(({ shape, loss, logitsBytes, peakBytes, bytesPerRow }) => [
    `${shape.join('x')} ${loss}`,
    megabytes(logitsBytes),
    megabytes(peakBytes),
    bytesPerRow.toFixed(0),
  ]);
  console.log(textTable(['shape and loss', 'logits MB', 'peak beyond it MB', 'bytes per row'], rows));
  writeResults(values.json, { kind: 'memory', command: thisCommand(), environment, results });
}

if (process.send === undefined) await main();
else
  process.once('message', ({ shape, loss }) => process.send(peakOfStep(shape, loss), () => process.exit()));
