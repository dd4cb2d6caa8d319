import { type JsonScanner, Token } from './json/json-scanner';
import { END, ObjectShape, UNWANTED } from './json/object-shape';
import { type SchemaCache } from './schema-cache';

const SCHEMA = 0;
const PAYLOAD = 1;
const SCHEMA_FIRST = Buffer.from('{"schema":{');
const PAYLOAD_NEXT = Buffer.from(',"payload":');

export interface Opened<T> {
  /** What the cache made of the schema; of null without one. */
  readonly made: T;
  readonly wrapped: boolean;
}

/**
 * Finds the payload of a key or value, with schemas (`{"schema":…,"payload":…}`) or without, and leaves the scanner on it.
 * The converter writes the schema first, but JSON has no order: the other way round is read as well.
 */
export class PayloadFinder<T> {
  private readonly shape = new ObjectShape(
    new Map([
      ['schema', SCHEMA],
      ['payload', PAYLOAD],
    ]),
  );

  constructor(
    private readonly schemas: SchemaCache<T>,
    private readonly bare: T,
  ) {}

  open(scanner: JsonScanner): Opened<T> {
    if (scanner.take(SCHEMA_FIRST)) {
      scanner.pos--;
      const made = this.schemas.read(scanner);
      if (scanner.take(PAYLOAD_NEXT)) return { made, wrapped: true };
      scanner.pos = 0;
    }
    return this.search(scanner);
  }

  /** Passes what follows a payload; the text must end there. */
  close(scanner: JsonScanner, { wrapped }: Opened<T>): void {
    if (wrapped) {
      while (scanner.more(false)) {
        if (scanner.value() !== Token.String) scanner.fail('a member has no name');
        scanner.colon();
        scanner.skip();
      }
    }
    scanner.finish();
  }

  private search(scanner: JsonScanner): Opened<T> {
    let schemaAt = -1;
    let payloadAt = -1;
    if (scanner.value() === Token.Object) {
      scanner.enter();
      for (let i = 0, slot; (slot = this.shape.next(scanner, i)) !== END; i++) {
        if (slot === UNWANTED) break;
        const at = scanner.pos;
        // A key column may be called `schema`: a schema is an object, or null.
        if (slot === PAYLOAD) payloadAt = at;
        else if (scanner.value() === Token.Object || scanner.kind === Token.Null) schemaAt = at;
        scanner.pos = at;
        scanner.skip();
      }
    }
    if (schemaAt < 0 || payloadAt < 0) {
      scanner.pos = 0;
      return { made: this.bare, wrapped: false };
    }
    scanner.pos = schemaAt;
    const made = this.schemas.read(scanner);
    scanner.pos = payloadAt;
    return { made, wrapped: true };
  }
}
