import type { ControlStore } from '@elstream/control';
import { silentLogger } from '@elstream/core';
import { createControlStore } from './index';
import { connectionTo, type TestControlDatabase, type TestProduct } from './product.fixture';

/** What a suite works with; valid inside its tests. */
export interface StoreFixture {
  readonly db: TestControlDatabase;
  readonly store: ControlStore;
  /** A registered pipeline of each test's own. */
  readonly pipeline: string;
}

/** Called in a `describe`: a database with control tables for the suite, a pipeline for each test. */
export function withStore(product: TestProduct, name: string, use: (fixture: StoreFixture) => void): void {
  let db: TestControlDatabase;
  let store: ControlStore;
  let pipelines = 0;

  beforeAll(async () => {
    db = await product.create(name);
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
