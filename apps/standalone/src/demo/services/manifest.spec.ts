import { type KubernetesObject } from '@elstream/servers';
import { ordersOf } from './manifest';

const deployment = (container: object, more: object = {}): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'elstream-gateway' },
  spec: {
    replicas: 2,
    template: { metadata: { labels: { 'app.kubernetes.io/component': 'gateway' } }, spec: { containers: [{ name: 'elstream', image: 'elstream:1', ...container }], ...more } },
  },
});

const files: KubernetesObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'files' }, data: { 'a.yaml': 'name: a' } };
const volumes = [{ name: 'files', configMap: { name: 'files' } }, { name: 'tmp', emptyDir: {} }];

describe('what the demonstration starts of rendered manifests', () => {
  it('has command, environment, secrets, files, probes and grace as a node would give them', () => {
    const object = deployment(
      {
        command: ['node', 'gateway.cjs'],
        args: ['--x'],
        env: [{ name: 'LOG_LEVEL', value: 'debug' }, { name: 'REDIS_URL', valueFrom: { secretKeyRef: { name: 's', key: 'redis' } } }],
        volumeMounts: [{ name: 'files', mountPath: '/app/pipelines' }, { name: 'tmp', mountPath: '/tmp' }],
        livenessProbe: { httpGet: { path: '/health/live', port: 'http' }, periodSeconds: 5, timeoutSeconds: 2, failureThreshold: 4 },
        readinessProbe: { httpGet: { path: '/health/ready', port: 'http' } },
      },
      { volumes, terminationGracePeriodSeconds: 15 },
    );
    expect(ordersOf([object, files])).toEqual([
      {
        name: 'elstream-gateway',
        component: 'gateway',
        once: false,
        replicas: 2,
        command: ['node', 'gateway.cjs', '--x'],
        env: { LOG_LEVEL: 'debug' },
        secrets: { REDIS_URL: 'redis' },
        files: [{ path: 'pipelines/a.yaml', text: 'name: a' }],
        probes: {
          startup: null,
          liveness: { path: '/health/live', periodMs: 5_000, timeoutMs: 2_000, failures: 4 },
          readiness: { path: '/health/ready', periodMs: 10_000, timeoutMs: 1_000, failures: 3 },
        },
        graceMs: 15_000,
      },
    ]);
  });

  it.each([
    ['a mount outside the working directory', '/etc/pipelines', volumes, /\/etc\/pipelines is mounted outside/],
    ['a volume that is not declared', '/app/pipelines', [], /volume files is mounted but not declared/],
    ['a ConfigMap that is not rendered', '/app/pipelines', [{ name: 'files', configMap: { name: 'gone' } }], /ConfigMap gone is mounted but not rendered/],
  ])('is refused for %s', (_what, mountPath, declared, message) => {
    expect(() => ordersOf([deployment({ volumeMounts: [{ name: 'files', mountPath }] }, { volumes: declared }), files])).toThrow(message);
  });
});
