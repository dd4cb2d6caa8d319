export * from './control-bus';
export * from './control-store';
export * from './planner';
export * from './run';
