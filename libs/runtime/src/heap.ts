import { setFlagsFromString } from 'node:v8';

/** How far the heap may grow beyond what was alive at the last full collection before the next one, percent. */
const HEAP_GROWING_PERCENT = 75;

/**
 * V8 lets garbage pile up to about four times what is alive, and with much memory in the machine to gigabytes. What is
 * alive here is bounded (R11) and small; this makes the process as small as its work. A limit of the heap's size
 * (`--max-old-space-size`) would do so too, but ends the process where one large row needs more. Measured in
 * docs/performance.md. `node --heap-growing-percent=…` is left alone.
 */
export function boundHeapGrowth(nodeArguments: readonly string[] = process.execArgv): void {
  if (nodeArguments.some((argument) => argument.startsWith('--heap-growing-percent'))) return;
  setFlagsFromString(`--heap-growing-percent=${String(HEAP_GROWING_PERCENT)}`);
}
