export * from './control-tables';
export * from './transaction';
export * from './postgres/data-source';
export * from './postgres/errors';
export * from './postgres/sql';
