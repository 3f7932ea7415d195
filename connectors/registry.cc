// The lists of connectors and formats.
#include <algorithm>

#include "connectors/builtin.h"

namespace millrace {
namespace {

using ConnectorGetter = const ConnectorDef& (*)();
using FormatGetter = const FormatDef& (*)();

constexpr ConnectorGetter kConnectors[] = {BlackholeConnector, DatagenConnector,
                                           FilesystemConnector, HttpConnector,
                                           KafkaConnector,      NexmarkConnector,
                                           PrintConnector,      UpsertKafkaConnector};
constexpr FormatGetter kFormats[] = {AvroFormat,         AvroConfluentFormat, CanalJsonFormat,
                                     CsvFormat,          DebeziumJsonFormat,  JsonFormat,
                                     MaxwellJsonFormat,  OggJsonFormat,       ProtobufFormat,
                                     RawFormat};

template <class Getters>
auto Find(const Getters& getters, std::string_view name) -> decltype(&getters[0]()) {
  for (auto getter : getters) {
    if (getter().name == name) return &getter();
  }
  return nullptr;
}

template <class Getters>
std::vector<std::string_view> Names(const Getters& getters) {
  std::vector<std::string_view> names;
  for (auto getter : getters) names.push_back(getter().name);
  return names;
}

}  // namespace

const ConnectorDef* FindConnector(std::string_view name) { return Find(kConnectors, name); }
const FormatDef* FindFormat(std::string_view name) { return Find(kFormats, name); }
std::vector<std::string_view> ConnectorNames() { return Names(kConnectors); }
std::vector<std::string_view> FormatNames() { return Names(kFormats); }

}  // namespace millrace
