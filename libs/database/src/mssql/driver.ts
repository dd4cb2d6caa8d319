import type * as Driver from 'mssql';

let loaded: typeof Driver | undefined;

/** node-mssql, loaded when it is first needed: every process has this library, and most never see a SQL Server. */
export function driver(): typeof Driver {
  // A bundler finds it by this literal; `import()` would make everything asynchronous that only names a type.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (loaded ??= require('mssql') as typeof Driver);
}
