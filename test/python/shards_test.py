"""A batch in parts gives the loss and gradient of the batch in one: over processes (gloo) and over micro-batches."""
import os
import tempfile
import unittest

import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

import documents
from support import ON_DEVICE, batch, lp_reg

import lp_reg_shards
from lp_reg_shards import Shard
from trainers import on_cpu

# Sequences of each of three shards; the second one is masked altogether.
SPLIT = (3, 1, 2)
MASKED = 3
THRESHOLD = 0.05
# Keeps unlikely tokens, so that some are selected.
FILTER = {'kind': 'min-p', 'kappa': 1e-3}
BY_COUNTS = (
    {'objective': 'grpo'}, {'objective': 'grpo', 'aggregation': 'seq-mean-token-sum', 'entropy_coef': 0.1},
    {'objective': 'grpo', 'aggregation': 'seq-mean-token-sum-norm'},
    {'objective': 'grpo', 'aggregation': 'seq-mean-token-mean'},
    {'objective': 'gspo', 'clip_low': 0.1, 'clip_high': 0.1}, {'objective': 'cispo'}, {'objective': 'sapo'},
    {'objective': 'lp-reg', 'form': 'kept', 'filter': FILTER},
    {'objective': 'lp-reg', 'form': 'paper', 'filter': FILTER})
SELECTING = (
    {'objective': 'lp-reg', 'form': 'paper', 'rho': 0.3, 'filter': FILTER},
    {'objective': 'lp-reg', 'form': 'reference', 'rho_neg': 0.5, 'filter': FILTER},
    {'objective': 'lp-reg', 'form': 'reference', 'rho_neg': 0.5, 'proxy': 'stored'},
    {'objective': 'lp-reg', 'form': 'paper', 'rho': 0.3, 'filter': FILTER, 'interpolation': 'linear', 'select_on': 'old'},
    {'objective': '80-20', 'entropy_coef': 0.1}, {'objective': 'kl-cov', 'k_percent': 10},
    {'objective': 'clip-cov', 'clip_cov_ratio': 0.1, 'cov_low': 0, 'cov_high': 50})


def whole(options):
    """(logits, inputs) of the batch that is split."""
    logits, inputs = on_cpu(*batch((sum(SPLIT), 6, 23), seed=3))
    mask = torch.rand(inputs['actions'].shape, generator=torch.Generator().manual_seed(5)) < 0.8
    mask[MASKED] = False
    inputs.update(mask=mask, advantages=torch.linspace(-1.5, 1, sum(SPLIT)))
    if options.get('proxy') == 'stored':
        inputs['proxy_log_probs'] = inputs['old_log_probs'] + 0.2
    return logits, inputs


def facts_of(options):
    return {'prob_threshold': THRESHOLD} if options in BY_COUNTS and options.get('form') == 'paper' else {}


def in_one(options):
    """Loss, gradient and number of selected tokens of the batch in one call."""
    logits, inputs = whole(options)
    logits.requires_grad_()
    loss, metrics, _ = lp_reg.PolicyLoss(**options)(logits, **facts_of(options), **inputs)
    loss.backward()
    return loss.item(), logits.grad, metrics['selected_count'].item()


def part(options, rank):
    """(logits, inputs) of one shard."""
    begin, (logits, inputs) = sum(SPLIT[:rank]), whole(options)
    rows = slice(begin, begin + SPLIT[rank])
    return logits[rows].clone().requires_grad_(), {name: tensor[rows] for name, tensor in inputs.items()}


def counts_of(inputs):
    return lp_reg_shards.shard_counts(inputs['mask'].shape, inputs['mask'])


def stats_of(policy_loss, logits, inputs):
    """The shard of one part, and its inputs without the actions."""
    scalars = {name: tensor for name, tensor in inputs.items() if name != 'actions'}
    tokens = lp_reg.token_stats(logits, inputs['actions'], mask=inputs['mask'], **policy_loss.stats_options)
    return Shard(tokens, scalars)


EXAMPLES = {'counts': {'objective': 'lp-reg', 'form': 'kept'}, 'joined': {'objective': '80-20'},
            'accumulation': {'objective': 'lp-reg', 'form': 'reference', 'rho_neg': 0.1}}


def small_model():
    """A model whose logits of a token are a row of its weight."""
    weight = 2 * torch.randn((31, 23), generator=torch.Generator().manual_seed(7))
    return torch.nn.Embedding(31, 23, _weight=weight)


def model_batch():
    _, inputs = whole({})
    random = torch.Generator().manual_seed(8)
    input_ids = torch.randint(0, 31, inputs['actions'].shape, generator=random)
    log_probs = small_model()(input_ids).log_softmax(-1).gather(-1, inputs['actions'][..., None])[..., 0].detach()
    noise = 0.3 * torch.randn(log_probs.shape, generator=random)
    return {**inputs, 'input_ids': input_ids, 'old_log_probs': log_probs + noise}


def example_gradient(name, rank):
    """Gradient of the small model on one process, by an example of docs/data-parallel.md."""
    model, begin = small_model(), sum(SPLIT[:rank])
    mine = {key: tensor[begin:begin + SPLIT[rank]] for key, tensor in model_batch().items()}
    micro_batches = [{key: tensor[b:b + 1] for key, tensor in mine.items()} for b in range(SPLIT[rank])]
    documents.run('data-parallel.md', name, model=model, micro_batches=micro_batches, world_size=len(SPLIT), **mine)
    return model.weight.grad


def one_process(rank, folder, results):
    os.environ['GLOO_SOCKET_IFNAME'] = 'lo'
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{folder}/rendezvous', rank=rank, world_size=len(SPLIT))
    made = []
    for options in BY_COUNTS:
        policy_loss, (logits, inputs) = lp_reg.PolicyLoss(**options), part(options, rank)
        counts = lp_reg_shards.total_counts([counts_of(inputs)])
        facts = lp_reg_shards.whole_batch(policy_loss, counts, **facts_of(options))
        loss = policy_loss(logits, **facts, **inputs).loss
        loss.backward()
        made.append((loss.item(), logits.grad))
    for options in SELECTING:
        policy_loss, (logits, inputs) = lp_reg.PolicyLoss(**options), part(options, rank)
        joined = lp_reg_shards.gather_shards(stats_of(policy_loss, logits, inputs))
        loss = policy_loss.objective(joined.tokens, **joined.inputs).loss
        loss.backward()
        made.append((loss.item(), logits.grad))
    made += [(0.0, example_gradient(name, rank)) for name in EXAMPLES]
    results.put((rank, [(loss, gradient.numpy()) for loss, gradient in made]))
    dist.barrier()
    dist.destroy_process_group()


@unittest.skipIf(ON_DEVICE, 'about processes, on any device the same')
class Processes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (dist.is_available() and dist.is_gloo_available() if hasattr(dist, 'is_gloo_available') else
                dist.is_available()):
            raise unittest.SkipTest('this PyTorch has no gloo')
        context = multiprocessing.get_context('spawn')
        with tempfile.TemporaryDirectory() as folder:
            results = context.SimpleQueue()
            processes = multiprocessing.start_processes(one_process, (folder, results), len(SPLIT), join=False)
            found = dict(results.get() for _ in SPLIT)
            processes.join()
        cls.by_rank = [found[rank] for rank in range(len(SPLIT))]

    def check(self, i, options, sums):
        loss, gradient, _ = in_one(options)
        losses = [made[i][0] for made in self.by_rank]
        parts = torch.cat([torch.from_numpy(made[i][1]) for made in self.by_rank])
        for found in [sum(losses)] if sums else losses:
            self.assertLessEqual(abs(found - loss), 1e-6 * max(1.0, abs(loss)))
        self.assertLessEqual((parts - gradient).abs().max().item(), 2e-6 * gradient.abs().max().item())
        self.assertEqual(parts[MASKED].abs().sum().item(), 0)

    def test_counts_of_all_processes_give_shards_that_add_up(self):
        for i, options in enumerate(BY_COUNTS):
            with self.subTest(**options):
                self.check(i, options, sums=True)

    def test_losses_that_select_among_all_tokens_are_those_of_one_process_on_each(self):
        for i, options in enumerate(SELECTING):
            with self.subTest(**options):
                self.assertGreater(in_one(options)[2], 0)
                self.check(len(BY_COUNTS) + i, options, sums=False)


    def test_examples_of_the_documentation_give_the_gradient_of_one_process(self):
        for i, (name, options) in enumerate(EXAMPLES.items()):
            with self.subTest(example=name):
                model, given = small_model(), model_batch()
                lp_reg.PolicyLoss(**options)(model(given.pop('input_ids')), **given).loss.backward()
                at = len(BY_COUNTS) + len(SELECTING) + i
                averaged = sum(torch.from_numpy(made[at][1]) for made in self.by_rank) / len(SPLIT)
                difference = (averaged - model.weight.grad).abs().max().item()
                self.assertLessEqual(difference, 2e-6 * model.weight.grad.abs().max().item())


class MicroBatches(unittest.TestCase):
    def test_divisors_of_the_step_give_micro_batches_that_add_up(self):
        for options in BY_COUNTS:
            with self.subTest(**options):
                want, gradient, _ = in_one(options)
                policy_loss, parts = lp_reg.PolicyLoss(**options), [part(options, i) for i in range(len(SPLIT))]
                counts = lp_reg_shards.total_counts([counts_of(inputs) for _, inputs in parts])
                facts = lp_reg_shards.whole_batch(policy_loss, counts, **facts_of(options))
                losses = [policy_loss(logits, **facts, **inputs).loss for logits, inputs in parts]
                self.assertAlmostEqual(sum(loss.item() for loss in losses), want, delta=1e-6 * max(1, abs(want)))
                sum(losses).backward()
                found = torch.cat([logits.grad for logits, _ in parts])
                self.assertLessEqual((found - gradient).abs().max().item(), 2e-6 * gradient.abs().max().item())

    def test_joined_micro_batches_are_the_batch(self):
        for options in SELECTING:
            with self.subTest(**options):
                want, gradient, _ = in_one(options)
                policy_loss, parts = lp_reg.PolicyLoss(**options), [part(options, i) for i in range(len(SPLIT))]
                joined = lp_reg_shards.join_shards([stats_of(policy_loss, *each) for each in parts])
                loss = policy_loss.objective(joined.tokens, **joined.inputs).loss
                loss.backward()
                self.assertAlmostEqual(loss.item(), want, delta=1e-6 * max(1, abs(want)))
                found = torch.cat([logits.grad for logits, _ in parts])
                self.assertLessEqual((found - gradient).abs().max().item(), 2e-6 * gradient.abs().max().item())

    def test_packed_and_padded_shards_join_to_the_same_bits(self):
        policy_loss = lp_reg.PolicyLoss('80-20', aggregation='seq-mean-token-mean')
        parts = [stats_of(policy_loss, *part({'objective': '80-20'}, i)) for i in range(len(SPLIT))]
        padded = lp_reg_shards.join_shards(parts)
        packed = lp_reg_shards.join_shards([lp_reg_shards.join_shards(parts[:2]), *parts[2:]])
        for one, other in ((padded.tokens, packed.tokens), (padded.inputs, packed.inputs)):
            self.assertEqual(one.keys(), other.keys())
            self.assertTrue(all(torch.equal(one[name], other[name]) for name in one))


class Mistakes(unittest.TestCase):
    def fails(self, code, argument, function, *arguments, **named):
        with self.assertRaises(lp_reg.LpRegError) as caught:
            function(*arguments, **named)
        self.assertEqual((caught.exception.code, caught.exception.argument), (code, argument))

    def test_what_counts_cannot_tell_is_refused(self):
        counts = lp_reg_shards.ShardCounts(4, 2, 3)
        for options, known, code, argument in (
                ({'objective': '80-20'}, {}, 'ERR_OPTION', 'objective'),
                ({'objective': 'lp-reg', 'form': 'reference'}, {}, 'ERR_OPTION', 'objective'),
                ({'objective': 'lp-reg'}, {}, 'ERR_MISSING', 'prob_threshold'),
                ({'objective': 'grpo'}, {'prob_threshold': 0.1}, 'ERR_OPTION_WITHOUT_EFFECT', 'prob_threshold')):
            with self.subTest(**options):
                self.fails(code, argument, lp_reg_shards.whole_batch, lp_reg.PolicyLoss(**options), counts, **known)

    def test_shards_that_do_not_fit_are_refused(self):
        tokens, inputs = {'log_probs': torch.zeros(2, 3)}, {'old_log_probs': torch.zeros(2, 3)}
        short = Shard({'log_probs': torch.zeros(2, 3), 'entropy': torch.zeros(2, 2)}, inputs)
        for code, argument, shards in (
                ('ERR_MISSING', 'shards', []),
                ('ERR_MISSING', 'shards[0].tokens.log_probs', [Shard({}, inputs)]),
                ('ERR_MISSING', 'shards[1].old_log_probs', [Shard(tokens, inputs), Shard(tokens, {})]),
                ('ERR_MISSING', 'cu_seq_lens', [Shard({'log_probs': torch.zeros(6)}, inputs)]),
                ('ERR_SHAPE', 'shards[0].tokens.entropy', [short]),
                ('ERR_OPTION_WITHOUT_EFFECT', 'shards[0].token_count', [Shard(tokens, {'token_count': 3})])):
            with self.subTest(argument=argument):
                self.fails(code, argument, lp_reg_shards.join_shards, shards)
        self.fails('ERR_SHAPE', 'mask', lp_reg_shards.shard_counts, (2, 3), torch.ones(2, 2) > 0)


if __name__ == '__main__':
    unittest.main()
