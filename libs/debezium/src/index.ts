export type { Decoded, DecodedPoison, DecodedWrite, DebeziumRecord, KeyChange } from './decoded';
export { createEnvelopeDecoder, type EnvelopeDecoder } from './envelope-decoder';
export { DEBEZIUM_DEFAULTS, type BinaryHandlingMode, type Connector, type DecimalHandlingMode, type DecoderOptions, type HandlingModes, type TimePrecisionMode } from './handling';
export type { PostgresSource, SnapshotMark, SourceBlock, SqlServerSource } from './source-block';
