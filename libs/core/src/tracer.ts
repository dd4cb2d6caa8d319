/** Names and numbers only, never row values (R10). `runId` ties a step to its run: all steps of a run form one trace, over all processes. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>> & { readonly runId?: string };

/** Tells a tracing system which steps were taken and how long they took. */
export interface Tracer {
  /** Does `work` as one step named `name`; what it throws is noted and thrown on. */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
}

export const silentTracer: Tracer = { span: (_name, _attributes, work) => work() };
