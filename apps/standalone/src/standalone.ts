import { type Environment, type PipelineConfig } from '@elstream/config';
import { type Logger } from '@elstream/core';
import { createGatewayApp, type HttpSettings } from '@elstream/gateway';
import { PreloaderModule } from '@elstream/preloader';
import { createRuntime, type Runtime } from '@elstream/runtime';
import { StreamerModule } from '@elstream/streamer';
import { ValidatorModule } from '@elstream/validator';

export interface StandaloneOptions {
  /** Validated pipeline files; all on one warehouse. */
  readonly pipelines: readonly PipelineConfig[];
  readonly http: HttpSettings;
  readonly logger: Logger;
  /** Where references of pipeline files given to the API are looked up; default: the process's environment. */
  readonly env?: Environment;
  /** Gives up waiting for databases that do not answer. */
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
export async function startStandalone({ pipelines, http, logger, env, signal }: StandaloneOptions): Promise<Standalone> {
  const runtime = await createRuntime({ pipelines, logger, ...(signal === undefined ? {} : { signal }) });
  try {
    const modules = [PreloaderModule.forRuntime(runtime), StreamerModule.forRuntime(runtime), ValidatorModule.forRuntime(runtime)];
    const app = await createGatewayApp(runtime, http, { planner: { alone: true }, modules, ...(env === undefined ? {} : { env }) });
    try {
      const url = await app.listen();
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
