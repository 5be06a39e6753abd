import { LpRegError } from '../errors.js';

/** Own enumerable properties of a caller's object, with no prototype behind them. */
export type Fields = Readonly<Record<string, unknown>>;

/** A caller's name for `key` inside of `parent`, which is empty at the top level. */
export function fieldName(parent: string, key: string): string {
  return parent === '' ? key : `${parent}.${key}`;
}

/** Throws `ERR_TYPE` unless a value is an object with properties. */
function requireObject(value: unknown, argument: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)) {
    return;
  }
  const message = `${argument}: expected an object, received ${describe(value)}`;
  throw new LpRegError('ERR_TYPE', message, { argument });
}

/**
 * Copies the own enumerable properties of a plain object, leaving out those that are `undefined`. What an
 * object inherits is never read, so that a polluted `Object.prototype` changes nothing.
 * @param value - What the caller gave.
 * @param argument - The caller's name for it.
 * @throws {LpRegError} `ERR_TYPE` for anything but an object.
 */
export function ownFields(value: unknown, argument: string): Fields {
  requireObject(value, argument);
  const fields: Record<string, unknown> = Object.create(null);
  for (const [key, field] of Object.entries(value)) {
    if (field !== undefined) fields[key] = field;
  }
  return fields;
}

/** Reads objects of one kind, see {@link fieldReader}. */
export type FieldReader<Name extends string> = (
  value: unknown,
  argument: string,
) => Readonly<Record<Name, unknown>>;

/**
 * {@link ownFields} and {@link rejectUnknownFields} in one, for objects that each call reads.
 * @param nothing - An object with every property that is ever read, all `undefined`: what its copies have
 *   themselves is not inherited, and copying one object is cheap.
 * @param known - Properties that may be given; others are `ERR_OPTION_WITHOUT_EFFECT`.
 * @param parent - The caller's name for the object in names of its properties. @default its `argument`
 */
export function fieldReader<Name extends string>(
  nothing: Readonly<Record<Name, unknown>>,
  known: readonly Name[] = Object.keys(nothing) as Name[],
  parent?: string,
  hint?: (key: string) => string | undefined,
): FieldReader<Name> {
  const names: ReadonlySet<string> = new Set(known);
  return (value, argument) => {
    requireObject(value, argument);
    const fields: Record<Name, unknown> = { ...nothing };
    for (const key of Object.keys(value)) {
      const field = (value as Record<string, unknown>)[key];
      if (field === undefined) continue;
      if (!names.has(key)) throw withoutEffect(key, known, parent ?? argument, hint);
      fields[key as Name] = field;
    }
    return fields;
  };
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
  hint?: (key: string) => string | undefined,
): void {
  for (const key of Object.keys(fields)) {
    if (!known.includes(key)) throw withoutEffect(key, known, parent, hint);
  }
}

function withoutEffect(
  key: string,
  known: readonly string[],
  parent: string,
  hint: (key: string) => string | undefined = (unknown) => similarName(unknown, known),
): LpRegError {
  const argument = fieldName(parent, key);
  const more = hint(key);
  const message = `${argument}: has no effect here${more === undefined ? '' : `; ${more}`}`;
  return new LpRegError('ERR_OPTION_WITHOUT_EFFECT', message, { argument });
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
