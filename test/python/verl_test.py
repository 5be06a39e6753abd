"""The verl examples of docs/trainers.md, against stand-ins with the names of verl 0.7.0 and its formulas in float64."""
import types
import unittest

import torch

import documents
from support import finish, lp_reg
from trainers import clipped64, close, gradient64, log_probs64, micro_batch, stand_in

MODES = ('token-mean', 'seq-mean-token-sum', 'seq-mean-token-mean', 'seq-mean-token-sum-norm')
NOTHING, WHOLE = {}, {'dp_size': 3, 'batch_num_tokens': 41, 'global_batch_size': 9, 'loss_scale_factor': 7}


def aggregated64(losses, mask, mode, dp_size=1, batch_num_tokens=None, global_batch_size=None, loss_scale_factor=None):
    """verl's aggregation: masked sums, empty sequences left out, everything but the last mode times dp_size."""
    mask = mask.double()
    lengths, sums = mask.sum(-1), (losses * mask).sum(-1)
    if mode == 'token-mean':
        return dp_size * sums.sum() / (batch_num_tokens or lengths.sum())
    if mode == 'seq-mean-token-sum-norm':
        return sums.sum() / (loss_scale_factor or mask.shape[-1])
    if mode == 'seq-mean-token-mean':
        sums = sums / (lengths + 1e-8)
    return dp_size * sums[lengths > 0].sum() / (global_batch_size or (lengths > 0).sum())


class Page(unittest.TestCase):
    def setUp(self):
        self.registered = {}
        stand_in(self, 'verl.trainer.ppo.core_algos', register_policy_loss=lambda name: lambda function: (
            self.registered.__setitem__(name, function), function)[1])
        self.page = documents.run('trainers.md', 'verl-loss')
        self.logits, self.inputs = micro_batch()

    def loss(self, options, log_prob, info, mode='token-mean'):
        self.page['OPTIONS'].clear()
        self.page['OPTIONS'].update(options)
        self.page['policy_loss'].cache_clear()
        inputs = self.inputs
        return self.registered['lp_reg'](
            old_log_prob=inputs['old_log_probs'], log_prob=log_prob, advantages=inputs['advantages'],
            response_mask=inputs['mask'].long(), loss_agg_mode=mode,
            config=types.SimpleNamespace(global_batch_info=info), rollout_is_weights=inputs['weights'])


class LogProbs(Page):
    """Losses over log-probs alone, with verl's own log-probs."""

    def check(self, options, token_loss, info, mode):
        """token_loss: of log-probs and old log-probs, in float64."""
        taken, inputs = self.logits.clone().requires_grad_(), self.inputs
        loss, metrics = self.loss(options, log_probs64(taken, inputs['actions']), info, mode)
        loss.backward()
        finish()
        self.assertIn('actor/pg_clipfrac', metrics)

        def formula(z):
            losses = token_loss(log_probs64(z, inputs['actions']), inputs['old_log_probs'].double())
            return aggregated64(inputs['weights'].double() * losses, inputs['mask'], mode, **info)

        close(self, loss.item(), taken.grad, *gradient64(formula, self.logits))

    def test_clipped_surrogate_has_every_normalisation_of_verl(self):
        advantages = self.inputs['advantages'].double()
        options = {'objective': 'grpo', 'clip_low': 0.2, 'clip_high': 0.28, 'dual_clip': 3.0}
        for mode in MODES:
            for info in (NOTHING, WHOLE):
                with self.subTest(mode=mode, info=info):
                    self.check(options, lambda log_probs, old: clipped64(
                        (log_probs - old).exp(), advantages, 0.2, 0.28, 3.0), info, mode)

    def test_other_losses_over_log_probs_are_those_of_verl(self):
        advantages, mask = self.inputs['advantages'].double(), self.inputs['mask']

        def cispo(log_probs, old):
            return -(log_probs - old).exp().clamp(0.8, 1.2).detach() * advantages * log_probs

        def sapo(log_probs, old):
            tau = torch.where(advantages > 0, 1.0, 1.05)
            return -advantages * 4 / tau * torch.sigmoid(tau * ((log_probs - old).exp() - 1))

        def kl_cov(log_probs, old):
            valid_log_probs, valid_advantages = log_probs.detach()[mask], advantages[mask]
            covariance = (valid_advantages - valid_advantages.mean()) * (valid_log_probs - valid_log_probs.mean())
            chosen = torch.zeros_like(advantages, dtype=torch.bool).masked_scatter(
                mask, torch.zeros_like(covariance, dtype=torch.bool).index_fill(
                    0, covariance.topk(int(0.1 * len(covariance))).indices, True))
            return -advantages * (log_probs - old).exp() + chosen * (log_probs - old).abs()

        for options, token_loss, mode in (
                ({'objective': 'cispo', 'clip_low': 0.2, 'clip_high': 0.2}, cispo, 'token-mean'),
                ({'objective': 'sapo'}, sapo, 'seq-mean-token-mean'),
                ({'objective': 'kl-cov', 'k_percent': 100 * 0.1}, kl_cov, 'token-mean')):
            with self.subTest(**options):
                if token_loss is kl_cov:  # whose penalty verl weights too, and we do not
                    self.inputs['weights'] = torch.ones_like(self.inputs['weights'])
                self.check(options, token_loss, WHOLE, mode)

    def test_gspo_is_verls_by_the_divisors_of_its_own_mode(self):
        taken, inputs, mode = self.logits.clone().requires_grad_(), self.inputs, 'seq-mean-token-mean'
        facts, factor = self.page['divisors'](inputs['mask'], mode, **WHOLE)
        stats = lp_reg.token_stats(taken, inputs['actions'], outputs=['log_probs'])
        loss = factor * lp_reg.PolicyLoss('gspo', clip_low=0.1, clip_high=0.1).objective(
            stats, old_log_probs=inputs['old_log_probs'], advantages=inputs['advantages'], mask=inputs['mask'],
            **facts).loss
        loss.backward()
        finish()

        def formula(z):
            log_probs, valid = log_probs64(z, inputs['actions']), inputs['mask'].double()
            mean = ((log_probs - inputs['old_log_probs']) * valid).sum(-1) / valid.sum(-1).clamp(min=1)
            ratio = (log_probs - log_probs.detach() + mean.detach().unsqueeze(-1)).clamp(max=10).exp()
            return aggregated64(clipped64(ratio, inputs['advantages'].double(), 0.1, 0.1), inputs['mask'], mode, **WHOLE)

        close(self, loss.item(), taken.grad, *gradient64(formula, self.logits))


class Statistics(Page):
    """Lp-Reg, whose statistics come from where the log-probs are computed."""
    OPTIONS = {'objective': 'lp-reg', 'form': 'paper', 'rho': 0.5, 'filter': {'kind': 'min-p', 'kappa': 0.01}}

    def expected(self):
        """Loss and gradient of the whole loss, from logits at once."""
        taken, inputs = self.logits.clone().requires_grad_(), self.inputs
        loss = lp_reg.PolicyLoss(**self.OPTIONS)(
            taken, actions=inputs['actions'], old_log_probs=inputs['old_log_probs'], mask=inputs['mask'],
            advantages=inputs['advantages'], rollout_weights=inputs['weights'], token_count=WHOLE['batch_num_tokens'])
        self.assertGreater(loss.metrics['selected_count'].item(), 0)
        (WHOLE['dp_size'] * loss.loss).backward()
        finish()
        return WHOLE['dp_size'] * loss.loss.item(), taken.grad.double()

    def same(self, log_prob_of):
        """log_prob_of: what verl hands to the loss, [B, response length], of the logits."""
        taken = self.logits.clone().requires_grad_()
        self.page['OPTIONS'].clear()
        self.page['OPTIONS'].update(self.OPTIONS)
        self.page['policy_loss'].cache_clear()
        loss, _ = self.loss(self.OPTIONS, log_prob_of(taken), WHOLE)
        loss.backward()
        finish()
        close(self, loss.item(), taken.grad, *self.expected())

    def packed(self, taken):
        """Prompts of length 1 to 4 before each response, without padding: logits [total, V], labels, lengths."""
        B, T, V = taken.shape
        prompts = [1 + b % 4 for b in range(B)]
        logits = [torch.cat([torch.zeros(prompts[b] - 1, V), taken[b], torch.zeros(1, V)]) for b in range(B)]
        labels = [torch.cat([torch.zeros(prompts[b] - 1).long(), self.inputs['actions'][b], torch.zeros(1).long()])
                  for b in range(B)]
        return torch.cat(logits), torch.cat(labels), prompts

    def test_padded_logits(self):
        dp_actor = stand_in(self, 'verl.workers.actor.dp_actor')
        documents.run('trainers.md', 'verl-statistics', **self.page)
        self.same(lambda z: dp_actor.logprobs_from_logits(z, self.inputs['actions']))

    def test_removed_padding(self):
        def pad_input(hidden_states, indices, batch, seqlen):
            padded = hidden_states.new_zeros((batch * seqlen, *hidden_states.shape[1:]))
            return padded.index_copy(0, indices, hidden_states).view(batch, seqlen, *hidden_states.shape[1:])

        dp_actor = stand_in(self, 'verl.workers.actor.dp_actor', pad_input=pad_input)
        page = documents.run('trainers.md', 'verl-statistics', **self.page)
        documents.run('trainers.md', 'verl-remove-padding', **page)

        def log_prob_of(taken):
            B, T, _ = taken.shape
            logits, labels, prompts = self.packed(taken)
            width = max(prompts) + T
            # Prompts are padded on the left: every response ends at the last position.
            indices = torch.cat([torch.arange(b * width + width - T - prompts[b], (b + 1) * width) for b in range(B)])
            log_probs = dp_actor.logprobs_from_logits(logits=logits, labels=labels, inplace_backward=True)
            full = dp_actor.pad_input(hidden_states=log_probs.unsqueeze(-1), indices=indices, batch=B, seqlen=width)
            return full.squeeze(-1)[:, -T - 1:-1]

        self.same(log_prob_of)

    def test_engine_workers(self):
        def slice_response(tensor, data):
            ends = torch.tensor(data['lengths']).cumsum(0)
            return torch.stack([tensor[end - data['width'] - 1:end - 1] for end in ends])

        engine = stand_in(self, 'verl.workers.engine.fsdp.transformer_impl')
        losses = stand_in(self, 'verl.workers.utils.losses', _slice_response_from_unpad_output=slice_response)
        stand_in(self, 'verl.workers.actor.dp_actor')
        page = documents.run('trainers.md', 'verl-statistics', **self.page)
        documents.run('trainers.md', 'verl-engine', **page)

        def log_prob_of(taken):
            logits, labels, prompts = self.packed(taken)
            width = taken.shape[1]
            log_probs = engine.logprobs_from_logits(logits=logits, labels=labels, inplace_backward=False)
            data = {'lengths': [prompt + width for prompt in prompts], 'width': width}
            return losses._slice_response_from_unpad_output(log_probs, data)

        self.same(log_prob_of)


if __name__ == '__main__':
    unittest.main()
