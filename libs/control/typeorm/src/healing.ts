import type { ControlStore } from '@elstream/control';
import { ElstreamError } from '@elstream/core';
import type { DataSource } from 'typeorm';

function missing(what: string): Promise<never> {
  return Promise.reject(new ElstreamError('NOT_BUILT', 'stop', `${what} is not built yet`));
}

export function readDeadLetters(_db: DataSource, ..._: Parameters<ControlStore['readDeadLetters']>): ReturnType<ControlStore['readDeadLetters']> {
  return missing('readDeadLetters');
}

export function readDeadLetter(_db: DataSource, ..._: Parameters<ControlStore['readDeadLetter']>): ReturnType<ControlStore['readDeadLetter']> {
  return missing('readDeadLetter');
}

export function countDeadLetters(_db: DataSource, ..._: Parameters<ControlStore['countDeadLetters']>): ReturnType<ControlStore['countDeadLetters']> {
  return missing('countDeadLetters');
}

export function discardDeadLetters(_db: DataSource, ..._: Parameters<ControlStore['discardDeadLetters']>): ReturnType<ControlStore['discardDeadLetters']> {
  return missing('discardDeadLetters');
}

export function noteReplay(_db: DataSource, ..._: Parameters<ControlStore['noteReplay']>): ReturnType<ControlStore['noteReplay']> {
  return missing('noteReplay');
}

export function addSchemaChange(_db: DataSource, ..._: Parameters<ControlStore['addSchemaChange']>): ReturnType<ControlStore['addSchemaChange']> {
  return missing('addSchemaChange');
}

export function readSchemaChanges(_db: DataSource, ..._: Parameters<ControlStore['readSchemaChanges']>): ReturnType<ControlStore['readSchemaChanges']> {
  return missing('readSchemaChanges');
}

export function readSchemaChange(_db: DataSource, ..._: Parameters<ControlStore['readSchemaChange']>): ReturnType<ControlStore['readSchemaChange']> {
  return missing('readSchemaChange');
}

export function decideSchemaChange(_db: DataSource, ..._: Parameters<ControlStore['decideSchemaChange']>): ReturnType<ControlStore['decideSchemaChange']> {
  return missing('decideSchemaChange');
}

export function saveValidation(_db: DataSource, ..._: Parameters<ControlStore['saveValidation']>): ReturnType<ControlStore['saveValidation']> {
  return missing('saveValidation');
}

export function readValidations(_db: DataSource, ..._: Parameters<ControlStore['readValidations']>): ReturnType<ControlStore['readValidations']> {
  return missing('readValidations');
}
