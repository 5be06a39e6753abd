/** Examples of the documentation, taken from the page itself. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** JavaScript of the block ```ts NAME of docs/PAGE, without its imports: a body for an AsyncFunction. */
export function exampleBody(page: string, name: string): string {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  const found = [...text.matchAll(new RegExp(`^\`\`\`ts ${name}\\n([\\s\\S]*?)^\`\`\``, 'gm'))];
  if (found.length !== 1) throw new Error(`docs/${page} has ${found.length} examples named ${name}`);
  return ts
    .transpileModule((found[0] as RegExpMatchArray)[1] as string, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    .outputText.replace(/^import .*$/gm, '');
}
