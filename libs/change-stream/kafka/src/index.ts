export { type Codec, type KafkaClient, type KafkaProducer, type KafkaSettings, type NewRecord, type NewTopic, openKafka, type PartitionOffsets } from './client';
export { type ConsumeOptions, type KafkaBatch, type KafkaConsumer, type KafkaGap, type KafkaPartition, type KafkaRecord } from './consumer';
