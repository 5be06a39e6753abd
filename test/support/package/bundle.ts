/** Bundles for the tests of the package. */

import { join } from 'node:path';
import { type BuildOptions, build, buildSync, type Plugin } from 'esbuild';
import { root } from './tarball.js';

/** What docs/install.md tells users of an ES module bundle to add. */
export const ESM_BANNER = [
  "import { createRequire } from 'node:module';",
  'const require = createRequire(import.meta.url);',
  "const __dirname = (await import('node:path')).dirname((await import('node:url')).fileURLToPath(import.meta.url));",
].join('\n');

/** The library under test becomes the installed package. */
const installedPackage: Plugin = {
  name: 'installed-package',
  setup(bundler) {
    bundler.onResolve({ filter: /\/lib\/index\.js$/ }, () => ({ path: 'lp-reg', external: true }));
  },
};

/** Bundles the golden consumer into a file that imports or requires the package by its name. */
export async function bundleGoldenConsumer(format: 'esm' | 'cjs', outfile: string): Promise<void> {
  await build({
    entryPoints: [join(root, 'test/support/package/golden-consumer.ts')],
    outfile,
    format,
    bundle: true,
    platform: 'node',
    target: 'node20',
    define: { __dirname: JSON.stringify(join(root, 'test/support')) },
    plugins: [installedPackage],
    logLevel: 'warning',
  });
}

/** Bundles a program of a project. */
export function bundleProgram(entry: string, outfile: string, options: BuildOptions): void {
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    logLevel: 'warning',
    ...options,
  });
}
