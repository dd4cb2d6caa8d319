import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiDefaultResponse, ApiOperation, ApiParam, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { PROBLEM_TYPE } from '../http/problem';
import { type ComponentName } from './schemas';

const refTo = (name: ComponentName) => ({ $ref: `#/components/schemas/${name}` });

export interface RouteDocument {
  readonly summary: string;
  readonly description?: string;
  /** The answer: a component, an array of one, or nothing (204). */
  readonly answer: ComponentName | readonly [ComponentName] | null;
  readonly status?: number;
  readonly query?: z.ZodObject;
  /** Answered without a token. */
  readonly open?: boolean;
}

const PARAMS: Readonly<Record<string, string>> = { name: 'Name of the pipeline', id: 'Id of the run', letter: 'Id of the dead letter', change: 'Id of the schema change', table: 'Table id: schema.name of the source table' };

/** Describes a JSON route for OpenAPI; errors are problem documents everywhere. */
export function Documented(route: RouteDocument, ...params: readonly (keyof typeof PARAMS)[]): MethodDecorator {
  const { answer } = route;
  const status = route.status ?? (answer === null ? 204 : 200);
  const schema = answer === null ? undefined : typeof answer === 'string' ? refTo(answer) : { type: 'array', items: refTo(answer[0]) };
  return applyDecorators(
    ApiOperation({ summary: route.summary, ...(route.description === undefined ? {} : { description: route.description }), ...(route.open === true ? { security: [] } : {}) }),
    ApiResponse({ status, description: status === 204 ? 'Done' : 'OK', ...(schema === undefined ? {} : { content: { 'application/json': { schema } } }) }),
    documentedProblem(),
    ...params.map((name) => ApiParam({ name, description: PARAMS[name] ?? '', schema: { type: 'string' } })),
    ...queryDecorators(route.query),
  );
}

/** For routes that answer with something else than JSON. */
export function documentedProblem(): MethodDecorator & ClassDecorator {
  return ApiDefaultResponse({ description: 'Problem document', content: { [PROBLEM_TYPE]: { schema: refTo('Problem') } } });
}

/** Describes a body by the schema it is validated with. @param types media types it is read from */
export function DocumentedBody(schema: z.ZodType, { required, types = ['application/json'] }: { readonly required: boolean; readonly types?: readonly string[] }): MethodDecorator {
  return applyDecorators(ApiConsumes(...types), ApiBody({ required, schema: jsonSchema(schema) }));
}

function queryDecorators(query: z.ZodObject | undefined): MethodDecorator[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(query);
  return Object.entries(properties as Record<string, Record<string, unknown>>).map(([name, { description, ...schema }]) =>
    ApiQuery({ name, required: (required as string[]).includes(name), schema, ...(typeof description === 'string' ? { description } : {}) }),
  );
}

/** JSON Schema of what a client sends (before defaults and conversions). */
function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
