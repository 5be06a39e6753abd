"""A compiler launcher for nvcc (cmake/cuda.cmake): compiles as it is told, and writes beside the object, in OBJECT.resources.json,
what ptxas says of each kernel for each architecture and how many 128-bit accesses its PTX has. check-resources reads these files."""
import json
import os
import re
import subprocess
import sys
import tempfile


def of_machine_code(log):
    """{architecture: {kernel: resources}} from ptxas -v."""
    found = {}
    for entry in re.split(r"ptxas info\s*: Compiling entry function '", log)[1:]:
        def number(pattern):
            match = re.search(pattern, entry)
            return int(match.group(1)) if match else 0
        name, architecture = re.match(r"(\w+)' for 'sm_(\d+)'", entry).groups()
        found.setdefault(architecture, {})[name] = {
            'registers': number(r'Used (\d+) registers'),
            'shared_bytes': number(r'(\d+) bytes smem'),
            'spill_bytes': number(r'(\d+) bytes spill stores') + number(r'(\d+) bytes spill loads'),
            'stack_bytes': number(r'(\d+) bytes stack frame'),
        }
    return found


def of_ptx(text):
    """The architecture of a PTX file, and {kernel: resources}."""
    kernels = {}
    for entry in re.split(r'\.entry\s+', text)[1:]:
        bound = re.search(r'\.maxntid\s+(\d+)', entry[:entry.index('{')])
        kernels[re.match(r'\w+', entry).group(0)] = {
            'threads': int(bound.group(1)) if bound else 1024,
            'loads_128': len(re.findall(r'\bld\.[\w.:]*v4\.[bfu]32', entry)),
            'stores_128': len(re.findall(r'\bst\.(?!shared)[\w.:]*v4\.[bfu]32', entry)),
        }
    return re.search(r'\.target sm_(\d+)', text).group(1), kernels


def resources(log, folder):
    found, ptx = of_machine_code(log), {}
    for name in os.listdir(folder):
        if name.endswith('.ptx'):
            with open(os.path.join(folder, name)) as file:
                architecture, kernels = of_ptx(file.read())
            ptx[int(architecture)] = kernels
    for architecture, kernels in found.items():
        source = ptx[max(known for known in ptx if known <= int(architecture))]
        for kernel, accesses in source.items():
            kernels[kernel].update(accesses)
    return found


def main(command):
    target = command[command.index('-o') + 1]
    with tempfile.TemporaryDirectory() as folder:
        result = subprocess.run([*command, '-Xptxas', '-v', '--keep', '--keep-dir', folder], capture_output=True, text=True, check=False)
        sys.stdout.write(result.stdout)
        said = [line for line in result.stderr.splitlines(keepends=True)
                if not re.match(r'ptxas info|\s+\d+ bytes stack frame', line)]
        sys.stderr.writelines(said)
        if result.returncode != 0:
            sys.exit(result.returncode)
        with open(f'{target}.resources.json', 'w') as file:
            json.dump(resources(result.stderr, folder), file)


if __name__ == '__main__':
    main(sys.argv[1:])
