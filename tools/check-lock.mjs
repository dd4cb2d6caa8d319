// Proves that package-lock.json serves every platform and names no host:
// - each package named in some package's optionalDependencies has an entry where node would look for it (npm writes an
//   incomplete lock without a word when the registry lacks a platform's package; `npm ci` then fails elsewhere);
// - no `resolved` download address is in it, and .npmrc names no registry.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './lint/boundaries.mjs';

/** The entry that `name`, required from the package at `from`, resolves to. */
function lookUp(packages, from, name) {
  for (let at = from; ; ) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages[candidate]) return packages[candidate];
    if (at === '') return undefined;
    const cut = at.lastIndexOf('/node_modules/');
    at = cut === -1 ? '' : at.slice(0, cut);
  }
}

/** Lines that say what is wrong with a lock file's `packages` and an .npmrc's text; empty when all is well. */
export function lockProblems({ packages }, npmrc) {
  const problems = [];
  for (const [place, entry] of Object.entries(packages)) {
    if (/^https?:|^git/.test(entry.resolved ?? '')) problems.push(`package-lock.json: ${place} holds a download address; run npm install with this .npmrc`);
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const found = lookUp(packages, place, name);
      if (!found) problems.push(`package-lock.json: ${place || 'the root'} names the optional package ${name}@${range}, which has no entry; pin a version that exists for all platforms`);
      else if (/^\d[\w.+-]*$/.test(range) && found.version !== range) problems.push(`package-lock.json: ${place} wants ${name}@${range}, the entry is ${found.version}`);
    }
  }
  for (const line of npmrc.split('\n')) {
    if (/registry\s*=|^\s*\/\/|https?:|_auth/i.test(line)) problems.push(`.npmrc names a host or a credential: ${line.split('=')[0]}`);
  }
  return problems;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const npmrc = path.join(root, '.npmrc');
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  const problems = lockProblems(lock, existsSync(npmrc) ? readFileSync(npmrc, 'utf8') : '');
  for (const problem of problems) console.error(problem);
  const optional = Object.values(lock.packages).reduce((n, entry) => n + Object.keys(entry.optionalDependencies ?? {}).length, 0);
  console.error(problems.length === 0 ? `lock file: ${optional} optional packages, all present; no download address` : `lock file: ${problems.length} problems`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
