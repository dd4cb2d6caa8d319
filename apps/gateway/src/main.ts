import 'reflect-metadata';
import { serviceMain } from '@elstream/runtime';
import { createGatewayApp } from './app';

void serviceMain('gateway', ({ runtime, server, settings: { httpHost: host, httpPort: port, apiToken: token } }) => createGatewayApp(runtime, { host, port, token }, { server })).then((code) => process.exit(code));
