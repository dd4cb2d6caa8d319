import { createHash } from 'node:crypto';
import { copyFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { failure, messageOf } from '../failure';
import { defaultCacheDir, fillCache, finder, type FindToolOptions } from '../tool-cache';
import { findJava } from './find-java';
import list from './jars.json';
import { download, fileOf as nameOf, sumOf } from './maven';

/** Kafka, Kafka Connect and Debezium's connectors as they lie on this machine. */
export interface KafkaPrograms {
  /** Path of the Java that runs them. */
  readonly java: string;
  /** Class path of a broker and its tools. */
  readonly brokerClasses: string;
  /** Class path of a Connect worker, the connectors not included. */
  readonly connectClasses: string;
  /** A worker's `plugin.path`: one folder per connector in it. */
  readonly plugins: string;
}

/** The releases the list of jars is of. */
export const kafkaVersions: { readonly kafka: string; readonly debezium: string } = list.versions;

const PARALLEL = 6;

/** Jars of the list, by their coordinates `group:artifact:version[:classifier]`. */
const sums: Readonly<Record<string, string>> = list.sha256;
const plugins = { postgres: list.sets.postgres, sqlserver: list.sets.sqlserver };

/** Of this very list: another list is another folder, so that two releases of elstream do not disturb each other. */
const FOLDER = `kafka-${list.versions.kafka}-debezium-${list.versions.debezium}-${createHash('sha256').update(JSON.stringify(list)).digest('hex').slice(0, 10)}`;

/**
 * Kafka and Kafka Connect with Debezium's connectors for PostgreSQL and SQL Server: the jars of jars.json from what an
 * earlier call fetched, or fetched now from the Maven repository at `MAVEN_REPOSITORY` (default: Maven Central) and held
 * against their checksums; to be run with a Java found here.
 *
 * @throws ElstreamError `SERVERS` that says what is missing and what to do
 */
export const findKafka = finder(search);

async function search(options: FindToolOptions): Promise<KafkaPrograms> {
  const { cacheDir = defaultCacheDir(), fetch = true } = options;
  const java = await findJava(options);
  const folder = path.join(cacheDir, FOLDER);
  if ((await firstWrong(folder)) !== undefined) {
    const remedy = 'name a Maven repository that can be reached from here in MAVEN_REPOSITORY, or a running Kafka in KAFKA_BROKERS';
    if (!fetch) throw failure(`Kafka's jars are not in ${cacheDir}: ${remedy}`);
    try {
      await fillCache(cacheDir, FOLDER, fetchInto, async () => (await firstWrong(folder)) === undefined);
    } catch (error) {
      throw failure(`Kafka's jars cannot be had (${messageOf(error)}): ${remedy}`, error);
    }
  }
  const classes = (jars: readonly string[]): string => jars.map((jar) => path.join(folder, 'jars', fileOf(jar))).join(path.delimiter);
  return { java, brokerClasses: classes(list.sets.kafka), connectClasses: classes(list.sets.connect), plugins: path.join(folder, 'plugins') };
}

/** The first file that is absent or not what the list says; undefined when all is well. Every byte is read: half a second. */
async function firstWrong(folder: string): Promise<string | undefined> {
  for (const jar of Object.keys(sums)) if ((await sumOf(path.join(folder, 'jars', fileOf(jar)))) !== sums[jar]) return jar;
  for (const [name, jars] of Object.entries(plugins)) {
    for (const jar of jars) if ((await sumOf(path.join(folder, 'plugins', name, fileOf(jar)))) !== sums[jar]) return jar;
  }
  return undefined;
}

/** `jars` holds each jar of the list once; `plugins/<connector>` those that only the connector may see. */
async function fetchInto(draft: string): Promise<void> {
  const jars = path.join(draft, 'jars');
  mkdirSync(jars);
  const waiting = Object.entries(sums);
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [jar, sum] = next;
      writeFileSync(path.join(jars, fileOf(jar)), await download({ coordinates: jar, packaging: 'jar' }, sum));
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL }, work));
  } finally {
    // The others end with the first that failed.
    waiting.length = 0;
  }
  for (const [name, own] of Object.entries(plugins)) {
    const folder = path.join(draft, 'plugins', name);
    mkdirSync(folder, { recursive: true });
    for (const jar of own) linkOrCopy(path.join(jars, fileOf(jar)), path.join(folder, fileOf(jar)));
  }
}

const fileOf = (jar: string): string => nameOf({ coordinates: jar, packaging: 'jar' });

/** A link where the file system has them. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
