// Colours of the arms, told apart by colour-blind readers too, beside the style of all pages.

const COLOURS = {
  grpo: '#7f7f7f',
  'k3 rho .01': '#56b4e9',
  'k3 rho .1': '#0072b2',
  'k3 rho 1': '#004a73',
  'kl rho .01': '#e9a2c8',
  'kl rho .1': '#cc79a7',
  'kl rho 1': '#8c3f6b',
  'kept b1': '#f0c265',
  'kept b2': '#e69f00',
  'kept b4': '#d55e00',
  'kept b8': '#8f3f00',
  'kept by rule': '#a8325e',
  'ent .01': '#7fd1b0',
  'ent .03': '#009e73',
  'ent .1': '#00573f',
};
const OTHERS = ['#0072b2', '#d55e00', '#009e73'];

/** Class of an arm; arms of one chart without a colour of their own are told apart by their place. */
export const classOf = (arm, place) =>
  arm in COLOURS ? `arm-${arm.replaceAll('.', '0-').replaceAll(' ', '-')}` : `other-${place % OTHERS.length}`;

const rules = (name, colour) => `
path.${name} { stroke: ${colour}; } circle.${name}, polygon.${name} { fill: ${colour}; }
.key.${name}::before { background: ${colour}; }`;

/** For pages, and for drawings that stand alone. */
export const ARM_STYLE = `
path.curve { stroke-width: 1.8; fill: none; } .band { opacity: .16; }
${Object.entries(COLOURS)
  .map(([arm, colour]) => rules(classOf(arm), colour))
  .join('')}
${OTHERS.map((colour, place) => rules(`other-${place}`, colour)).join('')}`;

export const PAGE_STYLE = `
body { max-width: 76rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(21rem, 1fr)); gap: .5rem 1.5rem; }
figure { margin: 0; }
td.yes { color: var(--c3); } td.no { color: var(--c2); font-weight: 600; }
td, th { white-space: nowrap; }
${ARM_STYLE}`;
