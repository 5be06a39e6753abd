import { LpRegError } from '../errors.js';

/** Own enumerable properties of a caller's object, with no prototype behind them. */
export type Fields = Readonly<Record<string, unknown>>;

/** A caller's name for `key` inside of `parent`, which is empty at the top level. */
export function fieldName(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`;
}

/**
 * Copies the own enumerable properties of a plain object, leaving out those that are `undefined`. What an
 * object inherits is never read, so that a polluted `Object.prototype` changes nothing.
 * @param value - What the caller gave.
 * @param argument - The caller's name for it.
 * @throws {LpRegError} `ERR_TYPE` for anything but an object.
 */
export function ownFields(value: unknown, argument: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw new LpRegError('ERR_TYPE', `${argument}: expected an object, received ${describe(value)}`, {
      argument,
    });
  }
  const fields: Record<string, unknown> = Object.create(null);
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) fields[key] = field;
  }
  return fields;
}

/**
 * A frozen copy without a prototype, for readers to whom a polluted one must not stand in for what is absent.
 */
export function seal(fields: object): Fields {
  return Object.freeze(Object.assign(Object.create(null), fields));
}

/**
 * Rejects what nobody would read.
 * @param parent - The caller's name for the object, empty at the top level.
 * @param hint - A sentence about an unknown key, if there is one to say.
 * @throws {LpRegError} `ERR_OPTION_WITHOUT_EFFECT`, naming the first unknown key.
 */
export function rejectUnknownFields(
  fields: Fields,
  known: readonly string[],
  parent: string,
  hint: (key: string) => string | undefined = (key) => similarName(key, known),
): void {
  for (const key of Object.keys(fields)) {
    if (known.includes(key)) continue;
    const argument = fieldName(parent, key);
    const more = hint(key);
    const message = `${argument}: has no effect here${more === undefined ? '' : `; ${more}`}`;
    throw new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument });
  }
}

/** "did you mean" for names that differ in case, separators or a plural only. */
export function similarName(key: string, known: readonly string[]): string | undefined {
  const plain = (name: string) => name.toLowerCase().replace(/[-_.]/g, '').replace(/s$/, '');
  const similar = known.find((name) => plain(name) === plain(key));
  return similar === undefined ? undefined : `did you mean ${similar}?`;
}

/** A value in an error message: short, and safe for objects without a prototype. */
export function describe(value: unknown): string {
  if (typeof value === 'string')
    return JSON.stringify(value.length > 40 ? `${value.slice(0, 37)}...` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (value === null || typeof value !== 'object')
    return typeof value === 'function' ? 'a function' : String(value);
  if (Array.isArray(value)) return 'an array';
  return ArrayBuffer.isView(value) ? `a ${Object.prototype.toString.call(value).slice(8, -1)}` : 'an object';
}
