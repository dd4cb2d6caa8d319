import { type KubernetesObject, type ManifestContainer, type Workload, workloadsOf } from '@elstream/servers';

type Labels = Readonly<Record<string, string>>;

/** Secrets are never rendered; these are made by hand (docs/deployment.md), with these keys. */
export type KnownSecrets = Readonly<Record<string, readonly string[]>>;

/** What in the rendered set points to something that is not in it, or points to the wrong thing. */
export function referenceProblems(objects: readonly KubernetesObject[], secrets: KnownSecrets): string[] {
  const workloads = workloadsOf(objects);
  return [
    ...duplicates(objects),
    ...workloads.flatMap((workload) => [...selectorProblems(workload), ...podProblems(workload, objects, secrets)]),
    ...objects.flatMap((object) => serviceProblems(object, workloads)),
    ...objects.flatMap((object) => podSelectionProblems(object, workloads)),
  ];
}

const nameOf = ({ kind, metadata }: KubernetesObject): string => `${kind} ${metadata.name}`;
const covers = (selector: Labels, labels: Labels): boolean => Object.entries(selector).every(([key, value]) => labels[key] === value);

function duplicates(objects: readonly KubernetesObject[]): string[] {
  const names = objects.map(nameOf);
  return names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${name} is there twice`);
}

function selectorProblems({ object, podLabels }: Workload): string[] {
  if (object.kind === 'Job') return [];
  const { matchLabels = {} } = (object['spec'] as { selector?: { matchLabels?: Labels } }).selector ?? {};
  if (Object.keys(matchLabels).length === 0) return [`${nameOf(object)}: no selector`];
  return covers(matchLabels, podLabels) ? [] : [`${nameOf(object)}: its selector does not select its own pods`];
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name?: string };
  readonly secret?: { readonly secretName?: string };
}

function podProblems({ object, pod }: Workload, objects: readonly KubernetesObject[], secrets: KnownSecrets): string[] {
  const at = nameOf(object);
  const problems: string[] = [];
  const has = (kind: string, name: string | undefined): boolean => objects.some((other) => other.kind === kind && other.metadata.name === name);
  const account = pod['serviceAccountName'] as string | undefined;
  if (account !== undefined && !has('ServiceAccount', account)) problems.push(`${at}: no ServiceAccount ${account}`);
  const claims = (object['spec'] as { volumeClaimTemplates?: readonly KubernetesObject[] }).volumeClaimTemplates ?? [];
  const volumes = (pod.volumes ?? []) as readonly Volume[];
  for (const { name, configMap, secret } of volumes) {
    if (configMap && !has('ConfigMap', configMap.name)) problems.push(`${at}: volume ${name} wants the ConfigMap ${String(configMap.name)}, which is not rendered`);
    if (secret && !(secret.secretName !== undefined && secret.secretName in secrets)) problems.push(`${at}: volume ${name} wants an unknown Secret`);
  }
  const mountable = [...volumes.map((volume) => volume.name), ...claims.map((claim) => claim.metadata.name)];
  const containers = [...(pod.initContainers ?? []), ...pod.containers];
  const mounted = containers.flatMap((container) => (container.volumeMounts ?? []).map((mount) => mount.name));
  for (const name of mounted) if (!mountable.includes(name)) problems.push(`${at}: mounts the volume ${name}, which the pod has not`);
  for (const name of mountable) if (!mounted.includes(name)) problems.push(`${at}: nobody mounts the volume ${name}`);
  return [...problems, ...containers.flatMap((container) => containerProblems(at, container, secrets))];
}

function containerProblems(at: string, container: ManifestContainer, secrets: KnownSecrets): string[] {
  const problems: string[] = [];
  const names = (container.env ?? []).map(({ name }) => name);
  for (const name of names.filter((n, i) => names.indexOf(n) !== i)) problems.push(`${at}: ${name} is set twice`);
  for (const { name, valueFrom } of container.env ?? []) {
    const reference = valueFrom?.secretKeyRef;
    if (reference && !secrets[reference.name]?.includes(reference.key)) problems.push(`${at}: ${name} wants the key ${reference.key} of the Secret ${reference.name}, which docs/deployment.md does not make`);
  }
  const ports = new Set((container.ports ?? []).flatMap((port) => [port.name, port.containerPort]));
  for (const kind of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
    const probe = container[kind] as { httpGet?: { port: number | string }; tcpSocket?: { port: number | string } } | undefined;
    const port = probe?.httpGet?.port ?? probe?.tcpSocket?.port;
    if (port !== undefined && !ports.has(port)) problems.push(`${at}: the ${kind} asks port ${String(port)}, which the container has not`);
  }
  return problems;
}

function serviceProblems(object: KubernetesObject, workloads: readonly Workload[]): string[] {
  if (object.kind !== 'Service') return [];
  const { selector = {}, ports = [] } = object['spec'] as { selector?: Labels; ports?: readonly { name?: string; port: number; targetPort?: number | string }[] };
  const behind = workloads.filter(({ podLabels }) => covers(selector, podLabels));
  if (Object.keys(selector).length === 0 || behind.length !== 1) return [`${nameOf(object)}: stands for ${String(behind.length)} workloads, not for one`];
  const open = new Set(behind.flatMap(({ pod }) => pod.containers.flatMap((container) => (container.ports ?? []).flatMap((port) => [port.name, port.containerPort]))));
  return ports.filter(({ port, targetPort }) => !open.has(targetPort ?? port)).map(({ port, targetPort }) => `${nameOf(object)}: port ${String(port)} leads to ${String(targetPort ?? port)}, which the pods have not`);
}

interface PodSelector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: PodSelector, labels: Labels): boolean {
  return covers(matchLabels, labels) && matchExpressions.every(({ key, operator, values = [] }) => operator === 'In' && values.includes(labels[key] ?? ''));
}

/** Budgets and network policies that are about no pod, or name a port none of their pods has. */
function podSelectionProblems(object: KubernetesObject, workloads: readonly Workload[]): string[] {
  if (object.kind !== 'PodDisruptionBudget' && object.kind !== 'NetworkPolicy') return [];
  const spec = object['spec'] as { selector?: PodSelector; podSelector?: PodSelector; ingress?: readonly { ports?: readonly { port?: number | string }[] }[] };
  const about = workloads.filter(({ podLabels }) => selects(spec.selector ?? spec.podSelector ?? {}, podLabels));
  if (about.length === 0) return [`${nameOf(object)}: is about no pod`];
  const open = new Set(about.flatMap(({ pod }) => pod.containers.flatMap((container) => (container.ports ?? []).flatMap((port) => [port.name, port.containerPort]))));
  const wanted = (spec.ingress ?? []).flatMap((rule) => (rule.ports ?? []).map(({ port }) => port));
  return wanted.filter((port) => port !== undefined && !open.has(port)).map((port) => `${nameOf(object)}: lets callers to port ${String(port)}, which no pod has`);
}
