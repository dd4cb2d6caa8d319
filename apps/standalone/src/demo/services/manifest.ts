import { environmentOfContainer, type KubernetesObject, type ManifestContainer, type ManifestProbe, type PodSpec, workloadsOf } from '@elstream/servers';

export interface Probe {
  readonly path: string;
  readonly periodMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until the orchestrator acts. */
  readonly failures: number;
}

/** A container of our image, to be run as processes. */
export interface ServiceOrder {
  readonly name: string;
  /** gateway, preloader, …; the label `app.kubernetes.io/component`. */
  readonly component: string;
  /** Runs to its end before the others start. */
  readonly once: boolean;
  readonly replicas: number;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variable → key of the Secret its value comes from. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Files mounted from ConfigMaps, below the working directory. */
  readonly files: readonly { readonly path: string; readonly text: string }[];
  readonly probes: { readonly startup: Probe | null; readonly liveness: Probe | null; readonly readiness: Probe | null };
  readonly graceMs: number;
}

/** Working directory of the image (deploy/docker/Dockerfile). */
const WORKDIR = '/app';

/**
 * What a node would be told to start of our image. Throws an Error that names what a process could not be given: a mount
 * outside the working directory, a reference that leads nowhere.
 */
export function ordersOf(objects: readonly KubernetesObject[]): readonly ServiceOrder[] {
  const workloads = workloadsOf(objects);
  const image = workloads.find((w) => w.component === 'gateway')?.pod.containers[0]?.image;
  if (image === undefined) throw new Error('the manifests hold no gateway');
  return workloads.flatMap(({ object, component, replicas, pod }) => {
    const container = pod.containers.find((c) => c.image === image);
    if (container === undefined || component === undefined) return [];
    const { values, secrets } = environmentOfContainer(objects, container);
    return [
      {
        name: object.metadata.name,
        component,
        once: object.kind === 'Job',
        replicas,
        command: [...(container.command ?? []), ...(container.args ?? [])],
        env: values,
        secrets: Object.fromEntries(Object.entries(secrets).map(([variable, { key }]) => [variable, key])),
        files: filesOf(objects, pod, container),
        probes: { startup: probe(container.startupProbe), liveness: probe(container.livenessProbe), readiness: probe(container.readinessProbe) },
        graceMs: (pod.terminationGracePeriodSeconds ?? 30) * 1_000,
      },
    ];
  });
}

function filesOf(objects: readonly KubernetesObject[], pod: PodSpec, container: ManifestContainer): ServiceOrder['files'] {
  return (container.volumeMounts ?? []).flatMap(({ name, mountPath }) => {
    const volume = pod.volumes?.find((v) => v.name === name) as { readonly configMap?: { readonly name: string } } | undefined;
    if (volume === undefined) throw new Error(`volume ${name} is mounted but not declared`);
    if (volume.configMap === undefined) return [];
    if (!mountPath.startsWith(`${WORKDIR}/`)) throw new Error(`${mountPath} is mounted outside the working directory ${WORKDIR}`);
    const map = objects.find((o) => o.kind === 'ConfigMap' && o.metadata.name === volume.configMap?.name);
    if (map === undefined) throw new Error(`the ConfigMap ${volume.configMap.name} is mounted but not rendered`);
    const folder = mountPath.slice(WORKDIR.length + 1);
    return Object.entries((map['data'] ?? {}) as Record<string, string>).map(([file, text]) => ({ path: `${folder}/${file}`, text }));
  });
}

/** Kubernetes' own defaults where a probe does not say. */
function probe(spec: ManifestProbe | undefined): Probe | null {
  if (spec?.httpGet === undefined) return null;
  return { path: spec.httpGet.path, periodMs: (spec.periodSeconds ?? 10) * 1_000, timeoutMs: (spec.timeoutSeconds ?? 1) * 1_000, failures: spec.failureThreshold ?? 3 };
}
