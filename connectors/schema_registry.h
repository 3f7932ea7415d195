// A client of Confluent's schema registry: schemas by their ids, ids of schemas that are written.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "connectors/avro_schema.h"
#include "connectors/connector.h"

namespace millrace {

class SchemaRegistry {
 public:
  // By 'avro-confluent.url' and its siblings. Throws Error(kInvalidOption).
  explicit SchemaRegistry(const Options& options);

  // The schema of that id; null when the registry has none. Throws Error(kIo) when it does not
  // answer. Asks once for each id.
  std::shared_ptr<const AvroDocument> Find(uint32_t id);
  // The id of the schema under the subject, where it is put if it is not there. Throws Error(kIo),
  // and Error(kConflict) when the registry refuses it.
  uint32_t Register(const std::string& subject, const std::string& schema);

 private:
  struct Answer {
    int status;
    std::string body;
  };
  Answer Ask(const std::string& method, const std::string& path, const std::string& body) const;

  std::string url_;
  std::multimap<std::string, std::string> headers_;
  std::map<uint32_t, std::shared_ptr<const AvroDocument>> known_;
};

}  // namespace millrace
