import type { ControlStore } from '@elstream/control';
import type { Product } from '@elstream/core';
import type { DataSource } from 'typeorm';
import * as claims from './claims';
import * as healing from './healing';
import * as mssql from './mssql/transactions';
import * as pipelines from './pipelines';
import * as runs from './runs';
import * as tasks from './tasks';

type WithTransaction = 'createRun' | 'endRun' | 'addTasks' | 'complete' | 'addEvent' | 'saveMappings' | 'replaceMapping' | 'removePipeline' | 'addSchemaChange' | 'saveValidation';

type On<F> = F extends (...args: infer A) => infer R ? (db: DataSource, ...args: A) => R : never;

/** What changes several rows together. */
export type Writes = { readonly [K in WithTransaction]: On<ControlStore[K]> };

/**
 * On PostgreSQL a transaction goes statement by statement, and the server ends one that idles. SQL Server ends none, so
 * there each is one batch (R2): a process that is stopped at any instruction holds no lock for longer than its batch runs.
 */
export const writesOf: Readonly<Record<Product, Writes>> = {
  postgres: {
    createRun: runs.createRun,
    endRun: runs.endRun,
    addTasks: tasks.addTasks,
    complete: claims.complete,
    addEvent: runs.addEvent,
    saveMappings: pipelines.saveMappings,
    replaceMapping: pipelines.replaceMapping,
    removePipeline: pipelines.removePipeline,
    addSchemaChange: healing.addSchemaChange,
    saveValidation: healing.saveValidation,
  },
  mssql,
};
