import { misfitOf } from './counter-table';

const column = (name: string, type: string, more: { readonly required?: boolean; readonly keyed?: boolean } = {}) => ({ name, type, required: more.required ?? true, keyed: more.keyed ?? false });
const key = column('pipeline', 'nvarchar', { keyed: true });
const rest = [column('value', 'bigint'), column('raised_at', 'datetime2')];

describe('what a table has to be to hold the counter', () => {
  it.each([
    ['ours', [key, ...rest, column('capture', 'nvarchar', { required: false })], null],
    ['a DBA’s, without the column that notes capture', [key, ...rest], null],
    ['one with a column more that may be left empty', [key, ...rest, column('note', 'int', { required: false })], null],
    ['one that wants a value we do not have', [key, ...rest, column('note', 'int')], 'its column note wants a value that we do not have'],
    ['one of another type', [key, column('value', 'int'), column('raised_at', 'datetime2')], 'its column value is int, not bigint'],
    ['one without a column', [key, column('value', 'bigint')], 'its column raised_at is missing, not datetime2 or datetimeoffset'],
    ['one with another key', [column('pipeline', 'nvarchar'), column('value', 'bigint', { keyed: true }), column('raised_at', 'datetime2')], 'its primary key is not (pipeline)'],
    ['one with a longer key', [key, column('value', 'bigint', { keyed: true }), column('raised_at', 'datetime2')], 'its primary key is not (pipeline)'],
    ['one that notes something else', [key, ...rest, column('capture', 'xml', { required: false })], 'its column capture is xml, not nvarchar'],
  ])('%s', (_name, columns, why) => {
    expect(misfitOf(columns)).toBe(why);
  });
});
