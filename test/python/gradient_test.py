"""What autograd gets: finite differences, strides, dtypes, upstream gradients, masks, packed rows."""
import unittest

import torch

import documents
from support import DEVICE, batch, finish, lp_reg


def gradient(policy_loss, logits, scale=1.0, **inputs):
    logits = logits.detach().requires_grad_()
    loss = policy_loss(logits, **inputs).loss
    (loss * scale).backward()
    finish()
    return logits.grad


def central_differences(function, logits, step=1e-2):
    """dfunction/dlogits, element by element, from float32 evaluations."""
    found = torch.zeros(logits.numel(), dtype=torch.float64)
    for i in range(logits.numel()):
        values = []
        for sign in (1, -1):
            moved = logits.clone()
            moved.view(-1)[i] += sign * step
            values.append(function(moved).double().item())
        found[i] = (values[0] - values[1]) / (2 * step)
    return found.view(logits.shape)


class Differences(unittest.TestCase):
    def check(self, function, logits, allowed=2e-3):
        taken = logits.detach().requires_grad_()
        function(taken).backward()
        finish()
        expected = central_differences(lambda z: function(z).detach(), logits)
        scale = expected.abs().max().item()
        self.assertGreater(scale, 0)
        self.assertLessEqual((taken.grad.cpu().double() - expected).abs().max().item(), allowed * scale)

    def test_losses_agree_with_finite_differences(self):
        logits, inputs = batch((2, 3, 7))
        # One advantage per sequence, since GSPO's gradient is that of its ratio only then (§7).
        inputs['advantages'] = torch.tensor([1.0, -2.0], device=DEVICE)
        for options in ({'objective': 'grpo', 'entropy_coef': 0.1}, {'objective': 'sapo', 'temperature': 0.7},
                        {'objective': 'gspo', 'clip_low': 0.5, 'clip_high': 0.5},
                        {'objective': 'grpo', 'softcap': 5.0}):
            policy_loss = lp_reg.PolicyLoss(**options)
            # Old log-probs at the current ones: no bound of a clip within a step.
            row = {name: policy_loss.options[name] for name in ('temperature', 'softcap')}
            inputs['old_log_probs'] = lp_reg.token_stats(logits, inputs['actions'], **row)['log_probs']
            with self.subTest(**options):
                self.check(lambda z: policy_loss(z, outputs=(), **inputs).loss, logits)

    def test_per_token_statistics_agree_with_finite_differences(self):
        logits, inputs = batch((2, 3, 7))
        weights = torch.linspace(-1, 1, 6).view(2, 3).to(DEVICE)
        for name in ('log_probs', 'entropy', 'kl'):
            with self.subTest(statistic=name):
                self.check(lambda z: (weights * lp_reg.token_stats(
                    z, inputs['actions'], filter={'kind': 'min-p', 'kappa': 1e-3}, proxy='old',
                    old_logits=logits.flip(0))[name]).sum(), logits)


class Autograd(unittest.TestCase):
    def setUp(self):
        self.policy_loss = lp_reg.PolicyLoss('lp-reg', form='kept', entropy_coef=0.01)

    def test_upstream_gradient_scales_the_gradient(self):
        logits, inputs = batch()
        once, thrice = (gradient(self.policy_loss, logits, scale, **inputs) for scale in (1.0, -3.0))
        self.assertTrue(torch.allclose(thrice, -3 * once, rtol=1e-6, atol=1e-9))
        result, taken = self.policy_loss.forward_backward(logits, grad_output=-3.0, **inputs)
        finish()
        self.assertTrue(torch.allclose(taken, thrice, rtol=1e-6, atol=1e-9))
        held = torch.tensor(-3.0, device=DEVICE)
        _, taken = self.policy_loss.forward_backward(logits, grad_output=held, **inputs)
        finish()
        self.assertTrue(torch.equal(taken, thrice))

    def test_backward_twice_accumulates(self):
        logits, inputs = batch()
        once = gradient(self.policy_loss, logits, **inputs)
        taken = logits.detach().requires_grad_()
        loss = self.policy_loss(taken, **inputs).loss
        loss.backward(retain_graph=True)
        loss.backward()
        finish()
        self.assertTrue(torch.allclose(taken.grad, 2 * once, rtol=1e-6, atol=1e-9))

    def test_slice_of_longer_sequences_needs_no_copy(self):
        wide, _ = batch((2, 4, 16))
        logits, inputs = wide[:, 1:, :11], batch((2, 3, 11))[1]
        self.assertFalse(logits.is_contiguous())
        want = gradient(self.policy_loss, logits.contiguous(), **inputs)
        taken = wide.detach().requires_grad_()
        self.policy_loss(taken[:, 1:, :11], **inputs).loss.backward()
        finish()
        self.assertTrue(torch.equal(taken.grad[:, 1:, :11], want))
        self.assertEqual(taken.grad[:, 0].abs().sum().item(), 0)
        self.assertEqual(taken.grad[..., 11:].abs().sum().item(), 0)

    def test_sixteen_bit_logits_give_the_float32_gradient_rounded_once(self):
        for dtype, ulp in ((torch.bfloat16, 2.0 ** -8), (torch.float16, 2.0 ** -11)):
            with self.subTest(dtype=dtype):
                logits, inputs = batch(dtype=dtype)
                taken = gradient(self.policy_loss, logits, **inputs)
                want = gradient(self.policy_loss, logits.float(), **inputs)
                self.assertEqual(taken.dtype, dtype)
                self.assertTrue(((taken.float() - want).abs() <= ulp * want.abs() + 2.0 ** -24).all())

    def test_action_types_and_flat_inputs_make_no_difference(self):
        logits, inputs = batch()
        want = gradient(self.policy_loss, logits, **inputs)
        flat = {name: tensor.reshape(-1) for name, tensor in inputs.items()}
        flat['actions'] = flat['actions'].to(torch.int32)
        self.assertTrue(torch.equal(gradient(self.policy_loss, logits, **flat), want))

    def test_masked_rows_are_not_read_and_have_no_gradient(self):
        logits, inputs = batch()
        mask = torch.tensor([[1, 1, 0], [1, 0, 0]], dtype=torch.bool, device=DEVICE)
        want = gradient(self.policy_loss, logits, mask=mask, **inputs)
        self.assertEqual(want[~mask].abs().sum().item(), 0)
        logits[~mask] = float('nan')
        inputs['actions'][~mask] = -100
        inputs['advantages'][~mask] = float('nan')
        self.assertTrue(torch.equal(gradient(self.policy_loss, logits, mask=mask.to(torch.uint8), **inputs), want))

    def test_packed_rows_give_what_the_padded_batch_gives(self):
        logits, inputs = batch()
        want = gradient(self.policy_loss, logits, **inputs)
        flat = {name: tensor.reshape(-1) for name, tensor in inputs.items()}
        ends = torch.tensor([0, 3, 6], dtype=torch.int32, device=DEVICE)
        packed = gradient(self.policy_loss, logits.reshape(6, 11), cu_seq_lens=ends, **flat)
        self.assertTrue(torch.equal(packed, want.reshape(6, 11)))

    def test_one_advantage_per_sequence_is_that_of_its_tokens(self):
        logits, inputs = batch()
        per_sequence = torch.tensor([1.0, -2.0], device=DEVICE)
        inputs['advantages'] = per_sequence.unsqueeze(1).expand(2, 3)
        want = gradient(self.policy_loss, logits, **inputs)
        inputs['advantages'] = per_sequence
        self.assertTrue(torch.equal(gradient(self.policy_loss, logits, **inputs), want))

    def test_given_counts_may_be_numbers_or_tensors(self):
        logits, inputs = batch()
        want = gradient(self.policy_loss, logits, **inputs)
        for count in (12, torch.tensor(12, device=DEVICE), torch.tensor(12.0)):
            taken = gradient(self.policy_loss, logits, token_count=count, **inputs)
            self.assertTrue(torch.allclose(taken, want / 2, rtol=1e-6, atol=1e-9))

    def test_snapshot_of_the_old_policy_gives_what_its_logits_give(self):
        logits, inputs = batch()
        old = batch(seed=5)[0]
        filter = {'kind': 'min-p', 'kappa': 0.05}
        from_logits = lp_reg.PolicyLoss('lp-reg', proxy='old', filter=filter, rho=0.5)
        from_snapshot = lp_reg.PolicyLoss('lp-reg', proxy='snapshot', rho=0.5)
        want = gradient(from_logits, logits, old_logits=old, **inputs)
        snapshot = lp_reg.proxy_snapshot(old, filter=filter)
        taken = gradient(from_snapshot, logits, proxy_snapshot=snapshot, **inputs)
        self.assertTrue(torch.allclose(taken, want, rtol=1e-5, atol=1e-8))

    def test_example_in_two_pieces_is_the_whole_loss(self):
        logits, inputs = batch()
        mask = torch.tensor([[1, 1, 0], [1, 1, 1]], dtype=torch.bool, device=DEVICE)
        want = gradient(lp_reg.PolicyLoss('lp-reg', form='kept'), logits, mask=mask, **inputs)
        documents.run('python.md', 'pieces', logits=logits.requires_grad_(), actions=inputs['actions'], mask=mask,
                      old=inputs['old_log_probs'], advantages=inputs['advantages'])
        finish()
        self.assertLessEqual((logits.grad - want).abs().max().item(), 1e-6)
        self.assertGreater(want.abs().max().item(), 1e-2)

    def test_metrics_and_tokens_take_no_gradient(self):
        logits, inputs = batch()
        loss, metrics, tokens = self.policy_loss(logits.requires_grad_(), **inputs)
        finish()
        self.assertTrue(loss.requires_grad)
        self.assertFalse(metrics['entropy'].requires_grad)
        self.assertFalse(any(tensor.requires_grad for tensor in tokens.values()))
        self.assertEqual(metrics.floats()['valid_count'], 6)
        self.assertEqual(tokens['log_probs'].shape, (2, 3))


if __name__ == '__main__':
    unittest.main()
