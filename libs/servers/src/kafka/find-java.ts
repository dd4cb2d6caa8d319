import path from 'node:path';
import { failure } from '../failure';
import { run } from '../run';
import { type FindToolOptions, onPath } from '../tool-cache';

/** The oldest Java that Kafka's broker and Debezium's connectors run on. */
const OLDEST = 17;

/** Path of a Java that is new enough: of `JAVA_HOME`, else of PATH. @throws ElstreamError `SERVERS` that says what was tried */
export async function findJava({ searchPath }: Pick<FindToolOptions, 'searchPath'> = {}, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const home = env['JAVA_HOME'];
  const tried: string[] = [];
  for (const candidate of [...(home ? [path.join(home, 'bin', 'java')] : []), ...onPath('java', searchPath)]) {
    const verdict = await judge(candidate);
    if (verdict === undefined) return candidate;
    tried.push(`${candidate}: ${verdict}`);
  }
  const why = tried.length === 0 ? '' : ` (${tried.join('; ')})`;
  throw failure(`no Java ${String(OLDEST)} or newer${why}: install one so that java is on PATH, or name its folder in JAVA_HOME (Debian and Ubuntu: the package openjdk-17-jre-headless)`);
}

/** Undefined: runs and is new enough; else why not. `java -version` prints `… version "17.0.15" …`, before Java 9 `"1.8.0_…"`. */
async function judge(java: string): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(java, ['-version'], { timeoutMs: 30_000 });
  const version = /version "(\d+)/.exec(stderr + stdout)?.[1];
  if (code !== 0 || version === undefined) return stderr.trim().split('\n')[0] || 'does not tell its version';
  return Number(version) >= OLDEST ? undefined : `version ${version} is too old`;
}
