import type { ControlMessage } from './control-bus';

/** The message in what a channel brought, with nothing but its own fields; null for anything else. */
export function readControlMessage(data: unknown): ControlMessage | null {
  if (typeof data !== 'object' || data === null) return null;
  const { type, pipeline, runId } = data as Readonly<Record<string, unknown>>;
  if (typeof pipeline !== 'string') return null;
  switch (type) {
    case 'pipeline-changed':
    case 'tables-changed':
      return { type, pipeline };
    case 'run-changed':
      return typeof runId === 'string' ? { type, pipeline, runId } : null;
    default:
      return null;
  }
}
