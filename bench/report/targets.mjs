// The targets of the CPU engine, each against the figure that the results hold for it.
import { htmlTable } from './tables.mjs';

const TARGET_SHAPE = '16x16x151936';
const ONE_PASS = ['grpo', 'lp-reg-kept', 'lp-reg-old-selection'];

const atTargetShape = ({ shape }) => shape.join('x') === TARGET_SHAPE;

/** The slowest of some cases against the copy. */
function slowest(cases, bound, what) {
  const results = cases.map(({ name, ratioToCopy }) => ({ name, value: ratioToCopy.value }));
  const worst = results.sort((a, b) => b.value - a.value)[0];
  if (worst === undefined) return [];
  return [
    [
      what,
      `at most ${bound} times the copy`,
      `${worst.value.toFixed(2)} (${worst.name})`,
      worst.value <= bound,
    ],
  ];
}

function halfAgainstFloat(cases) {
  const halves = cases.filter(({ dtype }) => dtype !== 'float32');
  const ratios = halves.flatMap((half) => {
    const same = cases.find(({ name }) => name === half.name.replace(half.dtype, 'float32'));
    return same === undefined ? [] : [{ name: half.name, value: half.time.median / same.time.median }];
  });
  const worst = ratios.sort((a, b) => b.value - a.value)[0];
  if (worst === undefined) return [];
  return [
    [
      '16-bit logits',
      'at most the time in float32',
      `${worst.value.toFixed(2)} (${worst.name})`,
      worst.value <= 1,
    ],
  ];
}

/** [contender's work, our work, bound]. The bounds were set for PyTorch 2.13. */
const PEER_TARGETS = [
  { contender: 'torch eager', work: 'lp-reg-old-selection', bound: 25 },
  { contender: 'torch.compile', work: 'lp-reg-reference', bound: 8 },
  { contender: 'torch eager', work: 'cross-entropy', bound: 4.5 },
];

function againstPeers(batches) {
  return batches.filter(atTargetShape).flatMap(({ results, absent }) =>
    PEER_TARGETS.map(({ contender, work, bound }) => {
      const found = results.find((result) => result.contender === contender && result.work === work);
      const what = `${contender}${found?.version === undefined ? '' : ` (${found.version})`}, ${work}`;
      const target = `at least ${bound} times ours`;
      if (found === undefined)
        return [what, target, `not measured: ${absent[contender] ?? 'see below'}`, undefined];
      const { value } = found.timesOurs;
      return [what, target, value.toFixed(1), value >= bound];
    }),
  );
}

/** @param files - Results by kind; those that are missing leave their rows out. */
export function targetsSection({ cases, peers }) {
  const inPlace = (cases?.results ?? []).filter(
    (result) => atTargetShape(result) && result.form === 'in-place',
  );
  const float32 = inPlace.filter(({ dtype }) => dtype === 'float32');
  const rows = [
    ...slowest(
      float32.filter(({ loss }) => ONE_PASS.includes(loss)),
      1,
      'one pass, float32, in place',
    ),
    ...slowest(
      float32.filter(({ loss }) => loss === 'lp-reg'),
      1.4,
      'Lp-Reg with default selection',
    ),
    ...halfAgainstFloat(inPlace),
    ...againstPeers(peers?.batches ?? []),
  ];
  if (rows.length === 0) return '';
  return `<h2>Targets</h2>
<p>256 rows of ${TARGET_SHAPE.split('x').at(-1)} logits. The slowest of peaked and flat logits counts.</p>
${htmlTable(
  ['what', 'target', 'measured', ''],
  rows.map(([what, target, measured, met]) => [
    what,
    target,
    measured,
    met === undefined ? '' : met ? 'met' : 'missed',
  ]),
)}`;
}
