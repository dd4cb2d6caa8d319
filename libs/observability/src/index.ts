export { HealthRegistry, type CheckResult, type Liveness, type LoopHealth, type Readiness, type ReadinessCheck } from './health';
export { createLogger, LOG_LEVELS, type LoggerOptions, type LogLevel } from './logger';
export { createMetrics, describeMetrics, TABLE_PHASES, type MetricDescription, type Metrics, type MetricsOptions } from './metrics';
export { redactText, redactUrl } from './redact';
export { throttled } from './throttled';
export { createTracing, type Tracing, type TracingOptions } from './tracing';
export { VERSION } from './version';
