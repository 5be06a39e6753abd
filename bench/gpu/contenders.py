"""What bench/gpu/peers.py races: ours, PyTorch eager and compiled, and kernels of others where they are installed.

A contender is a function of the batch that returns loss and gradient. Its work says what it computes, so that it is
checked against the same float64 reference as its rivals.
"""
import torch

import lp_reg

CLIP = 0.2
KAPPA, RHO, LP_REG_LOW, LP_REG_HIGH = 0.02, 0.01, 1.0, 9.0


class NotAvailable(Exception):
    """Why a contender cannot run here."""


def leaf(batch):
    batch.logits.grad = None
    return batch.logits


def taken(batch, loss):
    loss.backward()
    return loss, batch.logits.grad


# -------------------------------------------------------------------------------------------------------------- ours

def ours(options):
    policy_loss = lp_reg.PolicyLoss(**options)

    def run(batch):
        result, gradient = policy_loss.forward_backward(batch.logits.detach(), outputs=(), **batch.inputs)
        return result.loss, gradient

    return run


def ours_by_autograd(options):
    policy_loss = lp_reg.PolicyLoss(**options)
    return lambda batch: taken(batch, policy_loss(leaf(batch), outputs=(), **batch.inputs).loss)


def ours_cross_entropy():
    return lambda batch: taken(batch, -lp_reg.token_stats(
        leaf(batch), batch.inputs['actions'], outputs=['log_probs'])['log_probs'].mean())


# ----------------------------------------------------------------------------------------------------------- PyTorch

def action_log_probs(log_probs, actions):
    return log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def surrogate(log_probs, inputs, low, high):
    ratio = (log_probs - inputs['old_log_probs']).exp()
    advantages = inputs['advantages'].unsqueeze(1)
    return torch.maximum(-advantages * ratio, -advantages * ratio.clamp(1 - low, 1 + high))


def grpo(logits, inputs):
    log_probs = torch.log_softmax(logits, -1, dtype=torch.float32)
    return surrogate(action_log_probs(log_probs, inputs['actions']), inputs, CLIP, CLIP).mean()


def lp_reg_paper(logits, inputs):
    log_probs = torch.log_softmax(logits, -1, dtype=torch.float32)
    chosen = action_log_probs(log_probs, inputs['actions'])
    with torch.no_grad():
        probs = log_probs.exp()
        kept = probs >= KAPPA * probs.amax(-1, keepdim=True)
        log_q = torch.log_softmax(log_probs.masked_fill(~kept, float('-inf')), -1)
        flat = chosen.flatten()
        threshold = flat.sort().values[int(RHO * (flat.numel() - 1))]
        is_kept, is_negative = action_log_probs(kept, inputs['actions']), (inputs['advantages'] < 0).unsqueeze(1)
        selected = (chosen < threshold) & is_kept & is_negative
    kl = torch.where(kept, log_q.exp() * (log_q - log_probs), torch.zeros_like(log_q)).sum(-1)
    return (surrogate(chosen, inputs, LP_REG_LOW, LP_REG_HIGH) + torch.where(selected, kl, torch.zeros_like(kl))).mean()


def cross_entropy(logits, inputs):
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), inputs['actions'].flatten())


def eager(function):
    return lambda batch: taken(batch, function(leaf(batch), batch.inputs))


def compiled(function):
    if not hasattr(torch, 'compile'):
        raise NotAvailable(f'torch {torch.__version__} has no torch.compile')
    return eager(torch.compile(function, dynamic=False))


# ------------------------------------------------------------------------------------------------------------ others

def liger_grpo():
    try:
        from liger_kernel.transformers.grpo_loss import triton_grpo_loss
    except ImportError as error:
        raise NotAvailable(f'liger_kernel: {error}') from error

    def run(batch):
        wide, inputs = batch.wide(), batch.inputs
        loss, *_ = triton_grpo_loss(
            wide, inputs['old_log_probs'], None, inputs['actions'], inputs['advantages'], None, temperature=1.0,
            beta=0.0, eps_low=CLIP, eps_high=CLIP, inplace=False)
        loss.mean().backward()
        return loss.mean(), wide.grad[:, :-1]

    return run


def quack_cross_entropy():
    try:
        from quack.cross_entropy import cross_entropy as fused
    except ImportError as error:
        raise NotAvailable(f'quack: {error}') from error
    return lambda batch: taken(batch, fused(
        leaf(batch).flatten(0, 1), batch.inputs['actions'].flatten(), reduction='mean'))

    return run


LP_REG = {'objective': 'lp-reg'}
GRPO = {'objective': 'grpo'}
# (work, name, maker). A maker raises NotAvailable.
CONTENDERS = (
    ('grpo', 'lp-reg, one call', lambda: ours(GRPO)),
    ('grpo', 'lp-reg, autograd', lambda: ours_by_autograd(GRPO)),
    ('grpo', 'torch eager', lambda: eager(grpo)),
    ('grpo', 'torch.compile', lambda: compiled(grpo)),
    ('grpo', 'Liger', liger_grpo),
    ('lp-reg', 'lp-reg, one call', lambda: ours(LP_REG)),
    ('lp-reg', 'torch eager', lambda: eager(lp_reg_paper)),
    ('lp-reg', 'torch.compile', lambda: compiled(lp_reg_paper)),
    ('cross-entropy', 'lp-reg, token_stats', ours_cross_entropy),
    ('cross-entropy', 'torch eager', lambda: eager(cross_entropy)),
    ('cross-entropy', 'QuACK', quack_cross_entropy),
)
