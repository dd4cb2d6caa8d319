import 'reflect-metadata';
import { loadServiceSettings } from '@elstream/config';
import { createGatewayApp } from '@elstream/gateway';
import { PreloaderModule } from '@elstream/preloader';
import { serviceMain, type RunningApplication, type Runtime } from '@elstream/runtime';
import { StreamerModule } from '@elstream/streamer';
import { ValidatorModule } from '@elstream/validator';

/** All four services in one process, as the standalone program has them; says its address as a line of JSON on stdout. */
async function start(runtime: Runtime): Promise<RunningApplication> {
  const { httpHost: host, httpPort: port, apiToken: token } = loadServiceSettings(process.env);
  const modules = [PreloaderModule.forRuntime(runtime), StreamerModule.forRuntime(runtime), ValidatorModule.forRuntime(runtime)];
  const app = await createGatewayApp(runtime, { host, port, token }, { modules });
  process.stdout.write(`${JSON.stringify({ address: await app.listen() })}\n`);
  return app;
}

void serviceMain('product', start).then((code) => process.exit(code));
