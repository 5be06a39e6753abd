/** The comparison with the golden vectors can fail, and the library cannot recognise them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fieldsOf, twoCalls } from './support/product.js';
import { productCase } from './support/product-case.js';
import { vectorViolations } from './support/tolerance.js';
import { readVector, vectorNames } from './support/vectors.js';

const root = join(import.meta.dirname, '..');
/** Vectors whose gradient is not 0 everywhere. */
const WITH_GRADIENT = 43;

test('a gradient scaled by 1.001 fails every vector with a gradient', () => {
  let failed = 0;
  for (const name of vectorNames()) {
    const vector = readVector(name);
    const fields = fieldsOf(twoCalls(productCase(vector)));
    const grad = Float64Array.from(fields.grad as ArrayLike<number>, (slope) => slope * 1.001);
    const violations = vectorViolations(vector, { ...fields, grad });
    const hasGradient = grad.some((slope) => slope !== 0);
    expect(
      violations.map(({ field }) => field.split(' ')[0]),
      name,
    ).toEqual(hasGradient ? ['grad'] : []);
    if (hasGradient) failed++;
  }
  expect(failed).toBe(WITH_GRADIENT);
});

test.each(['lib', 'native', 'bin', 'cmake'])('no file in %s holds the name of a vector', (folder) => {
  const files = readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== 'checksums.txt', // recorded results, read by a test alone
  );
  expect(files.length).toBeGreaterThan(0);
  const names = new RegExp(vectorNames().join('|'));
  const naming = files.filter((entry) =>
    names.test(readFileSync(join(entry.parentPath, entry.name), 'utf8')),
  );
  expect(naming.map(({ name }) => name)).toEqual([]);
});
