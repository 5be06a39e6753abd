/** Suites that run once per instruction set. A process uses one, so each needs a test file of its own. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { inspect, setThreads } from '../../lib/index.js';

export type InstructionSet = 'baseline' | 'avx2' | 'avx512';

const CPU_FLAGS: Record<InstructionSet, readonly string[]> = {
  baseline: [],
  avx2: ['avx2', 'fma', 'f16c'],
  avx512: ['avx2', 'fma', 'f16c', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl'],
};

/** Asked of the operating system, so that a library which overlooks an instruction set fails. */
function machineRuns(set: InstructionSet): boolean {
  if (set === 'baseline') return true;
  if (process.platform !== 'linux' || process.arch !== 'x64') return false;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
  return CPU_FLAGS[set].every((flag) => flags.has(flag));
}

/** Declares tests that run on `set`, where the machine has it; the library must not have been used before. */
export function describeOn(set: InstructionSet, subject: string, declare: () => void): void {
  process.env.LPREG_ISA = set;
  describe.skipIf(!machineRuns(set))(`${subject} on ${set}`, () => {
    afterAll(() => setThreads(0));

    test('LPREG_ISA is set: it is the instruction set in use', () => {
      expect(inspect().instructionSet).toBe(set);
    });

    declare();
  });
}
