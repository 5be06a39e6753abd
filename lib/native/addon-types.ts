/** The addon's face, typed. Names in snake case are those of native/include/lpreg.h. */
import type { TensorData } from '../tensors/tensor.js';

declare const contextTag: unique symbol;

/** A context of the library. */
export interface NativeContext {
  readonly [contextTag]: never;
}

/** What a forward pass hands to its backward passes; nobody outside sees it. */
export type NativeWorkspace = Uint8Array;

/** Allocates a typed array by the name of its type, for the addon; may throw. */
export type Allocate = (type: ArrayTypeName, length: number) => ArrayBufferView;

/** Types of the arrays that the addon has allocated. */
export type ArrayTypeName = 'BigInt64Array' | 'Float32Array' | 'Int32Array' | 'Uint8Array';

/** What the library, or the addon before it, has against a call. */
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

/** Every function of the addon returns one of the two. */
export type Outcome<T> = { readonly value: T; readonly error?: never } | { readonly error: NativeFailure };

/** A logits-sized argument. */
export interface MatrixArgument {
  readonly data: TensorData;
  /** `lpreg_dtype`. */
  readonly dtype: number;
  readonly row_stride: number;
  readonly sequence_stride: number;
  /** Whether `data` may be longer than the matrix. */
  readonly strided: boolean;
}

/** Where a gradient goes. */
export interface GradientArgument extends MatrixArgument {
  /** Whether `data` was allocated for this call, so that nobody else has it before the call has ended. */
  readonly owned: boolean;
}

/** Numbers by their names in `lpreg_loss_options`. */
export type LossOptionsArgument = Readonly<Record<string, unknown>> & { readonly row: RowOptionsArgument };
/** Numbers by their names in `lpreg_row_options`. */
export type RowOptionsArgument = Readonly<Record<string, number>>;
/** Sizes, arrays and matrices by their names in `lpreg_batch`. */
export type BatchArgument = Readonly<Record<string, unknown>>;
/** Arrays by their names in `lpreg_token_outputs`. */
export type TokensArgument = Readonly<Record<string, unknown>>;
/** Numbers by their names in `lpreg_loss_result`. */
export type LossResultValue = Readonly<Record<string, number>>;

/** Arguments and result of each operation. */
export interface Operations {
  lossForward: {
    arguments: {
      allocate: Allocate;
      options: LossOptionsArgument;
      batch: BatchArgument;
      outputs: TokensArgument;
    };
    value: LossResultValue & { readonly workspace: NativeWorkspace };
  };
  lossBackward: {
    arguments: {
      options: LossOptionsArgument;
      batch: BatchArgument;
      workspace: NativeWorkspace;
      grad_output: number;
      gradient: GradientArgument;
    };
    value: undefined;
  };
  lossForwardBackward: {
    arguments: {
      allocate: Allocate;
      options: LossOptionsArgument;
      batch: BatchArgument;
      outputs: TokensArgument;
      grad_output: number;
      gradient: GradientArgument;
    };
    value: LossResultValue;
  };
  tokenStats: {
    arguments: {
      allocate: Allocate;
      options: RowOptionsArgument;
      batch: BatchArgument;
      outputs: TokensArgument;
      non_finite: number;
    };
    value: NativeWorkspace;
  };
  tokenStatsBackward: {
    arguments: {
      options: RowOptionsArgument;
      batch: BatchArgument;
      states: NativeWorkspace;
      d_log_prob: unknown;
      d_entropy: unknown;
      d_kl: unknown;
      gradient: GradientArgument;
    };
    value: undefined;
  };
  objective: {
    arguments: {
      allocate: Allocate;
      options: LossOptionsArgument;
      batch: BatchArgument;
      tokens: TokensArgument;
      outputs: TokensArgument;
    };
    value: LossResultValue;
  };
  proxySnapshot: {
    arguments: { allocate: Allocate; options: RowOptionsArgument; batch: BatchArgument; max_entries: number };
    value: {
      readonly row_ptr: BigInt64Array;
      readonly ids: Int32Array;
      readonly log_q: Float32Array;
      readonly log_kept_mass: Float32Array;
      readonly uniform: Uint8Array;
    };
  };
}

export type OperationName = keyof Operations;

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

/** The addon. */
export interface Addon {
  readonly addonPath: string;
  readonly libraryPath: string;
  createContext(backend: number, threads: number): Outcome<NativeContext>;
  contextInfo(context: NativeContext): Outcome<NativeContextInfo>;
  setThreads(context: NativeContext, threads: number): Outcome<undefined>;
  /** Runs an operation to its end. */
  run<Name extends OperationName>(
    context: NativeContext,
    operation: Name,
    argument: Operations[Name]['arguments'],
  ): Outcome<Operations[Name]['value']>;
  /** Queues an operation for the thread of this environment. */
  submit<Name extends OperationName>(
    context: NativeContext,
    operation: Name,
    argument: Operations[Name]['arguments'],
  ): Outcome<{ readonly id: number; readonly promise: Promise<Outcome<Operations[Name]['value']>> }>;
  /** Ends a job early; nothing happens to one that has ended. */
  abort(id: number): Outcome<undefined>;
  /** Rows that a running job has finished in its present pass. */
  rowsDone(id: number): Outcome<number>;
  /** Yardstick of the benchmarks: milliseconds of a memcpy, one share per thread. Both have the same size. */
  copyTime(target: TensorData, source: TensorData, threads: number): Outcome<number>;
  /** Yardstick of the benchmarks: milliseconds of flipping every sign in place, one share per thread. */
  negateTime(data: TensorData, threads: number): Outcome<number>;
}
