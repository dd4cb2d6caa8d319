import { silentLogger, sleep } from '@elstream/core';
import type { ControlStore } from '@elstream/control';
import { eventually } from '@elstream/testing';
import { createControlStore } from './index';
import { connectionTo, literal, type TestControlDatabase, type TestProduct } from './product.fixture';

const LONG_MS = 600_000;

export const leasesContract = (product: TestProduct): void => describe('the lead of a role', () => {
  let db: TestControlDatabase;
  let a: ControlStore;
  let b: ControlStore;
  let role = 'r';

  beforeAll(async () => {
    db = await product.create('lease');
    [a, b] = await Promise.all([0, 1].map(() => createControlStore({ connection: connectionTo(db), logger: silentLogger }))) as [ControlStore, ControlStore];
    await a.migrate();
  });
  afterAll(async () => {
    await a?.close();
    await b?.close();
    await db?.drop();
  });
  beforeEach(() => {
    role += '.';
  });

  it('stays with the first of two holders, who may renew it, in each role on its own', async () => {
    expect(await a.lead(role, 'a', LONG_MS)).toBe(true);
    expect(await b.lead(role, 'b', LONG_MS)).toBe(false);
    expect(await a.lead(role, 'a', LONG_MS)).toBe(true);
    expect(await b.lead(`${role} another`, 'b', LONG_MS)).toBe(true);
  });

  it('falls to another when it has run out by the server\'s clock, and the first learns of it', async () => {
    expect(await a.lead(role, 'a', LONG_MS)).toBe(true);
    await db.query(`UPDATE elstream.lease SET expires_at = ${product.ago(1)} WHERE role = ${literal(role)}`);
    expect(await b.lead(role, 'b', LONG_MS)).toBe(true);
    expect(await a.lead(role, 'a', LONG_MS)).toBe(false);
  });

  it('lasts as long as it was asked for, and no longer', async () => {
    expect(await a.lead(role, 'a', 90_000)).toBe(true);
    const [lease] = await db.query<{ ms: number }>(`SELECT ${product.msUntil('expires_at')} AS ms FROM elstream.lease WHERE role = ${literal(role)}`);
    expect(lease!.ms).toBeGreaterThan(60_000);
    expect(lease!.ms).toBeLessThanOrEqual(90_000);
    expect(await a.lead(role, 'a', 1)).toBe(true);
    await eventually(() => b.lead(role, 'b', LONG_MS));
  });

  it('is renewed by its holder even after it has run out, if nobody took it meanwhile', async () => {
    await a.lead(role, 'a', 1);
    await sleep(5);
    expect(await a.lead(role, 'a', LONG_MS)).toBe(true);
    expect(await b.lead(role, 'b', LONG_MS)).toBe(false);
  });

  it('can be stolen', async () => {
    await a.lead(role, 'a', LONG_MS);
    expect(await b.lead(role, 'b', LONG_MS, { steal: true })).toBe(true);
    expect(await a.lead(role, 'a', LONG_MS)).toBe(false);
  });

  it('goes to the next at once when resigned; resigning what another holds changes nothing', async () => {
    await a.lead(role, 'a', LONG_MS);
    await b.resign(role, 'b');
    expect(await b.lead(role, 'b', LONG_MS)).toBe(false);
    await a.resign(role, 'a');
    expect(await b.lead(role, 'b', LONG_MS)).toBe(true);
    await a.resign(role, 'a');
    expect(await a.lead(role, 'a', LONG_MS)).toBe(false);
  });

  product.itLocks('goes to exactly one of many who ask at once, for a new role and for one that has run out', async () => {
    const ask = async (): Promise<number> => (await Promise.all(Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? a : b).lead(role, `h${String(i)}`, LONG_MS)))).filter(Boolean).length;
    expect(await ask()).toBe(1);
    await db.query(`UPDATE elstream.lease SET expires_at = ${product.ago(1_000)} WHERE role = ${literal(role)}`);
    expect(await ask()).toBe(1);
  });
});
