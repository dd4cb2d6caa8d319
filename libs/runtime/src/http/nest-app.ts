import { Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import type { RequestListener } from 'node:http';
import type { Logger } from '@elstream/core';
import { nestLogger } from './nest-logger';
import type { ServiceServer } from './service-server';

export interface NestAppOptions {
  readonly server: ServiceServer;
  readonly logger: Logger;
  /** Called before the application is initialised: middleware, body parsers, `connectMicroservice`. */
  readonly prepare?: (nest: NestExpressApplication) => void | Promise<void>;
}

/** A Nest application on our own HTTP server. */
export interface NestApp {
  readonly nest: NestExpressApplication;
  /** Stops services first, answering on meanwhile (health: unready), then HTTP: requests in hand end. Idempotent. */
  close(): Promise<void>;
}

@Module({})
class RootModule {}

/** Nest on a server that exists, and perhaps listens, already. */
class ServerAdapter extends ExpressAdapter {
  constructor(private readonly shared: ServiceServer) {
    super();
  }

  override initHttpServer(): void {
    this.httpServer = this.shared.server;
  }
}

/** Makes and initialises the application of these modules, starts its microservices, then lets it answer. What fails closes it. */
export async function createNestApp(modules: readonly DynamicModule[], { server, logger, prepare }: NestAppOptions): Promise<NestApp> {
  const root: DynamicModule = { module: RootModule, imports: [...modules] };
  const nest = await NestFactory.create<NestExpressApplication>(root, new ServerAdapter(server), { logger: nestLogger(logger), bodyParser: false, abortOnError: false });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= closeGently(nest));
  try {
    nest.disable('x-powered-by');
    nest.disable('etag');
    await prepare?.(nest);
    await nest.init();
    await nest.startAllMicroservices();
    server.handOver(nest.getHttpAdapter().getInstance() as RequestListener);
    return { nest, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Requests in hand get this long; a connection kept open by a slow client is cut then (R12). */
const GRACE_MS = 3_000;

async function closeGently(nest: NestExpressApplication): Promise<void> {
  const server = nest.getHttpServer();
  const deadline = performance.now() + GRACE_MS;
  // A kept-alive connection that becomes idle after the server stopped listening would hold the close up.
  const cutting = setInterval(() => (performance.now() < deadline || server.listening ? server.closeIdleConnections() : server.closeAllConnections()), 50);
  try {
    await nest.close();
  } finally {
    clearInterval(cutting);
  }
}
