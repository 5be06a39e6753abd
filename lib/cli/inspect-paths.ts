/** `lp-reg inspect --paths`: where other languages find the same binary. */
import { join } from 'node:path';

const PACKAGE = join(__dirname, '../..');

/** Absolute paths of the shared library, of the header of its C ABI, and of the Python file. */
export function bindingPaths(libraryPath: string): Readonly<Record<'library' | 'header' | 'python', string>> {
  return {
    library: libraryPath,
    header: join(PACKAGE, 'native/include/lpreg.h'),
    python: join(PACKAGE, 'python/lp_reg.py'),
  };
}
