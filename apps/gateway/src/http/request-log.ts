import { type Logger } from '@elstream/core';
import { type Middleware, pathOf } from './messages';

/** One line per answered request: what may change something at `info`, what only reads at `debug`. No query, no body (R10). */
export function requestLog(logger: Logger): Middleware {
  return (req, res, next) => {
    const began = performance.now();
    const reads = req.method === 'GET' || req.method === 'HEAD' || req.method === 'OPTIONS';
    res.once('close', () => {
      const { requestId, method, logFields } = req;
      const fields = { requestId, method, path: pathOf(req), status: res.statusCode, ms: Math.round(performance.now() - began), ...logFields };
      logger[reads ? 'debug' : 'info'](fields, res.writableFinished ? 'request answered' : 'request broken off');
    });
    next();
  };
}
