import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { silentLogger } from '@elstream/core';
import { createMetrics, HealthRegistry } from '@elstream/observability';
import { startedCheck } from '../started-check';
import { HealthModule } from './health.module';
import { createNestApp } from './nest-app';
import { ServiceServer } from './service-server';

const HOST = { host: '127.0.0.1', port: 0 };

async function open() {
  const health = new HealthRegistry();
  const metrics = createMetrics();
  const server = new ServiceServer({ health, metrics });
  const address = await server.listen(HOST);
  const get = async (route: string) => {
    const response = await fetch(`${address}${route}`);
    return { status: response.status, text: await response.text() };
  };
  return { health, metrics, server, get, [Symbol.asyncDispose]: () => server.close() };
}

@Controller()
class OwnController {
  @Get('own')
  own(): string {
    return 'own';
  }
}

@Module({ controllers: [OwnController] })
class OwnModule {}

describe('the HTTP server of a service', () => {
  it('answers health and metrics before the application is there, and tells everything else to come back', async () => {
    await using service = await open();
    const stopping = new AbortController();
    const started = startedCheck(service.health, stopping.signal);
    expect((await service.get('/health/live')).status).toBe(200);
    expect(await service.get('/health/ready')).toMatchObject({ status: 503, text: expect.stringContaining('"error":"starting"') });
    expect((await service.get('/metrics')).text).toContain('elstream_build_info');
    expect(await service.get('/own')).toMatchObject({ status: 503, text: expect.stringContaining('STARTING') });
    started();
    expect((await service.get('/health/ready')).status).toBe(200);
    stopping.abort();
    expect(await service.get('/health/ready')).toMatchObject({ status: 503, text: expect.stringContaining('"error":"stopping"') });
  });

  it('hands over to the application, on the same address', async () => {
    await using service = await open();
    const app = await createNestApp([HealthModule.over(service), { module: OwnModule }], { server: service.server, logger: silentLogger });
    expect(await service.get('/own')).toEqual({ status: 200, text: 'own' });
    expect((await service.get('/nothing')).status).toBe(404);
    for (const route of ['/health/live', '/health/ready', '/metrics']) expect((await service.get(route)).status).toBe(200);
    service.health.touch('hung', -1);
    service.health.addCheck('database', () => Promise.reject(new Error('away')));
    expect((await service.get('/health/live')).status).toBe(503);
    expect(await service.get('/health/ready')).toMatchObject({ status: 503, text: expect.stringContaining('away') });
    await app.close();
    await expect(service.get('/own')).rejects.toThrow();
  });

  it('stays unready, but answers, while the services of the application settle their work', async () => {
    await using service = await open();
    const stopping = new AbortController();
    startedCheck(service.health, stopping.signal)();
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => (settle = resolve));
    let asked = (): void => undefined;
    const stops = new Promise<void>((resolve) => (asked = resolve));
    const work = { provide: 'work', useFactory: () => ({ beforeApplicationShutdown: () => (asked(), settled) }) };
    const app = await createNestApp([HealthModule.over(service), { module: OwnModule, providers: [work] }], { server: service.server, logger: silentLogger });
    stopping.abort();
    const closed = app.close();
    await stops;
    expect((await service.get('/health/ready')).status).toBe(503);
    settle();
    await closed;
    await expect(service.get('/health/ready')).rejects.toThrow();
  });

  it('names the setting of a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const server = new ServiceServer({ health: new HealthRegistry(), metrics: createMetrics() });
    await expect(server.listen({ host: '127.0.0.1', port })).rejects.toThrow(/HTTP_PORT/);
    await new Promise((resolve) => other.close(resolve));
  });
});
