import { tableId, type Product, type TableName } from '@elstream/core';

/** PostgreSQL cuts longer names off silently, bytes in UTF-8; SQL Server refuses them, UTF-16 units. */
export const MAX_NAME_LENGTH: Readonly<Record<Product, number>> = { postgres: 63, mssql: 128 };

/** True for a name that the product takes as it is. */
export function isName(name: string, product: Product): boolean {
  const length = product === 'postgres' ? Buffer.byteLength(name, 'utf8') : name.length;
  return length > 0 && length <= MAX_NAME_LENGTH[product] && !name.includes('\0');
}

/** `63 bytes`. */
export function nameLimit(product: Product): string {
  return `${MAX_NAME_LENGTH[product]} ${product === 'postgres' ? 'bytes' : 'characters'}`;
}

/** Names equal in this form are one name: SQL Server does not tell them by their case, unless its collation is one that does, nor by blanks at their end. */
export function foldName(name: string, product: Product): string {
  return product === 'mssql' ? name.toLowerCase().replace(/ +$/, '') : name;
}

/** The same of a table. */
export function foldTable({ schema, name }: TableName, product: Product): string {
  return tableId({ schema: foldName(schema, product), name: foldName(name, product) });
}
