import type { ISqlType } from 'mssql';

/** A connection's column of a bulk load. */
export interface DriverColumn {
  /** Of the database. */
  readonly collation?: { readonly toBuffer: () => Buffer };
}

export interface DriverParameter<V> {
  readonly value: V | null;
}

/** How tedious asks a type to be written (its `DataType`). */
export interface DriverType<V> {
  readonly id: number;
  readonly type: string;
  readonly name: string;
  readonly maximumLength?: number;
  readonly declaration: () => string;
  readonly resolveLength?: () => number;
  readonly generateTypeInfo: (column: DriverColumn) => Buffer;
  readonly generateParameterLength: (parameter: DriverParameter<V>) => Buffer;
  readonly generateParameterData: (parameter: DriverParameter<V>) => Generator<Buffer, void>;
  readonly validate: (value: unknown) => V | null;
}

/** node-mssql hands a type that is none of its own on to tedious. */
export function ownType<V>(type: DriverType<V>): ISqlType {
  return { type } as unknown as ISqlType;
}
