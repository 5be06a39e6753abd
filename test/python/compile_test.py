"""torch.compile takes the operations into one graph, with the results of eager calls. Needs PyTorch 2.4 or later."""
import unittest

import torch

from support import batch, finish, lp_reg

CAN_REGISTER = hasattr(torch.library, 'custom_op')


@unittest.skipUnless(CAN_REGISTER, f'torch {torch.__version__} cannot register operators with autograd')
class Compiled(unittest.TestCase):
    def check(self, function, logits, inputs, **options):
        compiled = torch.compile(function, fullgraph=True, backend='aot_eager', **options)
        for run in (compiled, compiled):
            want, got = (logits.detach().requires_grad_() for _ in range(2))
            expected, actual = function(want, inputs), run(got, inputs)
            self.assertTrue(torch.equal(actual, expected))
            expected.backward()
            actual.backward()
            finish()
            self.assertTrue(torch.equal(got.grad, want.grad))

    def test_whole_loss_is_one_graph(self):
        policy_loss = lp_reg.PolicyLoss('lp-reg', entropy_coef=0.01)
        self.check(lambda z, inputs: 2 * policy_loss(z * 0.5, **inputs).loss, *batch())

    def test_metrics_and_tokens_leave_the_graph(self):
        policy_loss = lp_reg.PolicyLoss('grpo')

        def both(logits, inputs):
            loss, metrics, tokens = policy_loss(logits, **inputs)
            return loss + metrics['entropy'].float() + tokens['log_probs'].sum()

        self.check(both, *batch())

    def test_statistics_and_scalar_stage_are_one_graph(self):
        policy_loss = lp_reg.PolicyLoss('lp-reg', form='kept')

        def pieces(logits, inputs):
            stats = lp_reg.token_stats(logits, inputs['actions'], filter=policy_loss.options['filter'])
            tokens = {name: stats[name] for name in ('log_probs', 'proxy_log_probs', 'action_is_max')}
            return policy_loss.objective(tokens, old_log_probs=inputs['old_log_probs'],
                                         advantages=inputs['advantages']).loss

        self.check(pieces, *batch())

    def test_other_lengths_need_no_graph_of_their_own(self):
        policy_loss = lp_reg.PolicyLoss('grpo')
        graphs = []

        def count(graph, examples):
            graphs.append(graph)
            return graph.forward

        def run(logits, inputs):
            return policy_loss(logits, **inputs).loss

        compiled = torch.compile(run, fullgraph=True, dynamic=True, backend=count)
        for tokens in (3, 5, 6, 9):
            logits, inputs = batch((2, tokens, 11))
            self.assertTrue(torch.equal(compiled(logits, inputs), run(logits, inputs)))
        finish()
        self.assertEqual(len(graphs), 1)


if __name__ == '__main__':
    unittest.main()
