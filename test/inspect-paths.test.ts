import { existsSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { expect, test } from 'vitest';
import { inspect } from '../lib/index.js';
import { lpReg } from './support/cli.js';

test('inspect --paths prints files that exist, among them the library in use', () => {
  const paths: Record<string, string> = JSON.parse(lpReg(['inspect', '--paths', '--json']).stdout);
  expect(Object.keys(paths)).toStrictEqual(['library', 'header', 'python']);
  for (const path of Object.values(paths))
    expect([path, isAbsolute(path), existsSync(path)]).toEqual([path, true, true]);
  expect(basename(paths.library as string)).toBe(basename(inspect().libraryPath));
  expect([basename(paths.header as string), basename(paths.python as string)]).toEqual([
    'lpreg.h',
    'lp_reg.py',
  ]);
});

test('inspect --paths for people has a line per file', () => {
  const lines = lpReg(['inspect', '--paths']).stdout.trim().split('\n');
  expect(lines.map((line) => line.split(' ')[0])).toStrictEqual(['library', 'header', 'python']);
});
