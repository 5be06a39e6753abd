// npm run bench: how long does each loss take, against a copy of its logits?
//   --json FILE        write the results
//   --filter RE        only cases whose name matches, such as '151936/float32/peaked/lp-reg'
//   --quick            two small shapes and few rounds: whether it runs, not how fast
//   --all              every combination of shape, dtype, distribution, loss and form
//   --threads N        threads of the loss and of the yardsticks
//   --baseline PATH    compare with another built checkout (its folder) in interleaved runs
//   --list             print the names of the cases
import { parseArgs } from 'node:util';
import { caseTable } from '../dist/bench/case-table.js';
import { caseName, measureCase } from '../dist/bench/measure-case.js';
import { Workbench } from '../dist/bench/workbench.js';
import { getThreads, setThreads } from '../dist/index.js';
import { compareCase, comparisonTable, openBaseline } from './compare.mjs';
import { planCases, raceLength } from './plan.mjs';
import { environmentNow, thisCommand, writeResults } from './results-file.mjs';
import { tinybenchSampler } from './tinybench-sampler.mjs';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    filter: { type: 'string' },
    quick: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    threads: { type: 'string' },
    baseline: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

function measureGroups(groups, length, measure, table) {
  const results = [];
  for (const group of groups) {
    const workbench = new Workbench(group[0]);
    const ofGroup = group.map((item) => measure(workbench, item, length));
    console.log(table(ofGroup));
    results.push(...ofGroup);
  }
  return results;
}

function main() {
  const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
  const groups = planCases({ ...values, filter });
  if (groups.length === 0) throw new Error(`no case matches ${filter}`);
  if (values.list) return console.log(groups.flat().map(caseName).join('\n'));

  if (values.threads !== undefined) setThreads(Number(values.threads));
  const environment = environmentNow();
  const baseline = values.baseline === undefined ? undefined : openBaseline(values.baseline, getThreads());
  const measure = baseline
    ? (workbench, item, length) => compareCase(workbench, item, baseline, length, tinybenchSampler)
    : (workbench, item, length) => measureCase(workbench, item, getThreads(), length, tinybenchSampler);
  const results = measureGroups(groups, raceLength(values), measure, baseline ? comparisonTable : caseTable);
  writeResults(values.json, {
    kind: baseline ? 'comparison' : 'cases',
    command: thisCommand(),
    environment,
    ...(baseline && { baselineCommit: baseline.commit }),
    results,
  });
}

main();
