import { type DynamicModule } from '@nestjs/common';
import { type NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import { type Logger } from '@elstream/core';
import { createNestApp, type HealthSource, type Runtime, ServiceServer } from '@elstream/runtime';
import { GatewayModule, type GatewayOptions } from './gateway.module';
import { refuseOpenListening } from './http/loopback';
import { ProblemFilter } from './http/problem.filter';
import { requestLog } from './http/request-log';
import { RouteTable } from './http/route-table';
import { security, YAML_TYPES } from './http/security';
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

/** What the application answers on, and tells of itself before it is complete. */
export interface HttpAppOptions extends HealthSource {
  readonly logger: Logger;
  /** Listens perhaps already. Default: one of its own. */
  readonly server?: ServiceServer;
  /** Called before the application is initialised: modules that bring a transport of their own connect it. */
  readonly connect?: (nest: NestExpressApplication) => void;
}

/**
 * Makes the Nest application of these modules (the gateway's, and in the standalone process the other services').
 * Throws `API_TOKEN_MISSING` rather than let other machines in without a token.
 */
export async function createHttpApp(modules: readonly DynamicModule[], settings: HttpSettings, options: HttpAppOptions): Promise<GatewayApp> {
  refuseOpenListening(settings);
  const { logger, server = new ServiceServer(options), connect } = options;
  const routes = new RouteTable();
  const { nest, close } = await createNestApp(modules, {
    server,
    logger,
    prepare: (nest) => {
      // Before everything else, so that documentation, unknown routes and unreadable bodies are guarded too.
      nest.use(requestLog(logger), security(settings.token));
      connect?.(nest);
      nest.useBodyParser('json', { limit: BODY_LIMIT });
      nest.useBodyParser('text', { limit: BODY_LIMIT, type: YAML_TYPES });
      nest.useGlobalFilters(new ProblemFilter(logger, routes));
      const document = createOpenApi(nest);
      routes.load(document.paths);
      SwaggerModule.setup('api/docs', nest, () => document, { jsonDocumentUrl: 'api/docs-json', yamlDocumentUrl: 'api/docs-yaml', customSiteTitle: 'elstream API' });
    },
  });
  return { nest, listen: () => server.listen(settings), close };
}

export interface GatewayAppOptions extends GatewayOptions, Pick<HttpAppOptions, 'server' | 'connect'> {
  /** Run in the same process: the standalone program's other services. */
  readonly modules?: readonly DynamicModule[];
}

/** The gateway over a runtime. The runtime stays its maker's to close. */
export async function createGatewayApp(runtime: Runtime, settings: HttpSettings, { modules = [], server, connect, ...options }: GatewayAppOptions = {}): Promise<GatewayApp> {
  return createHttpApp([GatewayModule.forRuntime(runtime, options), ...modules], settings, { ...runtime, ...(server === undefined ? {} : { server }), ...(connect === undefined ? {} : { connect }) });
}
