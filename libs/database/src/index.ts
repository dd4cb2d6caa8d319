export * from './control-tables';
export * from './transaction';
export * from './postgres/copy';
export * from './postgres/data-source';
export * from './postgres/entity-data-source';
export * from './postgres/errors';
export * from './postgres/identity';
export * from './postgres/sql';
