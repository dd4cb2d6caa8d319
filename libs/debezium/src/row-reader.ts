import { keyOfRow, type EventCell, type TableMapping } from '@elstream/core';
import { cellReader, type CellReader } from './cell-reader';
import { FieldError } from './field-error';
import { type DecoderOptions } from './handling';
import { Token, type JsonScanner } from './json/json-scanner';
import { END, ObjectShape } from './json/object-shape';
import { Placeholder } from './placeholder';
import { type SchemaField, wireOfHandling, wireOfSchema } from './wire';

/** One reader per mapped column, for one form of events. */
export type CellReaders = readonly CellReader[];

/** Told of a field that cannot become a cell; reading goes on, so that position and key are known to the dead letter. */
export type OnFailure = (error: FieldError, column: string) => void;

/** Reads row images into cells of the mapping. Columns that the event lacks stay unknown, those not mapped are skipped. */
export class RowReader {
  private readonly placeholder: Placeholder;
  private readonly blank: readonly EventCell[];
  /** `before` is read for its key alone. */
  private readonly shapes: { readonly whole: ObjectShape; readonly key: ObjectShape };

  constructor(private readonly options: DecoderOptions) {
    const { mapping, handling } = options;
    const slot = (index: number): readonly [string, number] => [mapping.columns[index]?.source ?? '', index];
    this.placeholder = new Placeholder(handling.unavailableValue);
    this.blank = mapping.columns.map(() => undefined);
    this.shapes = { whole: new ObjectShape(new Map(mapping.columns.map((_, i) => slot(i)))), key: new ObjectShape(new Map(mapping.key.map(slot))) };
  }

  /** @param fields schema of the row's columns by name; null: the events carry none */
  readers(fields: ReadonlyMap<string, SchemaField> | null): CellReaders {
    const { mapping, natives, handling, connector } = this.options;
    return mapping.columns.map(({ source, type }, i) => {
      const native = natives[i] ?? '';
      const schema = fields?.get(source);
      const wire = schema === undefined ? wireOfHandling(type, { handling, native }) : wireOfSchema(schema, type, { handling, native });
      return cellReader({ type, native, wire, connector, handling, placeholder: this.placeholder });
    });
  }

  /** The scanner stands on an object or null, and passes it. Null: there is no such image. */
  read(scanner: JsonScanner, readers: CellReaders, part: 'whole' | 'key', failed: OnFailure): EventCell[] | null {
    const token = scanner.value();
    if (token === Token.Null) return null;
    if (token !== Token.Object) throw new FieldError('DEBEZIUM_TYPE', 'a row image is no object');
    const cells = this.blank.slice();
    const shape = this.shapes[part];
    scanner.enter();
    for (let i = 0, slot; (slot = shape.next(scanner, i)) !== END; i++) {
      if (slot < 0) {
        scanner.skip();
        continue;
      }
      const at = scanner.pos;
      try {
        cells[slot] = scanner.value() === Token.Null ? null : readers[slot]?.(scanner);
      } catch (error) {
        if (!(error instanceof FieldError)) throw error;
        failed(error, this.options.mapping.columns[slot]?.source ?? '');
        scanner.pos = at;
        scanner.skip();
      }
    }
    return cells;
  }
}

/** The key of a row image; null if a part of it is missing, unknown or NULL. */
export function keyIn(mapping: TableMapping, cells: readonly EventCell[] | null): string[] | null {
  if (cells === null || mapping.key.some((index) => typeof cells[index] !== 'string')) return null;
  return keyOfRow(mapping, cells);
}
