import { silentLogger } from '@elstream/core';
import { nestLogger } from '@elstream/runtime';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { GatewayModule } from './gateway.module';
import { createOpenApi } from './openapi';
import { type GatewayServices } from './services';

/** Text of docs/openapi.json. The application is only described, never initialised, so it needs no services. */
export async function openApiDocument(): Promise<string> {
  const module = GatewayModule.forServices({} as GatewayServices);
  const app = await NestFactory.create(module, new ExpressAdapter(), { logger: nestLogger(silentLogger), abortOnError: false });
  return `${JSON.stringify(createOpenApi(app), null, 2)}\n`;
}
