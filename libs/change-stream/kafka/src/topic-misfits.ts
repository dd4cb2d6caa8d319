type Settings = ReadonlyMap<string, string>;

interface Wanted {
  /** Undefined: the brokers' own will do. */
  readonly retentionMs: number | undefined;
  readonly maxEventBytes: number;
}

const NAMED = 10;

/**
 * What the settings of topics that were there already are not, as sentences with the remedy. They are not altered: a client
 * of this protocol version replaces all of a topic's settings at once, those that others gave it too. Pure.
 *
 * @param found by topic
 */
export function topicMisfits(found: ReadonlyMap<string, Settings>, { retentionMs, maxEventBytes }: Wanted): string[] {
  const said = (name: string, wanted: number, differs: (value: number) => boolean, why: string): string[] => {
    const topics = new Map<string, string[]>();
    for (const [topic, settings] of found) {
      const value = settings.get(name);
      if (value !== undefined && differs(Number(value))) topics.set(value, [...(topics.get(value) ?? []), topic]);
    }
    return [...topics].map(([value, of]) => `${spelled(of)} with ${name}=${value}, ${why}: elstream gives settings only to topics that it makes; set it: kafka-configs.sh --alter --topic ${of[0] ?? ''} --add-config ${name}=${String(wanted)}${of.length > 1 ? ' (and so for each)' : ''}`);
  };
  return [
    ...(retentionMs === undefined ? [] : said('retention.ms', retentionMs, (value) => value !== retentionMs, `not ${String(retentionMs)} as stream.retention says`)),
    ...said('max.message.bytes', maxEventBytes, (value) => value < maxEventBytes, `below the ${String(maxEventBytes)} that an event may have: a larger one stops the connector`),
    ...said('retention.bytes', -1, (value) => value >= 0, 'so that events may go before stream.retention, and without a word before'),
  ];
}

function spelled(topics: readonly string[]): string {
  const named = topics.slice(0, NAMED).join(', ');
  const more = topics.length > NAMED ? ` and ${String(topics.length - NAMED)} more` : '';
  return `${topics.length === 1 ? 'the topic' : 'topics'} ${named}${more} ${topics.length === 1 ? 'exists' : 'exist'}`;
}
