import type { EventEmitter } from 'node:events';

/**
 * Gives the error of a refused login the number that the server said. The driver keeps the last message only, by its text:
 * a replica that has lost its role, a database that is being recovered and a wrong password would all be one «Login failed».
 *
 * @param connection of the driver, before it connects
 */
export function keepLoginNumber(connection: EventEmitter): void {
  let number: number | undefined;
  // The first of them is the reason: 4060, say, and only then 18456.
  const note = (message: { readonly number?: unknown }): void => {
    if (typeof message.number === 'number') number ??= message.number;
  };
  const forget = (): void => {
    number = undefined;
  };
  connection.on('errorMessage', note);
  connection.on('retry', forget);
  connection.once('connect', (error?: unknown) => {
    connection.removeListener('errorMessage', note);
    connection.removeListener('retry', forget);
    if (number !== undefined && error instanceof Error && (error as { readonly code?: unknown }).code === 'ELOGIN') Object.assign(error, { number });
  });
}
