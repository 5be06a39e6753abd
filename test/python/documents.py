"""Examples of the documentation, taken from the page itself."""
import os
import re

from support import ROOT


def example(page, name):
    """Source of the block ```python name of docs/PAGE."""
    with open(os.path.join(ROOT, 'docs', page), encoding='utf8') as file:
        found = re.findall(rf'^```python {name}\n(.*?)^```', file.read(), re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        raise ValueError(f'docs/{page} has {len(found)} examples named {name}')
    return found[0]


def run(page, name, **names):
    """Runs an example in which `names` are known; returns everything that is known after it."""
    exec(compile(example(page, name), f'docs/{page} {name}', 'exec'), names)  # noqa: S102  (our own pages)
    return names
