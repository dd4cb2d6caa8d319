export { type BusEnds, controlBusContract } from './contract/control-bus-contract';
export * from './control-bus';
export * from './control-store';
export * from './healing';
export * from './planner';
export { readControlMessage } from './read-control-message';
export * from './run';
