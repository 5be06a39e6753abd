// Colours of the arms, of which colour-blind readers tell the first eight apart, beside the style of all pages.

const PALETTE = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#8a6d3b',
  '#7f7f7f',
  '#6a3d9a',
  '#c2185b',
  '#9acd32',
  '#00bcd4',
];

/** Class of each arm. */
export const COLOURS = PALETTE.map((_, index) => `arm${index + 1}`);

const ofArm = (colour, index) => `
path.${COLOURS[index]} { stroke: ${colour}; } circle.${COLOURS[index]}, polygon.${COLOURS[index]} { fill: ${colour}; }
.key.${COLOURS[index]}::before { background: ${colour}; }`;

export const STYLE = `
body { max-width: 60rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: .5rem 1.5rem; }
figure { margin: 0; } table { margin-bottom: 1rem; } .key { white-space: nowrap; }
path.curve { stroke-width: 1.8; } .band { opacity: .16; }
rect.kept { fill: var(--c3); } rect.dropped { fill: var(--muted); }
.key.kept::before { background: var(--c3); } .key.dropped::before { background: var(--muted); }
${PALETTE.map(ofArm).join('')}`;
