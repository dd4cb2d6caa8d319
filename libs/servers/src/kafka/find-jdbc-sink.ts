import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failure, messageOf } from '../failure';
import { run } from '../run';
import { defaultCacheDir, fillCache, finder, type FindToolOptions } from '../tool-cache';
import { download, fileOf, type MavenFile, sumOf } from './maven';

// Not in jars.json: only the bench wants it, as a peer, and nobody else shall fetch its 58 MB.
const VERSION = '3.6.0.Final';
const ARCHIVE: MavenFile = { coordinates: `io.debezium:debezium-connector-jdbc:${VERSION}:plugin`, packaging: 'tar.gz' };
const SUM = 'c23af8d416f0f801ffb0271b1a8fd9b5360ff8d66b0dd650e066bb56ecfddc05';
const FOLDER = `debezium-jdbc-${VERSION}`;

/** Debezium's JDBC sink connector as it lies on this machine. */
export interface JdbcSinkPlugin {
  readonly version: string;
  /** For a worker's `plugin.path`, beside `KafkaPrograms.plugins`. */
  readonly plugins: string;
}

/**
 * Debezium's JDBC sink connector with all it needs, from what an earlier call fetched, or fetched now as `findKafka` does.
 *
 * @throws ElstreamError `SERVERS` that says what is missing and what to do
 */
export const findJdbcSink = finder(search);

async function search({ cacheDir = defaultCacheDir(), fetch = true }: FindToolOptions): Promise<JdbcSinkPlugin> {
  const folder = path.join(cacheDir, FOLDER);
  const isThere = async (): Promise<boolean> => existsSync(path.join(folder, 'plugins')) && (await sumOf(path.join(folder, fileOf(ARCHIVE)))) === SUM;
  if (!(await isThere())) {
    const remedy = 'name a Maven repository that can be reached from here in MAVEN_REPOSITORY';
    if (!fetch) throw failure(`Debezium's JDBC sink is not in ${cacheDir}: ${remedy}`);
    try {
      await fillCache(cacheDir, FOLDER, fetchInto, isThere);
    } catch (error) {
      throw failure(`Debezium's JDBC sink cannot be had (${messageOf(error)}): ${remedy}`, error);
    }
  }
  return { version: VERSION, plugins: path.join(folder, 'plugins') };
}

async function fetchInto(draft: string): Promise<void> {
  const archive = path.join(draft, fileOf(ARCHIVE));
  writeFileSync(archive, await download(ARCHIVE, SUM));
  const unpacked = await run('sh', ['-c', 'mkdir "$2" && tar -xzf "$1" -C "$2"', 'sh', archive, path.join(draft, 'plugins')]);
  if (unpacked.code !== 0) throw failure(`tar: ${unpacked.stderr.trim()}`);
}
