import type { GoldenStatement } from '@elstream/testing';
import { rowStatements } from './row-statements.fixture';
import { tableStatements } from './table-statements.fixture';
import { writeStatements } from './write-statements.fixture';

/** Every statement the project can issue. */
export function statements(): GoldenStatement[] {
  return [...tableStatements(), ...rowStatements(), ...writeStatements()];
}
