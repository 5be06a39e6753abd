/** Examples of the documentation, run as they are printed. */
import { readFileSync } from 'node:fs';
import ts from 'typescript';

/** Blocks of TypeScript and JavaScript in a document of this repository. */
export function examplesIn(path: string): string[] {
  const text = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  return [...text.matchAll(/```[tj]s\n([\s\S]*?)```/g)].map(([, code]) => code as string);
}

export interface ExampleContext {
  /** What the example may import, by the names that it uses. */
  readonly modules: Readonly<Record<string, unknown>>;
  /** What it takes as given. */
  readonly inputs?: Readonly<Record<string, unknown>>;
}

/**
 * Runs an example.
 * @param results - Names of variables of it to give back.
 * @returns These, and what it printed.
 */
export async function runExample<Results extends object>(
  code: string,
  results: readonly (keyof Results & string)[],
  { modules, inputs = {} }: ExampleContext,
): Promise<Results & { printed: unknown[] }> {
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS };
  const { outputText } = ts.transpileModule(code, { compilerOptions });
  const printed: unknown[] = [];
  const given = {
    ...inputs,
    require: (name: string) => {
      if (!Object.hasOwn(modules, name)) throw new Error(`the example imports ${name}`);
      return modules[name];
    },
    exports: {},
    console: { log: (...values: unknown[]) => printed.push(...values) },
  };
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const run = new AsyncFunction(...Object.keys(given), `${outputText}; return { ${results.join()} };`);
  return { printed, ...(await run(...Object.values(given))) };
}
