/** Comparison of results bit for bit: no tolerance, and NaN equals itself. */

/** Whether two arrays have the same type, length and bits. */
export function sameBits(one: ArrayBufferView, other: ArrayBufferView): boolean {
  return one.constructor === other.constructor && bytesOf(one).equals(bytesOf(other));
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
}

/** Names of the fields in which two flat records of numbers and arrays differ, one of them lacking a field included. */
export function differences(one: object, other: object): string[] {
  const [left, right] = [one, other] as Record<string, unknown>[] as [
    Record<string, unknown>,
    Record<string, unknown>,
  ];
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].filter((name) => !same(left[name], right[name]));
}

function same(one: unknown, other: unknown): boolean {
  if (ArrayBuffer.isView(one) && ArrayBuffer.isView(other)) return sameBits(one, other);
  return Object.is(one, other);
}
