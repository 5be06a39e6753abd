// npm run bench:peers: the same losses on the same batch in other libraries, run by run in turns.
// Each contender is a process of its own that keeps its memory; each must give our result before it is timed.
//   --json FILE      write the results
//   --quick          a small batch and few rounds
//   --only RE        contenders whose name matches, beside ours
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { milliseconds, ratio, textTable } from '../../dist/bench/case-table.js';
import { ratioOf, timingOf } from '../../dist/bench/statistics.js';
import { Workbench } from '../../dist/bench/workbench.js';
import { getThreads } from '../../dist/index.js';
import { environmentNow, thisCommand, writeResults } from '../results-file.mjs';
import { Contender, contenderCommands } from './contender.mjs';
import { differenceFrom } from './verify.mjs';
import { PARAMETERS, WORKS } from './works.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});

// The slow ones run on the small batch only: TensorFlow.js needs more memory than WebAssembly has for the large one.
const BATCHES = values.quick
  ? [{ shape: [1, 32, 1000], contenders: /./ }]
  : [
      { shape: [16, 16, 151936], contenders: /lp-reg|torch|plain/ },
      { shape: [4, 16, 32000], contenders: /./ },
    ];
const ROUNDS = values.quick ? 3 : 9;
/** A contender whose first run took longer gets fewer rounds. */
const SLOW = { milliseconds: 1500, rounds: 3 };
/** Lets the threads of the one before go to sleep. */
const PAUSE = 20;

function writeBatch(folder, shape) {
  const { batch } = new Workbench({ shape, dtype: 'float32', distribution: 'peaked', seed: 1 });
  for (const name of ['actions', 'oldLogProbs', 'advantages']) writeFileSync(join(folder, name), batch[name]);
  writeFileSync(join(folder, 'logits'), batch.logits.data);
  const description = { shape, threads: getThreads(), parameters: PARAMETERS };
  writeFileSync(join(folder, 'batch.json'), JSON.stringify(description));
}

/** Starts what matches; the rest goes into `absent` with the reason. */
async function startContenders(folder, pattern, absent) {
  const started = [];
  for (const [name, how] of Object.entries(contenderCommands())) {
    const isWanted = name === 'lp-reg' || (pattern.test(name) && new RegExp(values.only).test(name));
    if (!isWanted) continue;
    if (how.absent !== undefined) {
      absent[name] = how.absent;
      continue;
    }
    const contender = new Contender(name, how, folder);
    const {
      works,
      version,
      absent: reason,
    } = await contender.start().catch((error) => ({ absent: error.message }));
    if (reason !== undefined) absent[name] = reason;
    else started.push({ name, contender, works, version });
  }
  return started;
}

/** Contenders whose result is ours; `rejected` gets the others. */
async function admit(work, started, folder, vocab, rejected) {
  const { hasGradient } = WORKS[work];
  const gradientOf = (name) => (hasGradient ? join(folder, `${name}.gradient`) : undefined);
  const [ours, ...others] = started.filter(({ works }) => works.includes(work));
  const expected = await ours.contender.run(work, gradientOf(ours.name));
  const admitted = [ours];
  for (const other of others) {
    const actual = await other.contender
      .run(work, gradientOf(other.name))
      .catch((error) => ({ failed: error.message }));
    const files = hasGradient && { actual: gradientOf(other.name), expected: gradientOf(ours.name) };
    const problem = actual.failed ?? differenceFrom(expected, actual, files || undefined, vocab);
    if (problem === undefined)
      admitted.push({ ...other, rounds: actual.ms > SLOW.milliseconds ? SLOW.rounds : ROUNDS });
    else rejected.push({ work, contender: other.name, problem });
  }
  return admitted;
}

async function timeWork(work, admitted) {
  // The first run after another work's may still grow the heap.
  for (const { contender } of admitted) await contender.run(work);
  const runs = admitted.map(() => []);
  const copies = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { contender, rounds = ROUNDS }] of admitted.entries()) {
      if (round >= rounds) continue;
      await sleep(PAUSE);
      runs[index].push(await contender.run(work));
    }
    await sleep(PAUSE);
    copies.push(await admitted[0].contender.run('copy'));
  }
  const times = runs.map((list) => list.map(({ ms }) => ms));
  const [ours] = times;
  const results = admitted.map(({ name, version }, index) => ({
    work,
    contender: name,
    ...(version && { version }),
    ...(index === 0 && { selected: runs[0][0].selected }),
    time: timingOf(times[index]),
    timesOurs: ratioOf(times[index], ours.slice(0, times[index].length)),
    pageFaults: Math.max(...runs[index].map(({ faults }) => faults)),
  }));
  const copyTimes = copies.map(({ copyTime }) => copyTime);
  results.push({ work, contender: 'copy', time: timingOf(copyTimes), timesOurs: ratioOf(copyTimes, ours) });
  return results;
}

async function compare({ shape, contenders }) {
  const folder = mkdtempSync(join(tmpdir(), 'lp-reg-peers-'));
  const absent = {};
  const rejected = [];
  let started = [];
  try {
    writeBatch(folder, shape);
    started = await startContenders(folder, contenders, absent);
    const results = [];
    for (const work of Object.keys(WORKS)) {
      const admitted = await admit(work, started, folder, shape.at(-1), rejected);
      results.push(...(await timeWork(work, admitted)));
    }
    return { shape, dtype: 'float32', distribution: 'peaked', results, absent, rejected };
  } finally {
    for (const { contender } of started) contender.stop();
    rmSync(folder, { recursive: true });
  }
}

function print({ shape, results, absent, rejected }) {
  console.log(`float32 ${shape.join(' x ')}, peaked, milliseconds\n`);
  const rows = results.map(({ work, contender, selected, time, timesOurs, pageFaults = 0 }) => [
    `${work}: ${contender}${selected === undefined ? '' : ` (${selected} regularised)`}`,
    milliseconds(time.median),
    ratio(timesOurs),
    String(pageFaults),
  ]);
  console.log(textTable(['work and contender', 'ms', 'times ours', 'page faults'], rows));
  for (const [name, reason] of Object.entries(absent)) console.log(`absent: ${name}: ${reason}`);
  for (const { work, contender, problem } of rejected)
    console.log(`not timed: ${contender}, ${work}: ${problem}`);
  console.log('');
}

const environment = environmentNow();
const batches = [];
for (const batch of BATCHES) {
  batches.push(await compare(batch));
  print(batches.at(-1));
}
writeResults(values.json, {
  kind: 'peers',
  command: thisCommand(),
  environment,
  parameters: PARAMETERS,
  batches,
});
