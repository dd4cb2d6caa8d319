import { type EventCell, type TableMapping } from '@elstream/core';
import { type KeyChange, type DebeziumRecord } from './decoded';
import { FieldError, MalformedError } from './field-error';
import { JsonScanner, Token } from './json/json-scanner';
import { PayloadFinder } from './payload';
import { type CellReaders, keyIn, type RowReader } from './row-reader';
import { fieldsOf, SchemaCache } from './schema-cache';

/** Reads message keys: where `before` does not tell the key, for dead letters, and from the headers of a key change. */
export class KeyReader {
  private readonly scanner = new JsonScanner();
  private readonly payload: PayloadFinder<CellReaders>;

  constructor(
    private readonly mapping: TableMapping,
    private readonly rows: RowReader,
  ) {
    this.payload = new PayloadFinder(new SchemaCache((schema) => rows.readers(schema === null ? null : fieldsOf(schema))), rows.readers(null));
  }

  /**
   * The table's key in key order; null if the message key does not hold all of it, or cannot be read.
   * @param settle makes the cells what they are in a row; false: they do not tell
   */
  read(bytes: Buffer | null, settle: (cells: EventCell[]) => boolean): string[] | null {
    if (bytes === null) return null;
    const { scanner } = this;
    let failed = false;
    try {
      scanner.reset(bytes);
      const opened = this.payload.open(scanner);
      scanner.textFromHere();
      if (scanner.value() !== Token.Object) return null;
      const cells = this.rows.read(scanner, opened.made, 'key', () => (failed = true));
      this.payload.close(scanner, opened);
      return failed || cells === null || !settle(cells) ? null : keyIn(this.mapping, cells);
    } catch (error) {
      if (error instanceof MalformedError || error instanceof FieldError) return null;
      throw error;
    } finally {
      scanner.release();
    }
  }

  /** From the headers; which half it is follows from the header's name alone. */
  change(headers: DebeziumRecord['headers'], settle: (cells: EventCell[]) => boolean): KeyChange | null {
    if (headers === undefined) return null;
    const newKey = headers['__debezium.newkey'];
    if (newKey !== undefined) return { side: 'from', otherKey: this.ofHeader(newKey, settle) };
    const oldKey = headers['__debezium.oldkey'];
    return oldKey === undefined ? null : { side: 'to', otherKey: this.ofHeader(oldKey, settle) };
  }

  private ofHeader(header: unknown, settle: (cells: EventCell[]) => boolean): readonly string[] | null {
    if (typeof header === 'string') return this.read(Buffer.from(header), settle);
    return Buffer.isBuffer(header) ? this.read(header, settle) : null;
  }
}
