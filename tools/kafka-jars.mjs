// node tools/kafka-jars.mjs: makes libs/servers/src/kafka/jars.json anew: which jars a Kafka broker, a Connect worker and
// Debezium's connectors need, with the SHA-256 of each. Maven (mvn on PATH) resolves the dependencies, from MAVEN_REPOSITORY
// if that is set; who runs the servers needs no Maven. To move to another release change the versions here and run it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { root } from './lint/boundaries.mjs';

// Debezium 3.6.1 is built against Kafka 4.3; its SQL Server connector has no newer release.
const versions = { kafka: '4.3.1', debezium: '3.6.1.Final', log4j: '2.25.4' };

// Kafka's own jars name no back end for slf4j (1.x) as a dependency.
const logging = ['log4j-core', 'log4j-slf4j-impl', 'log4j-1.2-api'].map((name) => `org.apache.logging.log4j:${name}:${versions.log4j}`);

/** Name of a set of jars → what it is made from. A connector's set is what it needs beside the worker's. */
const sets = {
  kafka: [`org.apache.kafka:kafka_2.13:${versions.kafka}`, ...logging],
  connect: [...['connect-runtime', 'connect-json', 'connect-transforms'].map((name) => `org.apache.kafka:${name}:${versions.kafka}`), ...logging],
  postgres: [`io.debezium:debezium-connector-postgres:${versions.debezium}`],
  sqlserver: ['debezium-connector-sqlserver', 'debezium-storage-kafka'].map((name) => `io.debezium:${name}:${versions.debezium}`),
};

const PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:list';

function pomOf(name, coordinates) {
  const dependency = (text) => {
    const [group, artifact, version] = text.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  };
  const base = process.env.MAVEN_REPOSITORY;
  const repository = (tag) => (base ? `<${tag}><id>central</id><url>${base}</url></${tag}>` : '');
  return `<project><modelVersion>4.0.0</modelVersion><groupId>elstream</groupId><artifactId>${name}</artifactId><version>1</version><packaging>pom</packaging>
<repositories>${repository('repository')}</repositories><pluginRepositories>${repository('pluginRepository')}</pluginRepositories>
<dependencies>${coordinates.map(dependency).join('')}</dependencies></project>`;
}

/** `[{ jar: 'group:artifact:version[:classifier]', sha256 }]`, as Maven would put them on a classpath at run time. */
function resolve(name, coordinates, scratch) {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'pom.xml'), pomOf(name, coordinates));
  const list = path.join(folder, 'list.txt');
  const options = ['-DincludeScope=runtime', '-DoutputAbsoluteArtifactFilename=true', `-DoutputFile=${list}`];
  execFileSync('mvn', ['-B', '-q', '-f', path.join(folder, 'pom.xml'), PLUGIN, ...options], { stdio: ['ignore', 2, 2] });
  return readFileSync(list, 'utf8').split('\n').flatMap((line) => entryOf(line.trim()));
}

/** Of a line `group:artifact:jar[:classifier]:version:scope:file[ -- module …]`. */
function entryOf(line) {
  const parts = line.split(' ')[0].split(':');
  if (parts.length < 6 || parts[2] !== 'jar') return [];
  const file = parts.pop();
  const [group, artifact, , ...rest] = parts.slice(0, -1);
  const [version, classifier] = rest.reverse();
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  return [{ jar: [group, artifact, version, classifier].filter(Boolean).join(':'), sha256 }];
}

const scratch = mkdtempSync(path.join(os.tmpdir(), 'elstream-kafka-jars-'));
try {
  const resolved = Object.entries(sets).map(([name, coordinates]) => [name, resolve(name, coordinates, scratch)]);
  const sums = new Map(resolved.flatMap(([, jars]) => jars.map(({ jar, sha256 }) => [jar, sha256])));
  // A connector gets what the worker has, whichever release it was built against, from the worker.
  const name = (jar) => jar.split(':', 2).join(':');
  const ofWorker = new Set(resolved.find(([set]) => set === 'connect')[1].map(({ jar }) => name(jar)));
  const isConnector = (set) => set !== 'kafka' && set !== 'connect';
  const named = resolved.map(([set, jars]) => [set, jars.map(({ jar }) => jar).filter((jar) => !isConnector(set) || !ofWorker.has(name(jar))).sort()]);
  const needed = [...new Set(named.flatMap(([, jars]) => jars))].sort();
  const out = { versions: { kafka: versions.kafka, debezium: versions.debezium }, sets: Object.fromEntries(named), sha256: Object.fromEntries(needed.map((jar) => [jar, sums.get(jar)])) };
  writeFileSync(path.join(root, 'libs/servers/src/kafka/jars.json'), `${JSON.stringify(out, null, 2)}\n`);
  console.error(`${needed.length} jars; ${named.map(([set, jars]) => `${set} ${jars.length}`).join(', ')}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
