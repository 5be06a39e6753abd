/**
 * A program of a user of the package: evaluates golden vectors through both forms and prints what is wrong as JSON.
 * Arguments: the folder of the vectors, then their names.
 */

import { fieldsOf, oneCall, twoCalls } from '../product.js';
import { productCase } from '../product-case.js';
import { vectorViolations } from '../tolerance.js';
import { readVector } from '../vectors.js';

const violations = process.argv.slice(2).flatMap((name) => {
  const vector = readVector(name);
  const given = productCase(vector);
  return [twoCalls(given), oneCall(given)].flatMap((result) =>
    vectorViolations(vector, fieldsOf(result)).map((violation) => ({ name, ...violation })),
  );
});
console.log(JSON.stringify({ compared: process.argv.length - 2, violations }));
