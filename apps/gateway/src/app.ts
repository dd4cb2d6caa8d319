import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter, type NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { ElstreamError, type Logger } from '@elstream/core';
import { type Runtime } from '@elstream/runtime';
import { GatewayModule, type GatewayOptions } from './gateway.module';
import { refuseOpenListening } from './http/loopback';
import { ProblemFilter } from './http/problem.filter';
import { RouteTable } from './http/route-table';
import { security, YAML_TYPES } from './http/security';
import { nestLogger } from './nest-logger';
import { createOpenApi } from './openapi';

const BODY_LIMIT = '1mb';

export interface HttpSettings {
  /** HTTP_HOST */
  readonly host: string;
  /** HTTP_PORT; 0: any free one. */
  readonly port: number;
  /** API_TOKEN; null: none, then only a loopback host is listened on. */
  readonly token: string | null;
}

/** The gateway, ready to listen. Whoever made it calls `close`. */
export interface GatewayApp {
  readonly nest: NestExpressApplication;
  /** Starts to listen; returns the address to call, e.g. `http://127.0.0.1:8080`. */
  listen(): Promise<string>;
  /** Ends event streams, stops planner and modules, lets requests in hand end. Idempotent. */
  close(): Promise<void>;
}

@Module({})
class RootModule {}

/**
 * Makes the Nest application of these modules (the gateway's, and in the standalone process the other services').
 * Throws `API_TOKEN_MISSING` rather than let other machines in without a token.
 */
export async function createHttpApp(modules: readonly DynamicModule[], settings: HttpSettings, logger: Logger): Promise<GatewayApp> {
  refuseOpenListening(settings);
  const root: DynamicModule = { module: RootModule, imports: [...modules] };
  const nest = await NestFactory.create<NestExpressApplication>(root, new ExpressAdapter(), { logger: nestLogger(logger), bodyParser: false, abortOnError: false });
  const routes = new RouteTable();
  nest.disable('x-powered-by');
  nest.disable('etag');
  // Before everything else, so that documentation, unknown routes and unreadable bodies are guarded too.
  nest.use(security(settings.token));
  nest.useBodyParser('json', { limit: BODY_LIMIT });
  nest.useBodyParser('text', { limit: BODY_LIMIT, type: YAML_TYPES });
  nest.useGlobalFilters(new ProblemFilter(logger, routes));
  const document = createOpenApi(nest);
  routes.load(document.paths);
  SwaggerModule.setup('api/docs', nest, () => document, { jsonDocumentUrl: 'api/docs-json', yamlDocumentUrl: 'api/docs-yaml', customSiteTitle: 'elstream API' });
  await nest.init();
  let closed: Promise<void> | undefined;
  return {
    nest,
    listen: async () => {
      const host = settings.host.replace(/^\[(.*)\]$/, '$1');
      const port = await listenOn(nest, settings.port, host);
      return `http://${host.includes(':') ? `[${host}]` : host}:${String(port)}`;
    },
    close: () => (closed ??= closeGently(nest)),
  };
}

/** Returns the port; the error of a taken or forbidden address names the settings. */
async function listenOn(nest: NestExpressApplication, port: number, host: string): Promise<number> {
  try {
    const address: unknown = (await nest.listen(port, host)).address();
    return typeof address === 'object' && address !== null && 'port' in address ? Number(address.port) : port;
  } catch (error) {
    throw new ElstreamError('LISTEN_FAILED', 'stop', `cannot listen on ${host} port ${String(port)}; choose others by HTTP_HOST and HTTP_PORT`, {
      cause: error,
      place: { setting: 'HTTP_PORT' },
    });
  }
}

/** The gateway over a runtime; `modules` run in the same process (the standalone program's other services). The runtime stays its maker's to close. */
export async function createGatewayApp(runtime: Runtime, settings: HttpSettings, { modules = [], ...options }: GatewayOptions & { readonly modules?: readonly DynamicModule[] } = {}): Promise<GatewayApp> {
  return createHttpApp([GatewayModule.forRuntime(runtime, options), ...modules], settings, runtime.logger);
}

/** Requests in hand get this long; a connection kept open by a slow client is cut then (R12). */
const GRACE_MS = 3_000;

async function closeGently(nest: NestExpressApplication): Promise<void> {
  const server = nest.getHttpServer();
  const deadline = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  // A kept-alive connection that becomes idle after the server stopped listening would hold the close up.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  try {
    await nest.close();
  } finally {
    clearTimeout(deadline);
    clearInterval(idle);
  }
}
