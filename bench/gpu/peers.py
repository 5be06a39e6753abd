#!/usr/bin/env python3
"""The same loss on the same tensors in one process: this library through python/lp_reg.py, PyTorch eager and compiled,
Liger's GRPO loss and QuACK's cross-entropy where they are installed.

Usage: peers.py [--device cuda|cpu] [--shape B,T,V,dtype]... [--contender NAME]... [--runs N] [--seconds N]

One JSON object per line: median milliseconds of forward and backward together (CUDA events, after warm-up),
compilation apart, peak memory beyond the inputs, and the distance from float64 of loss and gradient on some rows. Each
contender is checked before it is timed. What is not installed, or refuses, is "not_available" with the reason.
"""
import argparse
import json
import os
import statistics
import sys
import time

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'python'))
from contenders import CLIP, CONTENDERS, KAPPA, LP_REG_HIGH, LP_REG_LOW, RHO, NotAvailable  # noqa: E402

SHAPES = ('8,1024,151936,bfloat16', '4,1024,128256,bfloat16', '8,1024,32000,float32')
WARM_UPS = 3
CHUNK = 64  # rows that are float64 at a time
# Beyond these a contender computes something else, and is not timed: 16-bit gradients are rounded once or twice.
GRADIENT_BOUND = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float16: 2e-2}
LOSS_BOUND = 1e-2


class Batch:
    """Tensors of one shape; eight tokens of a row hold nearly all of its mass, and actions are often among them."""

    def __init__(self, text, device):
        *sizes, dtype = text.split(',')
        self.shape, self.dtype = tuple(map(int, sizes)), getattr(torch, dtype)
        sequences, tokens, vocab = self.shape
        random = torch.Generator(device=device).manual_seed(7)
        logits = torch.empty(self.shape, dtype=self.dtype, device=device).normal_(generator=random)
        peaks = torch.randint(0, vocab, (sequences, tokens, 8), generator=random, device=device)
        heights = torch.linspace(16, 20, 8, device=device).to(self.dtype).expand(sequences, tokens, 8)
        self.logits = logits.scatter_(-1, peaks, heights).requires_grad_()
        # Every tenth action is any token, so that some are unlikely.
        any_token = torch.randint(0, vocab, (sequences, tokens), generator=random, device=device)
        is_any = torch.arange(tokens, device=device) % 10 == 0
        actions = torch.where(is_any, any_token, peaks[..., 3])
        self.log_probs = self._log_probs(actions)
        noise = torch.empty((sequences, tokens), device=device).normal_(generator=random) * 0.05
        signs = torch.arange(sequences, device=device) % 2 * -2.0 + 1.0
        self.inputs = {'actions': actions, 'old_log_probs': (self.log_probs + noise).float(), 'advantages': signs}
        self._wide = None

    def _log_probs(self, actions):
        """Of the actions, in float64."""
        rows, found = self.logits.detach().flatten(0, 1), []
        for start in range(0, rows.shape[0], CHUNK):
            part = torch.log_softmax(rows[start:start + CHUNK].double(), -1)
            found.append(part.gather(-1, actions.flatten()[start:start + CHUNK].unsqueeze(-1)).squeeze(-1))
        return torch.cat(found).view(actions.shape)

    def wide(self):
        """[B, T+1, V], for a kernel that drops the last token itself; without gradient so far."""
        if self._wide is None:
            padded = torch.cat([self.logits.detach(), self.logits.detach()[:, -1:]], 1)
            self._wide = padded.requires_grad_()
        self._wide.grad = None
        return self._wide

    def rows(self):
        """Rows whose gradient is checked: (sequence, token)."""
        sequences, tokens, _ = self.shape
        return {(0, 0), (sequences // 2, tokens // 2), (sequences - 1, tokens - 1)}


class Reference:
    """Loss and gradient rows in float64, from docs/semantics.md §§2, 3, 6."""

    def __init__(self, work, batch):
        self.batch, inputs = batch, batch.inputs
        count, log_probs = batch.log_probs.numel(), batch.log_probs
        if work == 'cross-entropy':
            self.loss, self.c_log_prob = -log_probs.mean(), torch.full_like(log_probs, -1 / count)
            self.c_kl = torch.zeros_like(log_probs)
            return
        low, high = (CLIP, CLIP) if work == 'grpo' else (LP_REG_LOW, LP_REG_HIGH)
        advantages = inputs['advantages'].double().unsqueeze(1)
        ratio = (log_probs - inputs['old_log_probs'].double()).exp()
        plain, clipped = -advantages * ratio, -advantages * ratio.clamp(1 - low, 1 + high)
        self.c_log_prob = torch.where(clipped > plain, torch.zeros_like(plain), plain) / count
        self.loss = torch.maximum(plain, clipped).mean()
        self.c_kl = torch.zeros_like(log_probs)
        if work == 'lp-reg':
            self._regularise(advantages, count)

    def _regularise(self, advantages, count):
        log_probs = self.batch.log_probs
        flat = log_probs.flatten().sort().values
        candidates = (log_probs < flat[int(RHO * (flat.numel() - 1))]) & (advantages < 0)
        for b, t in candidates.nonzero().tolist():
            row, kept = self._row(b, t)
            if kept[self.batch.inputs['actions'][b, t]]:
                self.c_kl[b, t] = 1 / count
                self.loss = self.loss - row[kept].logsumexp(0) / count

    def _row(self, b, t):
        """log p of a row, and which tokens the filter keeps."""
        row = torch.log_softmax(self.batch.logits.detach()[b, t].double(), -1)
        return row, row >= row.max() + torch.log(torch.tensor(KAPPA, dtype=torch.float64))

    def gradient_row(self, b, t):
        row, kept = self._row(b, t)
        p, action = row.exp(), self.batch.inputs['actions'][b, t]
        q = torch.where(kept, p / p[kept].sum(), torch.zeros_like(p))
        gradient = -self.c_log_prob[b, t] * p + self.c_kl[b, t] * (p - q)
        gradient[action] += self.c_log_prob[b, t]
        return gradient

    def distance(self, loss, gradient):
        """(of the loss relative to 1, of the gradient relative to each row's largest element)."""
        worst = 0.0
        for b, t in self.batch.rows():
            want = self.gradient_row(b, t)
            scale = want.abs().max().clamp(min=1e-30)
            worst = max(worst, ((gradient[b, t].double() - want).abs().max() / scale).item())
        return abs(loss.item() - self.loss.item()), worst


class Clock:
    """Milliseconds of a function and its peak memory."""

    def __init__(self, device):
        self.on_cuda = device == 'cuda'

    def once(self, function):
        if not self.on_cuda:
            began = time.perf_counter()
            function()
            return 1e3 * (time.perf_counter() - began)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        function()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end)

    def median(self, function, runs):
        return statistics.median([self.once(function) for _ in range(WARM_UPS + runs)][WARM_UPS:])

    def peak_bytes(self, function):
        """Beyond what is held before; None where it is not known."""
        if not self.on_cuda:
            return None
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        kept = function()
        torch.cuda.synchronize()
        del kept
        return torch.cuda.max_memory_allocated() - before


def measure(batch, reference, run, clock, runs):
    """What is reported of one contender; raises where it does not give the reference's result."""
    began = time.perf_counter()
    loss, gradient = run(batch)
    loss_error, gradient_error = reference.distance(loss, gradient)  # waits
    first_seconds = time.perf_counter() - began
    del loss, gradient
    errors = {'loss_error': loss_error, 'gradient_error': gradient_error, 'first_run_seconds': first_seconds}
    if not (loss_error <= LOSS_BOUND and gradient_error <= GRADIENT_BOUND[batch.dtype]):
        raise RuntimeError(f'another result than float64: {errors}')
    peak = clock.peak_bytes(lambda: run(batch))
    ms = clock.median(lambda: run(batch), runs)
    # The least that forward and backward must move: the logits once, the gradient once.
    moved = 2 * batch.logits.numel() * batch.logits.element_size()
    return {'ms': ms, 'bytes': moved, 'gb_per_s': moved / 1e6 / ms, 'peak_bytes': peak, **errors}


def copy_line(batch, clock, runs):
    target = torch.empty_like(batch.logits.detach())
    ms = clock.median(lambda: target.copy_(batch.logits.detach()), runs)
    moved = 2 * target.numel() * target.element_size()
    return {'work': 'copy', 'contender': 'copy', 'ms': ms, 'bytes': moved, 'gb_per_s': moved / 1e6 / ms}


def say(text, **facts):
    print(json.dumps({'shape': text, **facts}), flush=True)


def race(text, arguments, deadline):
    batch, clock = Batch(text, arguments.device), Clock(arguments.device)
    say(text, **copy_line(batch, clock, arguments.runs))
    references = {}
    for work, name, make in CONTENDERS:
        if name not in (arguments.contender or [name]):
            continue
        facts = {'work': work, 'contender': name}
        if time.monotonic() > deadline:
            say(text, **facts, not_available='out of time')
            continue
        if work not in references:
            references[work] = Reference(work, batch)
        try:
            say(text, **facts, **measure(batch, references[work], make(), clock, arguments.runs))
        except NotAvailable as error:
            say(text, **facts, not_available=str(error))
        except Exception as error:  # a peer that refuses a shape must not end the race
            say(text, **facts, not_available=f'{type(error).__name__}: {error}'[:300])
        batch.logits.grad = None
        if arguments.device == 'cuda':
            torch.cuda.empty_cache()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--device', choices=('cuda', 'cpu'), default='cuda')
    parser.add_argument('--shape', action='append', help=f'default: {" ".join(SHAPES)}')
    parser.add_argument('--contender', action='append', help='this one alone; may be given again')
    parser.add_argument('--runs', type=int, default=20)
    parser.add_argument('--seconds', type=float, default=1e9, help='no contender is begun after these')
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.seconds
    say(None, torch=torch.__version__, device=torch.cuda.get_device_name() if arguments.device == 'cuda' else 'cpu')
    for text in arguments.shape or SHAPES:
        race(text, arguments, deadline)


if __name__ == '__main__':
    main()
