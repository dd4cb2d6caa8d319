import { Module, type DynamicModule } from '@nestjs/common';
import { createStreamer, type StreamerOptions } from '@elstream/replication';
import { ServiceHost, type Runtime } from '@elstream/runtime';

/** Applies what changes, batch by batch, and keeps the source from harm (R2, R14). */
@Module({})
export class StreamerModule {
  static forRuntime(runtime: Runtime, options: StreamerOptions = {}): DynamicModule {
    const services = [createStreamer(runtime.deps, options)];
    return { module: StreamerModule, providers: [{ provide: 'streamer', useFactory: () => new ServiceHost('streamer', services, runtime.logger) }] };
  }
}
