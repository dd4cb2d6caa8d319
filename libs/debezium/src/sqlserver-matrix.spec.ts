import { MSSQL_TYPES } from '@elstream/testing';
import { LOSSLESS_MODES } from './connect/plan-connector';
import { cellOf } from './debezium.fixture';

const VALUES = MSSQL_TYPES.flatMap(({ native, type, values }) => values.map((value) => ({ native, type, ...value, shown: value.json.slice(0, 50) })));

// The source adapter is held to the same cells (libs/database): preload and stream give one text for one value.
it.each(VALUES)('$native $shown of a connector of ours is its cell', ({ native, type, json, cell }) => {
  expect(cellOf({ native, type }, json, { handling: LOSSLESS_MODES.sqlserver })).toBe(cell);
});
