"""What the tests of docs/trainers.md share: stand-ins of a trainer's modules, its formulas in float64, comparison."""
import sys
import types

import torch

from support import batch


def stand_in(case, name, **members):
    """A module that imports find until the test ends; its parents come with it."""
    parts = name.split('.')
    for depth in range(1, len(parts) + 1):
        path = '.'.join(parts[:depth])
        if path not in sys.modules:
            sys.modules[path] = types.ModuleType(path)
            case.addCleanup(sys.modules.pop, path)
            if depth > 1:
                setattr(sys.modules['.'.join(parts[:depth - 1])], parts[depth - 1], sys.modules[path])
    for member, value in members.items():
        setattr(sys.modules[name], member, value)
    return sys.modules[name]


def on_cpu(logits, inputs):
    """A small batch on the CPU, for tests that are about names and formulas."""
    return logits.cpu(), {name: tensor.cpu() for name, tensor in inputs.items()}


def micro_batch(shape=(4, 5, 13), seed=2):
    """logits and inputs of a micro-batch, the last sequence of it empty, advantages of both signs per token."""
    logits, inputs = on_cpu(*batch(shape, seed))
    random = torch.Generator().manual_seed(seed)
    mask = torch.rand(shape[:-1], generator=random) < 0.8
    mask[-1] = False
    advantages = torch.linspace(-1.5, 1.2, shape[0]).unsqueeze(1).expand(shape[:-1]).contiguous()
    weights = torch.rand(shape[:-1], generator=random) + 0.5
    return logits, {**inputs, 'mask': mask, 'advantages': advantages, 'weights': weights}


def log_probs64(logits, actions, temperature=1.0):
    return (logits / temperature).log_softmax(-1).gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def clipped64(ratio, advantages, low, high, dual=None, cap=None):
    """Clipped surrogate per token; `cap` bounds the ratio of the unclipped term."""
    unclipped = ratio if cap is None else ratio.clamp(max=cap)
    loss = torch.maximum(-advantages * unclipped, -advantages * ratio.clamp(1 - low, 1 + high))
    return loss if dual is None else torch.where(advantages < 0, torch.minimum(loss, -advantages * dual), loss)


def gradient64(formula, logits):
    """Loss and gradient by the logits of a formula of them, in float64."""
    exact = logits.detach().double().requires_grad_()
    loss = formula(exact)
    loss.backward()
    return loss.item(), exact.grad


def close(case, found, gradient, want, want_gradient):
    """Float32 against float64."""
    case.assertLessEqual(abs(found - want), 2e-6 * max(1.0, abs(want)))
    largest = want_gradient.abs().max().item()
    case.assertGreater(largest, 0)
    case.assertLessEqual((gradient.double() - want_gradient).abs().max().item(), 3e-6 * largest)
