// All tests: types, vitest, ctest. A failing stage does not keep the next from running; arguments go to vitest.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { printResults, resultsFolder } from './test-results.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const stages = {
  types: ['npm', 'run', '--silent', 'typecheck'],
  vitest: [
    'vitest',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${resultsFolder}/vitest.json`,
    ...process.argv.slice(2),
  ],
  ctest: ['npm', 'run', '--silent', 'test:native', '--', '--output-junit', `${resultsFolder}/ctest.xml`],
};

rmSync(resultsFolder, { recursive: true, force: true });
mkdirSync(resultsFolder, { recursive: true });
const failedStages = Object.entries(stages)
  .filter(
    ([, [command, ...args]]) =>
      spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] }).status !== 0,
  )
  .map(([name]) => name);

if (failedStages.length > 0) console.log(`failed: ${failedStages.join(', ')}`);
const allPassed = printResults();
process.exitCode = allPassed && failedStages.length === 0 ? 0 : 1;
