import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findDockerCompose } from '@elstream/servers';
import { parse } from 'yaml';

const root = path.join(__dirname, '..', '..');

/** A service as Compose understands it: variables filled in, templates merged. Version 1 and 2 write ports differently. */
export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string; readonly args?: Readonly<Record<string, string>> };
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly (string | { readonly host_ip?: string; readonly published?: string | number; readonly target: number })[];
  readonly volumes?: readonly (string | { readonly source: string; readonly target: string; readonly read_only?: boolean })[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly tmpfs?: string | readonly string[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly cap_add?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly user?: string;
  readonly scale?: number;
  readonly container_name?: string;
  readonly hostname?: string;
}

export type ComposeAnswer = { readonly services: Readonly<Record<string, ComposeService>>; readonly refusal: null } | { readonly services: null; readonly refusal: string };

/** `config` of the files of the repository, later ones over earlier ones, with these variables alone: neither the caller's environment nor a .env counts. */
export async function composeConfig(variables: Readonly<Record<string, string>>, files: readonly string[] = ['docker-compose.yml']): Promise<ComposeAnswer> {
  const [program, ...args] = await findDockerCompose();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'elstream-compose-'));
  try {
    const envFile = path.join(folder, 'env');
    writeFileSync(envFile, '');
    const { HOME, PATH } = process.env;
    const { status, stdout, stderr } = spawnSync(program, [...args, '--env-file', envFile, ...files.flatMap((file) => ['-f', path.join(root, file)]), '--project-directory', root, 'config'], { encoding: 'utf8', env: { ...(HOME === undefined ? {} : { HOME }), ...(PATH === undefined ? {} : { PATH }), ...variables } });
    if (status !== 0) return { services: null, refusal: stderr.trim() };
    return { services: (parse(stdout) as { services: Record<string, ComposeService> }).services, refusal: null };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `${NAME:-default}` and `${NAME:?message}` of the file's text: name → default, null where the variable is required. */
export function composeVariables(text: string): Map<string, string | null> {
  return new Map([...text.replace(/^\s*#.*$/gm, '').matchAll(/(?<!\$)\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g)].map((match): [string, string | null] => [match[1] ?? '', match[2] ?? null]));
}

/** `host address → container port` of what a service publishes. */
export function publishedPorts({ ports = [] }: ComposeService): { readonly host: string | undefined; readonly target: number }[] {
  return ports.map((port) => {
    if (typeof port !== 'string') return { host: port.host_ip, target: port.target };
    const [target = '', , host] = port.replace(/\/tcp$/, '').split(':').reverse();
    return { host, target: Number(target) };
  });
}
