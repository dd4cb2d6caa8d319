import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { DEFAULT_PORTS } from '@elstream/config';
import { renderOverlay, workloadsOf } from '@elstream/servers';
import { parse } from 'yaml';
import { composeConfig, composeVariables, publishedPorts, type ComposeService } from './compose';
import { baseImages } from './dockerfile';
import { BUNDLED, bundleOf, environmentProblems } from './environment';
import { connectProblems, kafkaProblems, pinned } from './kafka';

const root = path.join(__dirname, '..', '..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const text = read('docker-compose.yml');
const REQUIRED = { SOURCE_PASSWORD: 'one', WAREHOUSE_PASSWORD: 'two', REDIS_PASSWORD: 'three', API_TOKEN: 'four' };

const KAFKA_FILES = ['docker-compose.yml', 'docker-compose.kafka.yml'];
const MSSQL_FILES = [...KAFKA_FILES, 'docker-compose.mssql.yml'];

let services: Readonly<Record<string, ComposeService>>;
let withKafka: Readonly<Record<string, ComposeService>>;
let withMssql: Readonly<Record<string, ComposeService>>;
beforeAll(async () => {
  [services, withKafka, withMssql] = [await accepted(undefined), await accepted(KAFKA_FILES), await accepted(MSSQL_FILES)];
}, 300_000);

async function accepted(files: readonly string[] | undefined): Promise<Readonly<Record<string, ComposeService>>> {
  const answer = await composeConfig(REQUIRED, files);
  if (answer.refusal !== null) throw new Error(answer.refusal);
  return answer.services;
}

const oursIn = (all: Readonly<Record<string, ComposeService>>): [string, ComposeService][] => Object.entries(all).filter(([, { image }]) => image?.startsWith('elstream:'));
const ours = (): [string, ComposeService][] => oursIn(services);
const textsOf = ({ environment = {} }: ComposeService): Record<string, string> => Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));

it.each(Object.keys(REQUIRED))('is refused without %s, with a word on what to do', async (name) => {
  const { refusal } = await composeConfig({ ...REQUIRED, [name]: '' });
  expect(refusal).toContain('set it in .env, see .env.example');
});

it('has no other variables than .env.example, and the same defaults; required ones are empty there', () => {
  const example = new Map(read('.env.example').split('\n').filter((line) => /^\w+=/.test(line)).map((line): [string, string] => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const variables = composeVariables(text + read('docker-compose.kafka.yml') + read('docker-compose.mssql.yml'));
  expect(Object.fromEntries(example)).toEqual(Object.fromEntries([...variables].map(([name, standard]) => [name, standard ?? ''])));
  expect([...variables].filter(([, standard]) => standard === null).map(([name]) => name).sort()).toEqual(Object.keys(REQUIRED).sort());
});

it('holds no password', () => {
  const secrets = [text, read('docker-compose.mssql.yml')].join('\n').split('\n').filter((line) => /^\s*(\w*(PASSWORD|TOKEN|_URL)):/.test(line));
  expect(secrets.length).toBeGreaterThan(5);
  expect(secrets.filter((line) => !/\$\{\w*(PASSWORD|TOKEN):\?/.test(line))).toEqual([]);
});

it('starts each program of the image in the service named after it', () => {
  expect(ours().map(([name]) => name).sort()).toEqual([...BUNDLED].sort());
  for (const [name, { command }] of ours()) expect(bundleOf(command)).toBe(name);
});

it('sets every variable a program needs, and none that nothing reads', () => {
  expect(ours().flatMap(([name, service]) => environmentProblems(BUNDLED.find((b) => b === name)!, textsOf(service), path.join(root, 'pipelines')))).toEqual([]);
});

it('listens on the usual ports, and publishes the API alone, on loopback', () => {
  for (const [name, service] of ours().filter(([n]) => n !== 'migrate')) expect(textsOf(service)['HTTP_PORT']).toBe(String(DEFAULT_PORTS[BUNDLED.find((b) => b === name)!]));
  const published = Object.entries(services).flatMap(([name, service]) => publishedPorts(service).map((port) => ({ name, ...port })));
  expect(published).toEqual([{ name: 'gateway', host: '127.0.0.1', target: DEFAULT_PORTS.gateway }]);
});

it('takes every right from every container that it does not need', () => {
  for (const [, service] of Object.entries(services)) expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
});

it('waits for what is healthy or done before it starts the next', () => {
  for (const [name, service] of ours().filter(([n]) => n !== 'migrate')) {
    const conditions = Object.fromEntries(Object.entries(service.depends_on ?? {}).map(([on, { condition }]) => [on, condition]));
    expect([name, conditions]).toEqual([name, { migrate: 'service_completed_successfully', source: 'service_healthy', redis: 'service_healthy' }]);
  }
  expect(services['migrate']?.depends_on?.['warehouse']?.condition).toBe('service_healthy');
  for (const name of ['source', 'warehouse', 'redis']) expect(services[name]?.healthcheck?.test?.length).toBeGreaterThan(1);
});

it('can run several of each worker, and stops them with patience', () => {
  for (const [name, service] of ours()) {
    expect([name, service.container_name, service.stop_grace_period]).toEqual([name, undefined, '15s']);
    expect(service.volumes).toHaveLength(1);
    expect(JSON.stringify(service.volumes)).toContain('/app/pipelines');
  }
});

it('starts the same images as the manifests, and builds from the same base as the Dockerfile says', async () => {
  const rendered = workloadsOf(await renderOverlay('dev')).flatMap(({ pod }) => pod.containers.map(({ image }) => image));
  expect(new Set(Object.values(services).map(({ image }) => image))).toEqual(new Set(rendered));
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(new Set(ours().map(([, { image }]) => image))).toEqual(new Set([`elstream:${version}`]));
  for (const image of rendered) expect(image).toMatch(/:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  const build = services['migrate']?.build;
  expect(existsSync(path.join(root, build?.dockerfile ?? ''))).toBe(true);
  const dockerfile = read(build?.dockerfile ?? '');
  expect(baseImages(dockerfile)[0]).toBe(build?.args?.['NODE_IMAGE']);
  expect(dockerfile).toContain(`ARG VERSION=${version}\n`);
  expect(dockerfile).toContain(`-t elstream:${version} `);
});

describe('with Kafka', () => {
  // Compose changes the order of volumes when it puts files together.
  const written = (service: ComposeService | undefined): string => JSON.stringify({ ...service, volumes: (service?.volumes ?? []).map((volume) => JSON.stringify(volume)).sort() });
  const differing = (): string[] => Object.keys(services).filter((name) => written(withKafka[name]) !== written(services[name]));

  it('adds a broker and Kafka Connect, and changes nothing of the databases and Redis', () => {
    expect(Object.keys(withKafka).filter((name) => !(name in services)).sort()).toEqual(['connect', 'kafka']);
    expect(differing().sort()).toEqual([...BUNDLED].sort());
  });

  it('gives each program the variables of its pipelines, and none that nothing reads', () => {
    for (const [, service] of oursIn(withKafka)) expect(textsOf(service)['PIPELINES_DIR']).toBe('pipelines/kafka');
    expect(oursIn(withKafka).flatMap(([name, service]) => environmentProblems(BUNDLED.find((b) => b === name)!, textsOf(service), path.join(root, 'pipelines', 'kafka')))).toEqual([]);
  });

  it('leads the programs to the broker and to Connect by the names and ports that these have', () => {
    const { KAFKA_BROKERS, CONNECT_URL } = textsOf(withKafka['streamer']!);
    const [broker, connect] = [textsOf(withKafka['kafka']!), textsOf(withKafka['connect']!)];
    expect(broker['KAFKA_ADVERTISED_LISTENERS']).toBe(`PLAINTEXT://${KAFKA_BROKERS!}`);
    expect(connect['BOOTSTRAP_SERVERS']).toBe(KAFKA_BROKERS);
    expect(KAFKA_BROKERS).toMatch(/^kafka:/);
    expect(new URL(CONNECT_URL!).hostname).toBe('connect');
    expect(new URL(connect['CONNECT_LISTENERS']!).port).toBe(new URL(CONNECT_URL!).port);
  });

  it('waits for broker and Connect to be healthy', () => {
    for (const [, service] of oursIn(withKafka).filter(([n]) => n !== 'migrate')) expect(service.depends_on).toMatchObject({ kafka: { condition: 'service_healthy' }, connect: { condition: 'service_healthy' }, redis: { condition: 'service_healthy' } });
    expect(withKafka['connect']?.depends_on).toMatchObject({ kafka: { condition: 'service_healthy' }, source: { condition: 'service_healthy' } });
    const [port] = textsOf(withKafka['kafka']!)['KAFKA_LISTENERS']!.match(/(?<=PLAINTEXT:\/\/:)\d+/)!;
    expect(withKafka['kafka']?.healthcheck?.test).toContain(`127.0.0.1:${port}`);
    expect(withKafka['connect']?.healthcheck?.test).toContain(`http://127.0.0.1:${new URL(textsOf(withKafka['connect']!)['CONNECT_LISTENERS']!).port}/health`);
  });

  it('runs the versions that the tests run', () => {
    expect([withKafka['kafka']?.image, withKafka['connect']?.image]).toEqual([`apache/kafka:${pinned.kafka}`, `quay.io/debezium/connect:${pinned.debezium}`]);
  });

  it('sets what R3 asks of broker and Connect', () => {
    expect(kafkaProblems(textsOf(withKafka['kafka']!))).toEqual([]);
    expect(connectProblems(textsOf(withKafka['connect']!))).toEqual([]);
  });

  it('takes every right from the new containers, and publishes no port of theirs', () => {
    for (const name of ['kafka', 'connect']) {
      expect(withKafka[name]).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], user: expect.stringMatching(/^[1-9]\d*:[1-9]\d*$/) });
      expect(publishedPorts(withKafka[name]!)).toEqual([]);
    }
  });

  it('starts the same images as the manifests', async () => {
    const rendered = workloadsOf(await renderOverlay('dev-kafka')).flatMap(({ pod }) => pod.containers.map(({ image }) => image));
    expect(new Set(Object.values(withKafka).map(({ image }) => image))).toEqual(new Set(rendered));
  });
});

describe('with SQL Server', () => {
  const databases = ['source', 'warehouse'];

  it('puts SQL Server in the place of both databases, and changes nothing of Redis, broker and Connect', () => {
    expect(Object.keys(withMssql).sort()).toEqual(Object.keys(withKafka).sort());
    for (const name of databases) expect(withMssql[name]?.image).toMatch(/^mcr\.microsoft\.com\/mssql\/server:2022-CU\d+-/);
    for (const name of ['redis', 'kafka', 'connect']) expect(withMssql[name]?.image).toBe(withKafka[name]?.image);
  });

  it('gives each program the variables of its pipelines, and none that nothing reads', () => {
    for (const [, service] of oursIn(withMssql)) expect(textsOf(service)['PIPELINES_DIR']).toBe('pipelines/mssql');
    expect(oursIn(withMssql).flatMap(([name, service]) => environmentProblems(BUNDLED.find((b) => b === name)!, textsOf(service), path.join(root, 'pipelines', 'mssql')))).toEqual([]);
  });

  it.each(databases)('leads the programs to the %s by the name, the password and the database that it has', (name) => {
    const { hostname, password, pathname, protocol } = new URL(textsOf(withMssql['streamer']!)[`${name.toUpperCase()}_URL`]!);
    expect([protocol, hostname, password]).toEqual(['mssql:', name, textsOf(withMssql[name]!)['MSSQL_SA_PASSWORD']]);
    const script = /\/sql\/(\w+\.sql)/.exec(withMssql[name]!.command!.join(' '))![1]!;
    expect(read(path.join('sql', 'mssql', script))).toContain(`CREATE DATABASE ${pathname.slice(1)};`);
    expect(withMssql[name]!.healthcheck?.test?.join(' ')).toContain(`-d ${pathname.slice(1)} `);
    expect(JSON.stringify(withMssql[name]!.volumes)).toContain('/sql/mssql');
  });

  it('makes the server the first process, so that it is told to stop, under a name that stays', () => {
    for (const name of databases) {
      expect(withMssql[name]).toMatchObject({ entrypoint: ['/bin/bash', '-c'], hostname: name });
      expect(withMssql[name]!.command).toHaveLength(1);
      expect(withMssql[name]!.command![0]!.trim().split('\n').at(-1)).toBe('exec /opt/mssql/bin/sqlservr');
    }
  });

  it('runs the Agent at the source, which captures changes', () => {
    expect(textsOf(withMssql['source']!)['MSSQL_AGENT_ENABLED']).toBe('true');
  });

  it('captures and fills in its script every table of the pipeline', () => {
    const script = read('sql/mssql/inventory.sql');
    const { tables } = parse(read('pipelines/mssql/inventory.yaml')) as { tables: { include: string[] } };
    for (const table of tables.include) {
      const [schema = '', name = ''] = table.split('.');
      expect(script).toContain(`(N'${schema}', N'${name}')`);
      expect(script).toContain(`INSERT INTO ${table} (`);
      expect(script).toContain(`HISTORY_TABLE = ${table}_archive`);
    }
  });

  it('publishes no port of theirs, and takes from them the rights they do not need', () => {
    for (const name of databases) {
      expect(withMssql[name]).toMatchObject({ cap_drop: ['ALL'], cap_add: ['NET_BIND_SERVICE'], security_opt: ['no-new-privileges:true'], user: '10001:0' });
      expect(publishedPorts(withMssql[name]!)).toEqual([]);
    }
  });
});

it('lets into the build what npm and the bundler want, and nothing that holds secrets', () => {
  const lines = read('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines[0]).toBe('*');
  const admitted = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  const wanted = ['package.json', 'package-lock.json', 'tsconfig.base.json', 'tools/bundle.mjs', 'tools/lint/boundaries.mjs', ...workspaces.map((folder) => `${folder}/package.json`)];
  expect(wanted.filter((file) => !admitted.some((entry) => file === entry || file.startsWith(`${entry}/`)))).toEqual([]);
  expect(admitted.filter((entry) => !existsSync(path.join(root, entry)))).toEqual([]);
  expect(lines).toContain('**/.env*');
});
