"""The steps of scripts/gpu/check, in the order in which they run: what proves something comes first."""
import glob
import json
import os
import re
import sys

from machine import ROOT, architecture, compiler, is_program, torch_facts
from targets import GPU

SANITIZER_TOOLS = ('memcheck', 'racecheck', 'initcheck', 'synccheck')
VECTORS = os.path.join(ROOT, 'test', 'vectors')
# docs/kernels.md: log-probs in nats; gradients relative to their row's largest element, bfloat16 with its rounding.
LOG_PROB_BOUND, GRADIENT_BOUND = 4e-5, {'float32': 1e-6, 'bfloat16': 2.0 ** -8}


def build(runner):
    if not runner.needs('build', 'cmake', *([compiler()] if runner.target == GPU else [])):
        return
    # A folder keeps the generator that it was made with.
    is_new = not os.path.exists(os.path.join(runner.build, 'CMakeCache.txt'))
    generator = ['-G', 'Ninja'] if is_new and is_program('ninja') else []
    devices = [f'-DCMAKE_CUDA_ARCHITECTURES={architecture(runner.facts)}'] if runner.target == GPU else []
    runner.run('build', 270,
               ['cmake', '-S', ROOT, '-B', runner.build, *generator, '-DCMAKE_BUILD_TYPE=Release', '-DLPREG_ADDON=OFF',
                '-DBUILD_TESTING=ON', *runner.target.cmake, *devices],
               ['cmake', '--build', runner.build, '--parallel', str(os.cpu_count() or 2), *runner.target.targets])


def native_tests(runner):
    if runner.needs('native_tests', 'ctest'):
        runner.run('native_tests', 60, ['ctest', '--test-dir', runner.build, '--output-on-failure', '--no-tests=error',
                                        '-j', str(os.cpu_count() or 2), *runner.target.tests])


def golden_vectors(runner):
    program = runner.program('golden')
    if runner.needs('golden_vectors', program):
        runner.run('golden_vectors', 60, [program, *runner.target.golden, VECTORS])


def random_batches(runner):
    program = runner.program('parity')
    if runner.needs('random_batches', program):
        runner.run('random_batches', 45, *([program, *chosen] for chosen in runner.target.random))


def _has_torch(runner, step):
    if 'torch' not in runner.facts:
        runner.facts['torch'] = torch_facts()
    torch = runner.facts['torch']
    if torch is None:
        runner.missing(step, f'PyTorch for {sys.executable}')
        return False
    if runner.target.torch and not torch['sees_device']:
        runner.missing(step, f'a device for torch {torch["version"]}')
        return False
    return True


def _with_library(runner):
    return {'LPREG_LIBRARY': runner.library(), 'LPREG_TEST_DEVICE': runner.target.python, 'PYTHONDONTWRITEBYTECODE': '1'}


def python(runner):
    """python/lp_reg.py on CUDA tensors, with capture of the losses in a graph."""
    if not _has_torch(runner, 'python') or not runner.needs('python'):
        return
    text = runner.run('python', 100, [sys.executable, '-m', 'unittest', 'discover', '--verbose', '-s',
                                      os.path.join(ROOT, 'test', 'python'), '-p', '*_test.py'],
                      environment=_with_library(runner))
    ran = re.search(r'^Ran (\d+) tests', text, re.MULTILINE)
    runner.amend('python', None if ran and int(ran.group(1)) > 0 else 'failed: no test ran',
                 tests=int(ran.group(1)) if ran else 0, skipped=re.findall(r"^(\S+) .*skipped '(.*)'$", text, re.MULTILINE))


def json_lines(text):
    """The objects among the lines; a line that was cut off is none."""
    found = []
    for line in text.splitlines():
        if line.startswith('{'):
            try:
                found.append(json.loads(line))
            except ValueError:
                pass
    return found


def wrong_measurements(lines):
    """Measurements of results that are not right; their times mean nothing."""
    return [line for line in lines if 'gradient_error' in line and not (
        line['log_prob_error'] <= LOG_PROB_BOUND and line['gradient_error'] <= GRADIENT_BOUND[line['dtype']])]


def benchmark(runner):
    program = runner.program('bench')
    if not runner.needs('benchmark', program):
        return
    limit_s = min(120, runner.left_s())
    lines = json_lines(runner.run('benchmark', limit_s, [program, *runner.target.bench, '--seconds',
                                                         str(max(int(limit_s) - 20, 1))]))
    measured, wrong = [line for line in lines if 'ms' in line], wrong_measurements(lines)
    status = f'failed: {len(wrong)} results are off' if wrong else None if measured else 'failed: nothing was measured'
    runner.amend('benchmark', status, measurements=measured, skipped=[line for line in lines if 'skipped' in line])


def _is_emulated(runner, step):
    """Of a step that looks at machine code: there is none."""
    if runner.target != GPU:
        runner.missing(step, 'machine code of an emulated device')
    return runner.target != GPU


def machine_code(runner):
    """128-bit accesses are there; how many instructions reach local memory is told."""
    library = runner.library()
    if _is_emulated(runner, 'machine_code') or not runner.needs('machine_code', 'cuobjdump', device=False):
        return
    if not os.path.exists(library):
        runner.missing('machine_code', runner.target.library)
        return
    text = runner.run('machine_code', 30, ['cuobjdump', '-sass', library])
    words = {'128-bit loads': r'\bLDG\.E[.\w]*\.128', '128-bit stores': r'\bSTG\.E[.\w]*\.128',
             'local loads': r'\bLDL', 'local stores': r'\bSTL'}
    counts = {name: len(re.findall(word, text)) for name, word in words.items()}
    runner.amend('machine_code', None if counts['128-bit loads'] else 'failed: no 128-bit loads', instructions=counts)


def sanitizer(runner):
    """All four tools of compute-sanitizer: every objective on small rows, then a row of a block in 16 bits, and rows
    that need a cluster."""
    program = runner.program('golden')
    for tool in SANITIZER_TOOLS:
        step = f'sanitizer_{tool}'
        if not _is_emulated(runner, step) and runner.needs(step, 'compute-sanitizer', program):
            watched = ['compute-sanitizer', '--tool', tool, '--error-exitcode', '86', program]
            text = runner.run(step, 60, *([*watched, *chosen, VECTORS] for chosen in (
                ['--max-vocab', '110'], ['--filter', '16_paper'], ['--filter', '18_paper'], ['--filter', '19_paper'])))
            if re.search(r'Device not supported|Failed to initialize|Unable to find injection', text):
                runner.missing(step, 'compute-sanitizer refuses this machine')


def wrong_peers(lines):
    """Our own entries that gave no right result."""
    return [line for line in lines if line.get('contender', '').startswith('lp-reg')
            and line.get('not_available', 'out of time') != 'out of time']


def peers(runner):
    if not _has_torch(runner, 'peers') or not runner.needs('peers', runner.program('bench')):
        return
    limit_s = min(110, runner.left_s())
    lines = json_lines(runner.run(
        'peers', limit_s, [sys.executable, os.path.join(ROOT, 'bench', 'gpu', 'peers.py'), *runner.target.peers,
                           '--seconds', str(max(int(limit_s) - 40, 1))], environment=_with_library(runner)))
    wrong = wrong_peers(lines)
    runner.amend('peers', f'failed: {wrong[0]["not_available"]}' if wrong else None, measurements=lines)


def api_tests(runner):
    """The TypeScript API's tests for an emulated device, on this one, where Node and its dependencies are installed."""
    tests = sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, 'test', '*.emulated.test.ts')))
    library = runner.library()
    if not is_program('node') or not is_program('npx'):
        runner.missing('api_tests', 'Node')
    elif not os.path.isdir(os.path.join(ROOT, 'node_modules')):
        runner.missing('api_tests', 'node_modules: npm ci')
    elif not tests or not os.path.exists(library):
        runner.missing('api_tests', runner.target.library if tests else 'tests of the API on a device')
    elif runner.needs('api_tests'):
        runner.run('api_tests', 120, ['node', 'scripts/bootstrap.mjs'], ['npx', '--no-install', 'vitest', 'run', *tests],
                   environment={'LPREG_LIBRARY': library, 'LPREG_CUDA': 'OFF'})  # the addon's own library is not used


STEPS = {step.__name__: step for step in (
    build, native_tests, golden_vectors, random_batches, python, benchmark, machine_code, sanitizer, peers, api_tests)}
ESSENTIAL = ('build', 'native_tests', 'golden_vectors', 'random_batches', 'python', 'benchmark')
