import type { AddonOrigin } from './addon-files.js';

/** What `lp-reg inspect` reports about the installed package. */
export interface InspectReport {
  /** Version of the npm package. */
  readonly version: string;
  /** Absolute path of the loaded addon. */
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
    readonly cuda: CudaReport;
  };
}

/** What the library and this machine make of CUDA. */
export interface CudaReport {
  readonly available: boolean;
  /** The one reason why the CUDA back end is off; absent when it is available. */
  readonly reason?: string;
  /** What to do about it; absent when it is available. */
  readonly advice?: string;
  /** CUDA that the library was built with, such as `'13.0'`; absent from a build without CUDA. */
  readonly runtimeVersion?: string;
  /** Newest CUDA that the driver offers; absent without a driver. */
  readonly driverVersion?: string;
  /** Compute capabilities that have kernels of their own, such as `'9.0'`; newer devices run too. */
  readonly architectures: readonly string[];
  /** Devices that the driver shows to this process, by ordinal. */
  readonly devices: readonly DeviceReport[];
}

/** A CUDA device. One that does not answer, such as one that this process has lost, has a `reason` and no facts: `''` and 0. */
export interface DeviceReport {
  readonly name: string;
  /** Such as `'9.0'`. */
  readonly computeCapability: string;
  readonly memoryBytes: number;
  readonly multiprocessors: number;
  /** Why this device cannot be used; absent when it can. */
  readonly reason?: string;
}
