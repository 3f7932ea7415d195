// PRINT and SHOW TOPICS: a look at what Kafka has, whatever tables there are.
#include <fmt/format.h>

#include <algorithm>

#include "base/signal.h"
#include "connectors/kafka_topics.h"
#include "connectors/text_values.h"
#include "server/engine_state.h"

namespace millrace {
namespace {

constexpr std::string_view kServers = "properties.bootstrap.servers";
constexpr size_t kMostRecords = 1024;  // Of one poll.

// Text as it is, other bytes as \xHH.
std::string Printable(std::string_view bytes) {
  if (IsValidUtf8(bytes)) return std::string(bytes);
  std::string out;
  for (char c : bytes) {
    if (c >= 0x20 && c < 0x7F) {
      out.push_back(c);
    } else {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Schema PrintSchema() {
  return {{"partition", Type(TypeId::kInteger, false)},
          {"offset", Type(TypeId::kBigInt, false)},
          {"timestamp", Type::MakeTimestampLtz(3)},
          {"key", TypeId::kString},
          {"value", TypeId::kString}};
}

void SetText(std::optional<std::string_view> text, size_t row, Arena* heap, Column* column) {
  if (!text) return column->SetNull(row);
  const std::string printable = Printable(*text);
  column->mutable_data<StringRef>()[row] =
      printable.size() <= StringRef::kInline ? StringRef(printable) : StringRef(heap->Copy(printable));
}

// The block's records, or every n-th of them, as rows of PrintSchema().
Batch PrintRows(const RecordBlock& block, int32_t partition, int64_t every, uint64_t* seen) {
  std::vector<size_t> records;
  for (size_t i = 0; i < block.records.size(); ++i) {
    if ((*seen)++ % static_cast<uint64_t>(every) == 0) records.push_back(i);
  }
  Batch batch;
  batch.size = records.size();
  auto heap = std::make_shared<Arena>();
  for (const Field& field : PrintSchema()) {
    batch.columns.push_back(MakeColumn(field.type, batch.size));
  }
  for (size_t row = 0; row < records.size(); ++row) {
    const size_t i = records[row];
    const auto bytes = [&](const std::pair<uint64_t, uint32_t>& part) {
      return std::string_view(block.data + part.first, part.second);
    };
    const bool has_key = !block.keys.empty() && block.keys[i].second != RecordBlock::kNoKey;
    batch.columns[0].mutable_data<int32_t>()[row] = partition;
    batch.columns[1].mutable_data<int64_t>()[row] = static_cast<int64_t>(block.PositionOf(i));
    batch.columns[2].mutable_data<int64_t>()[row] = block.times.empty() ? 0 : block.times[i];
    SetText(has_key ? std::optional(bytes(block.keys[i])) : std::nullopt, row, heap.get(),
            &batch.columns[3]);
    SetText(block.IsNull(i) ? std::nullopt : std::optional(bytes(block.records[i])), row,
            heap.get(), &batch.columns[4]);
  }
  for (Column& column : batch.columns) column.KeepAlive(heap);
  return batch;
}

}  // namespace

// The WITH clause, else what the catalog's tables say, if they agree on the brokers.
Options Engine::State::KafkaOptions(const std::vector<ast::Option>& with) const {
  Options options;
  for (const ast::Option& option : with) {
    if (!option.key.starts_with("properties.")) {
      throw Error(ErrorCode::kInvalidOption, "unknown option '" + option.key + "'",
                  option.key_range, "the options are 'properties.*'");
    }
    options[option.key] = {option.value, option.key_range, option.value_range};
  }
  if (FindOption(options, kServers) != nullptr) return options;
  std::lock_guard lock(mutex);
  std::optional<std::string> servers;
  for (const Relation* relation : catalog.List()) {
    const Option* named = FindOption(relation->options, kServers);
    if (relation->connector == nullptr || named == nullptr) continue;
    if (servers && *servers != named->value) {
      throw Error(ErrorCode::kMissingOption, "the tables are of several Kafka clusters", {},
                  "name one: WITH ('properties.bootstrap.servers' = 'host:port')");
    }
    if (servers) continue;
    servers = named->value;
    for (const auto& [key, option] : relation->options) {
      // The places are in another text.
      if (key.starts_with("properties.")) options.emplace(key, Option{option.value, {}, {}});
    }
  }
  if (servers) return options;
  throw Error(ErrorCode::kMissingOption, "no table names a Kafka cluster", {},
              "name one: WITH ('properties.bootstrap.servers' = 'host:port')");
}

StatementResult Engine::State::ShowTopics(const ast::Show& s) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [topic, partitions] : ListKafkaTopics(KafkaOptions(s.options))) {
    // Kafka's own begin so.
    if (!topic.starts_with("__")) rows.push_back({topic, std::to_string(partitions)});
  }
  KeepLike(s.like, &rows);
  return TextResult("show", {"topic name", "partitions"}, rows);
}

StatementResult Engine::State::Do(ast::Print& s, const std::string&, Run& run) {
  StatementResult result;
  result.kind = "print";
  result.has_rows = true;
  result.statement_index = run.index;
  result.schema = PrintSchema();
  const ExecuteRequest& request = *run.request;
  if (!s.limit && request.max_rows == SIZE_MAX && request.timeout_micros == 0 && !request.on_rows) {
    throw Error(ErrorCode::kStreamingResult, "a topic has no end", s.topic_range,
                "add LIMIT, or set max_rows or timeout, or ask for application/x-ndjson");
  }
  Options options = KafkaOptions(s.options);
  const auto topics = ListKafkaTopics(options);
  if (!topics.contains(s.topic)) {
    std::vector<std::string_view> names;
    for (const auto& [name, partitions] : topics) names.push_back(name);
    throw Error(ErrorCode::kNotFound, "there is no topic \"" + s.topic + "\"", s.topic_range,
                DidYouMean(s.topic, names));
  }
  options["topic"].value = s.topic;
  options["scan.startup.mode"].value = s.from_beginning ? "earliest-offset" : "latest-offset";
  PrintTopic(s, std::move(options), run, &result);
  return result;
}

void Engine::State::PrintTopic(const ast::Print& s, Options options, const Run& run,
                               StatementResult* result) {
  ConnectorContext context;
  context.table = s.topic;
  context.schema = {{"value", TypeId::kBytes}};
  context.options = std::move(options);
  const std::unique_ptr<Source> source = FindConnector("kafka")->source(context);
  auto input = std::make_shared<Signal>();
  source->OnReady([input] { input->Set(); });
  const int64_t most = s.limit.value_or(INT64_MAX);
  uint64_t left = std::min<uint64_t>(most, run.request->max_rows), seen = 0;
  const int64_t deadline =
      run.request->timeout_micros > 0 ? NowMicros() + run.request->timeout_micros : INT64_MAX;
  int64_t next_tick = 0;
  while (left > 0 && NowMicros() < deadline && !shutting_down) {
    bool any = false;
    const std::vector<std::string> partitions = source->Partitions();
    for (size_t i = 0; i < partitions.size() && left > 0; ++i) {
      const SourceBatch batch = source->Poll(i, kMostRecords);
      if (batch.size() == 0) continue;
      any = true;
      const int32_t number = std::stoi(partitions[i].substr(partitions[i].rfind('/') + 1));
      Deliver(PrintRows(*batch.block, number, std::max<int64_t>(s.interval.value_or(1), 1), &seen),
              run, result, &left);
    }
    if (any) continue;
    input->WaitFor(std::chrono::milliseconds(100));
    if (!run.request->on_point || NowMicros() < next_tick) continue;
    next_tick = NowMicros() + 1'000'000;
    if (!run.request->on_point(*result, {})) left = 0;  // Its reader is gone.
  }
  result->end_reason = left == 0 ? "limit" : "timeout";
}

}  // namespace millrace
