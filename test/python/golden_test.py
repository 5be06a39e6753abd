"""Golden vectors through every form of the loss, float32 and 16-bit logits."""
import unittest

import torch

from support import OUTPUT_OF, Vector, finish, inputs_of, loss_of, lp_reg, outputs_of, vectors, violation


def evaluated(vector, logits):
    """(result, gradient) of the loss through autograd."""
    logits = logits.requires_grad_()
    result = loss_of(vector)(logits, outputs=outputs_of(vector), **inputs_of(vector))
    result.loss.backward()
    finish()
    return result, logits.grad


class GoldenVectors(unittest.TestCase):
    def check(self, vector, result, gradient):
        fields = {'loss': result.loss.reshape(1), 'grad': gradient}
        for field in vector.expected():
            actual = fields[field] if field in fields else result.tokens[OUTPUT_OF.get(field, field)]
            self.assertEqual(violation(vector, field, actual), '')

    def test_every_vector_holds_through_autograd(self):
        for name in vectors():
            vector = Vector(name)
            for logits in ('logits', 'logits_bf16', 'logits_f16'):
                if logits in vector.tensors:
                    with self.subTest(vector=name, logits=logits):
                        self.check(vector, *evaluated(vector, vector.device(logits)))

    def test_every_vector_holds_in_place_and_out_of_place(self):
        for name in vectors():
            vector = Vector(name)
            for in_place in (True, False):
                with self.subTest(vector=name, in_place=in_place):
                    logits = vector.device('logits').clone()
                    result, gradient = loss_of(vector).forward_backward(
                        logits, into=logits if in_place else None, outputs=outputs_of(vector), **inputs_of(vector))
                    finish()
                    self.assertEqual(gradient.data_ptr() == logits.data_ptr(), in_place)
                    self.check(vector, result, gradient)

    def test_whole_loss_per_token_operation_and_scalar_stage_give_the_same_gradient(self):
        for name in vectors():
            vector = Vector(name)
            with self.subTest(vector=name):
                whole, want = evaluated(vector, vector.device('logits').clone())
                loss, gradient = by_pieces(vector)
                self.assertLessEqual(abs(loss.item() - whole.loss.item()), 1e-6 + 1e-6 * abs(whole.loss.item()))
                # Between the pieces log-probs are float32, and a ratio has the error of their last place.
                rounding = 2.0 ** -23 * vector.tensors['exp.logp'].abs().max().item()
                self.same(gradient, want, rounding)
                self.same(by_coefficients(vector), want, 0)

    def same(self, gradient, want, rounding):
        difference = (gradient - want).abs().max().item()
        self.assertLessEqual(difference, 1e-6)
        self.assertLessEqual(difference, (1e-6 + rounding) * want.abs().max().item())


def by_coefficients(vector):
    """Gradient of the per-token operation, given what the vector expects the loss to take from each statistic."""
    logits = vector.device('logits').clone().requires_grad_()
    inputs, options = inputs_of(vector), dict(loss_of(vector).stats_options, outputs=None)
    stats = lp_reg.token_stats(logits, inputs['actions'], mask=inputs.get('mask'), old_logits=inputs.get('old_logits'),
                               **options)
    named = {'coef_logp': 'log_probs', 'coef_entropy': 'entropy', 'coef_kl': 'kl'}
    taken = [(stats[name], vector.device(f'exp.{key}').float()) for key, name in named.items() if name in stats]
    torch.autograd.backward(*zip(*taken))
    finish()
    return logits.grad


def by_pieces(vector):
    """(loss, gradient): token_stats, then the scalar stage, joined by autograd."""
    logits = vector.device('logits').clone().requires_grad_()
    policy_loss, inputs = loss_of(vector), inputs_of(vector)
    old_logits = {'old_logits': inputs.pop('old_logits')} if 'old_logits' in inputs else {}
    tokens = lp_reg.token_stats(logits, inputs.pop('actions'), mask=inputs.get('mask'), **old_logits,
                                **policy_loss.stats_options)
    loss = policy_loss.objective(tokens, **inputs).loss
    loss.backward()
    finish()
    return loss, logits.grad


if __name__ == '__main__':
    torch.set_num_threads(1)
    unittest.main()
