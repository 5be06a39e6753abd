"""Contender: PyTorch on the CPU, eager, and compiled where this version can (2.x).

The losses are written the way a trainer would write them: whole-tensor operations and autograd.
Protocol: bench/peers/protocol.mjs. Usage: torch_contender.py FOLDER [--compile]
"""
import functools
import json
import resource
import sys
import time

import torch


def read(folder, name, dtype):
    with open(f"{folder}/{name}", "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=dtype)


folder = sys.argv[1]
with open(f"{folder}/batch.json") as file:
    batch = json.load(file)
torch.set_num_threads(batch["threads"])
parameters = batch["parameters"]
vocab = batch["shape"][-1]
logits = read(folder, "logits", torch.float32).view(-1, vocab).requires_grad_(True)
actions = read(folder, "actions", torch.int32).long()
old_log_probs = read(folder, "oldLogProbs", torch.float32)
advantages = read(folder, "advantages", torch.float32)


def action_log_probs(log_probs):
    return log_probs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)


def surrogate(log_probs_of_actions):
    ratio = (log_probs_of_actions - old_log_probs).exp()
    clipped = ratio.clamp(1 - parameters["clipLow"], 1 + parameters["clipHigh"])
    return ratio, torch.maximum(-advantages * ratio, -advantages * clipped)


def min_p_log_proxy(log_probs):
    """log q: the min-p filter of the current policy, renormalised; a constant for the gradient."""
    with torch.no_grad():
        probs = log_probs.exp()
        keep = probs >= parameters["kappa"] * probs.max(-1, keepdim=True).values
        return torch.log_softmax(log_probs.masked_fill(~keep, float("-inf")), -1)


def lp_reg(logits, select_on_old=False):
    log_probs = torch.log_softmax(logits, -1)
    chosen = action_log_probs(log_probs)
    _, loss = surrogate(chosen)
    log_q = min_p_log_proxy(log_probs)
    kl = torch.where(log_q.isneginf(), torch.zeros_like(log_q), log_q.exp() * (log_q - log_probs)).sum(-1)
    with torch.no_grad():
        # The order statistic itself: comparing exp of both sides could round a tie.
        ranked = old_log_probs if select_on_old else chosen
        threshold = ranked.sort().values[int(parameters["rho"] * (ranked.numel() - 1))]
        selected = (ranked < threshold) & ~action_log_probs(log_q).isneginf() & (advantages < 0)
    return torch.where(selected, loss + parameters["beta"] * kl, loss).mean()


def lp_reg_reference(logits):
    log_probs = torch.log_softmax(logits, -1)
    chosen = action_log_probs(log_probs)
    ratio, loss = surrogate(chosen)
    proxy = action_log_probs(min_p_log_proxy(log_probs))
    with torch.no_grad():
        negative = advantages < 0
        count = int(int(negative.sum()) * parameters["rho"])
        lowest = torch.zeros_like(negative)
        if count > 1:
            order = torch.where(negative, chosen, torch.full_like(chosen, float("inf"))).argsort(stable=True)
            lowest[order[:count]] = True
        selected = lowest & (chosen < proxy)
        target = torch.where(selected, proxy, chosen)
    distance = target - chosen
    regulariser = (distance.exp() - distance - 1).clamp(-10, 10)
    return torch.where(selected, -advantages * ratio + parameters["beta"] * regulariser, loss).mean()


def cross_entropy(logits):
    return torch.nn.functional.cross_entropy(logits, actions)


def forward_backward(function):
    def run():
        logits.grad = None
        loss = function(logits)
        loss.backward()
        return loss.item()

    return run


def forward(function):
    def run():
        with torch.no_grad():
            return function(logits).item()

    return run


def works():
    prepare = torch.compile if "--compile" in sys.argv else lambda function: function
    return {
        "lp-reg": forward_backward(prepare(lp_reg)),
        "lp-reg-old-selection": forward_backward(prepare(functools.partial(lp_reg, select_on_old=True))),
        "lp-reg-reference": forward_backward(prepare(lp_reg_reference)),
        "cross-entropy": forward_backward(prepare(cross_entropy)),
        "cross-entropy-forward": forward(prepare(cross_entropy)),
    }


def answer(request, run):
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    start = time.perf_counter()
    loss = run()
    milliseconds = 1e3 * (time.perf_counter() - start)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
    if "save" in request:
        with open(request["save"], "wb") as file:
            file.write(logits.grad.numpy().tobytes())
    return {"loss": loss, "ms": milliseconds, "faults": faults}


def main():
    if "--compile" in sys.argv and not hasattr(torch, "compile"):
        print(json.dumps({"absent": f"torch {torch.__version__} has no torch.compile"}), flush=True)
        return
    all_works = works()
    print(json.dumps({"works": list(all_works), "version": f"torch {torch.__version__}"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answer(request, all_works[request["run"]])), flush=True)


main()
