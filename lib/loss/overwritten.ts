import { DeviceData } from '../tensors/device-data.js';

/**
 * Remembers which memory in-place gradients have overwritten, so that another result over the same logits
 * says so instead of giving a wrong gradient.
 */
interface Overwrite {
  readonly begin: number;
  readonly end: number;
  readonly time: number;
}

const overwrites = new WeakMap<object, readonly Overwrite[]>();
let clock = 0;

/** A moment that later overwrites come after. */
export function now(): number {
  return clock;
}

/** Records that the memory of `view` has been overwritten. */
export function recordOverwrite(view: ArrayBufferView | DeviceData): void {
  const [begin, end] = extentOf(view);
  clock += 1;
  // What the new range covers is forgotten, so that a buffer in steady use has one entry per tensor.
  const others = (overwrites.get(ownerOf(view)) ?? []).filter((old) => old.begin < begin || old.end > end);
  overwrites.set(ownerOf(view), [...others, { begin, end, time: clock }]);
}

/** Whether any memory of `view` has been overwritten after `time`. */
export function isOverwrittenSince(view: ArrayBufferView | DeviceData, time: number): boolean {
  const [begin, end] = extentOf(view);
  const known = overwrites.get(ownerOf(view)) ?? [];
  return known.some((range) => range.time > time && range.begin < end && begin < range.end);
}

function ownerOf(view: ArrayBufferView | DeviceData): object {
  return view instanceof DeviceData ? view : view.buffer;
}

function extentOf(view: ArrayBufferView | DeviceData): [begin: number, end: number] {
  if (view instanceof DeviceData) return [0, view.length];
  return [view.byteOffset, view.byteOffset + view.byteLength];
}
