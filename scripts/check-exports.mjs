// Checks what the built binaries export, and that nothing in them switches the process to flush-to-zero.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const release = fileURLToPath(new URL('../build/Release', import.meta.url));
const EXPORTS = {
  'liblpreg.so': ['lpreg_get_api'],
  'lp_reg.node': ['napi_register_module_v1', 'node_api_module_get_api_version_v1'],
};

function nm(file, ...options) {
  return execFileSync('nm', [...options, `${release}/${file}`], { encoding: 'utf8' })
    .trim()
    .split('\n');
}

function exportedSymbols(file) {
  return nm(file, '--dynamic', '--defined-only', '--format=posix')
    .map((line) => line.split(' ')[0])
    .sort();
}

const problems = [];
for (const [file, expected] of Object.entries(EXPORTS)) {
  const found = exportedSymbols(file);
  if (found.join() !== expected.join())
    problems.push(`${file} exports ${found.join(', ')}; expected ${expected.join(', ')}`);
  // The constructor of GCC's crtfastmath.o, linked in by -ffast-math.
  if (nm(file).some((line) => line.endsWith(' set_fast_math'))) problems.push(`${file} contains crtfastmath`);
}
for (const problem of problems) console.error(problem);
console.log(
  `check-exports: ${problems.length === 0 ? 'only the documented symbols' : `${problems.length} problems`}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
