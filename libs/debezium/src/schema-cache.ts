import { FieldError } from './field-error';
import { type JsonScanner } from './json/json-scanner';
import { type SchemaField } from './wire';

/** A topic has a handful of schemas over its life; more than this alternate only in a test. */
const KEPT = 8;

interface Entry<T> {
  readonly bytes: Uint8Array;
  readonly made: T;
}

/** Makes something of a schema block once; from then on the block is recognised by its bytes and passed in one comparison. */
export class SchemaCache<T> {
  private entries: readonly Entry<T>[] = [];

  constructor(private readonly make: (schema: SchemaField | null) => T) {}

  /** The scanner stands on the block and passes it. @throws FieldError if it is no schema */
  read(scanner: JsonScanner): T {
    for (const entry of this.entries) {
      if (!scanner.takeBlock(entry.bytes)) continue;
      if (entry !== this.entries[0]) this.entries = [entry, ...this.entries.filter((other) => other !== entry)];
      return entry.made;
    }
    const from = scanner.pos;
    scanner.skip();
    const bytes = scanner.copyFrom(from);
    const made = this.make(parse(bytes));
    this.entries = [{ bytes, made }, ...this.entries].slice(0, KEPT);
    return made;
  }
}

/** Nothing that is read of a schema is a wide number (defaults are not). */
function parse(bytes: Uint8Array): SchemaField | null {
  let schema: unknown;
  try {
    schema = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new FieldError('DEBEZIUM_TYPE', 'the schema block is no JSON');
  }
  if (schema === null) return null;
  if (typeof schema !== 'object' || typeof (schema as SchemaField).type !== 'string') throw new FieldError('DEBEZIUM_TYPE', 'the schema block is no schema');
  return schema as SchemaField;
}

/** Fields of the struct called `name` inside the envelope, by their names; null if it has none. */
export function structFields(schema: SchemaField | null, name: string): ReadonlyMap<string, SchemaField> | null {
  const struct = schema?.fields?.find((field) => field.field === name);
  return struct?.fields === undefined ? null : fieldsOf(struct);
}

export function fieldsOf(struct: SchemaField): ReadonlyMap<string, SchemaField> {
  return new Map((struct.fields ?? []).flatMap((field) => (field.field === undefined ? [] : [[field.field, field] as const])));
}
