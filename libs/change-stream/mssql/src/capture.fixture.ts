import { type CaptureSource } from '@elstream/change-stream';
import { connectMssql, DEFAULT_TIMEOUTS, mssqlOf, type Mssql } from '@elstream/database';
import { silentLogger } from '@elstream/core';
import { createTestMssql, type TestMssql } from '@elstream/testing';
import { createMssqlCapture, type MssqlCaptureOptions } from './mssql-capture';

/** A database of a SQL Server with what capture is made of. */
export interface CaptureContext extends AsyncDisposable {
  readonly db: TestMssql;
  /** Closed with the context. */
  capture(options?: Partial<MssqlCaptureOptions>): Promise<CaptureSource>;
  /** A gate of its own; closed with the context. */
  gate(): Promise<Mssql>;
  /** URL of a new login that may only connect. */
  login(): Promise<{ readonly name: string; readonly url: string }>;
}

const PASSWORD = 'Only-4-tests_Aa1';

export async function captureContext(): Promise<CaptureContext> {
  const db = await createTestMssql('capture');
  const [opened, logins]: [{ close(): Promise<void> }[], string[]] = [[], []];
  return {
    db,
    async capture(options = {}) {
      const capture = await createMssqlCapture({ url: db.url, endpoint: { host: 'source', port: 1433 }, pipeline: 'größer', applicationName: `elstream ${db.name}`, ...options });
      opened.push(capture);
      return capture;
    },
    async gate() {
      const dataSource = await connectMssql({ url: db.url, applicationName: db.name, maxConnections: 4, timeouts: DEFAULT_TIMEOUTS, connectTimeoutMs: 10_000, logger: silentLogger });
      opened.push({ close: () => dataSource.destroy() });
      return mssqlOf(dataSource);
    },
    async login() {
      const name = `l${String(logins.length)}_${db.name}`;
      logins.push(name);
      await db.query(`CREATE LOGIN [${name}] WITH PASSWORD = N'${PASSWORD}'; CREATE USER [${name}] FOR LOGIN [${name}];`);
      const url = new URL(db.url);
      [url.username, url.password] = [name, encodeURIComponent(PASSWORD)];
      return { name, url: url.toString() };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((one) => one.close()));
      for (const name of logins) await db.query(`DROP USER [${name}]; DROP LOGIN [${name}];`);
      await db.drop();
    },
  };
}
