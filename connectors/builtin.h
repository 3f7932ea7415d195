// The connectors and formats that are built in; registry.cc lists them.
#pragma once

#include "connectors/connector.h"

namespace millrace {

const ConnectorDef& DatagenConnector();
const ConnectorDef& NexmarkConnector();
const ConnectorDef& PrintConnector();
const ConnectorDef& BlackholeConnector();
const ConnectorDef& FilesystemConnector();
const ConnectorDef& KafkaConnector();
const ConnectorDef& UpsertKafkaConnector();
const ConnectorDef& HttpConnector();

const FormatDef& CsvFormat();
const FormatDef& JsonFormat();
const FormatDef& RawFormat();
const FormatDef& DebeziumJsonFormat();
const FormatDef& CanalJsonFormat();
const FormatDef& MaxwellJsonFormat();
const FormatDef& OggJsonFormat();
const FormatDef& AvroFormat();
const FormatDef& AvroConfluentFormat();
const FormatDef& ProtobufFormat();

// An option of other engines that is accepted, without effect.
OptionDef Ignored(std::string name);

// The filesystem's two halves, each in a file of its own.
std::unique_ptr<Source> MakeFilesystemSource(const ConnectorContext& context);
std::unique_ptr<Sink> MakeFilesystemSink(const ConnectorContext& context);

std::unique_ptr<Source> MakeKafkaSource(const ConnectorContext& context);
std::unique_ptr<Sink> MakeKafkaSink(const ConnectorContext& context);

// The halves of the CSV and JSON formats.
std::unique_ptr<Decoder> MakeCsvDecoder(const ConnectorContext& context);
std::unique_ptr<FormatDef::Encoder> MakeCsvEncoder(const ConnectorContext& context);
// The header line of a file, "" unless csv.header is set.
std::string MakeCsvHeader(const ConnectorContext& context);
std::unique_ptr<Decoder> MakeJsonDecoder(const ConnectorContext& context);
std::unique_ptr<FormatDef::Encoder> MakeJsonEncoder(const ConnectorContext& context);

}  // namespace millrace
