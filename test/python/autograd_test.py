"""PyTorch's own checks of a gradient and of a registered operator."""
import unittest
import warnings

import torch

from support import DEVICE, ON_DEVICE, batch, lp_reg

FILTER = {'kind': 'min-p', 'kappa': 1e-3}


def checked(function, *inputs):
    """gradcheck of float32 functions: its step and tolerance are for float64 unless told otherwise."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', message='.*not a double precision.*')
        return torch.autograd.gradcheck(function, inputs, eps=1e-2, atol=2e-3, rtol=1e-2, nondet_tol=0.0)


@unittest.skipIf(ON_DEVICE, 'gradcheck asks for a gradient while the last one is under way')
class Gradcheck(unittest.TestCase):
    def setUp(self):
        self.logits, self.inputs = batch((2, 2, 5))
        self.inputs['advantages'] = torch.tensor([1.0, -2.0], device=DEVICE)
        # Old log-probs at the current ones: no bound of a clip within a step.
        self.inputs['old_log_probs'] = lp_reg.token_stats(self.logits, self.inputs['actions'])['log_probs']

    def test_whole_loss(self):
        for options in ({'objective': 'grpo', 'entropy_coef': 0.1}, {'objective': 'sapo'},
                        {'objective': 'gspo', 'clip_low': 0.5, 'clip_high': 0.5}):
            with self.subTest(**options):
                loss = lp_reg.PolicyLoss(**options)
                self.assertTrue(checked(lambda z: 10 * loss(z, **self.inputs).loss, self.logits.requires_grad_()))

    def test_per_token_operation(self):
        old = self.logits.detach().flip(0)

        def statistics(z):
            stats = lp_reg.token_stats(z, self.inputs['actions'], filter=FILTER, proxy='old', old_logits=old)
            return stats['log_probs'], stats['entropy'], stats['kl']

        self.assertTrue(checked(statistics, self.logits.requires_grad_()))

    def test_scalar_stage(self):
        loss = lp_reg.PolicyLoss('grpo', entropy_coef=0.1)
        inputs = {name: self.inputs[name] for name in ('old_log_probs', 'advantages')}
        stats = lp_reg.token_stats(self.logits, self.inputs['actions'])
        given = [stats[name].detach().requires_grad_() for name in ('log_probs', 'entropy')]

        def stage(log_probs, entropy):
            return 10 * loss.objective({'log_probs': log_probs, 'entropy': entropy}, **inputs).loss

        self.assertTrue(checked(stage, *given))

    def test_a_second_derivative_is_refused(self):
        loss = lp_reg.PolicyLoss('grpo')(self.logits.requires_grad_(), **self.inputs).loss
        with self.assertRaises(RuntimeError):
            (gradient,) = torch.autograd.grad(loss, self.logits, create_graph=True)
            gradient.sum().backward()


@unittest.skipUnless(hasattr(torch.library, 'opcheck'), f'torch {torch.__version__} has no torch.library.opcheck')
class Opcheck(unittest.TestCase):
    def recorded(self, run):
        """Arguments of the operators that `run` calls."""
        calls, apply = [], lp_reg._apply
        lp_reg._apply = lambda name, *arguments: calls.append((name, arguments)) or apply(name, *arguments)
        try:
            run()
        finally:
            lp_reg._apply = apply
        return calls

    def test_registrations_are_right(self):
        logits, inputs = batch()
        logits.requires_grad_()
        loss = lp_reg.PolicyLoss('lp-reg', form='kept', entropy_coef=0.1)

        def run():
            loss(logits, **inputs)
            tokens = lp_reg.token_stats(logits, inputs['actions'], **loss.stats_options)
            leaves = {name: tokens[name].detach().requires_grad_(name in ('log_probs', 'entropy')) for name in tokens}
            loss.objective(leaves, old_log_probs=inputs['old_log_probs'], advantages=inputs['advantages'])

        calls = self.recorded(run)
        self.assertEqual([name for name, _ in calls], ['loss', 'stats', 'objective'])
        for name, arguments in calls:
            with self.subTest(operator=name):
                # Contents of a workspace are the library's own, and nobody compares them.
                tests = ('test_schema', 'test_autograd_registration', 'test_faketensor')
                torch.library.opcheck(getattr(torch.ops.lp_reg, name), arguments, test_utils=tests)


if __name__ == '__main__':
    unittest.main()
