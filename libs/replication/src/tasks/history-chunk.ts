import { ElstreamError } from '@elstream/core';
import type { TaskHandler } from './task-context';

export const historyChunk: TaskHandler = () => Promise.reject(new ElstreamError('NOT_BUILT', 'stop', 'history-chunk is not built yet'));
