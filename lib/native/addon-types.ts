/** The addon's face, typed. Names in snake case are those of native/include/lpreg.h. */
import type { TensorData } from '../tensors/tensor.js';
import type { SNAPSHOT_FIELDS } from './names.js';

/** What a forward pass hands to its backward passes, or the device memory that holds it. */
export type NativeWorkspace = Uint8Array | object;

/** Allocates a typed array by the name of its type, for the addon; may throw. */
export type Allocate = (type: ArrayTypeName, length: number) => ArrayBufferView;

/** Types of the arrays that the addon has allocated. */
export type ArrayTypeName = 'BigInt64Array' | 'Float32Array' | 'Int32Array' | 'Uint8Array';

/** What the library, or the addon before it, has against a call: what the addon's functions throw. */
export interface NativeFailure {
  /** `lpreg_status`, or one of the addon's own from 1000 on. */
  readonly status: number;
  readonly argument: string;
  readonly message: string;
  /** -1: none. */
  readonly index: number;
  /** `lpreg_output_status`. */
  readonly outputStatus: number;
}

/** What each operation returns; all else it writes to the memory that it is given. */
export interface OperationValues {
  lossForward: NativeWorkspace;
  lossBackward: undefined;
  lossForwardBackward: undefined;
  tokenStats: NativeWorkspace;
  tokenStatsBackward: undefined;
  objective: undefined;
  /** With `keep_on_device` handles of device memory. */
  proxySnapshot: Readonly<Record<(typeof SNAPSHOT_FIELDS)[keyof typeof SNAPSHOT_FIELDS], unknown>>;
}

export type OperationName = keyof OperationValues;

/** A job of the executor. */
export interface NativeJob {
  readonly id: number;
  /** Rejects with a {@link NativeFailure}. */
  readonly promise: Promise<unknown>;
}

/** What `contextInfo` tells. */
export interface NativeContextInfo {
  readonly version: string;
  readonly instructionSet: string;
  /** Comma-separated, best last. */
  readonly instructionSets: string;
  /** Why CUDA is off; empty when it is on. */
  readonly cudaReason: string;
  /** `lpreg_backend`. */
  readonly backend: number;
  readonly threads: number;
  readonly abiVersion: number;
}

/** What `cudaInfo` tells: `lpreg_cuda_info`. */
export interface NativeCudaInfo {
  /** Empty when a device can be used. */
  readonly reason: string;
  readonly advice: string;
  /** Comma-separated compute capabilities, 90 for 9.0. */
  readonly architectures: string;
  /** 13000 for 13.0; 0: none. */
  readonly driverVersion: number;
  readonly runtimeVersion: number;
  readonly deviceCount: number;
}

/** What `deviceInfo` tells: `lpreg_device_info`. */
export interface NativeDeviceInfo {
  readonly name: string;
  /** Empty when the device can be used. */
  readonly reason: string;
  readonly memoryBytes: number;
  readonly computeCapability: number;
  readonly multiprocessors: number;
}

/** The addon. Its functions throw a {@link NativeFailure}. */
export interface Addon {
  readonly addonPath: string;
  readonly libraryPath: string;
  /** Orders of the addon's tables, for the test that compares them with ours. */
  readonly orders: Readonly<Record<string, readonly string[]>>;
  /** Returns the number of the context, which lasts as long as this JavaScript thread. */
  createContext(backend: number, threads: number, device: number, stagingBytes: number): number;
  contextInfo(context: number): NativeContextInfo;
  setThreads(context: number, threads: number): void;
  /**
   * Runs an operation to its end.
   * @param operation - Its position in `OPERATION_ORDER`.
   * @param values - By the positions of `ARGUMENT_ORDER`.
   */
  run(context: number, operation: number, ...values: unknown[]): unknown;
  /** Queues an operation for the thread of this environment. */
  submit(context: number, operation: number, ...values: unknown[]): NativeJob;
  /** Ends a job early; nothing happens to one that has ended. */
  abort(id: number): void;
  /** Rows that a running job has finished in its present pass. */
  rowsDone(id: number): number;
  cudaInfo(): NativeCudaInfo;
  deviceInfo(device: number): NativeDeviceInfo;
  /** Element types are those of `napi_typedarray_type`. Returns a handle, which frees the memory when collected. */
  deviceAllocate(device: number, elementType: number, length: number): object;
  deviceWrap(pointer: bigint, elementType: number, length: number, stream: bigint): object;
  deviceFacts(memory: object): { readonly device: number; readonly length: number; readonly pointer: bigint };
  deviceUpload(memory: object, data: ArrayBufferView): void;
  deviceDownload(memory: object, data: ArrayBufferView): void;
  deviceDispose(memory: object): void;
  /** Yardstick of the benchmarks: milliseconds of a memcpy, one share per thread. Both have the same size. */
  copyTime(target: TensorData, source: TensorData, threads: number): number;
  /** Yardstick of the benchmarks: milliseconds of flipping every sign in place, one share per thread. */
  negateTime(data: TensorData, threads: number): number;
}
