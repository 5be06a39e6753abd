"""What the steps run on: the GPU at hand, or the emulated device of native/emulation, which rehearses them without one."""
import os
from collections import namedtuple

from machine import ROOT

# kind: of the file that is written · build, results: default folders · suffix: of the programs' names · library: its name
# cmake: options · targets: what is built · tests: which of ctest's · golden, bench, peers: arguments; random: of each run
# python: LPREG_TEST_DEVICE of the tests in Python · torch: whether PyTorch has to see a device
Target = namedtuple('Target', 'kind build results suffix library cmake targets tests golden random bench peers python torch')

GPU = Target(
    kind='gpu', build=os.path.join(ROOT, 'build', 'gpu'), results=os.path.join(ROOT, 'bench', 'results'),
    suffix='cuda', library='liblpreg.so', cmake=['-DLPREG_CUDA=ON'], targets=[], tests=['-E', 'emulated|planted'],
    golden=[], random=[['1', '1000'], ['--vocab', '151936', '1', '60']], bench=[], peers=['--device', 'cuda'],
    python='cuda', torch=True)

# Small sizes; its times mean nothing.
EMULATED = Target(
    kind='gpu-rehearsal', build=os.path.join(ROOT, 'build', 'emulation'),
    results=os.path.join(ROOT, 'build', 'gpu-rehearsal'),
    suffix='emulated', library='liblpreg_emulated.so', cmake=['-DLPREG_CUDA=OFF', '-DLPREG_EMULATION=ON'],
    targets=['--target', 'emulation_tests'],
    tests=['-R', '^(devices|memory|status)[.]emulated$'], golden=['--max-vocab', '110'], random=[['1', '40'], ['--vocab', '151935', '1', '2']],
    bench=['--vocab', '40,1003', '--rows', '1,9', '--runs', '2'],
    peers=['--device', 'cpu', '--runs', '1', '--shape', '2,8,200,float32', '--shape', '2,8,200,bfloat16'],
    python='emulated', torch=False)
