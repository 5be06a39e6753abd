import { loadedAddon } from './binding.js';
import { contextInfo, contextOf } from './context.js';
import type { InspectReport } from './inspect-types.js';

/**
 * Tells which native library is in use, what it found on this machine, and why CUDA is off if it is.
 * @throws {LpRegError} `ERR_LIBRARY` where the library cannot be loaded.
 * @example
 * inspect().instructionSet; // 'avx2'
 */
export function inspect(): InspectReport {
  const { addon, addonOrigin, libraryOrigin } = loadedAddon();
  const info = contextInfo(contextOf('cpu'));
  const available = info.cudaReason === '';
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
    backends: { cpu: true, cuda: available ? { available } : { available, reason: info.cudaReason } },
  };
}
