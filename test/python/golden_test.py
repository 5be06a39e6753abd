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

    def test_per_token_operation_and_scalar_stage_give_the_whole_losss_gradient(self):
        for name in vectors():
            vector = Vector(name)
            with self.subTest(vector=name):
                whole, want = evaluated(vector, vector.device('logits').clone())
                loss, gradient = by_pieces(vector)
                self.assertLessEqual(abs(loss.item() - whole.loss.item()), 1e-6 + 1e-6 * abs(whole.loss.item()))
                # Between the pieces log-probs are float32, and a ratio has the error of their last place.
                rounding = 2.0 ** -23 * vector.tensors['exp.logp'].abs().max().item()
                allowed = (1e-6 + rounding) * want.abs().max().item()
                self.assertLessEqual((gradient - want).abs().max().item(), allowed)


def by_pieces(vector):
    """(loss, gradient): token_stats, then the scalar stage, joined by autograd."""
    logits = vector.device('logits').clone().requires_grad_()
    policy_loss, inputs = loss_of(vector), inputs_of(vector)
    options = policy_loss.options
    proxy = options.get('proxy')
    filtered = {'filter': options.get('filter'), 'proxy': proxy, 'old_logits': inputs.get('old_logits')}
    stats = lp_reg.token_stats(
        logits, inputs['actions'], mask=inputs.get('mask'), temperature=options['temperature'],
        softcap=options['softcap'], **(filtered if proxy in ('current', 'old') else {}))
    read = ('log_probs', 'entropy', 'kl', 'log_kept_mass', 'proxy_log_probs', 'action_is_max')
    scalar_inputs = {key: value for key, value in inputs.items() if key not in ('actions', 'old_logits')}
    tokens = {key: stats[key] for key in read if key in stats}
    if proxy == 'stored':
        tokens['proxy_log_probs'] = inputs['proxy_log_probs']
    loss = policy_loss.objective(tokens, **scalar_inputs).loss
    loss.backward()
    finish()
    return loss, logits.grad


if __name__ == '__main__':
    torch.set_num_threads(1)
    unittest.main()
