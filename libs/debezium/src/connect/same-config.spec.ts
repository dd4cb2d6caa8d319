import { configDifferences, sameConfig } from './same-config';

describe('sameConfig', () => {
  const wanted = { 'topic.prefix': 'p', 'database.password': 'secret' };

  it.each([
    ['the name that Connect adds', { ...wanted, name: 'x' }],
    ['a password that somebody masked', { ...wanted, 'database.password': '********' }],
  ])('passes over %s', (_, running) => {
    expect(sameConfig(wanted, running)).toBe(true);
  });

  it('names what was changed, taken out and put in, and no value', () => {
    expect(configDifferences({ ...wanted, a: '1' }, { 'topic.prefix': 'p', 'database.password': 'other', name: 'x', transforms: 'route' })).toEqual({ changed: ['database.password'], missing: ['a'], unexpected: ['transforms'] });
  });
});
