// Contender: this library, in place. Also the copy of the logits, as `copy`.
import { copyTime } from '../../dist/bench/yardsticks.js';
import { getThreads, setThreads } from '../../dist/index.js';
import { readBatch, serve } from './protocol.mjs';
import { WORKS } from './works.mjs';

const { shape, threads, logits: drawn, ...inputs } = readBatch(process.argv[2]);
setThreads(threads);
const data = new Float32Array(drawn);
const copied = new Float32Array(drawn);
const batch = {
  logits: { data, dtype: 'float32', shape },
  actions: inputs.actions,
  oldLogProbs: inputs.oldLogProbs,
  advantages: inputs.advantages,
};
const prepare = () => data.set(drawn);
const works = Object.entries(WORKS).map(([name, { ours }]) => [
  name,
  { prepare, run: () => ours(batch), gradient: () => data },
]);

await serve({
  ...Object.fromEntries(works),
  copy: { prepare, run: () => ({ copyTime: copyTime(copied, data, getThreads()) }) },
});
