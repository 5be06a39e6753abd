// Which cases are measured: shapes x dtypes x distributions x losses x forms.
import { LOSS_LABELS } from '../dist/bench/losses.js';
import { caseName } from '../dist/bench/measure-case.js';
import { QUICK_SHAPES, SHAPES, TARGET_SHAPE } from './shapes.mjs';

const DTYPES = ['float32', 'float16', 'bfloat16'];
const DISTRIBUTIONS = ['peaked', 'flat'];
const FORMS = ['in-place', 'in-place, no outputs', 'out-of-place', 'forward', 'backward', 'token-stats'];
const FEW_LOSSES = ['grpo', 'lp-reg-kept', 'lp-reg'];

/** Whether a case says something that its neighbours do not. The rest is there for `--all`. */
function isTelling({ shape, dtype, distribution, loss, form }) {
  const few = FEW_LOSSES.includes(loss);
  if (shape !== TARGET_SHAPE)
    return distribution === 'peaked' && dtype !== 'float16' && few && ['in-place', 'forward'].includes(form);
  if (dtype !== 'float32') return few && ['in-place', 'token-stats'].includes(form);
  return form === 'in-place' || (few && loss !== 'lp-reg-kept');
}

function combinations(shapes) {
  return shapes.flatMap(({ shape }) =>
    DTYPES.flatMap((dtype) =>
      DISTRIBUTIONS.flatMap((distribution) =>
        LOSS_LABELS.flatMap((loss) =>
          FORMS.map((form) => ({ shape, dtype, distribution, seed: 1, loss, form })),
        ),
      ),
    ),
  );
}

/**
 * Cases in groups that share a batch.
 * @param all - Every combination, not only the telling ones.
 * @param filter - A regular expression on the names of cases; undefined for all.
 */
export function planCases({ quick, all, filter }) {
  const cases = combinations(quick ? QUICK_SHAPES : SHAPES)
    .filter((item) => quick || all || isTelling(item))
    .filter((item) => filter === undefined || filter.test(caseName(item)));
  const groups = new Map();
  for (const item of cases) {
    const key = `${item.shape}/${item.dtype}/${item.distribution}`;
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups.values()];
}

/** How long each case runs. */
export function raceLength({ quick }) {
  return quick ? { minRounds: 2, maxRounds: 3, budget: 20 } : { minRounds: 9, maxRounds: 101, budget: 1000 };
}
