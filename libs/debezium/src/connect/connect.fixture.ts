import { type PostgresPlanOptions, type SqlServerPlanOptions } from './plan-options';

const common = {
  pipeline: 'shop',
  name: 'elstream_shop',
  topicPrefix: 'elstream.shop',
  tables: [
    { schema: 'sales', name: 'order line', key: ['order', 'line,no'], excluded: ['note'] },
    { schema: 'sales', name: 'Customer' },
  ],
  counterTable: { schema: 'elstream', name: 'counter' },
} as const;

export const POSTGRES: PostgresPlanOptions = {
  ...common,
  connector: 'postgresql',
  source: { host: 'db.example', port: 5432, user: 'capture', password: 'pa$$w0rd', database: 'shop' },
  slot: 'elstream_shop',
  publication: 'elstream_shop',
};

export const SQL_SERVER: SqlServerPlanOptions = {
  ...common,
  connector: 'sqlserver',
  source: { host: 'db.example', port: 1433, user: 'capture', password: 'pa$$w0rd', database: 'Shop' },
  schemaHistory: { brokers: ['kafka-1:9092', 'kafka-2:9092'], topic: 'elstream.shop.schema-history' },
};
