// Reads Kubernetes objects (a JSON array) on stdin; writes, per object, what the schema of its kind has against it. A
// program of its own since the schemas are ES modules, which Jest cannot load by a computed name.
import { text } from 'node:stream/consumers';

interface Model {
  validate(): void;
}

async function problemsOf(object: { apiVersion: string; kind: string }): Promise<string[]> {
  const models = (await import(`kubernetes-models/${object.apiVersion}`).catch(() => ({}))) as Record<string, (new (data: unknown) => Model) | undefined>;
  const Kind = models[object.kind];
  if (!Kind) return [`no schema for ${object.apiVersion} ${object.kind}`];
  try {
    new Kind(object).validate();
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

async function main(): Promise<void> {
  const objects = JSON.parse(await text(process.stdin)) as { apiVersion: string; kind: string }[];
  process.stdout.write(JSON.stringify(await Promise.all(objects.map(problemsOf))));
}

void main();
