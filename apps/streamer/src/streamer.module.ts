import { Module, type DynamicModule, type INestApplication } from '@nestjs/common';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { StreamerOptions } from '@elstream/replication';
import type { Runtime } from '@elstream/runtime';
import { ChangeBatchController } from './change-batch.controller';
import { ChangeStreamStrategy } from './change-stream.strategy';

/** Applies what changes, batch by batch, and keeps the source from harm (R2, R14). Whoever makes the application connects the streams to it. */
@Module({})
export class StreamerModule {
  static forRuntime(runtime: Runtime, options: StreamerOptions = {}): DynamicModule {
    return {
      module: StreamerModule,
      controllers: [ChangeBatchController],
      providers: [{ provide: ChangeStreamStrategy, useFactory: () => new ChangeStreamStrategy(runtime, options) }],
    };
  }
}

/** Makes the streams of `StreamerModule` a transport of the application: they begin with `startAllMicroservices`. */
export function connectChangeStreams(nest: INestApplication): void {
  nest.connectMicroservice<MicroserviceOptions>({ strategy: nest.get(ChangeStreamStrategy) });
}
