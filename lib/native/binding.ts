import { LpRegError } from '../errors.js';
import type { Addon } from './addon-types.js';

let loaded: Addon | undefined;

/**
 * The addon, loaded on first use.
 * @throws {LpRegError} `ERR_LIBRARY`, saying what to do.
 */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}

function load(): Addon {
  try {
    return require('../../binding.cjs') as Addon;
  } catch (cause) {
    throw new LpRegError('ERR_LIBRARY', explain(cause), { cause });
  }
}

function explain(cause: unknown): string {
  const { platform, arch, version } = process;
  return [
    `the native library of lp-reg could not be loaded on ${platform}-${arch}, node ${version}:`,
    `  ${cause instanceof Error ? cause.message : String(cause)}`,
    'Possible causes:',
    '- There is no prebuilt library for this platform, and npm did not run the install script that builds one.',
    '  Needs cmake and a C++17 compiler: npm rebuild lp-reg --foreground-scripts',
    '  (npm 12: npm install-scripts approve lp-reg, then the above).',
    '- A message about GLIBC or GLIBCXX: this system is older than the one the library was built on; build it here, as above.',
    '- A bundler has moved the JavaScript away from the library: mark lp-reg as external.',
    '- In a checkout: npm run build:native',
  ].join('\n');
}
