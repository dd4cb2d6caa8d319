import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { environmentOfContainer, type KubernetesObject, renderOverlay, type Workload, workloadsOf } from '@elstream/servers';
import { composeConfig } from './compose';
import { BUNDLED, bundleOf, environmentProblems, pipelineReferences } from './environment';
import { connectProblems, kafkaProblems } from './kafka';
import { referenceProblems } from './references';
import { restrictedProblems } from './restricted';
import { type Slip, slipped } from './slip.fixture';
import { fieldProblems, schemaProblems } from './schemas';

const root = path.join(__dirname, '..', '..');
const overlaysFolder = path.join(root, 'deploy', 'k8s', 'overlays');
const pipelines = path.join(root, 'pipelines');
/** An overlay has the pipelines of one folder, `dev-x` those of `x`. */
const pipelinesOf = (overlay: string): string => path.join(pipelines, overlay.replace(/^dev-?/, ''));
const isMssql = (objects: readonly KubernetesObject[]): boolean => objects.some(({ metadata }) => metadata.namespace === 'elstream-mssql');
/** The Secrets docs/deployment.md makes, with stand-ins of the right form. */
const SECRETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  elstream: { API_TOKEN: 'token', REDIS_URL: 'redis://:password@redis:6379/0', SOURCE_URL: 'postgresql://elstream:password@source:5432/source', WAREHOUSE_URL: 'postgresql://elstream:password@warehouse:5432/warehouse' },
  'elstream-servers': { REDIS_PASSWORD: 'password', SOURCE_PASSWORD: 'password', WAREHOUSE_PASSWORD: 'password' },
};
const MSSQL_URLS: Readonly<Record<string, string>> = { SOURCE_URL: 'mssql://sa:Aa1-password@source:1433/testDB?trustServerCertificate=true', WAREHOUSE_URL: 'mssql://sa:Aa1-password@warehouse:1433/testDBWH?trustServerCertificate=true' };
const secretKeys = Object.fromEntries(Object.entries(SECRETS).map(([name, keys]) => [name, Object.keys(keys)]));

const GATEWAY = 'Deployment elstream-gateway';
const CONTAINER = 'spec template spec containers 0';
const MIGRATE = 'Job elstream-migrate';

function variablesOf(objects: readonly KubernetesObject[], workload: Workload): Record<string, string> {
  const { values, secrets } = environmentOfContainer(objects, workload.pod.containers[0]!);
  const urls = isMssql(objects) ? MSSQL_URLS : {};
  return { ...values, ...Object.fromEntries(Object.entries(secrets).map(([name, { secret, key }]) => [name, urls[key] ?? SECRETS[secret]?.[key] ?? ''])) };
}

function variableProblems(objects: readonly KubernetesObject[], folder: string): string[] {
  return ours(objects).flatMap((workload) => environmentProblems(bundleOf(workload.pod.containers[0]!.command)!, variablesOf(objects, workload), folder));
}

const ours = (objects: readonly KubernetesObject[]): Workload[] => workloadsOf(objects).filter(({ podLabels }) => podLabels['app.kubernetes.io/name'] === 'elstream');

describe.each(readdirSync(overlaysFolder))('overlay %s', (overlay) => {
  let objects: KubernetesObject[];

  beforeAll(async () => {
    objects = await renderOverlay(overlay);
  }, 300_000);

  it('holds to the schemas of Kubernetes', () => {
    expect(schemaProblems(objects)).toEqual([]);
  });

  it('has no field that Kubernetes does not know', () => {
    expect(fieldProblems(objects)).toEqual([]);
  });

  const misspelt: [string, RegExp, Slip][] = [
    ['a misspelt field of a container', /imagePullPolice/, [GATEWAY, `${CONTAINER} imagePullPolice`, 'Always']],
    ['a misspelt field of a probe', /periodSecond\b/, [GATEWAY, `${CONTAINER} livenessProbe periodSecond`, 5]],
    ['a field one level too high', /containers/, ['Deployment elstream-streamer', 'spec containers', []]],
    ['a value that is none of the list', /Sometimes/, [GATEWAY, `${CONTAINER} imagePullPolicy`, 'Sometimes']],
    ['a misspelt field of a network policy', /podSelectors/, ['NetworkPolicy elstream-metrics', 'spec podSelectors', {}]],
    ['a number where a text belongs', /number/, [GATEWAY, 'spec template metadata annotations prometheus.io/port', 8400]],
  ];
  it.each(misspelt)('would be refused with %s', (_slip, pattern, slip) => {
    expect(fieldProblems(slipped(objects, slip)).join('\n')).toMatch(pattern);
  });

  it.each<[string, Slip]>([
    ['without a selector', [GATEWAY, 'spec selector', undefined]],
    ['with a count that is no number', [GATEWAY, 'spec replicas', 'two']],
  ])('would be refused by the schemas %s', (_slip, slip) => {
    expect(schemaProblems(slipped(objects, slip))).toHaveLength(1);
  });

  it('points to nothing that is not there', () => {
    expect(referenceProblems(objects, secretKeys)).toEqual([]);
  });

  const component = 'app.kubernetes.io/component';
  const dangling: [string, RegExp, Slip][] = [
    ['a selector that misses its pods', /does not select its own pods/, [GATEWAY, `spec selector matchLabels ${component}`, 'gate']],
    ['a Service without pods', /stands for 0/, ['Service elstream-gateway', `spec selector ${component}`, 'gate']],
    ['a Service for all of our pods', /stands for 5/, ['Service elstream-gateway', `spec selector ${component}`, undefined]],
    ['a Service to a port that is not open', /leads to web/, ['Service elstream-gateway', 'spec ports 0 targetPort', 'web']],
    ['a probe of a port that is not open', /asks port web/, [GATEWAY, `${CONTAINER} livenessProbe httpGet port`, 'web']],
    ['a ConfigMap that is not rendered', /wants the ConfigMap/, [GATEWAY, 'spec template spec volumes 0 configMap name', 'pipes']],
    ['a mount without a volume', /which the pod has not/, [GATEWAY, `${CONTAINER} volumeMounts 0 name`, 'pipes']],
    ['a key no Secret has', /API_TOKE\b/, [GATEWAY, `${CONTAINER} env name=API_TOKEN valueFrom secretKeyRef key`, 'API_TOKE']],
    ['a ServiceAccount that is not there', /no ServiceAccount/, [MIGRATE, 'spec template spec serviceAccountName', 'other']],
    ['a network policy for a port no pod has', /port https/, ['NetworkPolicy elstream-gateway', 'spec ingress 0 ports 0 port', 'https']],
  ];
  it.each(dangling)('would be refused with %s', (_slip, pattern, slip) => {
    expect(referenceProblems(slipped(objects, slip), secretKeys).join('\n')).toMatch(pattern);
  });

  it('runs every pod within the restricted profile', () => {
    expect(workloadsOf(objects).flatMap(restrictedProblems)).toEqual([]);
  });

  it.each<[string, Slip]>([
    ['a writable root file system', [GATEWAY, `${CONTAINER} securityContext readOnlyRootFilesystem`, false]],
    ['a capability', [GATEWAY, `${CONTAINER} securityContext capabilities add`, ['NET_ADMIN']]],
    ['a capability that the profile allows', [GATEWAY, `${CONTAINER} securityContext capabilities add`, ['NET_BIND_SERVICE']]],
    ['root', ['Deployment redis', 'spec template spec securityContext runAsUser', 0]],
    ['a folder of the host', ['StatefulSet source', 'spec template spec volumes +', { name: 'x', hostPath: { path: '/' } }]],
    ['no limit of memory', [GATEWAY, `${CONTAINER} resources limits`, undefined]],
  ])('would be refused with %s', (_slip, slip) => {
    expect(workloadsOf(slipped(objects, slip)).flatMap(restrictedProblems)).toHaveLength(1);
  });

  it('holds no Secret', () => {
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  it('starts each program of the image in the one pod that is named after it', () => {
    expect(ours(objects).map(({ component }) => component).sort()).toEqual([...BUNDLED].sort());
    for (const { component, pod } of ours(objects)) expect(pod.containers.map(({ command, args }) => [bundleOf(command), args])).toEqual([[component, undefined]]);
  });

  it('sets every variable a program needs, and none that nothing reads', () => {
    expect(variableProblems(objects, pipelinesOf(overlay))).toEqual([]);
  });

  it.each<[string, RegExp, Slip]>([
    ['without API_TOKEN', /API_TOKEN/, [GATEWAY, `${CONTAINER} env name=API_TOKEN`, undefined]],
    ['without REDIS_URL', /REDIS_URL/, [GATEWAY, `${CONTAINER} env name=REDIS_URL`, undefined]],
    ['without a variable of the pipeline files', /SOURCE_URL/, [MIGRATE, `${CONTAINER} env name=SOURCE_URL`, undefined]],
    ['with a misspelt variable', /LOG_LEVELS is set, but nothing reads it/, [GATEWAY, `${CONTAINER} env +`, { name: 'LOG_LEVELS', value: 'info' }]],
    ["with another service's variable", /migrate: HTTP_PORT/, [MIGRATE, `${CONTAINER} env +`, { name: 'HTTP_PORT', value: '1' }]],
    ['with a value out of its range', /LEASE_DURATION/, [GATEWAY, `${CONTAINER} env +`, { name: 'LEASE_DURATION', value: '1ms' }]],
  ])('would be refused %s', (_slip, pattern, slip) => {
    expect(variableProblems(slipped(objects, slip), pipelinesOf(overlay)).join('\n')).toMatch(pattern);
  });

  it('listens on the ports it opens, and is looked at where it listens', () => {
    for (const workload of ours(objects).filter(({ component }) => component !== 'migrate')) {
      const { HTTP_PORT, HTTP_HOST } = variablesOf(objects, workload);
      const [container] = workload.pod.containers;
      expect(HTTP_HOST).toBe('0.0.0.0');
      expect(container?.ports).toEqual([{ name: 'http', containerPort: Number(HTTP_PORT) }]);
      const { annotations = {} } = (workload.object['spec'] as { template: { metadata: { annotations?: Record<string, string> } } }).template.metadata;
      expect(annotations).toMatchObject({ 'prometheus.io/port': HTTP_PORT, 'prometheus.io/path': '/metrics', 'prometheus.io/scrape': 'true' });
    }
  });

  it('gives what stops within 10 s some seconds more, and no more than that', () => {
    for (const { pod } of ours(objects)) expect(pod.terminationGracePeriodSeconds).toBe(15);
  });

  it('mounts the pipeline files where PIPELINES_DIR points to, so that changes arrive', () => {
    for (const workload of ours(objects)) {
      const [container] = workload.pod.containers;
      expect(container?.volumeMounts).toEqual([{ name: 'pipelines', mountPath: path.posix.join('/app', variablesOf(objects, workload)['PIPELINES_DIR']!), readOnly: true }]);
    }
    const data = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'pipelines')?.['data'];
    const folder = pipelinesOf(overlay);
    const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
    expect(data).toEqual(Object.fromEntries(files.map((file) => [file, readFileSync(path.join(folder, file), 'utf8')])));
  });

  it('has the samples of sql', () => {
    const folder = path.join(root, 'sql', isMssql(objects) ? 'mssql' : 'postgres');
    const samples = objects.filter(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.includes('-sample')).map((object) => object['data'] as Record<string, string>);
    expect(samples.flatMap((data) => Object.keys(data)).sort()).toEqual(isMssql(objects) ? ['inventory.sql', 'warehouse.sql'] : ['inventory.sql']);
    for (const data of samples) for (const [file, text] of Object.entries(data)) expect(text).toBe(readFileSync(path.join(folder, file), 'utf8'));
  });
});

describe('overlay dev-kafka', () => {
  let objects: KubernetesObject[];
  const variables = (component: string): Record<string, string> => {
    const workload = workloadsOf(objects).find(({ podLabels }) => (podLabels['app.kubernetes.io/component'] ?? podLabels['app.kubernetes.io/name']) === component)!;
    return variablesOf(objects, workload);
  };
  const service = (name: string): unknown => objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === name)?.['spec'];

  beforeAll(async () => {
    objects = await renderOverlay('dev-kafka');
  }, 300_000);

  it('has all that overlay dev has', async () => {
    const names = (all: readonly KubernetesObject[]): string[] => all.map(({ kind, metadata }) => `${kind} ${metadata.name.replace(/-[a-z0-9]{10}$/, '')}`);
    expect(names(objects)).toEqual(expect.arrayContaining(names(await renderOverlay('dev'))));
  });

  it('leads our programs and Connect to the broker, and our programs to Connect', () => {
    for (const name of BUNDLED) expect(variables(name)).toMatchObject({ KAFKA_BROKERS: 'kafka:9092', CONNECT_URL: 'http://connect:8083' });
    expect(variables('connect')).toMatchObject({ BOOTSTRAP_SERVERS: 'kafka:9092', CONNECT_LISTENERS: 'http://0.0.0.0:8083' });
    expect(variables('kafka')).toMatchObject({ KAFKA_ADVERTISED_LISTENERS: 'PLAINTEXT://kafka:9092' });
    expect([service('kafka'), service('connect')]).toMatchObject([{ ports: [{ port: 9092 }] }, { ports: [{ port: 8083 }] }]);
  });

  it('sets what R3 asks of broker and Connect, as Compose does', async () => {
    expect([kafkaProblems(variables('kafka')), connectProblems(variables('connect'))]).toEqual([[], []]);
    const { services } = await composeConfig({ SOURCE_PASSWORD: 'one', WAREHOUSE_PASSWORD: 'two', REDIS_PASSWORD: 'three', API_TOKEN: 'four' }, ['docker-compose.yml', 'docker-compose.kafka.yml']);
    for (const name of ['kafka', 'connect']) expect(variables(name)).toEqual(Object.fromEntries(Object.entries(services?.[name]?.environment ?? {}).map(([key, value]) => [key, String(value)])));
  });

  it.each<[string, RegExp, string, Record<string, string>]>([
    ['without exactly-once support', /CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT is disabled/, 'connect', { CONNECT_EXACTLY_ONCE_SOURCE_SUPPORT: 'disabled' }],
    ['with a variable that the image overwrites', /CONNECT_OFFSET_FLUSH_INTERVAL_MS is overwritten/, 'connect', { CONNECT_OFFSET_FLUSH_INTERVAL_MS: '1000' }],
    ['in another time zone', /TZ is Europe/, 'connect', { TZ: 'Europe/Berlin' }],
    ['with a broker that makes topics by being asked', /KAFKA_AUTO_CREATE_TOPICS_ENABLE is true/, 'kafka', { KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'true' }],
  ])('would be refused %s', (_slip, pattern, name, slip) => {
    expect((name === 'kafka' ? kafkaProblems : connectProblems)({ ...variables(name), ...slip }).join('\n')).toMatch(pattern);
  });
});

describe('overlay dev-mssql', () => {
  const databases = ['source', 'warehouse'];
  let objects: KubernetesObject[];
  const server = (name: string): Workload => workloadsOf(objects).find(({ object }) => object.kind === 'StatefulSet' && object.metadata.name === name)!;
  const plain = (name: string): string => name.replace(/-[a-z0-9]{10}$/, '');

  beforeAll(async () => {
    objects = await renderOverlay('dev-mssql');
  }, 300_000);

  it('has all that overlay dev-kafka has, in a namespace of its own', async () => {
    const names = (all: readonly KubernetesObject[]): string[] => all.filter(({ kind }) => kind !== 'Namespace').map(({ kind, metadata }) => `${kind} ${plain(metadata.name)}`);
    expect(names(objects)).toEqual(expect.arrayContaining(names(await renderOverlay('dev-kafka'))));
    expect(objects.find(({ kind }) => kind === 'Namespace')?.metadata).toMatchObject({ name: 'elstream-mssql', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } });
    expect(new Set(objects.filter(({ kind }) => kind !== 'Namespace').map(({ metadata }) => metadata.namespace))).toEqual(new Set(['elstream-mssql']));
  });

  it('starts and asks both servers as Compose does', async () => {
    const { services } = await composeConfig({ SOURCE_PASSWORD: 'one', WAREHOUSE_PASSWORD: 'two', REDIS_PASSWORD: 'three', API_TOKEN: 'four' }, ['docker-compose.yml', 'docker-compose.kafka.yml', 'docker-compose.mssql.yml']);
    for (const name of databases) {
      const { image, entrypoint = [], command = [], environment = {}, healthcheck } = services![name]!;
      const [container] = server(name).pod.containers;
      // Compose writes each dollar twice
      const unescaped = (text: string): string => text.replaceAll('$$', '$').trim();
      expect(container?.image).toBe(image);
      expect(container?.command?.map((text) => text.trim())).toEqual([...entrypoint, ...command].map(unescaped));
      const { values, secrets } = environmentOfContainer(objects, container!);
      expect(values).toEqual(Object.fromEntries(Object.entries(environment).filter(([key]) => !/^POSTGRES_|PASSWORD/.test(key)).map(([key, value]) => [key, String(value)])));
      expect(secrets).toEqual({ MSSQL_SA_PASSWORD: { secret: 'elstream-servers', key: `${name.toUpperCase()}_PASSWORD` } });
      for (const probe of ['startupProbe', 'readinessProbe'] as const) expect((container?.[probe] as { exec: { command: string[] } }).exec.command.at(-1)).toBe(unescaped(healthcheck!.test!.at(-1)!));
    }
  });

  it('leads our programs to both by the port and the database that they have', () => {
    for (const name of databases) {
      const url = new URL(MSSQL_URLS[`${name.toUpperCase()}_URL`]!);
      const spec = objects.find(({ kind, metadata }) => kind === 'Service' && metadata.name === url.hostname)?.['spec'];
      expect(spec).toMatchObject({ ports: [{ port: Number(url.port), targetPort: 'mssql' }] });
      expect(JSON.stringify(server(name).pod.containers[0]?.startupProbe)).toContain(`-d ${url.pathname.slice(1)} `);
      expect(readFileSync(path.join(root, 'docs', 'deployment.md'), 'utf8')).toContain(`${url.host}${url.pathname}${url.search}`);
    }
  });
});

it('reads references of pipeline files, comments left out', () => {
  expect(pipelineReferences(pipelines).sort()).toEqual(['SOURCE_URL', 'WAREHOUSE_URL']);
  for (const folder of ['kafka', 'mssql']) expect(pipelineReferences(path.join(pipelines, folder)).sort()).toEqual(['CONNECT_URL', 'KAFKA_BROKERS', 'SOURCE_URL', 'WAREHOUSE_URL']);
});
