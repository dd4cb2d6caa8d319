import { FieldError } from './field-error';
import { Token, type JsonScanner } from './json/json-scanner';

const FOUND: Readonly<Record<Token, string>> = {
  [Token.String]: 'a string',
  [Token.Number]: 'a number',
  [Token.True]: 'a boolean',
  [Token.False]: 'a boolean',
  [Token.Null]: 'null',
  [Token.Object]: 'an object',
  [Token.Array]: 'an array',
};

export function misfit(scanner: JsonScanner, expected: string): never {
  throw new FieldError('DEBEZIUM_TYPE', `is ${FOUND[scanner.kind]} in the event, expected ${expected}; check the connector's handling modes, or plan the table anew (prepare)`);
}

export function textOf(scanner: JsonScanner, what: string): string {
  return scanner.kind === Token.String ? scanner.text() : misfit(scanner, what);
}
