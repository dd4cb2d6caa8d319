import type { Service } from '@elstream/core';
import type { ReplicationDeps } from '../deps';
import { PipelineStream, type StreamOptions } from './pipeline-stream';
import { SourceGuard, type GuardOptions } from './source-guard';

export type StreamerOptions = Partial<StreamOptions & GuardOptions>;

const DEFAULTS: StreamOptions & GuardOptions = { pollMs: 1_000, backoff: { minMs: 500, maxMs: 30_000 }, guardMs: 5_000, graceMs: 60_000 };

/** The streams of all pipelines of this process, each with its guard. `stop` resolves when every batch in hand is settled. */
export function createStreamer(deps: ReplicationDeps, options: StreamerOptions = {}): Service {
  const all = { ...DEFAULTS, ...options };
  const streams = deps.registry.names().map((name) => new PipelineStream(deps, deps.registry.get(name), all));
  const byName = new Map(deps.registry.names().map((name, i) => [name, streams[i]]));
  const guards = deps.registry.names().flatMap((name) => {
    const stream = byName.get(name);
    return stream === undefined ? [] : [new SourceGuard(deps, deps.registry.get(name), stream, all)];
  });
  const services: readonly Service[] = [...streams, ...guards];
  const unsubscribe = deps.bus.subscribe((message) => byName.get(message.pipeline)?.wake());
  return {
    run: async () => {
      await Promise.all(services.map((service) => service.run()));
    },
    stop: async () => {
      unsubscribe();
      await Promise.all(services.map((service) => service.stop()));
    },
  };
}
