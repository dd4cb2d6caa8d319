export type Environment = Readonly<Record<string, string | undefined>>;

/** `${NAME}` or `${NAME:-default}`; `$${` stands for a literal `${`. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}/g;
const INSIDE = /^([A-Za-z_]\w*)(?::-(.*))?$/s;

export interface ReferenceProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * Resolves the references in every text of a parsed file; keys are left alone. A variable that is unset *or empty*
 * takes the default, as in a shell; without one it is a problem.
 */
export function resolveReferences(value: unknown, env: Environment): { readonly value: unknown; readonly problems: readonly ReferenceProblem[] } {
  const problems: ReferenceProblem[] = [];
  const resolve = (node: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof node === 'string') return resolveText(node, env, (message) => problems.push({ path, message }));
    if (Array.isArray(node)) return node.map((item, i) => resolve(item, [...path, i]));
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, item]) => [key, resolve(item, [...path, key])]));
  };
  return { value: resolve(value, []), problems };
}

function resolveText(text: string, env: Environment, problem: (message: string) => void): string {
  return text.replace(REFERENCE, (whole: string, inside: string | undefined) => {
    if (inside === undefined) return '${';
    const [, name, fallback] = INSIDE.exec(inside) ?? [];
    if (name === undefined) {
      problem(`${whole} is no reference; write \${NAME} or \${NAME:-default}, and $\${ for the text itself`);
      return '';
    }
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (fallback === undefined) problem(`refers to the environment variable ${name}, which is not set; set it or write \${${name}:-default}`);
    return fallback ?? '';
  });
}
