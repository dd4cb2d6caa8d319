import { Int, MAX, NVarChar, VarBinary, type ConnectionPool, type Table } from 'mssql';
import { PoolGate } from './gate';

/** A pool whose requests note what is loaded. */
function noting(): { readonly pool: ConnectionPool; readonly loads: { readonly table: Table; readonly options: unknown }[] } {
  const loads: { table: Table; options: unknown }[] = [];
  const request = { bulk: (table: Table, options: unknown) => Promise.resolve(loads.push({ table, options })) };
  return { pool: { request: () => request } as unknown as ConnectionPool, loads };
}

const rowsOf = (loads: readonly { readonly table: Table }[]): number[] => loads.map(({ table }) => table.rows.length);

describe('a bulk load', () => {
  const columns = [{ name: 'ord', type: Int(), nullable: false }, { name: 'c0', type: NVarChar(MAX), nullable: true }];

  it('hands the driver a bounded number of rows at once', async () => {
    const { pool, loads } = noting();
    expect(await new PoolGate(pool).bulk({ name: '#stage', columns }, Array.from({ length: 4_001 }, (_, i) => [i, 'x']))).toBe(4_001);
    expect(rowsOf(loads)).toEqual([2_000, 2_000, 1]);
  });

  it('and a bounded number of bytes, of texts and of binaries', async () => {
    const { pool, loads } = noting();
    const large = 'x'.repeat(3 * 1024 * 1024);
    await new PoolGate(pool).bulk({ name: '#stage', columns }, [[1, large], [2, large], [3, 'y'], [4, null]]);
    expect(rowsOf(loads)).toEqual([2, 2]);
    const bytes = [{ name: 'c0', type: VarBinary(MAX), nullable: true }];
    await new PoolGate(pool).bulk({ name: '#stage', columns: bytes }, Array.from({ length: 3 }, () => [Buffer.alloc(8 * 1024 * 1024)]));
    expect(rowsOf(loads.slice(2))).toEqual([1, 1, 1]);
  });

  it('locks the table, keeps NULLs, and gives columns of one shared type their own names', async () => {
    const { pool, loads } = noting();
    const shared = NVarChar(10);
    await new PoolGate(pool).bulk({ name: '#stage', columns: [{ name: 'a', type: shared, nullable: true }, { name: 'b', type: shared, nullable: false }] }, [['x', 'y']]);
    expect(loads[0]?.options).toEqual({ keepNulls: true, lockTable: true });
    expect(loads[0]?.table.columns.map(({ name, nullable }) => [name, nullable])).toEqual([['a', true], ['b', false]]);
    expect(loads[0]?.table.create).toBe(false);
  });
});
