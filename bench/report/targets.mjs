// The table of targets on the page.
import { targetRows } from '../targets.mjs';
import { htmlTable } from './tables.mjs';

/** @param files - Results by kind; those that are missing leave their rows out. */
export function targetsSection(files) {
  const rows = targetRows(files);
  if (rows.length === 0) return '';
  return `<h2>Targets</h2>
<p>256 rows of 151,936 logits where nothing else is said. The slowest of the cases that a target covers counts, peaked and
flat logits alike.</p>
${htmlTable(
  ['what', 'target', 'measured', ''],
  rows.map(({ what, target, measured, verdict }) => [what, target, measured, verdict]),
)}`;
}
