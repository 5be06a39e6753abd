// The page around the sections: no scripts, no external resources.

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --grid: #e3e7ec; --paper: #fff;
  --c1: #2563a8; --c2: #c4620b; --c3: #2a7f4f; --muted: #9aa4b1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #a3adba; --grid: #2c333d; --paper: #14181e;
  --c1: #6ea8e8; --c2: #f0a052; --c3: #62c48c; --muted: #66707d; } }
body { margin: 2rem auto; max-width: 52rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; margin-bottom: .3rem; }
svg { width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--ink); }
svg .axis, svg .note { fill: var(--soft); }
.grid { stroke: var(--grid); }
.yardstick { stroke: var(--ink); stroke-dasharray: 4 3; }
.roof { stroke: var(--ink); stroke-width: 1.5; } .roof.dashed { stroke: var(--soft); stroke-dasharray: 5 4; }
.whisker { stroke-width: 2; opacity: .45; }
circle.c1, rect.c1 { fill: var(--c1); } circle.c2 { fill: var(--c2); } circle.c3 { fill: var(--c3); }
line.c1 { stroke: var(--c1); } line.c2 { stroke: var(--c2); }
circle.hollow { fill: var(--paper); stroke-width: 1.8; }
circle.c1.hollow { stroke: var(--c1); } circle.c2.hollow { stroke: var(--c2); } circle.c3.hollow { stroke: var(--c3); }
rect.muted { fill: var(--muted); }
.legend { color: var(--soft); font-size: 13px; margin: .2rem 0; }
.key { margin-right: 1.1rem; } .key::before { content: ''; display: inline-block; width: 10px; height: 10px;
  border-radius: 50%; margin-right: .4rem; box-sizing: border-box; }
.key.c1::before { background: var(--c1); } .key.c2::before { background: var(--c2); }
.key.c3::before { background: var(--c3); } .key.hollow::before { border: 2px solid var(--soft); }
.key.line::before { width: 20px; height: 0; border-radius: 0; border-top: 2px solid var(--ink); vertical-align: middle; }
.key.line.dashed::before { border-top: 2px dashed var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { color: var(--soft); font-weight: 500; }`;

/**
 * @param sections - HTML; empty ones are left out.
 * @param style - CSS beside that of all pages.
 */
export function page(title, sections, style = '') {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}${style}
</style>
<h1>${title}</h1>
${sections.filter((section) => section !== '').join('\n')}
</html>
`;
}
