/** `lp-reg inspect`: the first thing to look at when something is slow or does not load. */
import { parseArgs } from 'node:util';
import { inspect } from '../native/inspect.js';
import type { CudaReport, DeviceReport, InspectReport } from '../native/inspect-types.js';
import { bindingPaths } from './inspect-paths.js';

/** Runs the command and returns what it prints. */
export function runInspect(argv: readonly string[]): string {
  const { values } = parseArgs({
    args: [...argv],
    options: { json: { type: 'boolean' }, paths: { type: 'boolean' } },
  });
  const report = inspect();
  if (values.paths) {
    const paths = bindingPaths(report.libraryPath);
    return values.json ? `${JSON.stringify(paths, null, 2)}\n` : table(Object.entries(paths));
  }
  const forcedSet = process.env.LPREG_ISA ?? null;
  return values.json
    ? `${JSON.stringify({ ...report, LPREG_ISA: forcedSet }, null, 2)}\n`
    : describe(report, forcedSet);
}

function describe(report: InspectReport, forcedSet: string | null): string {
  const lines = [
    ['version', report.version],
    ['addon', `${report.addonPath} (${report.addonOrigin})`],
    ['library', `${report.libraryPath} (${report.libraryOrigin}, ABI ${report.abiVersion})`],
    ['instruction set', report.instructionSet],
    ['', `usable here: ${report.instructionSets.join(', ')}`],
    ['', forcedSet === null ? 'LPREG_ISA not set' : `LPREG_ISA=${forcedSet}`],
    ['threads', String(report.threads)],
    ['cpu', 'on'],
    ...describeCuda(report.backends.cuda),
  ];
  return table(lines);
}

function describeCuda(cuda: CudaReport): string[][] {
  const { runtimeVersion, driverVersion, architectures } = cuda;
  const lines = [
    ['cuda', cuda.available ? 'on' : `off: ${cuda.reason ?? ''}`],
    ...(cuda.advice ? [['', cuda.advice]] : []),
    [
      '',
      `built with: ${runtimeVersion ? `CUDA ${runtimeVersion} for ${architectures.join(', ')}` : 'no CUDA'}`,
    ],
    ['', `driver: ${driverVersion ? `up to CUDA ${driverVersion}` : 'none'}`],
  ];
  return [...lines, ...cuda.devices.map((device, i) => [`device ${i}`, describeDevice(device)])];
}

function describeDevice({
  name,
  computeCapability,
  memoryBytes,
  multiprocessors,
  reason,
}: DeviceReport): string {
  const gibibytes = (memoryBytes / 2 ** 30).toFixed(1);
  if (name === '') return `cannot be used: ${reason}`;
  const facts = `${name}, ${computeCapability}, ${gibibytes} GiB, ${multiprocessors} multiprocessors`;
  return reason === undefined ? facts : `${facts}; cannot be used: ${reason}`;
}

function table(lines: readonly (readonly string[])[]): string {
  return `${lines.map(([name = '', value]) => `${name.padEnd(17)}${value}`).join('\n')}\n`;
}
