"""What is on this machine, and of which commit the checkout is."""
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_DEVICE_FIELDS = ('name', 'driver_version', 'compute_cap', 'memory.total', 'clocks.max.sm', 'clocks.max.mem',
                  'power.limit')
_TORCH = """
import json, torch
print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, 'sees_device': torch.cuda.is_available()}))
"""


def output_of(*command, limit_s=60):
    """Standard output of a command, '' where it cannot be run or fails."""
    try:
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True,
                               check=True, timeout=limit_s, cwd=ROOT)
    except (OSError, subprocess.SubprocessError):
        return ''
    return ended.stdout.strip()


def compiler():
    return os.environ.get('CUDACXX', 'nvcc')


def devices():
    rows = output_of('nvidia-smi', f'--query-gpu={",".join(_DEVICE_FIELDS)}', '--format=csv,noheader').splitlines()
    return [dict(zip(_DEVICE_FIELDS, (field.strip() for field in row.split(',')))) for row in rows]


def architecture(facts):
    """Of the first device, as CMake names it; CUDAARCHS comes first."""
    return os.environ.get('CUDAARCHS') or facts['devices'][0]['compute_cap'].replace('.', '')


def torch_facts():
    """PyTorch of the Python that runs this, None where there is none. Takes seconds."""
    text = output_of(sys.executable, '-c', _TORCH, limit_s=120)
    return json.loads(text.splitlines()[-1]) if text else None


def facts(target, commit=None):
    """kind: that of the target; a device that is emulated is one."""
    release = re.search(r'release ([\d.]+)', output_of(compiler(), '--version'))
    return {
        'kind': target.kind,
        'commit': commit or output_of('git', 'rev-parse', 'HEAD') or 'unknown',
        'uncommitted_changes': bool(output_of('git', 'status', '--porcelain')),
        'devices': [{'name': 'emulated device'}] if target.suffix == 'emulated' else devices(),
        'nvcc': release.group(1) if release else None,
        'cpus': os.cpu_count(),
    }


def is_program(path):
    return shutil.which(path) is not None
