"""The TRL examples of docs/trainers.md, against stand-ins with the names of TRL 1.9.0 and its formulas in float64."""
import types
import unittest

import torch

import documents
from support import finish, lp_reg
from trainers import clipped64, close, gradient64, log_probs64, micro_batch, stand_in

STEPS, LONGEST, PROCESSES, ITEMS, BETA, TEMPERATURE = 3, 8, 4, 50, 0.04, 0.8


class GRPOTrainer:
    """The attributes of TRL's trainer that a loss reads."""
    current_gradient_accumulation_steps, max_completion_length = STEPS, LONGEST
    temperature, beta = TEMPERATURE, BETA
    accelerator = types.SimpleNamespace(num_processes=PROCESSES)

    def __init__(self, loss_type, training=True):
        self.loss_type, self.model = loss_type, types.SimpleNamespace(training=training)


def normalised64(losses, mask, loss_type, steps):
    """TRL's normalisation of each loss_type."""
    mask = mask.double()
    sums, lengths = (losses * mask).sum(-1), mask.sum(-1)
    if loss_type in ('grpo', 'sapo'):
        return (sums / lengths.clamp(min=1)).mean() / steps
    if loss_type == 'bnpo':
        return sums.sum() / lengths.sum().clamp(min=1) / steps
    if loss_type == 'dr_grpo':
        return sums.sum() / (mask.shape[0] * LONGEST) / steps
    return sums.sum() / (ITEMS / PROCESSES)


class Trl(unittest.TestCase):
    def setUp(self):
        stand_in(self, 'trl', GRPOTrainer=GRPOTrainer)
        self.page = documents.run('trainers.md', 'trl-loss')
        self.logits, self.given = micro_batch()
        B, T = self.given['actions'].shape
        self.inputs = {
            'prompt_ids': torch.zeros((B, 2), dtype=torch.int64), 'prompt_mask': torch.ones((B, 2), dtype=torch.int64),
            'completion_ids': self.given['actions'], 'completion_mask': torch.ones((B, T), dtype=torch.int64),
            'tool_mask': self.given['mask'].long(), 'advantages': self.given['advantages'][:, 0],
            'old_per_token_logps': self.given['old_log_probs'], 'num_items_in_batch': torch.tensor(ITEMS),
            'ref_per_token_logps': self.given['old_log_probs'] - 0.3}

    def loss(self, options, loss_type, taken, inputs, training=True):
        """What the example's trainer computes, of a model whose logits of the completion are `taken`."""
        B, T, V = taken.shape

        def model(input_ids, attention_mask, logits_to_keep, use_cache):
            self.assertEqual((tuple(input_ids.shape), tuple(attention_mask.shape)), ((B, T + 2), (B, T + 2)))
            kept = torch.cat([torch.zeros(B, 1, V), taken, torch.zeros(B, 1, V)], dim=1)[:, -logits_to_keep:]
            return types.SimpleNamespace(logits=kept)

        self.page['OPTIONS'].clear()
        self.page['OPTIONS'].update(options)
        loss = self.page['LpRegTrainer'](loss_type, training)._compute_loss(model, inputs)
        loss.backward()
        finish()
        return loss.item(), taken.grad

    def check(self, options, loss_type, token_loss, more=None, training=True):
        inputs, steps = {**self.inputs, **(more or {})}, STEPS if training else 1
        found, gradient = self.loss(options, loss_type, self.logits.clone().requires_grad_(), inputs, training)

        def formula(z):
            log_probs = log_probs64(z, inputs['completion_ids'], TEMPERATURE)
            old = inputs['old_per_token_logps']
            old = log_probs.detach() if old is None else old.double()
            losses = token_loss((log_probs - old).exp(), log_probs, inputs['advantages'].double().unsqueeze(1))
            weights = inputs.get('importance_sampling_ratio')
            losses = losses if weights is None else losses * weights.double()
            d = inputs['ref_per_token_logps'].double() - log_probs
            return normalised64(losses + BETA * (d.exp() - d - 1), self.given['mask'], loss_type, steps)

        close(self, found, gradient, *gradient64(formula, self.logits))

    def test_every_loss_type_has_the_normalisation_of_trl(self):
        options = {'objective': 'grpo', 'clip_low': 0.2, 'clip_high': 0.28, 'ratio_cap': 1.6}
        for loss_type in ('grpo', 'bnpo', 'dr_grpo', 'dapo'):
            for training in (True, False):
                with self.subTest(loss_type=loss_type, training=training):
                    self.check(options, loss_type, lambda ratio, _, advantages: clipped64(
                        ratio, advantages, 0.2, 0.28, cap=1.6), training=training)

    def test_cispo_and_sapo_are_those_of_trl(self):
        self.check({'objective': 'cispo', 'clip_low': 1, 'clip_high': 1.3 - 1}, 'cispo',
                   lambda ratio, log_probs, advantages: -ratio.clamp(max=1.3).detach() * advantages * log_probs)

        def sapo(ratio, log_probs, advantages):
            tau = torch.where(advantages > 0, 1.0, 1.05)
            return -advantages * 4 / tau * torch.sigmoid(tau * (ratio - 1))

        self.check({'objective': 'sapo', 'tau_pos': 1.0, 'tau_neg': 1.05}, 'sapo', sapo)

    def test_ratio_of_vllm_per_token_and_per_sequence(self):
        options = {'objective': 'grpo', 'clip_low': 0.2, 'clip_high': 0.2}
        for weights in (self.given['weights'], self.given['weights'][:, :1]):
            self.check(options, 'dapo', lambda ratio, _, advantages: clipped64(ratio, advantages, 0.2, 0.2),
                       {'importance_sampling_ratio': weights})

    def test_absent_old_log_probs_are_the_current_ones(self):
        self.check({'objective': 'grpo'}, 'dapo', lambda ratio, _, advantages: -advantages * ratio,
                   {'old_per_token_logps': None})

    def test_lp_reg_as_printed_is_the_whole_loss(self):
        options = dict(documents.run('trainers.md', 'trl-loss')['OPTIONS'])
        found, gradient = self.loss(options, 'dapo', self.logits.clone().requires_grad_(), self.inputs)
        taken = self.logits.clone().requires_grad_()
        result = lp_reg.PolicyLoss(**options, temperature=TEMPERATURE, kl_ref_coef=BETA)(
            taken, actions=self.inputs['completion_ids'], old_log_probs=self.inputs['old_per_token_logps'],
            advantages=self.inputs['advantages'], mask=self.given['mask'], token_count=ITEMS / PROCESSES,
            ref_log_probs=self.inputs['ref_per_token_logps'])
        self.assertGreater(result.metrics['selected_count'].item(), 0)
        result.loss.backward()
        finish()
        self.assertEqual(found, result.loss.item())
        self.assertTrue(torch.equal(gradient, taken.grad))

    def test_sequence_level_ratio_is_gspo(self):
        taken, inputs, mask = self.logits.clone().requires_grad_(), self.inputs, self.given['mask']
        loss = lp_reg.PolicyLoss('gspo', clip_low=0.1, clip_high=0.1, temperature=TEMPERATURE)(
            taken, actions=inputs['completion_ids'], old_log_probs=inputs['old_per_token_logps'], mask=mask,
            advantages=inputs['advantages'], sequence_count=mask.shape[0] * STEPS).loss
        loss.backward()
        finish()

        def formula(z):
            difference = log_probs64(z, inputs['completion_ids'], TEMPERATURE) - inputs['old_per_token_logps'].double()
            valid = mask.double()
            ratio = ((difference * valid).sum(-1) / valid.sum(-1).clamp(min=1)).exp().unsqueeze(-1)
            losses = clipped64(ratio, inputs['advantages'].double().unsqueeze(1), 0.1, 0.1)
            return normalised64(losses * torch.ones_like(valid), mask, 'grpo', STEPS)

        close(self, loss.item(), taken.grad, *gradient64(formula, self.logits))

    def test_log_probs_alone(self):
        grpo_trainer = stand_in(self, 'trl.trainer.grpo_trainer')
        documents.run('trainers.md', 'trl-log-probs')
        taken, weights = self.logits.clone().requires_grad_(), self.given['weights']
        found = (weights * grpo_trainer.selective_log_softmax(taken, self.given['actions'])).sum()
        found.backward()
        finish()
        want = gradient64(lambda z: (weights.double() * log_probs64(z, self.given['actions'])).sum(), self.logits)
        close(self, found.item(), taken.grad, *want)


if __name__ == '__main__':
    unittest.main()
