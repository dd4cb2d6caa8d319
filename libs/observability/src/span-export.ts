import { diag, DiagLogLevel } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { type Logger } from '@elstream/core';
import { throttled } from './throttled';

/** What is wrong with the collector is said at most this often. */
const SAY_EVERY_MS = 600_000;
/** Of `@opentelemetry/core`, which is no dependency of ours. */
const SUCCESS = 0;

export interface SpanExportOptions {
  readonly url: string;
  /** An export, its retries included, takes no longer (about), milliseconds. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  /** Texts cut out of everything said. */
  readonly secrets: readonly string[];
}

type ExportDone = Parameters<SpanExporter['export']>[1];

/**
 * OTLP over HTTP in JSON. A batch that cannot be sent is dropped and counted; the log says so once per ten minutes. To
 * the processor every export succeeds: its own handling of failures would say each of them a second time, in full.
 */
export function createSpanExporter(options: SpanExportOptions): SpanExporter {
  const logger = throttled(quoteNoSecret(options.logger, options.secrets), SAY_EVERY_MS);
  // One sink per process (OpenTelemetry knows no other). Below `warn` it tells every span it sends.
  diag.setLogger(diagLogger(logger), { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = new OTLPTraceExporter({ url: options.url, timeoutMillis: options.timeoutMs });
  let lost = 0;
  return {
    export: (spans: ReadableSpan[], done: ExportDone) => {
      exporter.export(spans, (result) => {
        if (result.code === SUCCESS) {
          if (lost > 0) logger.info({ lostSpans: lost }, 'traces reach the collector again');
          lost = 0;
        } else {
          lost += spans.length;
          logger.warn({ lostSpans: lost, error: reason(result.error) }, 'traces do not reach the collector and are dropped; see OTEL_EXPORTER_OTLP_ENDPOINT; the work goes on');
        }
        done({ code: SUCCESS });
      });
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

/** The answer's body is left out: it is the collector's to fill. */
function reason(error: (Error & { code?: unknown }) | undefined): string {
  if (error === undefined) return 'unknown';
  const code = error.code === undefined ? '' : `${String(error.code)} `;
  return `${code}${error.message === '' ? error.name : error.message}`;
}

function diagLogger(logger: Logger) {
  const say = (level: 'warn' | 'error') => (message: string) => logger[level]({ part: 'opentelemetry' }, message);
  const nothing = (): void => undefined;
  return { error: say('error'), warn: say('warn'), info: nothing, debug: nothing, verbose: nothing };
}

/** A logger that cuts `secrets` out of messages and texts: headers may be quoted by whoever refuses them. */
function quoteNoSecret(logger: Logger, secrets: readonly string[]): Logger {
  const clean = (text: string): string => secrets.reduce((rest, secret) => rest.split(secret).join('[redacted]'), text);
  const cleanFields = (fields: Parameters<Logger['child']>[0]) =>
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? clean(value) : value]));
  const say = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: Parameters<Logger['info']>[0], message: string) => logger[level](cleanFields(fields), clean(message));
  return { child: (fields) => quoteNoSecret(logger.child(cleanFields(fields)), secrets), debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
}
