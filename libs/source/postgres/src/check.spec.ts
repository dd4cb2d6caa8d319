import { serverProblems, type ServerFacts } from './check';

const FIT: ServerFacts = {
  version: 180_004,
  versionText: '18.4',
  walLevel: 'logical',
  inRecovery: false,
  maxSlots: 10,
  usedSlots: 3,
  maxSenders: 10,
  usedSenders: 3,
  slotExists: false,
  slotActive: false,
  role: 'app "x"',
  database: 'db',
  mayReplicate: true,
  mayCreate: true,
  encoding: 'UTF8',
};

describe('the check of a source server', () => {
  it.each<[string, Partial<ServerFacts>, readonly string[]]>([
    ['nothing is wrong with a fit server', {}, []],
    ['an old server is to be upgraded', { version: 130_010, versionText: '13.10' }, ['PostgreSQL 13.10; upgrade it to 14']],
    ['a standby is refused', { inRecovery: true }, ['point the connection URL at the primary']],
    ['wal_level must be logical', { walLevel: 'replica' }, [`ALTER SYSTEM SET wal_level = 'logical'`]],
    ['an encoding without meaning is refused, others are converted', { encoding: 'SQL_ASCII' }, ['restore it into one of encoding UTF8']],
    ['a slot must be free', { usedSlots: 10 }, ['raise max_replication_slots']],
    ['our own slot needs no free one', { usedSlots: 10, slotExists: true }, []],
    ['a sender must be free', { usedSenders: 10 }, ['raise max_wal_senders']],
    ['our own sender needs no free one', { usedSenders: 10, usedSlots: 10, slotExists: true, slotActive: true }, []],
    ['the role must be allowed to replicate', { mayReplicate: false }, ['ALTER ROLE "app ""x""" REPLICATION']],
    ['the role must be allowed to create a publication', { mayCreate: false }, ['GRANT CREATE ON DATABASE "db" TO "app ""x"""']],
    ['everything is said at once', { walLevel: 'minimal', mayReplicate: false, mayCreate: false }, ['wal_level', 'REPLICATION', 'GRANT CREATE']],
  ])('%s', (_, facts, expected) => {
    expect(serverProblems({ ...FIT, ...facts })).toEqual(expected.map((part) => expect.stringContaining(part) as string));
  });
});
