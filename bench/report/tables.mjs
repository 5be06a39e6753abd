// The figures that are best read as tables: targets, overhead of a call, memory, where it was measured.
import { short } from './svg.mjs';

const escapeHtml = (text) =>
  String(text).replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);

export function htmlTable(head, rows) {
  const row = (tag) => (cells) =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table>${row('th')(head)}${rows.map(row('td')).join('')}</table></div>`;
}

/** @param file - A results file of kind `overhead`. */
export function overheadSection({ results, shape }) {
  const cell = (time) => (time === undefined ? '' : time.toFixed(1));
  const rows = results.map(({ name, target, total, native }) => [
    name,
    cell(total.median),
    `${cell(total.low)} to ${cell(total.high)}`,
    cell(native && total.median - native.median),
    cell(native?.median),
    `below ${target}${total.median < target ? ': met' : ': missed'}`,
  ]);
  return `<h2>Cost of a call</h2>
<p>Microseconds on a batch of [${shape.join(', ')}], where there is next to nothing to compute.</p>
${htmlTable(['call', 'median', 'quartiles', 'in JavaScript', 'in addon and engine', 'target'], rows)}`;
}

/** @param file - A results file of kind `memory`. */
export function memorySection({ results }) {
  const rows = results.map(({ shape, loss, logitsBytes, peakBytes, bytesPerRow }) => [
    loss,
    shape.slice(1).join(' × '),
    short(logitsBytes / 1e6),
    (peakBytes / 1e6).toFixed(2),
    bytesPerRow.toFixed(0),
  ]);
  return `<h2>Memory of an in-place step</h2>
<p>Growth of the peak resident size over one step: it follows the rows, not the vocabulary.</p>
${htmlTable(['loss', 'rows × vocabulary', 'logits, MB', 'beyond them, MB', 'bytes per row'], rows)}`;
}

/** @param files - All results files. */
export function originSection(files) {
  const rows = files.map(({ kind, environment, command }) => [
    kind,
    command,
    environment.commit ?? '',
    environment.date.slice(0, 16).replace('T', ' '),
    `${environment.cpu}, ${environment.instructionSet}, ${environment.threads} threads, node ${environment.node}`,
    environment.loadBefore,
  ]);
  return `<h2>Where the figures come from</h2>
${htmlTable(['results', 'command', 'commit', 'date', 'machine', 'load before'], rows)}`;
}
