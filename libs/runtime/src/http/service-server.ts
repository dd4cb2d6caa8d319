import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { ElstreamError } from '@elstream/core';
import { answerLive, answerMetrics, answerReady, type HealthSource } from './health-answers';

/** HTTP_HOST and HTTP_PORT. */
export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/**
 * The one HTTP server of a service. It answers health and metrics from the first moment, while databases and Redis are
 * still waited for: a process that nobody answers is *unready*, and must not be killed for being silent. The application
 * takes over when it is complete.
 */
export class ServiceServer {
  readonly server: Server;
  private handler: RequestListener = (req, res) => void this.answerBefore(req, res);
  private address: string | null = null;

  constructor(private readonly source: HealthSource) {
    this.server = createServer((req, res) => this.handler(req, res));
  }

  /** From now on every request goes there. */
  handOver(handler: RequestListener): void {
    this.handler = handler;
  }

  /** Returns the address to call, e.g. `http://127.0.0.1:8401`; at once if it listens already. @throws ElstreamError `LISTEN_FAILED` (stop) naming HTTP_PORT */
  async listen({ host, port }: ListenOptions): Promise<string> {
    if (this.address !== null) return this.address;
    const bare = host.replace(/^\[(.*)\]$/, '$1');
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error): void =>
        reject(new ElstreamError('LISTEN_FAILED', 'stop', `cannot listen on ${bare} port ${String(port)}; choose others by HTTP_HOST and HTTP_PORT`, { cause, place: { setting: 'HTTP_PORT' } }));
      this.server.once('error', failed);
      this.server.listen(port, bare, () => {
        this.server.removeListener('error', failed);
        resolve();
      });
    });
    const bound = this.server.address();
    this.address = `http://${bare.includes(':') ? `[${bare}]` : bare}:${String(typeof bound === 'object' ? bound?.port : port)}`;
    return this.address;
  }

  /** Cuts what is still connected. Idempotent. */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private async answerBefore(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = (req.url ?? '/').split('?', 1)[0];
    const json = (body: object): void => {
      res.setHeader('Content-Type', 'application/json; charset=utf-8');
      res.end(JSON.stringify(body));
    };
    res.setHeader('Cache-Control', 'no-store');
    if (req.method === 'GET' || req.method === 'HEAD') {
      if (path === '/health/live') return json(answerLive(this.source, res));
      if (path === '/health/ready') return json(await answerReady(this.source, res));
      if (path === '/metrics') return answerMetrics(this.source, res);
    }
    res.statusCode = 503;
    res.setHeader('Retry-After', '2');
    json({ code: 'STARTING', detail: 'the service is starting; /health/ready tells what it waits for' });
  }
}
