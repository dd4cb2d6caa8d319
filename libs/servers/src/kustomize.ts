import path from 'node:path';
import { parseAllDocuments } from 'yaml';
import { failure } from './failure';
import { run } from './run';
import { defaultCacheDir, fillCache, finder, type FindToolOptions, onPath } from './tool-cache';

const OLDEST_MAJOR = 5;
/** What is fetched where none is found. */
const MODULE = 'sigs.k8s.io/kustomize/kustomize/v5@v5.8.1';
const FOLDER = `kustomize-v5.8.1-${process.platform}-${process.arch}`;

/** How to call a kustomize: `[program, ...first arguments]`, to be followed by a folder. */
export type KustomizeBuild = readonly [string, ...string[]];

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>>; readonly annotations?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/**
 * A kustomize 5 or newer: from PATH, inside kubectl, from what an earlier call fetched, or built now with Go from the
 * module proxy (a minute the first time). Throws an `ElstreamError` `SERVERS` that says what to install.
 */
export const findKustomize = finder(search);

async function search({ searchPath = process.env['PATH'] ?? '', cacheDir = defaultCacheDir(), fetch = true }: FindToolOptions): Promise<KustomizeBuild> {
  const cached = path.join(cacheDir, FOLDER, 'kustomize');
  for (const program of onPath('kustomize', searchPath)) if (await isNewEnough([program, 'version'], /v?(\d+)\./)) return [program, 'build'];
  // kubectl says which kustomize is inside it; one before 1.27 has kustomize 4 or older.
  for (const program of onPath('kubectl', searchPath)) if (await isNewEnough([program, 'version', '--client'], /Kustomize Version:\s*v?(\d+)\./)) return [program, 'kustomize'];
  if (await isNewEnough([cached, 'version'], /v?(\d+)\./)) return [cached, 'build'];
  const go = fetch ? onPath('go', searchPath)[0] : undefined;
  if (go !== undefined) return [await fetchWith(go, cacheDir, cached), 'build'];
  throw failure(`no kustomize ${String(OLDEST_MAJOR)} or newer: put kustomize, or a kubectl of 1.27 or newer, on PATH${fetch ? ', or Go 1.24 or newer, with which it is built' : ''}`);
}

async function isNewEnough([program, ...args]: readonly [string, ...string[]], pattern: RegExp): Promise<boolean> {
  const { code, stdout } = await run(program, args, { timeoutMs: 30_000 });
  return code === 0 && Number(pattern.exec(stdout)?.[1] ?? 0) >= OLDEST_MAJOR;
}

async function fetchWith(go: string, cacheDir: string, cached: string): Promise<string> {
  const make = async (draft: string): Promise<void> => {
    // GOFLAGS of the user may name a vendor folder or a build mode; this module is none of theirs.
    const { code, stderr } = await run(go, ['install', MODULE], { cwd: draft, env: { ...process.env, GOBIN: draft, GOFLAGS: '', GOWORK: 'off' }, timeoutMs: 600_000 });
    if (code !== 0) throw failure(`kustomize cannot be built (go install ${MODULE}): ${stderr.trim().split('\n').slice(-3).join(' ')}; put kustomize 5 or newer on PATH`);
  };
  await fillCache(cacheDir, FOLDER, make, () => isNewEnough([cached, 'version'], /v?(\d+)\./));
  return cached;
}

const root = path.join(__dirname, '..', '..', '..');

/** What `kubectl apply -k deploy/k8s/overlays/<name>` would send, in kustomize's order. Throws what kustomize says. */
export function renderOverlay(name: string): Promise<KubernetesObject[]> {
  return renderKustomization(path.join(root, 'deploy', 'k8s', 'overlays', name));
}

/** The same for any folder with a kustomization.yaml. */
export async function renderKustomization(folder: string): Promise<KubernetesObject[]> {
  const [program, ...args] = await findKustomize();
  const { code, stdout, stderr } = await run(program, [...args, folder], { timeoutMs: 60_000 });
  if (code !== 0) throw failure(`${folder} does not render: ${stderr.trim()}`);
  return parseAllDocuments(stdout).map((document) => {
    if ('errors' in document && document.errors[0]) throw failure(`${folder} renders no YAML: ${document.errors[0].message}`);
    return (document as { toJS(): unknown }).toJS() as KubernetesObject;
  });
}
