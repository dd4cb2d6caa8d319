import { failure } from './failure';
import { type KubernetesObject } from './kustomize';

/** The parts of a container that are read here; the rest is left to Kubernetes. */
export interface ManifestContainer {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly ManifestVariable[];
  readonly envFrom?: readonly { readonly prefix?: string; readonly configMapRef?: { readonly name: string }; readonly secretRef?: { readonly name: string } }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly startupProbe?: ManifestProbe;
  readonly livenessProbe?: ManifestProbe;
  readonly readinessProbe?: ManifestProbe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean; readonly subPath?: string }[];
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly resources?: { readonly requests?: Readonly<Record<string, string>>; readonly limits?: Readonly<Record<string, string>> };
}

export interface ManifestVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: { readonly secretKeyRef?: KeyReference; readonly configMapKeyRef?: KeyReference; readonly fieldRef?: object };
}

interface KeyReference {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

export interface ManifestProbe {
  readonly httpGet?: { readonly path: string; readonly port: number | string };
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

export interface PodSpec {
  readonly containers: readonly ManifestContainer[];
  readonly initContainers?: readonly ManifestContainer[];
  readonly volumes?: readonly ({ readonly name: string } & Readonly<Record<string, unknown>>)[];
  readonly terminationGracePeriodSeconds?: number;
  readonly [field: string]: unknown;
}

/** Something that makes pods: Deployment, StatefulSet, Job. */
export interface Workload {
  readonly object: KubernetesObject;
  /** `app.kubernetes.io/component` of its pods; for our services the name of the service. */
  readonly component: string | undefined;
  /** 1 for a Job. */
  readonly replicas: number;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly pod: PodSpec;
}

const WORKLOADS = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job'];

export function workloadsOf(objects: readonly KubernetesObject[]): Workload[] {
  return objects
    .filter(({ kind }) => WORKLOADS.includes(kind))
    .map((object) => {
      const spec = object['spec'] as { replicas?: number; template: { metadata?: { labels?: Record<string, string> }; spec: PodSpec } };
      const podLabels = spec.template.metadata?.labels ?? {};
      return { object, component: podLabels['app.kubernetes.io/component'], replicas: object.kind === 'Job' ? 1 : (spec.replicas ?? 1), podLabels, pod: spec.template.spec };
    });
}

/** A container's environment: plain values (ConfigMaps resolved), and which key of which Secret the others come from. */
export interface ContainerEnvironment {
  readonly values: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, { readonly secret: string; readonly key: string }>>;
}

/** As the kubelet would make it: envFrom first, then env over it. Throws when a ConfigMap or its key is not among `objects`. */
export function environmentOfContainer(objects: readonly KubernetesObject[], container: ManifestContainer): ContainerEnvironment {
  const values: Record<string, string> = {};
  const secrets: Record<string, { secret: string; key: string }> = {};
  const dataOf = (name: string): Readonly<Record<string, string>> => {
    const found = objects.find((object) => object.kind === 'ConfigMap' && object.metadata.name === name);
    if (!found) throw failure(`container ${container.name} takes its environment from the ConfigMap ${name}, which is not rendered`);
    return (found['data'] ?? {}) as Record<string, string>;
  };
  for (const { configMapRef, secretRef, prefix = '' } of container.envFrom ?? []) {
    if (secretRef) throw failure(`container ${container.name} takes the whole Secret ${secretRef.name}; name the keys one by one (secretKeyRef)`);
    if (configMapRef) for (const [name, value] of Object.entries(dataOf(configMapRef.name))) values[`${prefix}${name}`] = value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom?.secretKeyRef) secrets[name] = { secret: valueFrom.secretKeyRef.name, key: valueFrom.secretKeyRef.key };
    else if (valueFrom?.configMapKeyRef) {
      const { name: map, key, optional = false } = valueFrom.configMapKeyRef;
      const text = dataOf(map)[key];
      if (text !== undefined) values[name] = text;
      else if (!optional) throw failure(`container ${container.name}: ${name} comes from key ${key} of the ConfigMap ${map}, which has none such`);
    } else if (valueFrom) throw failure(`container ${container.name}: ${name} comes from a field of the pod, which is not known here`);
    else values[name] = value ?? '';
  }
  return { values, secrets };
}
