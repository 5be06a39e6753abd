"""Every mistake is a typed error that names the argument as the caller wrote it."""
import os
import subprocess
import sys
import unittest

import torch

from support import DEVICE, ON_DEVICE, ROOT, batch, finish, lp_reg


class Errors(unittest.TestCase):
    def fails(self, code, argument, function, *arguments, index=-1, status='untouched', **named):
        with self.assertRaises(lp_reg.LpRegError) as caught:
            function(*arguments, **named)
            finish()
        error = caught.exception
        self.assertEqual((error.code, error.argument, error.index, error.status), (code, argument, index, status))
        self.assertIn(code, str(error))

    def test_options_out_of_range_or_of_the_wrong_type_are_refused_when_the_loss_is_made(self):
        make = lp_reg.PolicyLoss
        for code, argument, options in (
                ('ERR_OPTION', 'clip_low', {'objective': 'grpo', 'clip_low': -1}),
                ('ERR_OPTION', 'temperature', {'objective': 'grpo', 'temperature': 0}),
                ('ERR_OPTION', 'dual_clip', {'objective': 'grpo', 'dual_clip': 0}),
                ('ERR_OPTION', 'softcap', {'objective': 'grpo', 'softcap': 0}),
                ('ERR_OPTION', 'rho_neg', {'objective': 'lp-reg', 'form': 'reference', 'rho_neg': 2}),
                ('ERR_OPTION', 'objective', {'objective': 'ppo2'}),
                ('ERR_OPTION', 'form', {'objective': 'lp-reg', 'form': 'papers'}),
                ('ERR_OPTION', 'aggregation', {'objective': 'grpo', 'aggregation': 'mean'}),
                ('ERR_OPTION', 'cov_low', {'objective': 'clip-cov', 'cov_low': 6}),
                ('ERR_OPTION', 'proxy', {'objective': 'lp-reg', 'proxy': 'stored'}),
                ('ERR_OPTION', 'filter', {'objective': 'lp-reg', 'filter': {'kind': 'min-p', 'kappa': 2}}),
                ('ERR_MISSING', 'filter.tau', {'objective': 'lp-reg', 'filter': {'kind': 'fixed'}}),
                ('ERR_TYPE', 'clip_low', {'objective': 'grpo', 'clip_low': '0.2'}),
                ('ERR_TYPE', 'check_first', {'objective': 'grpo', 'check_first': 1}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'form', {'objective': 'grpo', 'form': 'paper'}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'beta', {'objective': 'grpo', 'beta': 1}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'rho', {'objective': 'lp-reg', 'form': 'kept', 'rho': 0.1}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'filter.empty',
                 {'objective': 'lp-reg', 'filter': {'kind': 'min-p', 'kappa': 0.1, 'empty': 'argmax'}}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'filter',
                 {'objective': 'lp-reg', 'form': 'kept', 'proxy': 'stored', 'filter': {'kind': 'min-p', 'kappa': 0.1}}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'kl_ref_estimator', {'objective': 'grpo', 'kl_ref_estimator': 'k1'}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'check_first',
                 {'objective': 'grpo', 'check_first': True, 'non_finite': 'propagate'})):
            with self.subTest(**options):
                self.fails(code, argument, make, **options)

    def test_tensors_that_do_not_fit_are_refused(self):
        policy_loss = lp_reg.PolicyLoss('grpo')
        logits, inputs = batch()
        vocabulary_first = logits.transpose(1, 2).contiguous().transpose(1, 2)
        for code, argument, given, changed in (
                ('ERR_SHAPE', 'logits', logits[0, 0], {}),
                ('ERR_DTYPE', 'logits', logits.double(), {}),
                ('ERR_TYPE', 'logits', logits.tolist(), {}),
                ('ERR_STRIDE', 'logits', vocabulary_first, {}),
                ('ERR_STRIDE', 'logits', logits[:1].expand(2, 3, 11), {}),
                ('ERR_MISSING', 'cu_seq_lens', logits[0], {}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'cu_seq_lens', logits, {'cu_seq_lens': torch.tensor([0, 6])}),
                ('ERR_DTYPE', 'actions', logits, {'actions': inputs['actions'].float()}),
                ('ERR_SHAPE', 'actions', logits, {'actions': inputs['actions'][:, :2]}),
                ('ERR_MISSING', 'old_log_probs', logits, {'old_log_probs': None}),
                ('ERR_TYPE', 'advantages', logits, {'advantages': [1.0] * 6}),
                ('ERR_DTYPE', 'mask', logits, {'mask': torch.ones(2, 3, device=DEVICE)}),
                ('ERR_DTYPE', 'old_log_probs', logits, {'old_log_probs': inputs['old_log_probs'].double()}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'labels', logits, {'labels': inputs['actions']}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'chosen', logits, {'chosen': torch.ones(2, 3, device=DEVICE) > 0}),
                ('ERR_OPTION', 'outputs', logits, {'outputs': ['log_prob']}),
                ('ERR_OPTION_WITHOUT_EFFECT', 'outputs', logits, {'outputs': ['kl']})):
            with self.subTest(argument=argument, changed=list(changed)):
                self.fails(code, argument, policy_loss, given, **{**inputs, **changed})

    def test_bad_values_name_the_first_offending_element(self):
        policy_loss = lp_reg.PolicyLoss('grpo')
        logits, inputs = batch()

        def changed(name, index, value):
            tensor = inputs[name].clone()
            tensor.view(-1)[index] = value
            return {**inputs, name: tensor}

        mask = torch.ones(6, dtype=torch.uint8, device=DEVICE)
        mask[4] = 2
        self.fails('ERR_ACTION_RANGE', 'actions', policy_loss, logits, index=3, **changed('actions', 3, 11))
        self.fails('ERR_NON_FINITE_INPUT', 'advantages', policy_loss, logits, index=2,
                   **changed('advantages', 2, float('inf')))
        self.fails('ERR_MASK', 'mask', policy_loss, logits, index=4, mask=mask, **inputs)
        bad = logits.clone()
        bad[1, 2, 5] = float('nan')
        self.fails('ERR_NON_FINITE_LOGITS', 'logits', policy_loss, bad, index=5, **inputs)
        # A device has the statistics of all short rows before it writes; others are written one by one.
        self.fails('ERR_NON_FINITE_LOGITS', 'logits', policy_loss.forward_backward, bad, into=bad, index=5,
                   status='untouched' if ON_DEVICE else 'consumed', **inputs)
        wide, inputs = batch((2, 3, 200))
        wide[1, 2, 5] = float('nan')
        self.fails('ERR_NON_FINITE_LOGITS', 'logits', policy_loss.forward_backward, wide, into=wide, index=5,
                   status='consumed', **inputs)

    def test_propagated_nan_stays_in_its_row(self):
        logits, inputs = batch()
        logits[1, 2, 5] = float('nan')
        taken = logits.requires_grad_()
        lp_reg.PolicyLoss('grpo', non_finite='propagate')(taken, **inputs).loss.backward()
        finish()
        self.assertTrue(taken.grad[1, 2].isnan().all().item())
        self.assertTrue(taken.grad.view(6, 11)[:5].isfinite().all().item())

    def test_statistics_refuse_what_they_cannot_use(self):
        logits, inputs = batch()
        self.fails('ERR_OPTION', 'proxy', lp_reg.token_stats, logits, proxy='stored')
        self.fails('ERR_OPTION', 'filter', lp_reg.token_stats, logits, proxy='current')
        self.fails('ERR_OPTION_WITHOUT_EFFECT', 'outputs', lp_reg.token_stats, logits, outputs=['log_probs'])
        self.fails('ERR_MISSING', 'tokens.log_probs', lp_reg.PolicyLoss('grpo').objective, {},
                   old_log_probs=inputs['old_log_probs'], advantages=inputs['advantages'])

    @unittest.skipIf(ON_DEVICE, 'about finding the library, on any device the same')
    def test_missing_library_is_an_error_that_says_where_it_was_looked_for(self):
        script = ('import lp_reg\ntry:\n lp_reg.PolicyLoss("grpo")\nexcept lp_reg.LpRegError as e: '
                  'print(e.code, "/nowhere.so" in str(e))')
        ended = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=False,
                               env={**os.environ, 'LPREG_LIBRARY': '/nowhere.so', 'PYTHONPATH': f'{ROOT}/python'})
        self.assertEqual(ended.stdout, 'ERR_LIBRARY True\n', ended.stderr)


if __name__ == '__main__':
    unittest.main()
