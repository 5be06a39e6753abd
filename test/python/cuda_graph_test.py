"""The losses on CUDA tensors can be captured in a graph: nothing in them waits for the device."""
import unittest

import torch

from support import WHERE, batch, finish, lp_reg


@unittest.skipUnless(WHERE == 'cuda', 'needs CUDA tensors')
class Graphs(unittest.TestCase):
    def check(self, run, logits, changed):
        """Captures run(logits), replays it on other logits in the same memory, compares with an eager call."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # what a first call sets up must not be captured
            for _ in range(3):
                run(logits)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = run(logits)
        with torch.no_grad():
            logits.copy_(changed)
        graph.replay()
        finish()
        replayed = [tensor.clone() for tensor in captured]
        eager = run(changed.clone().requires_grad_(logits.requires_grad))
        finish()
        for got, want in zip(replayed, eager):
            self.assertTrue(torch.equal(got, want))

    def test_loss_and_gradient_in_one_call(self):
        logits, inputs = batch((2, 5, 1003))
        for options in ({'objective': 'grpo'}, {'objective': 'lp-reg'}, {'objective': 'gspo'},
                        {'objective': 'clip-cov'}):
            with self.subTest(**options):
                policy_loss = lp_reg.PolicyLoss(**options)

                def run(z):
                    result, gradient = policy_loss.forward_backward(z, **inputs)
                    return result.loss, gradient

                self.check(run, logits.clone(), batch((2, 5, 1003), seed=4)[0])

    def test_forward_and_backward_through_autograd(self):
        logits, inputs = batch((2, 5, 1003))
        policy_loss = lp_reg.PolicyLoss('lp-reg', form='kept')

        def run(z):
            z.grad = None
            loss = policy_loss(z, **inputs).loss
            (gradient,) = torch.autograd.grad(loss, z)
            return loss.detach(), gradient

        self.check(run, logits.clone().requires_grad_(), batch((2, 5, 1003), seed=4)[0])

    def test_a_threshold_on_the_device_is_read_at_replay(self):
        logits, inputs = batch((2, 5, 1003))
        policy_loss = lp_reg.PolicyLoss('lp-reg')
        threshold = torch.tensor(0.0, dtype=torch.float64, device='cuda')

        def run(z):
            result, gradient = policy_loss.forward_backward(z, prob_threshold=threshold, **inputs)
            return result.metrics['selected_count'], gradient

        graph, _ = torch.cuda.CUDAGraph(), run(logits)
        finish()
        with torch.cuda.graph(graph):
            selected, _ = run(logits)
        counts = []
        for value in (0.0, 1.0):
            threshold.fill_(value)
            graph.replay()
            finish()
            counts.append(selected.item())
        self.assertEqual(counts[0], 0)
        self.assertGreater(counts[1], 0)


if __name__ == '__main__':
    unittest.main()
