// Adds up the result files of the test runs: vitest's JSON and ctest's JUnit reports.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const resultsFolder = fileURLToPath(new URL('../build/test-results', import.meta.url));

function countVitest(text) {
  const { numPassedTests, numFailedTests, numPendingTests, success, testResults } = JSON.parse(text);
  const hasFailedTest = (file) => file.assertionResults.some((test) => test.status === 'failed');
  const unloadable = testResults.filter((file) => file.status === 'failed' && !hasFailedTest(file)).length;
  const failed = numFailedTests + unloadable;
  // An error outside every test fails the run all the same.
  return { passed: numPassedTests, failed: failed === 0 && !success ? 1 : failed, skipped: numPendingTests };
}

function countJunit(text) {
  const suite = text.match(/<testsuite\b[^>]*>/)[0];
  const attribute = (name) => Number(suite.match(new RegExp(`\\b${name}="(\\d+)"`))?.[1] ?? 0);
  const [failed, skipped] = [attribute('failures'), attribute('disabled') + attribute('skipped')];
  return { passed: attribute('tests') - failed - skipped, failed, skipped };
}

/** Sums over build/test-results; a run that left no file there counts nothing. */
export function countResults() {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const name of existsSync(resultsFolder) ? readdirSync(resultsFolder) : []) {
    const text = readFileSync(`${resultsFolder}/${name}`, 'utf8');
    const counts = name.endsWith('.json') ? countVitest(text) : countJunit(text);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  return total;
}

/** Prints `N passed, N failed` as the last line; true if something ran and nothing failed. */
export function printResults() {
  const { passed, failed, skipped } = countResults();
  if (skipped > 0) console.log(`${skipped} skipped`);
  console.log(`${passed} passed, ${failed} failed`);
  return passed > 0 && failed === 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = printResults() ? 0 : 1;
