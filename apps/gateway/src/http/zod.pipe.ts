import { type PipeTransform } from '@nestjs/common';
import { type z } from 'zod';
import { HttpProblem } from './problem';

/** Validates a body, query or parameter by its schema; the error names every wrong field, never its value. */
export class ZodPipe<S extends z.ZodType> implements PipeTransform<unknown, z.output<S>> {
  constructor(private readonly schema: S) {}

  transform(value: unknown): z.output<S> {
    // Without a body Express leaves undefined; to the caller that is an empty object.
    const result = this.schema.safeParse(value ?? {});
    if (result.success) return result.data;
    const errors = result.error.issues.map((issue) => ({ path: issue.path.map(String).join('.'), message: issue.message }));
    throw new HttpProblem(400, 'REQUEST_INVALID', errors.map((e) => (e.path === '' ? e.message : `${e.path}: ${e.message}`)).join('; '), { errors });
  }
}
