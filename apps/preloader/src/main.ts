import 'reflect-metadata';
import { createServiceApp, serviceMain } from '@elstream/runtime';
import { PreloaderModule } from './preloader.module';

void serviceMain('preloader', ({ runtime, server }) => createServiceApp([PreloaderModule.forRuntime(runtime)], { runtime, server })).then((code) => process.exit(code));
