export { type Codec, type KafkaClient, type KafkaProducer, type KafkaSettings, type NewRecord, type NewTopic, openKafka } from './client';
export { type PartitionOffsets } from './offset-reader';
export { type ConsumeOptions, type KafkaBatch, type KafkaConsumer, type KafkaGap, type KafkaPartition, type KafkaRecord, type BatchVerdict } from './consumer';
export { createKafkaStream } from './kafka-stream';
export { type ConnectSettings, type KafkaStreamLimits, type KafkaStreamOptions, type TopicSettings } from './options';
export { type CaptureConnector, type ConnectorHealth } from './connector';
export { partitionName } from './topics';
export { refusalsBefore } from './refusals';
