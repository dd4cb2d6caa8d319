import { type Runtime, ServiceHost } from '@elstream/runtime';
import { type DynamicModule, Module } from '@nestjs/common';
import { CheckController } from './api/check.controller';
import { ConnectorController } from './api/connector.controller';
import { DeadLettersController } from './api/dead-letters.controller';
import { EVENT_STREAM_OPTIONS, type EventStreamOptions, EventStreams } from './api/event-streams';
import { HealthController } from './api/health.controller';
import { PipelinesController } from './api/pipelines.controller';
import { RepairsController } from './api/repairs.controller';
import { RunStreamController } from './api/run-stream.controller';
import { RunsController } from './api/runs.controller';
import { SchemaChangesController } from './api/schema-changes.controller';
import { TablesController } from './api/tables.controller';
import { ValidationsController } from './api/validations.controller';
import { type RuntimeServicesOptions, servicesOf } from './runtime-services';
import { GATEWAY_SERVICES, type GatewayServices } from './services';

const DEFAULT_STREAMS: EventStreamOptions = { pollMs: 500, heartbeatMs: 15_000 };

export interface GatewayOptions extends RuntimeServicesOptions {
  readonly streams?: EventStreamOptions;
}

/** REST, event streams, health, metrics and the planner of runs. */
@Module({})
export class GatewayModule {
  /** @param options see `servicesOf`: who plans, and the environment that pipeline files are checked with */
  static forRuntime(runtime: Runtime, { streams, ...options }: GatewayOptions = {}): DynamicModule {
    return GatewayModule.forServices(servicesOf(runtime, options), streams);
  }

  static forServices(services: GatewayServices, streams: EventStreamOptions = DEFAULT_STREAMS): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        CheckController,
        PipelinesController,
        ConnectorController,
        TablesController,
        RunsController,
        RunStreamController,
        ValidationsController,
        RepairsController,
        DeadLettersController,
        SchemaChangesController,
        HealthController,
      ],
      providers: [
        { provide: GATEWAY_SERVICES, useValue: services },
        { provide: EVENT_STREAM_OPTIONS, useValue: streams },
        EventStreams,
        { provide: 'planner', useFactory: () => new ServiceHost('planner', services.planner === null ? [] : [services.planner], services.logger) },
      ],
    };
  }
}
