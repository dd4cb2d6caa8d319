import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo } from 'node:net';

type Value = { readonly stringValue?: string; readonly intValue?: number | string; readonly boolValue?: boolean; readonly doubleValue?: number };
type Pairs = readonly { readonly key: string; readonly value: Value }[];

export interface SentSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface RawSpan extends Omit<SentSpan, 'attributes' | 'resource' | 'links'> {
  readonly attributes: Pairs;
  readonly links?: SentSpan['links'];
}

interface Body {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: Pairs }; readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[] }[];
}

/** A collector on a real port that keeps what it is sent. `answer` decides the status of each request; null: no answer ever. */
export async function startCollector(answer: () => number | null = () => 200) {
  const requests: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly text: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      requests.push({ url: request.url ?? '', headers: request.headers, text: Buffer.concat(parts).toString('utf8') });
      const status = answer();
      if (status !== null) response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    spans: (): SentSpan[] => requests.flatMap(({ text }) => spansOf(JSON.parse(text) as Body)),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function spansOf(body: Body): SentSpan[] {
  return body.resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, attributes: record(span.attributes), resource: record(resource.attributes), links: span.links ?? [] }))),
  );
}

function record(pairs: Pairs): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value.stringValue ?? value.boolValue ?? value.doubleValue ?? Number(value.intValue)]));
}
