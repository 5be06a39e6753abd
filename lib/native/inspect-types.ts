import type { AddonOrigin } from './addon-files.js';

/** What `lp-reg inspect` reports about the installed package. */
export interface InspectReport {
  /** Version of the npm package. */
  readonly version: string;
  /** Absolute path of the loaded addon, `lp_reg.node`. */
  readonly addonPath: string;
  /** Whether the addon came with the package or was compiled on this machine. */
  readonly addonOrigin: AddonOrigin;
  /** Absolute path of the shared library with the computing code. */
  readonly libraryPath: string;
  /** The addon's, whose folder the library shares, unless the environment names another library. */
  readonly libraryOrigin: AddonOrigin | 'LPREG_LIBRARY';
  /** Version of the C ABI's function table. */
  readonly abiVersion: number;
  /** Instruction set in use. */
  readonly instructionSet: string;
  /** Instruction sets that this build and this CPU can both use, best first. */
  readonly instructionSets: readonly string[];
  /** Threads the CPU back end uses. */
  readonly threads: number;
  readonly backends: {
    readonly cpu: true;
    readonly cuda: {
      readonly available: boolean;
      /** Why the CUDA back end is off; absent when it is available. */
      readonly reason?: string;
    };
  };
}
