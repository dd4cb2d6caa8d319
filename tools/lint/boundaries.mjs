// Module boundaries (DESIGN.md, Layout): which kind of project may import which. The kind is the `type:` tag in the
// project's package.json; a project also may import only what its package.json lists.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..');

/** kind → kinds it may import from. An adapter additionally may import the one port it adapts. */
const allowed = {
  core: [],
  base: ['core'],
  support: ['core', 'base', 'support'],
  port: ['core'],
  adapter: ['core', 'base', 'support'],
  replication: ['core', 'base', 'port'],
  wiring: ['core', 'base', 'support', 'port', 'adapter', 'replication'],
  testing: ['core', 'base', 'support', 'port'],
  app: ['core', 'base', 'support', 'port', 'adapter', 'replication', 'wiring', 'app'],
  e2e: ['core', 'base', 'support', 'port', 'adapter', 'replication', 'wiring', 'app', 'testing'],
  bench: ['core', 'base', 'support', 'port', 'adapter', 'replication', 'wiring', 'app', 'testing'],
};

const readJson = (file) => JSON.parse(readFileSync(path.join(root, file), 'utf8'));

/** Every workspace project: `{ dir, name, kind, dependencies, devDependencies }` (the last two: our own packages only). */
export function projects() {
  return readJson('package.json').workspaces.map((dir) => {
    const pkg = readJson(path.join(dir, 'package.json'));
    const ours = (deps) => Object.keys(deps ?? {}).filter((d) => d.startsWith('@elstream/'));
    const kind = (pkg.nx?.tags ?? []).find((t) => t.startsWith('type:'))?.slice(5);
    if (!(kind in allowed)) throw new Error(`${dir}/package.json: unknown or missing type: tag (${kind})`);
    return { dir, name: pkg.name, kind, dependencies: ours(pkg.dependencies), devDependencies: ours(pkg.devDependencies) };
  });
}

function mayImport(from, to) {
  if (allowed[from.kind].includes(to.kind)) return true;
  return from.kind === 'adapter' && to.kind === 'port' && from.dir.startsWith(`${to.dir}/`);
}

/** Lines that say which declared dependency breaks the boundaries; empty when all is well. */
export function boundaryViolations(all = projects()) {
  const byName = new Map(all.map((p) => [p.name, p]));
  const out = [];
  for (const p of all) {
    for (const d of p.dependencies) {
      const to = byName.get(d);
      if (!to) out.push(`${p.dir}: depends on ${d}, which is no project here`);
      else if (!mayImport(p, to)) out.push(`${p.dir} (type:${p.kind}) may not depend on ${to.dir} (type:${to.kind})`);
    }
  }
  return out;
}

/** ESLint flat-config entries that forbid imports of our packages which a project does not list. */
export function boundaryConfigs() {
  const violations = boundaryViolations();
  if (violations.length > 0) throw new Error(`module boundaries broken:\n${violations.join('\n')}`);
  const all = projects();
  const names = all.map((p) => p.name);
  const forbid = (p, allowedNames) => ({
    'no-restricted-imports': [
      'error',
      {
        paths: names
          .filter((n) => n !== p.name && !allowedNames.includes(n))
          .map((name) => ({ name, message: `${p.dir} does not list it in package.json (module boundaries)` })),
        patterns: [{ regex: '^@elstream/[^/]+/', message: 'import a project by its name only; index.ts is its public face' }],
      },
    ],
  });
  return all.flatMap((p) => {
    const nested = all.filter((q) => q.dir.startsWith(`${p.dir}/`)).map((q) => `${q.dir}/**`);
    return [
      { files: [`${p.dir}/src/**/*.ts`], ignores: nested, rules: forbid(p, p.dependencies) },
      {
        files: [`${p.dir}/src/**/*.spec.ts`, `${p.dir}/src/**/*.fixture.ts`],
        ignores: nested,
        rules: forbid(p, [...p.dependencies, ...p.devDependencies]),
      },
    ];
  });
}
