// npm run demo: trains by verifiable rewards, then writes demo-report.html.
import { join } from 'node:path';
import { armOf } from './arms.mjs';
import { HELP, requestOf, UsageError } from './flags.mjs';
import { readRuns } from './metrics-file.mjs';
import { writeReport } from './report/write.mjs';

async function train(request) {
  const { trainAll } = await import('./train.mjs');
  const arms = request.objectives.map((objective) => armOf(objective, request.armValues));
  await trainAll(arms, request);
  return [request.out];
}

async function run(args) {
  const request = requestOf(args);
  if (request.command === 'help') return console.log(HELP);
  const folders = request.command === 'report' ? request.folders : await train(request);
  for (const line of writeReport(readRuns(folders), request.out)) console.log(line);
  console.log(`written: ${join(request.out, 'demo-report.html')}`);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(`demo: ${error.code === undefined ? '' : `${error.code}: `}${error.message}`);
  if (isUsage) console.error('npm run demo -- --help lists what there is.');
  process.exitCode = isUsage ? 2 : 1;
}
