import { type Environment, type PipelineConfig, type PipelineFiles } from '@elstream/config';
import { type Logger, type Tracer } from '@elstream/core';
import { createGatewayApp, type HttpSettings } from '@elstream/gateway';
import { PreloaderModule } from '@elstream/preloader';
import { createRuntime, type Runtime, startedCheck } from '@elstream/runtime';
import { connectChangeStreams, StreamerModule } from '@elstream/streamer';
import { ValidatorModule } from '@elstream/validator';

export interface StandaloneOptions {
  /** Validated pipeline files; all on one warehouse. */
  readonly pipelines: readonly PipelineConfig[];
  /** The files the pipelines came from, read again so often, milliseconds (0: never). Absent: the pipelines stay as they are. */
  readonly reload?: { readonly files: PipelineFiles; readonly everyMs: number };
  /** LEASE_DURATION; default 15 s. */
  readonly leaseMs?: number;
  readonly tracer?: Tracer;
  /** Names this process in claims, logs and traces. */
  readonly workerId?: string;
  readonly http: HttpSettings;
  readonly logger: Logger;
  /** Where references of pipeline files given to the API are looked up; default: the process's environment. */
  readonly env?: Environment;
  /** Gives up waiting for databases that do not answer; from then on the process is unready. */
  readonly signal?: AbortSignal;
}

/** All four services in this process. */
export interface Standalone {
  /** Address of the API, e.g. `http://127.0.0.1:8400`. */
  readonly url: string;
  readonly runtime: Runtime;
  /** Settles the work in hand, then closes every connection. Idempotent. The databases stay up. */
  close(): Promise<void>;
}

/**
 * Starts gateway, preloader, streamer and validator over one runtime. Whatever an earlier process left goes on: runs at
 * their next step, streams at their checkpoint.
 *
 * @throws ElstreamError what `createRuntime` and the gateway refuse; nothing is left running then
 */
export async function startStandalone({ http, env, signal = new AbortController().signal, ...settings }: StandaloneOptions): Promise<Standalone> {
  const runtime = await createRuntime({ ...settings, coordination: { kind: 'in-process' }, signal });
  try {
    const started = startedCheck(runtime.health, signal);
    const modules = [PreloaderModule.forRuntime(runtime), StreamerModule.forRuntime(runtime, { retryHalted: true }), ValidatorModule.forRuntime(runtime)];
    const app = await createGatewayApp(runtime, http, { planner: { alone: true }, modules, connect: connectChangeStreams, ...(env === undefined ? {} : { env }) });
    try {
      const url = await app.listen();
      started();
      let closed: Promise<void> | undefined;
      const close = async (): Promise<void> => {
        await app.close();
        await runtime.close();
      };
      return { url, runtime, close: () => (closed ??= close()) };
    } catch (error) {
      await app.close();
      throw error;
    }
  } catch (error) {
    await runtime.close();
    throw error;
  }
}
