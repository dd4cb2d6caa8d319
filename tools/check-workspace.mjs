// Checks what neither the compiler nor ESLint sees. `--fix` rewrites the tsconfig references, the paths of tsconfig.check.json
// and the test:mssql targets.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { boundaryViolations, projects, root } from './lint/boundaries.mjs';

const fix = process.argv.includes('--fix');
const problems = [];

const specsOf = (project) => {
  const src = path.join(root, project.dir, 'src');
  return existsSync(src) ? readdirSync(src, { recursive: true }).map(String).filter((file) => file.endsWith('.spec.ts')) : [];
};

/** A project's tsconfig references are its dependencies of ours (in tsconfig.spec.json: the development ones too). */
function checkReferences(project, byName) {
  const files = [
    ['tsconfig.json', project.dependencies],
    ['tsconfig.spec.json', [...new Set([...project.dependencies, ...project.devDependencies])]],
  ];
  for (const [name, dependencies] of files) {
    const file = path.join(root, project.dir, name);
    const config = JSON.parse(readFileSync(file, 'utf8'));
    const wanted = dependencies.map((d) => byName.get(d)?.dir).filter(Boolean).map((dir) => path.relative(project.dir, dir)).sort();
    const found = (config.references ?? []).map((r) => path.normalize(r.path)).sort();
    if (wanted.join() === found.join()) continue;
    if (fix) writeFileSync(file, `${JSON.stringify({ ...config, references: wanted.map((at) => ({ path: at })) }, null, 2)}\n`);
    else problems.push(`${project.dir}/${name}: references [${found}] differ from package.json's dependencies [${wanted}]; run node tools/check-workspace.mjs --fix`);
  }
}

/** Results of tests on a server are not to be taken from the cache. */
function checkTarget(project) {
  const onServer = specsOf(project).some((file) => /\.(pg|kafka|redis|mssql)\.spec\.ts$/.test(file));
  const { nx } = JSON.parse(readFileSync(path.join(root, project.dir, 'package.json'), 'utf8'));
  if (onServer && nx?.targets?.test?.cache !== false) problems.push(`${project.dir}/package.json: has tests on a server, so nx.targets.test.cache must be false`);
}

/** `nx run-many -t test:mssql` reaches every project that has tests on a SQL Server, and no other. */
function checkMssqlTarget(project) {
  const wanted = specsOf(project).some((spec) => spec.endsWith('.mssql.spec.ts'));
  const file = path.join(root, project.dir, 'package.json');
  const pkg = JSON.parse(readFileSync(file, 'utf8'));
  const has = pkg.nx?.targets?.['test:mssql'] !== undefined;
  if (wanted === has) return;
  if (fix) {
    const targets = { ...pkg.nx?.targets, 'test:mssql': {} };
    if (!wanted) delete targets['test:mssql'];
    writeFileSync(file, `${JSON.stringify({ ...pkg, nx: { ...pkg.nx, targets } }, null, 2)}\n`);
  } else problems.push(`${project.dir}/package.json: ${wanted ? 'has *.mssql.spec.ts, so nx.targets must have "test:mssql": {}' : 'has no *.mssql.spec.ts, so nx.targets must not have "test:mssql"'}; run node tools/check-workspace.mjs --fix`);
}

/** tsconfig.check.json reads every project from its sources: types and lint of the whole need nothing built. */
function checkPaths(all) {
  const file = path.join(root, 'tsconfig.check.json');
  const config = JSON.parse(readFileSync(file, 'utf8'));
  const entries = all.filter(({ dir }) => existsSync(path.join(root, dir, 'src', 'index.ts'))).map(({ name, dir }) => [name, [`./${dir}/src/index.ts`]]);
  const paths = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  if (JSON.stringify(config.compilerOptions.paths) === JSON.stringify(paths)) return;
  const inLine = (list) => list.replace(/\s*\n\s*/g, ' ').replace('[ ', '[').replace(' ]', ']');
  if (fix) writeFileSync(file, `${JSON.stringify({ ...config, compilerOptions: { ...config.compilerOptions, paths } }, null, 2).replace(/\[[^[\]]+\]/g, inLine)}\n`);
  else problems.push('tsconfig.check.json: its paths are not the projects\' src/index.ts; run node tools/check-workspace.mjs --fix');
}

function checkListed(all) {
  const listed = new Set(all.map((p) => `${p.dir}/package.json`));
  for (const file of tracked()) {
    if (/^(libs|apps|e2e|bench)\b.*package\.json$/.test(file) && !listed.has(file)) problems.push(`${file}: not in the root package.json's workspaces`);
  }
}

/** What git tracks; in a copy without git (a source archive) nothing. */
function tracked() {
  try {
    return execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\0').filter((f) => f && existsSync(path.join(root, f)));
  } catch {
    return [];
  }
}

const forbiddenText = [
  [/(?<![\w.~)\]}$-])\/(?:work|home|Users|root)\/[\w.-]+/, 'a path of one machine'],
  [/"resolved"\s*:\s*"http/, 'a download address'],
  [/\bregistry\.(?:npmjs|yarnpkg)\./, 'a download host'],
];
const focused = /\b(?:describe|it|test)(?:\.\w+)*\.only\b|\b(?:fdescribe|fit)\s*\(/;
const skipped = /\b(?:describe|it|test)(?:\.\w+)*\.skip\b|\b(?:xdescribe|xit|xtest)\s*\(/;

function checkText(file) {
  const text = readFileSync(path.join(root, file), 'utf8');
  const at = (index) => `${file}:${text.slice(0, index).split('\n').length}`;
  const report = (pattern, what) => {
    const match = pattern.exec(text);
    if (match) problems.push(`${at(match.index)}: ${what}: ${match[0]}`);
  };
  // A Dockerfile's paths are the image's, the same on every machine.
  for (const [pattern, what] of forbiddenText) if (!(what === 'a path of one machine' && /(^|\/)Dockerfile$/.test(file))) report(pattern, what);
  if (file.endsWith('.spec.ts')) report(focused, 'a focused test');
  if (file.endsWith('.spec.ts') && !file.endsWith('.mssql.spec.ts')) report(skipped, 'a skipped test');
}

const all = projects();
const byName = new Map(all.map((p) => [p.name, p]));
problems.push(...boundaryViolations(all));
for (const project of all) {
  checkReferences(project, byName);
  checkTarget(project);
  checkMssqlTarget(project);
}
checkPaths(all);
checkListed(all);
for (const file of tracked()) if (!/\.(png|ico|woff2?)$/.test(file)) checkText(file);

for (const problem of problems) console.error(problem);
console.error(problems.length === 0 ? `workspace: ${all.length} projects, nothing to complain of` : `workspace: ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
