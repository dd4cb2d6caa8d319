import { type ManifestContainer, type Workload } from '@elstream/servers';

interface Context {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly seccompProfile?: { readonly type: string };
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
}

/** Volume types of the restricted profile (Kubernetes, Pod Security Standards); a claim of a StatefulSet is none of the pod's. */
const VOLUMES = ['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'];

/** Where a pod breaks the restricted profile of the Pod Security Standards, or our own rules beside it. */
export function restrictedProblems({ object, pod }: Workload): string[] {
  const at = `${object.kind} ${object.metadata.name}`;
  const context = (pod['securityContext'] ?? {}) as Context;
  const rules: [boolean, string][] = [
    [context.runAsNonRoot === true, 'runAsNonRoot is not true'],
    [(context.runAsUser ?? 0) > 0, 'no numeric user but root'],
    [context.seccompProfile?.type === 'RuntimeDefault', 'seccompProfile is not RuntimeDefault'],
    [pod['hostNetwork'] !== true && pod['hostPID'] !== true && pod['hostIPC'] !== true, 'shares a namespace of the host'],
    [(pod.volumes ?? []).every((volume) => Object.keys(volume).every((key) => key === 'name' || VOLUMES.includes(key))), 'a volume of a type not allowed'],
    [pod['automountServiceAccountToken'] === false, 'gets a token of the Kubernetes API, which it never calls'],
    [pod['enableServiceLinks'] === false, 'gets every Service of the namespace as environment variables'],
  ];
  const broken = rules.filter(([held]) => !held).map(([, problem]) => `${at}: ${problem}`);
  return [...broken, ...[...(pod.initContainers ?? []), ...pod.containers].flatMap((container) => containerProblems(at, container))];
}

/** The profile allows this one, and its program cannot be started without; it writes beside its volume. */
const MSSQL = /^mcr\.microsoft\.com\/mssql\/server:/;

function containerProblems(at: string, container: ManifestContainer): string[] {
  const context = (container.securityContext ?? {}) as Context;
  const mssql = MSSQL.test(container.image);
  const added = (context.capabilities?.add ?? []).filter((capability) => !(mssql && capability === 'NET_BIND_SERVICE'));
  const rules: [boolean, string][] = [
    [context.allowPrivilegeEscalation === false, 'allowPrivilegeEscalation is not false'],
    [context.privileged !== true, 'is privileged'],
    [context.capabilities?.drop?.includes('ALL') === true && added.length === 0, 'does not drop all capabilities'],
    [mssql || context.readOnlyRootFilesystem === true, 'its root file system is writable'],
    [context.runAsNonRoot !== false && context.runAsUser !== 0, 'runs as root after all'],
    [(container.ports ?? []).every((port) => !('hostPort' in port)), 'takes a port of the host'],
    [container.resources?.requests?.['cpu'] !== undefined && container.resources.requests['memory'] !== undefined, 'requests no CPU or memory'],
    [container.resources?.limits?.['memory'] !== undefined, 'has no limit of memory'],
  ];
  return rules.filter(([held]) => !held).map(([, problem]) => `${at}, container ${container.name}: ${problem}`);
}
