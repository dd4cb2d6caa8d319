import { isDeepStrictEqual } from 'node:util';
import type { TableMapping } from '@elstream/core';

/** All of a mapping that says what a row holds. */
function contentOf({ target, key, history, columns }: TableMapping): unknown {
  return JSON.parse(JSON.stringify([target, key, history ?? null, columns.map((c) => [c.source, c.target, c.targetType, c.mask?.kind ?? null])]));
}

/** True if the stored mapping (JSON, `elstream.pipeline_table.mapping`) says of rows what this one says. */
export function isStored(stored: string, mapping: TableMapping): boolean {
  return isDeepStrictEqual(contentOf(JSON.parse(stored) as TableMapping), contentOf(mapping));
}

/** T-SQL: the hash of a stored mapping, by which one is told from another. The server alone computes it. */
export function hashOf(mapping: string): string {
  return `CONVERT(varchar(64), HASHBYTES('SHA2_256', ${mapping}), 2)`;
}

/**
 * Which stored text was found to say what a mapping says, by hash: a batch asks in its transaction whether it still stands
 * there, and only if it does not, the text is fetched and looked at anew.
 *
 * A preload begins with what is stored: what was decoded with an earlier mapping would count as a touch of its epoch, keep
 * the fill away, and its added columns would be NULL for ever.
 */
export class KnownMappings {
  private readonly hashes = new Map<string, string>();

  /** Hash (`hashOf`) of the stored text that was seen last; null: none was. */
  of(pipeline: string, mapping: TableMapping): string | null {
    return this.hashes.get(keyOf(pipeline, mapping)) ?? null;
  }

  /** `hash`: of `stored`, by `hashOf`. False: the stored mapping is another one. */
  learn(pipeline: string, mapping: TableMapping, { stored, hash }: { readonly stored: string; readonly hash: string }): boolean {
    if (!isStored(stored, mapping)) return false;
    if (this.hashes.size > MAX_KNOWN) this.hashes.clear();
    this.hashes.set(keyOf(pipeline, mapping), hash);
    return true;
  }
}

const MAX_KNOWN = 10_000;

function keyOf(pipeline: string, mapping: TableMapping): string {
  return JSON.stringify([pipeline, mapping.id, contentOf(mapping)]);
}
