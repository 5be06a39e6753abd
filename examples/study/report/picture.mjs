// The picture of README and docs/evidence.md: sparks over training, a drawing that stands alone.
import { chart } from './charts.mjs';
import { ARM_STYLE, classOf } from './style.mjs';

const ARMS = ['grpo', 'k3 rho .01', 'kl rho 1', 'kept b1', 'kept b4', 'ent .03'];
const NAMES = {
  grpo: 'GRPO',
  'k3 rho .01': 'Lp-Reg as released: on GRPO’s curve',
  'kl rho 1': 'Lp-Reg, paper form, rho 1',
  'kept b1': 'Lp-Reg, form kept, beta 1',
  'kept b4': 'Lp-Reg, form kept, beta 4',
  'ent .03': 'entropy bonus 0.03',
};
const STYLE = `text { font: 12px system-ui, sans-serif; fill: #1c2430; } .grid { stroke: #e3e7ec; } .axis { fill: #5b6675; }`;

/** Main study, environment B, tail 0.2; null where it has no runs. */
export function standalone(study) {
  const cell = study.cells.find((one) => one.study === 'main' && one.env === 'B' && one.tail === 0.2);
  if (cell === undefined) return null;
  const arms = ARMS.flatMap((name) => cell.arms.filter(({ arm }) => arm === name));
  const [width, height] = [720, 330];
  const keys = arms.map(({ arm, seeds }, i) => {
    const [x, y] = [390, 30 + 20 * i];
    return `<circle cx="${x}" cy="${y - 4}" r="5" class="${classOf(arm)}"/><text x="${x + 12}" y="${y}">${NAMES[arm]} (${seeds.length} seeds)</text>`;
  });
  const inner = chart('sparkGeometric', arms, [width, height]).replace(
    '<svg ',
    `<svg width="${width}" height="${height}" `,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<style>${STYLE}${ARM_STYLE}</style>
<rect width="${width}" height="${height}" fill="#fff"/>
${inner}
${keys.join('\n')}
</svg>
`;
}
