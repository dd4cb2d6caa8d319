import { type ColumnType, type TableMapping } from '@elstream/core';
import { DEBEZIUM_DEFAULTS } from '@elstream/debezium';
import { type KafkaRecord } from './consumer';
import { TableDecoder, type Place } from './record-events';
import { sqlServerEvent } from './written.fixture';

const text: ColumnType = { kind: 'text', maxLength: null, padded: false };
const int: ColumnType = { kind: 'integer', bits: 32 };
const columns = ([['id', 'int', int], ['name', 'nvarchar(20)', text]] as const).map(([source, native, type]) => ({ source, target: source, native, type, targetType: native, nullable: true, mask: null }));
const MAPPING: TableMapping = { id: 'dbo.item', source: { schema: 'dbo', name: 'item' }, target: { schema: 'dbo', name: 'item' }, columns, key: [0], chunkRows: 1 };
const PLACE: Place = { partition: 0, partitions: 1, last: null };

describe('an event of SQL Server', () => {
  const decoder = new TableDecoder(MAPPING, { connector: 'sqlserver', handling: DEBEZIUM_DEFAULTS }, () => undefined);
  const eventOf = (op: 'c' | 'u', name: string) => decoder.event({ key: null, value: Buffer.from(sqlServerEvent(op, [1, 1], { id: 7, name })), offset: 1n, timestampMs: 0 } as unknown as KafkaRecord, PLACE);

  it.each(['c', 'u'] as const)('(%s) names the texts that its driver may have changed, and no others', (op) => {
    expect(eventOf(op, 'a\ufffd')).toMatchObject({ row: ['7', 'a\ufffd'], doubtful: [1] });
    expect(eventOf(op, 'a')).not.toHaveProperty('doubtful');
  });
});
