export { findRedisServer } from './find-redis';
export { type FindToolOptions } from './tool-cache';
export { tryLock } from './lock';
export { redisCommand } from './resp';
export { type RedisServer, type RedisServerOptions, startRedisServer } from './redis-server';
export { type ComposeCommand, findDockerCompose } from './docker-compose';
export { findKustomize, type KubernetesObject, type KustomizeBuild, renderKustomization, renderOverlay } from './kustomize';
export { type ContainerEnvironment, environmentOfContainer, type ManifestContainer, type ManifestProbe, type ManifestVariable, type PodSpec, type Workload, workloadsOf } from './manifests';
