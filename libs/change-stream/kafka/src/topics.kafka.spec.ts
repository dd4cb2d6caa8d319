import { type Checkpoint } from '@elstream/core';
import { capturingLogger } from '@elstream/testing';
import { at, int, mappingOf, offset, text } from './stream.fixture';
import { postgresEvent, writtenContext } from './written.fixture';

jest.setTimeout(90_000);

const t = mappingOf('t', ['id'], [int('id'), text('v')]);

describe('topics that keep events for a time only (R14)', () => {
  const DAY = 86_400_000;
  const endless = mappingOf('endless', ['id'], [int('id')]);

  it('have it told how much is left, once more than half has passed for what is not applied', async () => {
    await using context = await writtenContext('postgresql', [t]);
    const { client, producer, name, says } = context;
    const [topic, kept] = [context.topic(t), context.topic(endless)];
    await client.createTopics([{ topic: kept, partitions: 1, config: { 'retention.ms': '-1' } }]);
    says.captured = new Set([t.id, endless.id]);
    expect((await client.configs([topic])).get(topic)?.get('retention.ms')).toBe(String(7 * DAY));
    for (const one of [topic, kept]) await producer.send(one, [{ key: '{"id":1}', value: postgresEvent('c', { id: 1, v: 'a' }) }]);
    let days = 0;
    const stream = await context.stream({ clock: () => Date.now() + days * DAY });
    const told = async (after: number, applied = 0n): Promise<string | null> => {
      days = after;
      const checkpoint = (of: string, next: bigint): Checkpoint => ({ pipeline: name, partition: at(of, 0), generation: 1, next: offset(next), highest: null, counter: null });
      return (await stream.status([checkpoint(topic, applied), checkpoint(kept, 0n)])).trouble;
    };
    expect(await told(3)).toBeNull();
    expect(await told(4)).toBe(
      `events of the topic ${topic} (partition 0) that are not applied yet are more than 3 days old, and the topic keeps them for 7 days: at most 4 days are left; ` +
        `resume the pipeline, see that a streamer runs and catches up, or have it kept longer: kafka-configs.sh --alter --topic ${topic} --add-config retention.ms=${String(14 * DAY)}`,
    );
    expect(await told(6.5)).toContain('more than 6 days old, and the topic keeps them for 7 days: at most 17 hours are left');
    expect(await told(8)).toContain('they may be gone any moment');
    expect(await told(9, 1n)).toBeNull();
    await client.deleteTopics([kept]);
  });

  it('are told where they were there already with other settings than the pipeline file has, and stay as they are', async () => {
    await using context = await writtenContext('postgresql', [t]);
    const [topic, kept] = [context.topic(t), context.topic(endless)];
    await context.client.createTopics([{ topic: kept, partitions: 1, config: { 'retention.ms': '-1', 'max.message.bytes': '1000', 'retention.bytes': '5000' } }]);
    const logger = capturingLogger();
    const prepare = async (retentionMs: number): Promise<string[]> => {
      const before = logger.lines.length;
      await (await context.stream({ logger, topics: { partitions: 1, retentionMs } })).prepare([t, endless]);
      return logger.lines.slice(before).filter(({ level }) => level === 'warn').map(({ message }) => message);
    };
    const given = 'elstream gives settings only to topics that it makes; set it: kafka-configs.sh --alter --topic';
    const others = [
      `the topic ${kept} exists with max.message.bytes=1000, below the 16777216 that an event may have: a larger one stops the connector: ${given} ${kept} --add-config max.message.bytes=16777216`,
      `the topic ${kept} exists with retention.bytes=5000, so that events may go before stream.retention, and without a word before: ${given} ${kept} --add-config retention.bytes=-1`,
    ];
    const why = (ms: number): string => `not ${String(ms)} as stream.retention says: ${given}`;
    expect(await prepare(7 * DAY)).toEqual([`the topic ${kept} exists with retention.ms=-1, ${why(7 * DAY)} ${kept} --add-config retention.ms=${String(7 * DAY)}`, ...others]);
    expect(await prepare(DAY)).toEqual([
      `topics ${context.counterTopic}, ${context.notificationsTopic}, ${topic} exist with retention.ms=${String(7 * DAY)}, ${why(DAY)} ${context.counterTopic} --add-config retention.ms=${String(DAY)} (and so for each)`,
      `the topic ${kept} exists with retention.ms=-1, ${why(DAY)} ${kept} --add-config retention.ms=${String(DAY)}`,
      ...others,
    ]);
    expect((await context.client.configs([topic])).get(topic)?.get('retention.ms')).toBe(String(7 * DAY));
    await context.client.deleteTopics([kept]);
  });
});
