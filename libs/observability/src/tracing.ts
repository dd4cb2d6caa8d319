import { AsyncLocalStorage } from 'node:async_hooks';
import { isSpanContextValid, ROOT_CONTEXT, SpanStatusCode, trace, TraceFlags, type Attributes, type Context, type Link, type Span, type SpanContext, type Tracer as OtelTracer } from '@opentelemetry/api';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { ElstreamError, silentTracer, sleep, type Logger, type SpanAttributes, type Tracer } from '@elstream/core';
import { headerSecrets, tracesUrl } from './otlp-endpoint';
import { redactText } from './redact';
import { createSpanExporter } from './span-export';
import { VERSION } from './version';

/** Spans that wait for the collector; more are dropped, so that memory stays bounded (R11). */
const QUEUED_SPANS = 2048;
const SHUTDOWN_MS = 2_000;
const NO_SPAN_ID = '0'.repeat(16);

export interface TracingOptions {
  /** `gateway`, `preloader`, …: the resource is named `elstream-<service>`. */
  readonly service: string;
  /** Names this process: `service.instance.id`. */
  readonly workerId: string;
  readonly logger: Logger;
  /** Base URL of the collector, in place of OTEL_EXPORTER_OTLP_ENDPOINT; null switches traces off. */
  readonly endpoint?: string | null;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** How often spans are sent, milliseconds; default 5 s. */
  readonly flushEveryMs?: number;
  /** How long a batch of spans is tried, milliseconds; default 10 s. */
  readonly exportTimeoutMs?: number;
}

export interface Tracing extends Tracer {
  /** Sends what is there, for at most 2 s; then drops it. Idempotent, never throws; spans begun later go nowhere. */
  shutdown(): Promise<void>;
}

/**
 * A tracer that sends spans by OTLP/HTTP; silent when no endpoint is configured. Spans nest by asynchronous context. A
 * span with `runId` belongs to the trace whose id is the run id without dashes: every process derives the same id, so
 * the steps of a run form one trace and no context travels with jobs or messages.
 *
 * The active span is kept here and not in OpenTelemetry's global context: nothing global is set but the sink of its
 * own complaints, and two services can live in one process.
 *
 * @throws ElstreamError `OTLP_ENDPOINT_INVALID` (refuse)
 */
export function createTracing(options: TracingOptions): Tracing {
  const env = options.env ?? process.env;
  const url = tracesUrl(env, options.endpoint);
  if (url === null) return { ...silentTracer, shutdown: () => Promise.resolve() };
  const exporter = createSpanExporter({ url, timeoutMs: options.exportTimeoutMs ?? 10_000, logger: options.logger, secrets: headerSecrets(env) });
  const processor = new BatchSpanProcessor(exporter, { maxQueueSize: QUEUED_SPANS, scheduledDelayMillis: options.flushEveryMs ?? 5_000 });
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': `elstream-${options.service}`, 'service.instance.id': options.workerId, 'service.version': VERSION }),
    spanProcessors: [processor],
    spanLimits: { attributeValueLengthLimit: 1_024 },
  });
  let closing: Promise<void> | null = null;
  return {
    ...tracerOver(provider.getTracer('elstream', VERSION)),
    shutdown: () => (closing ??= within(SHUTDOWN_MS, provider.shutdown(), options.logger)),
  };
}

function tracerOver(otel: OtelTracer): Tracer {
  const active = new AsyncLocalStorage<Span>();
  return {
    span: async (name, attributes, work) => {
      const { parent, links } = placeOf(attributes.runId, active.getStore());
      const span = otel.startSpan(name, { attributes: prefixed(attributes), links }, parent);
      try {
        return await active.run(span, work);
      } catch (error) {
        noteError(span, error);
        throw error;
      } finally {
        span.end();
      }
    },
  };
}

/** Under the active span, unless that one is of another trace than the run's: then under the run, with a link to it. */
function placeOf(runId: string | undefined, active: Span | undefined): { readonly parent: Context; readonly links: Link[] } {
  const run = runId === undefined ? null : runContext(runId);
  const here = active?.spanContext();
  if (active !== undefined && (run === null || here?.traceId === run.traceId)) return { parent: trace.setSpan(ROOT_CONTEXT, active), links: [] };
  return { parent: run === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, run), links: here === undefined ? [] : [{ context: here }] };
}

/** The trace of a run: id and parent are the same in every process. Null if the run id is none that makes a trace id. */
function runContext(runId: string): SpanContext | null {
  const traceId = runId.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(traceId)) return null;
  const spanId = traceId.slice(16);
  const context = { traceId, spanId: spanId === NO_SPAN_ID ? traceId.slice(0, 16) : spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
  return isSpanContextValid(context) ? context : null;
}

function prefixed(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`elstream.${name}`, typeof value === 'string' ? redactText(value) : value]));
}

/** Ours are made safe where they are thrown; others may quote a row, so of them only the type is told (R10). */
function noteError(span: Span, error: unknown): void {
  const type = error instanceof ElstreamError ? error.code : typeName(error);
  const message = error instanceof ElstreamError ? redactText(error.message) : type;
  span.setAttribute('error.type', type);
  if (error instanceof ElstreamError) span.setAttribute('elstream.recovery', error.recovery);
  // Work that others have taken over is in good hands: no fault to alarm anybody.
  if (error instanceof ElstreamError && error.recovery === 'lost') return;
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  span.addEvent('exception', { 'exception.type': type, 'exception.message': message });
}

function typeName(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return /^[A-Za-z_$][\w$]{0,99}$/.test(error.name) ? error.name : 'Error';
}

async function within(ms: number, closed: Promise<void>, logger: Logger): Promise<void> {
  const late = new AbortController();
  const tell = (error: unknown): void => logger.debug({ error: typeName(error) }, 'the last spans could not be sent');
  await Promise.race([closed.catch(tell), sleep(ms, late.signal)]);
  late.abort();
}
