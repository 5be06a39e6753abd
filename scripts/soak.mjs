// Random work for a long time: shapes, losses, synchronous and asynchronous calls, aborts, worker threads that are
// terminated mid-job. Every result is compared with the same call made alone. Ends with a summary; exit status 1 when
// something was wrong.
//   node scripts/soak.mjs [--minutes 10] [--seed N]
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { PolicyLoss } from '../dist/index.mjs';

const LOSSES = [
  { objective: 'grpo' },
  { objective: 'gspo' },
  { objective: 'kl-cov', kPercent: 20 },
  { objective: 'clip-cov', clipCovRatio: 0.3, covLow: -1 },
  { objective: '80-20' },
  { objective: 'cispo' },
  { objective: 'sapo' },
  { objective: 'lp-reg', rho: 0.5 },
  { objective: 'lp-reg', form: 'reference', rhoNeg: 0.5 },
  { objective: 'lp-reg', form: 'kept', filter: { kind: 'min-p', kappa: 0.1 } },
].map((options) => new PolicyLoss(options));

/** Mulberry32: the same run for the same seed, as far as threads allow. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function drawBatch(random) {
  const below = (n) => Math.floor(random() * n);
  const [B, T, V] = [1 + below(4), 1 + below(40), 2 + below(random() < 0.1 ? 20000 : 600)];
  const N = B * T;
  const Buffer = random() < 0.5 ? SharedArrayBuffer : ArrayBuffer;
  const data = new Float32Array(new Buffer(4 * N * V)).map(() => 8 * random() - 4);
  return {
    logits: { data, dtype: 'float32', shape: [B, T, V] },
    actions: new Int32Array(N).map(() => below(V)),
    oldLogProbs: new Float32Array(N).map(() => -6 * random()),
    advantages: new Float32Array(N).map(() => 2 * random() - 1),
    mask: new Uint8Array(N).map(() => (random() < 0.9 ? 1 : 0)),
  };
}

const counts = { steps: 0, jobs: 0, aborted: 0, refused: 0, workersEnded: 0, workersTerminated: 0 };
const wrong = [];

function compare(got, want, what) {
  const same =
    Object.is(got.loss, want.loss) &&
    got.gradLogits.data.every((value, i) => Object.is(value, want.gradLogits.data[i]));
  if (!same) wrong.push(what);
}

/** One call made alone, then the same call in several copies at once, some of which are aborted. */
async function step(random) {
  const loss = LOSSES[Math.floor(random() * LOSSES.length)];
  const batch = drawBatch(random);
  const want = loss.forwardBackwardSync(batch);
  const jobs = Array.from({ length: 1 + Math.floor(random() * 24) }, async () => {
    const controller = new AbortController();
    if (random() < 0.2) setTimeout(() => controller.abort(), 5 * random());
    try {
      compare(await loss.forwardBackward(batch, { signal: controller.signal }), want, loss.options.objective);
      counts.jobs++;
    } catch (error) {
      if (error.code !== 'ERR_ABORTED') throw error;
      counts.aborted++;
    }
  });
  await Promise.all(jobs);
  refuse(loss, batch, random);
  counts.steps++;
}

/** Input that must be refused, and a call after it that must work as before. */
function refuse(loss, batch, random) {
  const actions = batch.actions.slice();
  actions[batch.mask.indexOf(1)] = -7 - Math.floor(100 * random());
  if (!batch.mask.includes(1)) return;
  try {
    loss.forwardBackwardSync({ ...batch, actions });
    wrong.push('an action out of range was taken');
  } catch (error) {
    if (error.code !== 'ERR_ACTION_RANGE') throw error;
    counts.refused++;
  }
}

async function workUntil(end, seed) {
  const random = generator(seed);
  while (Date.now() < end) await step(random);
}

/** Workers one after the other; every second one is terminated in the middle of its jobs. */
async function restartWorkers(end, seed) {
  const random = generator(seed);
  for (let i = 0; Date.now() < end; i++) {
    const workerEnd = i % 2 === 0 ? end + 60_000 : Math.min(end, Date.now() + 2000 * random());
    const worker = new Worker(new URL(import.meta.url), { workerData: { end: workerEnd, seed: seed + i } });
    worker.on('message', ({ counts: own, wrong: found }) => {
      for (const name of Object.keys(own)) counts[name] += own[name];
      wrong.push(...found);
    });
    const exited = once(worker, 'exit');
    if (i % 2 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 100 + 1500 * random()));
      await worker.terminate();
      counts.workersTerminated++;
    } else {
      const [status] = await exited;
      if (status !== 0) wrong.push(`a worker ended with status ${status}`);
      counts.workersEnded++;
    }
  }
}

async function main() {
  const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
  const minutes = Number(values.minutes ?? 10);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (!(minutes > 0) || !Number.isInteger(seed))
    throw new Error('--minutes wants a number above 0, --seed an integer');
  console.log(`soak: ${minutes} minutes, --seed ${seed}`);
  const end = Date.now() + 60_000 * minutes;
  const megabytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
  const begin = megabytes();
  const report = setInterval(
    () => console.log(JSON.stringify({ ...counts, wrong: wrong.length, megabytes: megabytes() })),
    60_000,
  );
  await Promise.all([workUntil(end, seed), restartWorkers(end, seed + 1)]);
  clearInterval(report);
  console.log(
    JSON.stringify({ ...counts, wrong: wrong.length, megabytesBefore: begin, megabytes: megabytes() }),
  );
  for (const what of wrong.slice(0, 10)) console.error(`wrong: ${what}`);
  if (wrong.length > 0) process.exitCode = 1;
}

if (isMainThread) {
  await main();
} else {
  await workUntil(workerData.end, workerData.seed);
  parentPort.postMessage({ counts, wrong });
}
