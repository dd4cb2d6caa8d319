import { ElstreamError } from '@elstream/core';
import type { TaskHandler } from './task-context';

export const finishValidation: TaskHandler = () => Promise.reject(new ElstreamError('NOT_BUILT', 'stop', 'finish-validation is not built yet'));
