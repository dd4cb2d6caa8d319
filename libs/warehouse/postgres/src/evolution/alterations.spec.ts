import { isWidening } from './alterations';

describe('whether a type is wider than the one that stands', () => {
  it.each([
    ['integer', 'bigint', true],
    ['bigint', 'integer', false],
    ['character varying(10)', 'character varying(20)', true],
    ['character varying(20)', 'character varying(10)', false],
    ['character varying(20)', 'character varying', true],
    ['character varying', 'character varying(20)', false],
    ['character varying(20)', 'text', true],
    ['text', 'character varying(20)', false],
    ['numeric(10,2)', 'numeric(12,4)', true],
    ['numeric(10,2)', 'numeric(10,4)', false],
    ['numeric(12,4)', 'numeric(10,2)', false],
    ['numeric(10,2)', 'numeric', true],
    ['numeric', 'numeric(38,10)', false],
    ['timestamp(3) without time zone', 'timestamp without time zone', true],
    ['timestamp without time zone', 'timestamp(3) without time zone', false],
    ['time(0) with time zone', 'time(6) with time zone', true],
    ['bit varying(3)', 'bit varying(9)', true],
  ])('%s → %s: %s', (standing, wanted, wider) => {
    expect(isWidening(standing, wanted)).toBe(wider);
  });
});
