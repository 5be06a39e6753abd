/** The demo's report in a browser: every drawing has its size, every label lies inside of its drawing. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { runDemo, TINY } from './support/demo.js';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
const browser = BROWSERS.find((name) => spawnSync(name, ['--version']).status === 0);
const reason = browser === undefined ? ` (skipped: none of ${BROWSERS.join(', ')} is installed)` : '';

/** Runs in the page and leaves what it measured in a <pre>. */
const PROBE = `<script>
const outside = (inner, outer) => inner.left < outer.left - 1 || inner.right > outer.right + 1
  || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1;
const drawings = [...document.querySelectorAll('svg[role=img]')].map((svg) => {
  const box = svg.getBoundingClientRect();
  const labels = [...svg.querySelectorAll('text')];
  return {
    name: svg.getAttribute('aria-label'), width: box.width, height: box.height, labels: labels.length,
    outside: labels.filter((text) => outside(text.getBoundingClientRect(), box)).map((text) => text.textContent),
    shapes: svg.querySelectorAll('path, rect, polygon').length,
  };
});
const overflow = document.documentElement.scrollWidth > innerWidth;
document.body.innerHTML = '<pre>' + JSON.stringify({ drawings, overflow }) + '</pre>';
</script>`;

it.skipIf(browser === undefined)(`the report renders${reason}`, { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-page-'));
  try {
    expect(runDemo(...TINY, '--out', folder).status).toBe(0);
    const probed = join(folder, 'probed.html');
    writeFileSync(probed, readFileSync(join(folder, 'demo-report.html'), 'utf8').replace('</html>', PROBE));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--window-size=1100,900'];
    const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
    const { stdout } = spawnSync(
      browser as string,
      [
        ...flags,
        ...quiet,
        `--user-data-dir=${join(folder, 'profile')}`,
        '--dump-dom',
        pathToFileURL(probed).href,
      ],
      { encoding: 'utf8', timeout: 200_000 },
    );
    const { drawings, overflow } = JSON.parse(/<pre>(.*)<\/pre>/.exec(stdout)?.[1] ?? 'null');
    expect(overflow).toBe(false);
    expect(drawings.length).toBeGreaterThanOrEqual(10);
    for (const drawing of drawings) {
      expect(drawing).toMatchObject({ outside: [] });
      expect(drawing.width).toBeGreaterThan(250);
      expect(drawing.height).toBeGreaterThan(150);
      expect(drawing.labels).toBeGreaterThan(6);
      expect(drawing.shapes).toBeGreaterThan(0);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
