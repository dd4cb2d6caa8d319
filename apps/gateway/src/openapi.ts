import { type INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { components } from './api/schemas';

const DESCRIPTION = `elstream keeps a warehouse equal to an operational database: it preloads what is there, streams what changes and validates that both sides are equal.

Errors are problem documents (RFC 9457). With API_TOKEN set, everything but health and metrics needs the header \`Authorization: Bearer <API_TOKEN>\`.`;

/** The API's description (OpenAPI 3.1), made from the controllers and the schemas they validate with. */
export function createOpenApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('elstream')
    .setDescription(DESCRIPTION)
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'The API_TOKEN of the gateway' }, 'token')
    .addSecurityRequirements('token')
    .build();
  const document = SwaggerModule.createDocument(app, config, { operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '').toLowerCase()}.${method}` });
  return { ...document, components: { ...document.components, schemas: componentSchemas() } };
}

function componentSchemas(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(components)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` });
  // Inside an OpenAPI document the place is the identity.
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _dialect, $id: _place, ...schema }]) => [name, schema]),
  );
}
