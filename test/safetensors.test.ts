/** A batch file comes from elsewhere: whatever its bytes are, the reader answers with tensors or with ERR_FILE_FORMAT. */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type FileTensor, SafetensorsFile } from '../lib/cli/safetensors.js';
import { MAX_HEADER_BYTES } from '../lib/cli/safetensors-header.js';
import { writeSafetensors } from '../lib/cli/safetensors-writer.js';
import { LpRegError } from '../lib/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'lp-reg-safetensors-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const newPath = () => join(folder, `${files++}.safetensors`);

/** Writes a file from raw parts; `length` overrides the header length that the file claims. */
function rawFile(header: string | Uint8Array, data: Uint8Array | number = 0, length?: bigint): string {
  const json = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  const path = newPath();
  writeFileSync(path, Buffer.concat([prefix, json, typeof data === 'number' ? new Uint8Array(data) : data]));
  return path;
}

function failure(action: () => unknown): LpRegError {
  try {
    action();
  } catch (error) {
    if (error instanceof LpRegError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const every: [string, FileTensor][] = [
  ['f64', { dtype: 'F64', shape: [2], data: Float64Array.of(Math.PI, -0) }],
  ['f32', { dtype: 'F32', shape: [1, 3], data: Float32Array.of(1.5, Number.NaN, -Infinity) }],
  ['f16', { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0x7e00, 0xfc00) }],
  ['bf16', { dtype: 'BF16', shape: [1], data: Uint16Array.of(0x3f80) }],
  ['i64', { dtype: 'I64', shape: [2, 1], data: BigInt64Array.of(-1n, 2n ** 62n) }],
  ['i32', { dtype: 'I32', shape: [1], data: Int32Array.of(-(2 ** 31)) }],
  ['u8', { dtype: 'U8', shape: [5], data: Uint8Array.of(0, 1, 2, 254, 255) }],
  ['bool', { dtype: 'BOOL', shape: [3], data: Uint8Array.of(0, 1, 1) }],
  ['scalar', { dtype: 'F32', shape: [], data: Float32Array.of(7) }],
  ['empty', { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) }],
  ['__proto__', { dtype: 'U8', shape: [1], data: Uint8Array.of(9) }],
  ['constructor', { dtype: 'I32', shape: [1], data: Int32Array.of(11) }],
];

describe('safetensors round trip', () => {
  it('every dtype, scalar, empty tensor and awkward name comes back bit for bit', () => {
    const path = newPath();
    writeSafetensors(path, new Map(every), new Map([['note', 'ünïcode "quoted"']]));
    const file = new SafetensorsFile(path);
    expect(file.metadata).toEqual(new Map([['note', 'ünïcode "quoted"']]));
    expect([...file.tensors.keys()].sort()).toEqual(every.map(([name]) => name).sort());
    for (const [name, tensor] of every) expect(file.read(name)).toEqual(tensor);
    file.close();
  });

  it('a view into a larger buffer writes its own bytes only', () => {
    const path = newPath();
    const data = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
    writeSafetensors(path, new Map([['x', { dtype: 'F32', shape: [2], data }]]));
    const file = new SafetensorsFile(path);
    expect(file.read('x').data).toEqual(Float32Array.of(2, 3));
    file.close();
  });

  it('unaligned data in the file is read into an aligned tensor', () => {
    const json =
      '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}}';
    const data = new Uint8Array(9);
    new DataView(data.buffer).setFloat64(1, 42.5, true);
    const file = new SafetensorsFile(rawFile(json, data));
    expect(file.read('b').data).toEqual(Float64Array.of(42.5));
    file.close();
  });

  it('a written file starts every tensor at a multiple of its element size', () => {
    const path = newPath();
    writeSafetensors(path, new Map(every));
    const headerBytes = Number(readFileSync(path).readBigUInt64LE(0));
    expect(headerBytes % 8).toBe(0);
    const file = new SafetensorsFile(path);
    for (const [name, { data }] of every)
      expect(file.tensors.get(name)?.begin).toSatisfy((at: number) => at % data.BYTES_PER_ELEMENT === 0);
    file.close();
  });

  it('a tensor name that the file lacks is named in the error', () => {
    const file = new SafetensorsFile(rawFile('{}'));
    expect(failure(() => file.read('logits'))).toMatchObject({ code: 'ERR_FILE_FORMAT', argument: 'logits' });
    file.close();
  });

  it('a header padded with spaces is valid', () => {
    const file = new SafetensorsFile(
      rawFile('{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}      ', 2),
    );
    expect(file.read('x').data).toEqual(new Uint8Array(2));
    file.close();
  });
});

const entry = (fields: object) =>
  JSON.stringify({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } });
const U8 = (begin: number, end: number) => ({
  dtype: 'U8',
  shape: [end - begin],
  data_offsets: [begin, end],
});

/** Condition, header, bytes of data, the name the error must carry, a part of its message. */
const malformed: [string, string, number, string | undefined, RegExp][] = [
  ['empty header', '', 0, undefined, /start with/],
  ['header that is a list', '[]', 0, undefined, /start with/],
  ['header after a byte order mark', '\ufeff{}', 0, undefined, /start with/],
  ['header cut in the middle', '{"x":', 0, undefined, /not valid JSON/],
  ['text behind the header object', '{} {}', 0, undefined, /not valid JSON/],
  ['NaN in the header', entry({}).replace('[2]', '[NaN]'), 8, undefined, /not valid JSON/],
  [
    'same tensor twice',
    `{"x":${JSON.stringify(U8(0, 1))},"\\u0078":${JSON.stringify(U8(0, 1))}}`,
    1,
    'x',
    /twice/,
  ],
  [
    'same field twice in a tensor',
    '{"x":{"dtype":"U8","dtype":"I32","shape":[1],"data_offsets":[0,1]}}',
    1,
    'dtype',
    /twice/,
  ],
  [
    'duplicate behind a string of quotes and backslashes',
    '{"a\\\\\\"":1,"__metadata__":{"k":"\\\\","k":""}}',
    0,
    'k',
    /twice/,
  ],
  ['tensor entry that is a number', '{"x":5}', 0, 'x', /not an object/],
  ['tensor entry that is null', '{"x":null}', 0, 'x', /not an object/],
  ['tensor entry that is a list', '{"x":[]}', 0, 'x', /not an object/],
  ['unknown field', entry({ stride: 1 }), 8, 'x', /unknown header field "stride"/],
  ['missing dtype', '{"x":{"shape":[1],"data_offsets":[0,4]}}', 4, 'x', /dtype/],
  ['missing shape', '{"x":{"dtype":"U8","data_offsets":[0,4]}}', 4, 'x', /shape/],
  ['missing data_offsets', '{"x":{"dtype":"U8","shape":[4]}}', 4, 'x', /data_offsets/],
  ['unknown dtype', entry({ dtype: 'F8_E4M3' }), 8, 'x', /dtype must be one of/],
  [
    'dtype named like a property of every object',
    entry({ dtype: 'constructor' }),
    8,
    'x',
    /dtype must be one of/,
  ],
  ['dtype __proto__', entry({ dtype: '__proto__' }), 8, 'x', /dtype must be one of/],
  ['dtype that is a number', entry({ dtype: 32 }), 8, 'x', /dtype must be one of/],
  ['shape that is a number', entry({ shape: 2 }), 8, 'x', /shape must be/],
  ['fractional extent', entry({ shape: [1.5] }), 8, 'x', /shape must be/],
  ['negative extent', entry({ shape: [-2] }), 8, 'x', /shape must be/],
  ['extent that is a string', entry({ shape: ['2'] }), 8, 'x', /shape must be/],
  ['extent beyond 2^53', entry({}).replace('[2]', '[9007199254740993]'), 8, 'x', /shape must be/],
  ['element count that overflows', entry({ shape: [2 ** 40, 2 ** 40] }), 8, 'x', /more elements/],
  [
    'element count that overflows before a zero',
    entry({ shape: [2 ** 40, 2 ** 40, 0] }),
    8,
    'x',
    /more elements/,
  ],
  [
    'element count that would wrap to the right size in 64 bits',
    entry({ shape: [2 ** 32, 2 ** 32, 2] }),
    8,
    'x',
    /more elements/,
  ],
  ['one offset', entry({ data_offsets: [0] }), 8, 'x', /data_offsets must be/],
  ['three offsets', entry({ data_offsets: [0, 8, 8] }), 8, 'x', /data_offsets must be/],
  ['negative offset', entry({ data_offsets: [-8, 0] }), 8, 'x', /data_offsets must be/],
  ['fractional offset', entry({ data_offsets: [0.5, 8.5] }), 9, 'x', /data_offsets must be/],
  ['offsets in reverse', entry({ data_offsets: [8, 0] }), 8, 'x', /takes 8 bytes/],
  ['offsets that hold too few bytes', entry({ data_offsets: [0, 4] }), 4, 'x', /takes 8 bytes/],
  ['offsets that hold too many bytes', entry({ data_offsets: [0, 12] }), 12, 'x', /takes 8 bytes/],
  ['offsets behind the end of the file', entry({}), 7, 'x', /outside the file/],
  [
    'offsets far behind the end of the file',
    entry({ shape: [2 ** 40], data_offsets: [0, 2 ** 42] }),
    8,
    'x',
    /outside the file/,
  ],
  ['overlapping tensors', JSON.stringify({ a: U8(0, 4), b: U8(2, 6) }), 6, 'b', /overlap/],
  ['two tensors in the same bytes', JSON.stringify({ a: U8(0, 4), b: U8(0, 4) }), 4, 'b', /overlap/],
  ['hole between tensors', JSON.stringify({ a: U8(0, 4), b: U8(5, 6) }), 6, 'b', /hole/],
  ['hole before the first tensor', JSON.stringify({ a: U8(1, 4) }), 4, 'a', /hole/],
  ['bytes behind the last tensor', JSON.stringify({ a: U8(0, 4) }), 5, undefined, /belong to no tensor/],
  ['data without any tensor', '{}', 1, undefined, /belong to no tensor/],
  ['metadata that is a string', '{"__metadata__":"case"}', 0, '__metadata__', /object of strings/],
  ['metadata value that is an object', '{"__metadata__":{"case":{}}}', 0, 'case', /not a string/],
  [
    'tensor named __proto__ with a bad entry',
    '{"__proto__":{"dtype":"F32"}}',
    0,
    '__proto__',
    /shape must be/,
  ],
];

describe('malformed safetensors files', () => {
  it.each(malformed)('%s is ERR_FILE_FORMAT', (_condition, header, dataBytes, argument, message) => {
    const path = rawFile(header, dataBytes);
    const error = failure(() => new SafetensorsFile(path));
    expect(error.code).toBe('ERR_FILE_FORMAT');
    expect(error.argument).toBe(argument);
    expect(error.message).toMatch(message);
  });

  it('header that is not UTF-8 is ERR_FILE_FORMAT', () => {
    const path = rawFile(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d));
    expect(failure(() => new SafetensorsFile(path))).toMatchObject({ code: 'ERR_FILE_FORMAT' });
  });

  it.each([0, 1, 7])('file of %i bytes is too short for a header', (bytes) => {
    const path = newPath();
    writeFileSync(path, new Uint8Array(bytes));
    expect(failure(() => new SafetensorsFile(path)).message).toMatch(/too short/);
  });

  it.each([
    ['longer than the file', 100n, /does not fit/],
    ['above the limit', BigInt(MAX_HEADER_BYTES) + 1n, /longer than/],
    ['near 2^64', 2n ** 64n - 1n, /longer than/],
  ])('header length %s is refused before anything is allocated', (_condition, length, message) => {
    const path = rawFile('{}', 0, length);
    expect(failure(() => new SafetensorsFile(path)).message).toMatch(message);
  });

  it('header of ten million characters in one string does not exhaust the stack', () => {
    const path = rawFile(`{"${'\\"'.repeat(5_000_000)}":1}`);
    expect(failure(() => new SafetensorsFile(path)).message).toMatch(/not an object/);
  });

  it('file cut after it was opened is ERR_FILE_FORMAT, not zeros', () => {
    const path = rawFile(entry({}), 8);
    const file = new SafetensorsFile(path);
    truncateSync(path, statSync(path).size - 4);
    expect(failure(() => file.read('x')).message).toMatch(/ends early/);
    file.close();
  });

  it('absent file and folder are ERR_FILE_FORMAT with the path', () => {
    expect(failure(() => new SafetensorsFile(join(folder, 'absent')))).toMatchObject({
      code: 'ERR_FILE_FORMAT',
    });
    expect(failure(() => new SafetensorsFile(folder)).message).toContain(folder);
  });

  it('names in errors keep terminal control characters escaped', () => {
    const path = rawFile(JSON.stringify({ '\u001b[31m': 5 }));
    expect(failure(() => new SafetensorsFile(path)).message).not.toContain('\u001b');
  });

  it('no tensor name reaches a prototype', () => {
    const path = rawFile(
      '{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"__proto__":"x"}}',
      1,
    );
    const file = new SafetensorsFile(path);
    expect(file.tensors.has('__proto__')).toBe(true);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    file.close();
  });

  it('any single changed byte gives tensors or a typed error, never anything else', () => {
    const path = newPath();
    writeSafetensors(path, new Map(every.slice(0, 4)), new Map([['case', '{}']]));
    const good = readFileSync(path);
    const changed = newPath();
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const bytes = Buffer.from(good);
        bytes[at] = (bytes[at] ?? 0) ^ flip;
        writeFileSync(changed, bytes);
        let file: SafetensorsFile;
        try {
          file = new SafetensorsFile(changed);
        } catch (error) {
          return error instanceof LpRegError && error.code === 'ERR_FILE_FORMAT';
        }
        for (const name of file.tensors.keys()) file.read(name);
        file.close();
        return true;
      }),
      { numRuns: 500 },
    );
  });
});

describe('writing safetensors', () => {
  const tensor: FileTensor = { dtype: 'F32', shape: [2], data: new Float32Array(2) };

  it('shape or array type that does not match the data is ERR_SHAPE', () => {
    for (const bad of [
      { ...tensor, shape: [3] },
      { ...tensor, dtype: 'I32' as const },
    ]) {
      expect(failure(() => writeSafetensors(newPath(), new Map([['x', bad]])))).toMatchObject({
        code: 'ERR_SHAPE',
        argument: 'x',
      });
    }
  });

  it('path that cannot be written is a typed error and leaves nothing behind', () => {
    const before = readdirSync(folder).length;
    expect(
      failure(() => writeSafetensors(join(folder, 'absent', 'x'), new Map([['x', tensor]]))),
    ).toMatchObject({ code: 'ERR_OPTION', argument: 'out' });
    expect(readdirSync(folder).length).toBe(before);
  });

  it('path that is a folder is refused', () => {
    const target = newPath();
    mkdirSync(target);
    expect(failure(() => writeSafetensors(target, new Map([['x', tensor]]))).message).toMatch(
      /not a regular file/,
    );
  });

  it('existing file is replaced whole', () => {
    const path = newPath();
    writeFileSync(path, 'old');
    writeSafetensors(path, new Map([['x', tensor]]));
    const file = new SafetensorsFile(path);
    expect(file.read('x')).toEqual(tensor);
    file.close();
  });
});
