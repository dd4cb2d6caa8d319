import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { failure, messageOf } from '../failure';

const TRIES = 4;
const TIMEOUT_MS = 120_000;

/** A file of a Maven repository: coordinates `group:artifact:version[:classifier]`, and what it is packed as. */
export interface MavenFile {
  readonly coordinates: string;
  readonly packaging: 'jar' | 'tar.gz';
}

/**
 * Its bytes, from the repository at `MAVEN_REPOSITORY` (default: Maven Central).
 *
 * @throws ElstreamError `SERVERS` when it cannot be had, or is not what the checksum says
 */
export async function download(file: MavenFile, sum: string): Promise<Buffer> {
  const url = `${baseAddress()}/${pathOf(file)}`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) throw new Error(`HTTP status ${String(response.status)}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      const found = createHash('sha256').update(bytes).digest('hex');
      if (found !== sum) throw new Error(`its SHA-256 is ${found}, not the ${sum} of the list`);
      return bytes;
    } catch (error) {
      if (attempt === TRIES) throw failure(`${file.coordinates}: ${describe(error)}`, error);
    }
  }
}

export function fileOf({ coordinates, packaging }: MavenFile): string {
  return `${coordinates.split(':').slice(1).join('-')}.${packaging}`;
}

/** Undefined: absent or not to be read; it is fetched again then. */
export async function sumOf(file: string): Promise<string | undefined> {
  try {
    return createHash('sha256').update(await readFile(file)).digest('hex');
  } catch {
    return undefined;
  }
}

/** fetch hides the reason in the cause. */
function describe(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return `${messageOf(error)}${cause}`;
}

function baseAddress(): string {
  const base = process.env['MAVEN_REPOSITORY'] || 'https://repo.maven.apache.org/maven2';
  if (!/^https?:/.test(base)) throw failure(`MAVEN_REPOSITORY must be an address beginning with https:// or http://, not ${base}`);
  return base.replace(/\/+$/, '');
}

/** As a Maven repository lays its files out. */
function pathOf(file: MavenFile): string {
  const [group = '', artifact = '', version = ''] = file.coordinates.split(':');
  return [...group.split('.'), artifact, version, fileOf(file)].join('/');
}
