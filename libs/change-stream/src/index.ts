export * from './change-stream';
export { consumeDirect, directMark, directMoment, type DirectSource, type ReadOptions } from './direct-stream';
export * from './capture-source';
export * from './connector-control';
