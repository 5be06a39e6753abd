import { LpRegError } from '../errors.js';
import type { Backend, DeviceCallOptions } from '../options/option-types.js';
import { DeviceData } from '../tensors/device-data.js';
import { describe } from '../tensors/own-fields.js';
import type { NativeContextInfo } from './addon-types.js';
import { addon } from './binding.js';
import { guarded } from './failure.js';

const BACKENDS: readonly Backend[] = ['auto', 'cpu', 'cuda'];

/** A context of the library in use in this thread, and what it says of itself. */
export interface ContextHandle {
  /** The addon's number for it. */
  readonly native: number;
  readonly backend: 'cpu' | 'cuda';
}

/** Where a loss or a call wants to run. */
export interface Placement extends DeviceCallOptions {
  readonly backend: Backend;
}

const handles = new Map<string, ContextHandle>();
/** 0: as many as the machine allows. */
let wantedThreads = 0;

/**
 * The context of a back end, shared by every loss of this JavaScript thread.
 * @throws {LpRegError} `ERR_BACKEND_UNAVAILABLE` with the reason, `ERR_OPTION` for a device that does not exist,
 *   `ERR_LIBRARY`.
 */
export function contextOf({ backend, device = 0, stagingBytes = 0 }: Placement): ContextHandle {
  const key = backend === 'cuda' ? `cuda ${device} ${stagingBytes}` : 'cpu';
  const handle = handles.get(key) ?? create(backend, device, stagingBytes);
  handles.set(key, handle);
  return handle;
}

/**
 * The context in which a call runs: that of the device that holds its arrays, or of the back end asked for.
 * @param array - The array that decides, such as that of the logits.
 * @param argument - The caller's name for it, for errors.
 * @throws {LpRegError} As {@link contextOf}; `ERR_TYPE` for memory of another device than the one asked for, or of
 *   any with `backend: 'cpu'`.
 */
export function contextFor(placement: Placement, array: unknown, argument: string): ContextHandle {
  if (!(array instanceof DeviceData)) return contextOf(placement);
  const { backend, device = array.device, stagingBytes } = placement;
  if (backend !== 'cpu' && device === array.device)
    return contextOf({ backend: 'cuda', device, stagingBytes });
  const expected =
    backend === 'cpu' ? "memory of the host with backend: 'cpu'" : `memory of device ${device}`;
  const message = `${argument}: expected ${expected}, received memory of device ${array.device}`;
  throw new LpRegError('ERR_TYPE', message, { argument });
}

/** What the library says about a context now. */
export function contextInfo(context: ContextHandle): NativeContextInfo {
  return guarded(() => addon().contextInfo(context.native));
}

function create(backend: Backend, device: number, stagingBytes: number): ContextHandle {
  const native = guarded(() =>
    addon().createContext(BACKENDS.indexOf(backend), wantedThreads, device, stagingBytes),
  );
  const info = guarded(() => addon().contextInfo(native));
  return { native, backend: BACKENDS[info.backend] as 'cpu' | 'cuda' };
}

/**
 * Sets how many threads the CPU back end uses for each call of this JavaScript thread; results do not depend
 * on it. Waits for the call under way.
 * @param threads - An integer from 1 to 4096, or 0 for as many as the affinity mask and the CPU quota allow
 *   (the default).
 * @throws {LpRegError} `ERR_TYPE`, `ERR_OPTION`.
 * @example
 * setThreads(4);
 */
export function setThreads(threads: number): void {
  if (!Number.isInteger(threads)) {
    const message = `threads: expected an integer, received ${describe(threads)}`;
    throw new LpRegError('ERR_TYPE', message, { argument: 'threads' });
  }
  const contexts = new Set([contextOf({ backend: 'cpu' }), ...handles.values()]);
  for (const { native } of contexts) guarded(() => addon().setThreads(native, threads));
  wantedThreads = threads;
}

/** How many threads the CPU back end uses for each call of this JavaScript thread. */
export function getThreads(): number {
  return contextInfo(contextOf({ backend: 'cpu' })).threads;
}
