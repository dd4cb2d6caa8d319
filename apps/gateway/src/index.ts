export { createHttpApp, type GatewayApp, type HttpSettings } from './app';
export { GatewayModule } from './gateway.module';
export { isLoopback, refuseOpenListening } from './http/loopback';
export { GATEWAY_SERVICES, type GatewayServices, type PipelineCheck, type PipelineProblem } from './services';
