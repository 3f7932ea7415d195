#include "connectors/schema_registry.h"

#include <fmt/format.h>

#include "base/json_text.h"
#include "connectors/http_client.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

constexpr int64_t kTimeoutMicros = 10'000'000;

// As a part of a URL's path.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    plain ? out.push_back(c)
          : void(out += fmt::format("%{:02X}", static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

SchemaRegistry::SchemaRegistry(const Options& options)
    : url_(GetString(options, "avro-confluent.url")) {
  try {
    ParseHttpUrl(url_);
  } catch (const Error& error) {
    throw Error(error.code, "option 'avro-confluent.url': " + error.message,
                ValueRange(options, "avro-confluent.url"));
  }
  while (url_.ends_with('/')) url_.pop_back();
  const std::string user = GetString(options, "avro-confluent.basic-auth.user-info");
  const std::string token = GetString(options, "avro-confluent.bearer-auth.token");
  if (!user.empty()) {
    std::string encoded;
    AppendBase64(user, &encoded);
    headers_.emplace("Authorization", "Basic " + encoded);
  } else if (!token.empty()) {
    headers_.emplace("Authorization", "Bearer " + token);
  }
}

SchemaRegistry::Answer SchemaRegistry::Ask(const std::string& method, const std::string& path,
                                           const std::string& body) const {
  HttpClient client(ParseHttpUrl(url_ + path), kTimeoutMicros);
  const HttpAnswer answer =
      client.Send(method, headers_, "application/vnd.schemaregistry.v1+json", body);
  if (answer.status == 0 || answer.status >= 500) {
    throw Error(ErrorCode::kIo, "the schema registry " + url_ + " does not answer: " +
                                    (answer.status == 0 ? answer.fault
                                                        : std::to_string(answer.status)));
  }
  return {answer.status, answer.body};
}

std::shared_ptr<const AvroDocument> SchemaRegistry::Find(uint32_t id) {
  if (const auto found = known_.find(id); found != known_.end()) return found->second;
  const Answer answer = Ask("GET", "/schemas/ids/" + std::to_string(id), "");
  std::shared_ptr<const AvroDocument> schema;
  if (answer.status == 200) {
    schema = ParseAvroSchema(JsonMember(answer.body, "schema"));
  } else if (answer.status != 404) {
    throw Error(ErrorCode::kConflict, "the schema registry " + url_ + " refuses: " +
                                          std::to_string(answer.status) + " " + answer.body);
  }
  return known_[id] = std::move(schema);
}

uint32_t SchemaRegistry::Register(const std::string& subject, const std::string& schema) {
  std::string body = "{\"schema\":";
  AppendJsonString(schema, &body);
  const Answer answer = Ask("POST", "/subjects/" + Escaped(subject) + "/versions", body + "}");
  const std::string id = JsonMember(answer.body, "id");
  if (answer.status == 200 && !id.empty()) return static_cast<uint32_t>(std::stoul(id));
  throw Error(ErrorCode::kConflict, "the schema registry refuses the schema of subject " + subject +
                                        ": " + std::to_string(answer.status) + " " + answer.body);
}

}  // namespace millrace
