export { createGatewayApp, createHttpApp, type GatewayApp, type HttpSettings } from './app';
export { GatewayModule, type GatewayOptions } from './gateway.module';
export { isLoopback, refuseOpenListening } from './http/loopback';
export { type RuntimeServicesOptions, servicesOf } from './runtime-services';
export { GATEWAY_SERVICES, type GatewayServices, type PipelineCheck, type PipelineProblem } from './services';
