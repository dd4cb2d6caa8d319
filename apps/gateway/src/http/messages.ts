import { type LogFields } from '@elstream/core';
import { type IncomingMessage, type ServerResponse } from 'node:http';
import { type Answer, PROBLEM_TYPE } from './problem';

/** What the gateway uses of a request; the middleware of `security.ts` gives it its id, routes add what its log line shall tell. */
export type Request = IncomingMessage & { requestId?: string; logFields?: LogFields };
export type Response = ServerResponse;
export type Middleware = (req: Request, res: Response, next: (error?: unknown) => void) => void;

/** Path without query, as sent. */
export function pathOf(req: Request): string {
  return (req.url ?? '/').split('?', 1)[0] ?? '/';
}

/** Answers with the problem document, unless an answer has begun: then the connection is cut, so that nobody takes it for whole. */
export function sendProblem(res: Response, { problem, headers }: Answer): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  res.statusCode = problem.status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader('Content-Type', PROBLEM_TYPE);
  res.end(JSON.stringify(problem));
}
