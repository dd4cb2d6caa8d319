import type { ControlStore } from '@elstream/control';
import { silentLogger } from '@elstream/core';
import { createTestDatabase, type TestDatabase } from '@elstream/testing';
import { createControlStore } from './index';
import { connectionTo } from './test-connection.fixture';

/** What a suite works with; valid inside its tests. */
export interface StoreFixture {
  readonly db: TestDatabase;
  readonly store: ControlStore;
  /** A registered pipeline of each test's own. */
  readonly pipeline: string;
}

/** Called in a `describe`: a database with control tables for the suite, a pipeline for each test. */
export function withStore(name: string, use: (fixture: StoreFixture) => void): void {
  let db: TestDatabase;
  let store: ControlStore;
  let pipelines = 0;

  beforeAll(async () => {
    db = await createTestDatabase(name);
    store = await createControlStore({ connection: connectionTo(db), logger: silentLogger });
    await store.migrate();
  });
  afterAll(async () => {
    await store?.close();
    await db?.drop();
  });
  beforeEach(async () => {
    pipelines += 1;
    const pipeline = `p ${String(pipelines)}`;
    await store.registerPipeline(pipeline);
    use({ db, store, pipeline });
  });
}
