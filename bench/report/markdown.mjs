// Tables of Markdown, and the marked places of documents that they go to.

const escapeCell = (text) => String(text).replaceAll('|', '\\|');
const tableRow = (cells) => `| ${cells.map(escapeCell).join(' | ')} |`;

export function markdownTable(head, rows) {
  return [tableRow(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(tableRow)].join('\n');
}

/** Replaces what stands between the marks of a block, `<!-- mark -->` and `<!-- /mark -->`; without them the text as it is. */
export function fill(text, mark, content) {
  const [begin, end] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) return text;
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}
