/** Where a figure comes from. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { inspect } from '../native/inspect.js';

/** What a results file says about its machine and build. */
export interface BenchEnvironment {
  /** ISO 8601. */
  readonly date: string;
  readonly cpu: string;
  readonly cpus: number;
  /** Vector extensions of the CPU. */
  readonly flags: readonly string[];
  /** Such as `'L2 1024K'`, of the first CPU. */
  readonly caches: readonly string[];
  /** Gigabytes (1e9 bytes). */
  readonly memory: number;
  readonly kernel: string;
  /** Policy of transparent huge pages, null where there are none. */
  readonly hugePages: string | null;
  readonly node: string;
  readonly version: string;
  readonly instructionSet: string;
  readonly threads: number;
  /** Load average of the last minute before the run: above 0.5 or so, something else was running too. */
  readonly loadBefore: number;
}

const VECTOR_EXTENSION = /^(sse4|avx|fma|f16c|amx|asimd|sve|neon|erms|fsrm)/;

export function benchEnvironment(): BenchEnvironment {
  const { version, instructionSet, threads } = inspect();
  const processors = cpus();
  return {
    date: new Date().toISOString(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cpus: processors.length,
    flags: cpuFlags(),
    caches: caches('/sys/devices/system/cpu/cpu0/cache'),
    memory: Math.round(totalmem() / 1e8) / 10,
    kernel: release(),
    hugePages: /\[(\w+)\]/.exec(read('/sys/kernel/mm/transparent_hugepage/enabled'))?.[1] ?? null,
    node: process.version,
    version,
    instructionSet,
    threads,
    loadBefore: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

/** Empty where there is no such file, as on other systems than Linux. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
}

function cpuFlags(): string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(read('/proc/cpuinfo'))?.[1] ?? '';
  return line.split(' ').filter((flag) => VECTOR_EXTENSION.test(flag));
}

function caches(folder: string): string[] {
  const entries = entriesOf(folder).filter((name) => name.startsWith('index'));
  return entries
    .filter((name) => read(`${folder}/${name}/type`) !== 'Instruction')
    .map((name) => `L${read(`${folder}/${name}/level`)} ${read(`${folder}/${name}/size`)}`);
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
