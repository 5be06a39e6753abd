import type { Addon } from './addon-types.js';
import { loadedAddon } from './binding.js';
import { contextInfo, contextOf } from './context.js';
import { guarded, toError } from './failure.js';
import type { CudaReport, DeviceReport, InspectReport } from './inspect-types.js';

/**
 * Tells which native library is in use, what it found on this machine, and why CUDA is off if it is.
 * @throws {LpRegError} `ERR_LIBRARY` where the library cannot be loaded.
 * @example
 * inspect().instructionSet; // 'avx2'
 */
export function inspect(): InspectReport {
  const { addon, addonOrigin, libraryOrigin } = loadedAddon();
  const info = contextInfo(contextOf({ backend: 'cpu' }));
  const { version } = require('../../package.json') as { version: string };
  return {
    version,
    addonPath: addon.addonPath,
    addonOrigin,
    libraryPath: addon.libraryPath,
    libraryOrigin,
    abiVersion: info.abiVersion,
    instructionSet: info.instructionSet,
    instructionSets: info.instructionSets.split(',').reverse(),
    threads: info.threads,
    backends: { cpu: true, cuda: cudaReport(addon) },
  };
}

function cudaReport(addon: Addon): CudaReport {
  const info = guarded(() => addon.cudaInfo());
  const available = info.reason === '';
  const devices = Array.from({ length: info.deviceCount }, (_, device) => deviceReport(addon, device));
  return {
    available,
    ...(available ? {} : { reason: info.reason, advice: info.advice }),
    ...(info.runtimeVersion === 0 ? {} : { runtimeVersion: cudaVersion(info.runtimeVersion) }),
    ...(info.driverVersion === 0 ? {} : { driverVersion: cudaVersion(info.driverVersion) }),
    architectures: info.architectures.split(',').filter(Boolean).map(Number).map(capability),
    devices,
  };
}

function deviceReport(addon: Addon, device: number): DeviceReport {
  try {
    const { name, memoryBytes, multiprocessors, computeCapability, reason } = addon.deviceInfo(device);
    const facts = { name, computeCapability: capability(computeCapability), memoryBytes, multiprocessors };
    return reason === '' ? facts : { ...facts, reason };
  } catch (thrown) {
    // A device that does not answer is what a report is wanted for.
    const reason = (toError(thrown) as Error).message;
    return { name: '', computeCapability: '', memoryBytes: 0, multiprocessors: 0, reason };
  }
}

/** 13000: 13.0. */
function cudaVersion(version: number): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}

/** 90: 9.0. */
function capability(number: number): string {
  return `${Math.floor(number / 10)}.${number % 10}`;
}
