import { ElstreamError } from '@elstream/core';
import type { TaskHandler } from './task-context';

export const repairRows: TaskHandler = () => Promise.reject(new ElstreamError('NOT_BUILT', 'stop', 'repair-rows is not built yet'));
