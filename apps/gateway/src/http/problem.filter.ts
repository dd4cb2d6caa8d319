import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { describeError, type Logger } from '@elstream/core';
import { redactText } from '@elstream/observability';
import { pathOf, type Request, type Response, sendProblem } from './messages';
import { answerOf, HttpProblem } from './problem';
import { type RouteTable } from './route-table';

/** Turns everything thrown in the application into a problem document; what nobody foresaw goes to the log under the same id. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    private readonly routes: RouteTable,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const req = http.getRequest<Request>();
    const res = http.getResponse<Response>();
    const requestId = req.requestId ?? '00000000-0000-0000-0000-000000000000';
    let answer = answerOf(error, requestId);
    if (answer.problem.code === 'ROUTE_UNKNOWN') {
      const allowed = this.routes.methodsOf(pathOf(req));
      if (allowed.length > 0) answer = answerOf(methodNotAllowed(allowed), requestId);
    }
    if (answer.unexpected) {
      const fields = { requestId, method: req.method, path: pathOf(req), code: answer.problem.code, error: redactText(describeError(error)) };
      this.logger.error(fields, 'request failed');
    }
    sendProblem(res, answer);
  }
}

function methodNotAllowed(allowed: readonly string[]): HttpProblem {
  const list = allowed.join(', ');
  return new HttpProblem(405, 'METHOD_NOT_ALLOWED', `this route answers to ${list}`, { headers: { Allow: list } });
}
