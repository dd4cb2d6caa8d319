import { mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import path from 'node:path';
import { program, scratchFolder } from '../servers.fixture';
import { findJava } from './find-java';
import { findKafka } from './find-kafka';
import { describeKafka } from './probe';

const java = (version: string): string => `echo 'openjdk version "${version}" 2025-04-15' >&2`;

/** A web server that answers everything with `status` and the body `text`, and notes what it is asked for. */
async function repository(status: number): Promise<{ url: string; asked: string[] } & AsyncDisposable> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(status).end('no jar');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/maven2/`;
  return { url, asked, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

describe('findJava', () => {
  it('takes the one of JAVA_HOME before one on the search path, and passes over those that are too old', async () => {
    using folder = scratchFolder();
    const onPath = program(folder.path, 'java', java('21.0.2'));
    const home = path.join(folder.path, 'home');
    mkdirSync(path.join(home, 'bin'), { recursive: true });
    const ofHome = program(path.join(home, 'bin'), 'java', java('17.0.15'));
    expect(await findJava({ searchPath: folder.path }, { JAVA_HOME: home })).toBe(ofHome);
    program(path.join(home, 'bin'), 'java', java('1.8.0_402'));
    expect(await findJava({ searchPath: folder.path }, { JAVA_HOME: home })).toBe(onPath);
  });

  it('says what it tried and what to do when there is none', async () => {
    using folder = scratchFolder();
    program(folder.path, 'java', java('11.0.22'));
    await expect(findJava({ searchPath: folder.path }, {})).rejects.toThrow(/no Java 17 or newer \(.*java: version 11 is too old\): install one .*JAVA_HOME/);
  });
});

describe('findKafka', () => {
  const given = process.env['MAVEN_REPOSITORY'];
  afterEach(() => {
    delete process.env['MAVEN_REPOSITORY'];
    if (given !== undefined) process.env['MAVEN_REPOSITORY'] = given;
  });

  it.each([
    ['does not have the jars', 404, /HTTP status 404/],
    ['has other jars than the list says', 200, /its SHA-256 is [0-9a-f]{64}, not the [0-9a-f]{64} of the list/],
  ])('keeps nothing of a repository that %s', async (_, status, reason) => {
    using folder = scratchFolder();
    await using maven = await repository(status);
    process.env['MAVEN_REPOSITORY'] = maven.url;
    program(folder.path, 'java', java('17.0.15'));
    const found = findKafka({ searchPath: folder.path, cacheDir: path.join(folder.path, 'cache') });
    await expect(found).rejects.toThrow(reason);
    await expect(found).rejects.toThrow(/Kafka's jars cannot be had .*MAVEN_REPOSITORY, or a running Kafka in KAFKA_BROKERS/);
    expect(readdirSync(path.join(folder.path, 'cache'))).toEqual([]);
    expect(maven.asked.every((url) => /^\/maven2\/[\w./-]+\/([\w.-]+)\/([\w.-]+)\/\1-\2\.jar$/.test(url))).toBe(true);
  });

  it('does not fetch when told only to look', async () => {
    using folder = scratchFolder();
    program(folder.path, 'java', java('17.0.15'));
    await expect(findKafka({ searchPath: folder.path, cacheDir: folder.path, fetch: false })).rejects.toThrow("Kafka's jars are not in");
  });
});

describe('describeKafka', () => {
  it.each(['localhost', 'kafka://localhost:9092', 'localhost:x'])('refuses %s', async (brokers) => {
    await expect(describeKafka(brokers)).rejects.toThrow('must be a list host:port,host:port');
  });

  it('says of each broker why it does not answer', async () => {
    await using other = await repository(200);
    await expect(describeKafka(`127.0.0.1:1,127.0.0.1:${new URL(other.url).port}`)).rejects.toThrow(/127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:\d+: /);
  });
});
