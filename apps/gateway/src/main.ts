import 'reflect-metadata';
import { type ServiceSettings } from '@elstream/config';
import { type RunningApplication, type Runtime, serviceMain } from '@elstream/runtime';
import { createGatewayApp } from './app';

async function start(runtime: Runtime, { httpHost, httpPort, apiToken }: ServiceSettings): Promise<RunningApplication> {
  // The job queue does not leave this process: the services hand their own tasks to themselves.
  const app = await createGatewayApp(runtime, { host: httpHost, port: httpPort, token: apiToken }, { planner: { queues: [] } });
  try {
    const address = await app.listen();
    runtime.logger.info({ address, docs: `${address}/api/docs` }, 'the gateway listens');
    return app;
  } catch (error) {
    await app.close();
    throw error;
  }
}

void serviceMain('gateway', start).then((code) => process.exit(code));
