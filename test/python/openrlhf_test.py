"""The OpenRLHF examples of docs/trainers.md, against stand-ins with the names of OpenRLHF 0.11.0 and its formulas in
float64; and the correction for sampling under min-p."""
import unittest

import torch

import documents
from support import batch, finish, lp_reg
from trainers import clipped64, close, gradient64, log_probs64, micro_batch, stand_in

DP_SIZE, TOKENS, SEQUENCES, TEMPERATURE = 2, torch.tensor(38.5), torch.tensor(6.0), 0.9


def aggregated64(losses, mask, by_token):
    """OpenRLHF's aggregation, with the totals of an optimizer step."""
    mask = mask.double()
    sums, lengths = (losses * mask).sum(-1), mask.sum(-1)
    if by_token:
        return DP_SIZE * sums.sum() / TOKENS.item()
    return DP_SIZE * (sums / (lengths + 1e-8))[lengths > 0].sum() / SEQUENCES.item()


class OpenRlhf(unittest.TestCase):
    def setUp(self):
        self.actor = stand_in(self, 'openrlhf.models.actor')
        self.ppo_actor = stand_in(self, 'openrlhf.trainer.ray.ppo_actor')
        self.page = documents.run('trainers.md', 'openrlhf-loss')
        self.logits, self.given = micro_batch()

    def options(self, options):
        self.page['OPTIONS'].clear()
        self.page['OPTIONS'].update(options)

    def forward(self, taken):
        """What the actor does: prompts of two tokens, log-probs of all positions, the response of them."""
        B, T, V = taken.shape
        logits = torch.cat([torch.zeros(B, 1, V), taken, torch.zeros(B, 1, V)], dim=1)
        labels = torch.cat([torch.zeros(B, 1), self.given['actions'], torch.zeros(B, 1)], dim=1).long()
        log_probs = self.actor.log_probs_from_logits(logits, labels, temperature=TEMPERATURE)
        return log_probs[:, :-1][:, -T:] * self.given['mask'].float()

    def loss(self, log_probs, **construction):
        given = self.given
        loss, *metrics = self.ppo_actor.PolicyLoss(**construction)(
            log_probs, given['old_log_probs'], given['advantages'], action_mask=given['mask'].long(),
            rollout_log_probs=given['old_log_probs'] - given['weights'].log(), dp_size=DP_SIZE,
            batch_num_tokens=TOKENS, global_batch_size=SEQUENCES)
        self.assertEqual(len(metrics), 3)
        loss.backward()
        finish()
        return loss.item()

    def test_clipped_surrogate_has_both_normalisations_of_openrlhf(self):
        self.options({'objective': 'grpo'})
        given = self.given
        for by_token in (True, False):
            for dual_clip, truncation in ((None, None), (1.5, (0.7, 1.2))):
                with self.subTest(by_token=by_token, dual_clip=dual_clip):
                    taken = self.logits.clone().requires_grad_()
                    found = self.loss(self.forward(taken), clip_eps_low=0.2, clip_eps_high=0.3, dual_clip=dual_clip,
                                      token_level_loss=by_token, policy_loss_type='ppo',
                                      enable_vllm_is_correction=truncation is not None,
                                      vllm_is_truncated_threshold=truncation, vllm_is_correction_type='tis')

                    def formula(z):
                        ratio = (log_probs64(z, given['actions'], TEMPERATURE) - given['old_log_probs']).exp()
                        losses = clipped64(ratio, given['advantages'].double(), 0.2, 0.3, dual_clip)
                        weights = 1 if truncation is None else given['weights'].double().clamp(*truncation)
                        return aggregated64(weights * losses, given['mask'], by_token)

                    close(self, found, taken.grad, *gradient64(formula, self.logits))

    def lp_reg(self, forward):
        """forward: log-probs [B, response length] of the logits, by the actor's way."""
        options = {'objective': 'lp-reg', 'form': 'paper', 'rho': 0.5, 'filter': {'kind': 'min-p', 'kappa': 0.01}}
        self.options(options)
        given, taken, want = self.given, *(self.logits.clone().requires_grad_() for _ in range(2))
        found = self.loss(forward(taken))
        loss, metrics, _ = lp_reg.PolicyLoss(**options, clip_low=0.2, clip_high=0.2, temperature=TEMPERATURE)(
            want, actions=given['actions'], old_log_probs=given['old_log_probs'], mask=given['mask'],
            advantages=given['advantages'], token_count=TOKENS)
        (DP_SIZE * loss).backward()
        finish()
        self.assertGreater(metrics['selected_count'].item(), 0)
        close(self, found, taken.grad, DP_SIZE * loss.item(), want.grad.double())

    def test_lp_reg_from_padded_logits_is_the_whole_loss(self):
        self.lp_reg(self.forward)

    def test_lp_reg_from_packed_samples_is_the_whole_loss(self):
        def gather_and_pad_tensor(tensor, ring_attn_group, ring_attn_pad_len, indices, batch, seqlen):
            return tensor.new_zeros(batch * seqlen).index_copy(0, indices, tensor[0]).view(batch, seqlen)

        self.actor.gather_and_pad_tensor = gather_and_pad_tensor
        documents.run('trainers.md', 'openrlhf-packing', **self.page)

        def forward(taken):
            B, T, V = taken.shape
            prompts = [1 + b % 3 for b in range(B)]
            width = max(prompts) + T
            rows = [(b, width - T - prompts[b], prompts[b]) for b in range(B)]
            logits = torch.cat([torch.cat([torch.zeros(prompt - 1, V), taken[b], torch.zeros(1, V)])
                                for b, _, prompt in rows])
            labels = torch.cat([torch.cat([torch.zeros(prompt - 1), self.given['actions'][b], torch.zeros(1)])
                                for b, _, prompt in rows]).long()
            indices = torch.cat([torch.arange(b * width + begin, (b + 1) * width) for b, begin, _ in rows])
            log_probs = self.actor.log_probs_from_logits(logits[None], labels[None], temperature=TEMPERATURE)
            log_probs = self.actor.gather_and_pad_tensor(log_probs, None, 0, indices, B, width)
            return log_probs[:, :-1][:, -T:] * self.given['mask'].float()

        self.lp_reg(forward)


class MinP(unittest.TestCase):
    def test_weights_of_the_example_undo_the_filter_exactly(self):
        """The weighted mean over what min-p samples is the kept tokens' part of the mean over the policy."""
        old_logits, vocab, temperature = batch((1, 1, 17), seed=4)[0].cpu(), 17, 1.3
        actions = torch.arange(vocab).view(1, vocab)
        page = documents.run('trainers.md', 'min-p', old_logits=old_logits.expand(1, vocab, vocab).contiguous(),
                             actions=actions, temperature=temperature)
        finish()
        policy = (old_logits.double() / temperature).softmax(-1).view(-1)
        kept = policy >= page['engine_filter']['kappa'] * policy.max()
        self.assertTrue(0 < kept.sum().item() < vocab)
        sampler = torch.where(kept, policy, torch.zeros_like(policy)) / policy[kept].sum()
        weights = page['rollout_weights'].double().view(-1)
        self.assertLessEqual((sampler * weights - policy * kept).abs().max().item(), 1e-6)
        # From an engine's own log-probs: processed ones hold the filter, raw ones lack it.
        old, mass = page['old_log_probs'].double().view(-1)[kept], page['stats']['log_kept_mass'].double().view(-1)[kept]
        for weight in ((old - sampler.log()[kept]).exp(), (old - policy.log()[kept] + mass).exp()):
            self.assertLessEqual((weight - weights[kept]).abs().max().item(), 1e-6)


if __name__ == '__main__':
    unittest.main()
