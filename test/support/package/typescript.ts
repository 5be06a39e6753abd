/** The golden consumer as a TypeScript project of a user, compiled against the declarations of the installed package. */
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { outcome, type Project } from './project.js';
import { root } from './tarball.js';

const CONSUMER = 'test/support/package/golden-consumer.ts';

/** A file of this checkout and what it imports, with the library under test by the name of the package. */
function sourcesOf(path: string, found = new Map<string, string>()): ReadonlyMap<string, string> {
  if (found.has(path)) return found;
  const text = readFileSync(join(root, path), 'utf8').replaceAll(/'(\.\.\/)+lib\/index\.js'/g, "'lp-reg'");
  found.set(path, text);
  for (const [, imported] of text.matchAll(/ from '(\.[^']*)\.js'/g))
    sourcesOf(normalize(join(dirname(path), `${imported}.ts`)), found);
  return found;
}

/** Runs the compiler of this checkout in the project; its settings go to tsconfig.json. */
export function compileTypeScript(project: Project, settings: Readonly<Record<string, unknown>>) {
  project.write('tsconfig.json', JSON.stringify(settings));
  return outcome(project.run('node', [join(root, 'node_modules/typescript/bin/tsc')]));
}

/** @returns What the compiler said, and the path of the program in the project. */
export function compileGoldenConsumer(project: Project) {
  const sources = sourcesOf(CONSUMER);
  for (const [path, text] of sources) project.write(join('golden', path), text);
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const compiled = compileTypeScript(project, {
    compilerOptions: {
      ...compilerOptions,
      typeRoots: [join(root, 'node_modules/@types')],
      declaration: false,
      rootDir: 'golden',
      outDir: 'golden-compiled',
    },
    files: [join('golden', CONSUMER)],
  });
  mkdirSync(join(project.folder, 'golden-compiled/test'), { recursive: true });
  symlinkSync(join(root, 'test/vectors'), join(project.folder, 'golden-compiled/test/vectors'));
  return { compiled, program: join('golden-compiled', CONSUMER.replace(/ts$/, 'js')) };
}
