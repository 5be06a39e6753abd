/** How often fast-check tries a property: a few seconds' worth, more in the full run, or for a given time. */
import fc from 'fast-check';

const SECONDS = Number(process.env.LPREG_FUZZ_SECONDS ?? 0);
const FULL = 20;

/** Fails with fast-check's report, which names the seed and the smallest case; tells how many cases were tried. */
export async function checkProperty<Values>(
  name: string,
  property: fc.IRawProperty<Values>,
  { runs }: { runs: number },
): Promise<void> {
  const limits =
    SECONDS > 0
      ? { numRuns: 2 ** 31, interruptAfterTimeLimit: 1000 * SECONDS }
      : { numRuns: process.env.LPREG_TEST_FULL ? FULL * runs : runs };
  const details = await fc.check(property, limits);
  console.log(`${name}: ${details.numRuns} cases, fast-check seed ${details.seed}`);
  if (details.failed) throw new Error(fc.defaultReportMessage(details), { cause: details.errorInstance });
}
