export { HealthRegistry, type CheckResult, type Liveness, type LoopHealth, type Readiness, type ReadinessCheck } from './health';
export { createLogger, LOG_LEVELS, type LoggerOptions, type LogLevel } from './logger';
export { createMetrics, TABLE_PHASES, type Metrics, type MetricsOptions } from './metrics';
export { redactText, redactUrl } from './redact';
export { throttled } from './throttled';
