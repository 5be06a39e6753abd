// Checks that the packed package resolves, with types that match its code, under every way TypeScript resolves modules.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lp-reg-types-'));

const pack = ['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', folder];
const [{ filename }] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }));
const { problems, types } = await checkPackage(
  createPackageFromTarballData(readFileSync(join(folder, filename))),
);
rmSync(folder, { recursive: true });

for (const { kind, entrypoint, resolutionKind } of problems) {
  console.error(`check-types: ${[kind, entrypoint, resolutionKind].filter(Boolean).join(' ')}`);
}
if (!types) console.error('check-types: the package has no types');
console.log(`check-types: ${problems.length} problems`);
process.exitCode = types && problems.length === 0 ? 0 : 1;
