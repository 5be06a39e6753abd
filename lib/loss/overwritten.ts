/**
 * Remembers which memory in-place gradients have overwritten, so that another result over the same logits
 * says so instead of giving a wrong gradient.
 */
interface Overwrite {
  readonly begin: number;
  readonly end: number;
  readonly time: number;
}

const overwrites = new WeakMap<ArrayBufferLike, readonly Overwrite[]>();
let clock = 0;

/** A moment that later overwrites come after. */
export function now(): number {
  return clock;
}

/** Records that the memory of `view` has been overwritten. */
export function recordOverwrite(view: ArrayBufferView): void {
  const [begin, end] = extentOf(view);
  clock += 1;
  // What the new range covers is forgotten, so that a buffer in steady use has one entry per tensor.
  const others = (overwrites.get(view.buffer) ?? []).filter((old) => old.begin < begin || old.end > end);
  overwrites.set(view.buffer, [...others, { begin, end, time: clock }]);
}

/** Whether any memory of `view` has been overwritten after `time`. */
export function isOverwrittenSince(view: ArrayBufferView, time: number): boolean {
  const [begin, end] = extentOf(view);
  const known = overwrites.get(view.buffer) ?? [];
  return known.some((range) => range.time > time && range.begin < end && begin < range.end);
}

function extentOf(view: ArrayBufferView): [begin: number, end: number] {
  return [view.byteOffset, view.byteOffset + view.byteLength];
}
