import { type GoldenStatement } from '@elstream/testing';
import * as s from './statements';

const ODD = { schema: 'se]l', name: "o'rd]er" };
const COUNTER = { schema: 'elstream', name: 'counter' };
const CDC = 'https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sys-sp-cdc-';
const TABLES_OF_CDC = 'https://learn.microsoft.com/sql/relational-databases/system-tables/cdc-';
const FUNCTIONS = 'https://learn.microsoft.com/sql/relational-databases/system-functions/sys-fn-cdc-';

/** Every statement that this project can issue, or tell a person to run. */
export function statements(): GoldenStatement[] {
  return [
    { name: 'facts', sql: s.FACTS },
    { name: 'instances', sql: s.INSTANCES, docs: `${TABLES_OF_CDC}change-tables-transact-sql` },
    { name: 'captured-columns', sql: s.CAPTURED_COLUMNS, docs: `${TABLES_OF_CDC}captured-columns-transact-sql` },
    { name: 'tables', sql: s.TABLES },
    { name: 'newest', sql: s.NEWEST, docs: `${FUNCTIONS}get-max-lsn-transact-sql` },
    { name: 'capture-age', sql: s.CAPTURE_AGE, docs: `${TABLES_OF_CDC}lsn-time-mapping-transact-sql` },
    { name: 'needed-age', sql: s.NEEDED_AGE, docs: `${TABLES_OF_CDC}lsn-time-mapping-transact-sql` },
    { name: 'change-bytes', sql: s.CHANGE_BYTES },
    { name: 'log-bytes', sql: s.LOG_BYTES },
    { name: 'agent', sql: s.AGENT },
    { name: 'capture-errors', sql: s.CAPTURE_ERRORS },
    { name: 'jobs', sql: s.JOBS, docs: `${CDC}help-jobs-transact-sql` },
    { name: 'lock', sql: s.LOCK, docs: 'https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-getapplock-transact-sql' },
    { name: 'unlock', sql: s.UNLOCK },
    { name: 'enable-database', sql: s.unattended(s.ENABLE_DATABASE, 10_000), docs: `${CDC}enable-db-transact-sql` },
    { name: 'enable-table', sql: s.unattended(s.enableTable(ODD, 'elstream_0123456789abcdef0123', "ro'le]"), 10_000), docs: `${CDC}enable-table-transact-sql` },
    { name: 'enable-table-ungated', sql: s.enableTable(ODD, 'elstream_0123456789abcdef0123_2', null) },
    { name: 'disable-table', sql: s.unattended(s.disableTable(ODD, 'elstream_0123456789abcdef0123'), 10_000), docs: `${CDC}disable-table-transact-sql` },
    { name: 'join-role', sql: s.joinRole("ro'le]", "us'er]") },
    { name: 'grant-cdc', sql: s.grantCdc("us'er]"), unparsed: 'https://learn.microsoft.com/sql/t-sql/statements/grant-schema-permissions-transact-sql' },
    { name: 'grant-table', sql: s.grantTable(ODD, "us'er]") },
    { name: 'create-schema', sql: s.createSchema(ODD.schema) },
    { name: 'create-counter', sql: s.createCounter(ODD) },
    { name: 'add-capture', sql: s.addCapture(COUNTER) },
    { name: 'grant-counter', sql: s.grantCounter(COUNTER, "us'er]") },
    { name: 'look-at-counter', sql: s.lookAtCounter(ODD) },
    { name: 'raise-counter', sql: s.raiseCounter(COUNTER, 2_000) },
    { name: 'record-capture', sql: s.recordCapture(COUNTER, 2_000) },
    { name: 'read-counter', sql: s.readCounter(COUNTER) },
    { name: 'delete-counter', sql: s.deleteCounter(COUNTER) },
    { name: 'drop-counter', sql: s.dropCounter(ODD) },
  ];
}
