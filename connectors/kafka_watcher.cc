#include "connectors/kafka_watcher.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

#include "base/clock.h"
#include "types/type.h"

namespace millrace {
namespace {

constexpr int kAnswerMillis = 2000;
constexpr int kTickMillis = 100;
constexpr int64_t kRetryMicros = 500'000;
constexpr int64_t kProbeMicros = 2 * kMicrosPerSecond;

KafkaList ListOf(const std::vector<KafkaPartition>& partitions) {
  KafkaList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const KafkaPartition& p : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), p.topic.c_str(), p.number);
  }
  return list;
}

// Whether the table ends where the options say; the end is then found together with the start.
bool IsBounded(const OffsetSpec& stop) { return stop.mode != OffsetMode::kUnbounded; }

}  // namespace

std::vector<std::string> TopicList(const Options& options) {
  std::vector<std::string> topics;
  const std::string list = GetString(options, "topic");
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(';', at), list.size());
    if (end > at) topics.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return topics;
}

std::optional<NamePattern> TopicPattern(const Options& options) {
  const Option* pattern = FindOption(options, "topic-pattern");
  if (pattern == nullptr) return {};
  return NamePattern("topic-pattern", *pattern);
}

KafkaWatcher::KafkaWatcher(const ConnectorContext& context, KafkaClient* client,
                           std::function<void()> on_change, bool ticking)
    : options_(context.options),
      client_(client),
      on_change_(std::move(on_change)),
      ticking_(ticking),
      has_group_(FindOption(options_, "properties.group.id") != nullptr),
      start_(StartOffsets(options_)),
      stop_(StopOffsets(options_)),
      topics_(TopicList(options_)),
      pattern_(TopicPattern(options_)),
      discovery_micros_(IsBounded(stop_)
                            ? 0
                            : GetDurationMicros(options_, "scan.topic-partition-discovery.interval",
                                                300 * kMicrosPerSecond)),
      thread_([this] { Run(); }) {}

KafkaWatcher::~KafkaWatcher() {
  stopping_ = true;
  thread_.join();
}

std::vector<KafkaPartition> KafkaWatcher::partitions() const {
  std::lock_guard lock(mutex_);
  return partitions_;
}

void KafkaWatcher::Run() {
  int64_t next_discovery = 0, next_probe = 0;
  while (!stopping_) {
    const int64_t now = NowMicros();
    if (now >= next_discovery) {
      const bool complete = Discover();
      next_discovery = NowMicros() + (complete ? discovery_micros_ : kRetryMicros);
      if (complete && discovery_micros_ == 0) next_discovery = INT64_MAX;
    } else if (!client_->notice().empty() && now >= next_probe) {
      // Whether what was complained about is over.
      bool answered = false;
      client_->FindTopics(topics_.empty() ? "" : topics_[0], kAnswerMillis, &answered);
      next_probe = NowMicros() + kProbeMicros;
    }
    if (ticking_) on_change_();
    client_->Poll(kTickMillis);
  }
}

std::map<std::string, size_t> KafkaWatcher::MatchingTopics(bool* answered) {
  std::map<std::string, size_t> found;
  *answered = true;
  for (const std::string& topic : topics_) {
    found.merge(client_->FindTopics(topic, kAnswerMillis, answered));
    if (!*answered || !client_->notice().empty()) {
      *answered = false;
      return found;
    }
  }
  if (!pattern_) return found;
  for (const auto& [topic, count] : client_->FindTopics("", kAnswerMillis, answered)) {
    if (pattern_->Matches(topic)) found.emplace(topic, count);
  }
  if (*answered && found.empty()) client_->SetNotice("no topic matches 'topic-pattern' yet");
  return found;
}

bool KafkaWatcher::Discover() {
  bool answered = false;
  const std::map<std::string, size_t> topics = MatchingTopics(&answered);
  if (!answered) return false;
  std::vector<KafkaPartition> found;
  const std::vector<KafkaPartition> known = partitions();
  for (const auto& [topic, count] : topics) {
    for (size_t number = 0; number < count; ++number) {
      KafkaPartition p{topic, static_cast<int32_t>(number), {}, 0, !known.empty()};
      const auto same = [&](const KafkaPartition& k) { return k.name() == p.name(); };
      if (std::ranges::none_of(known, same)) found.push_back(std::move(p));
    }
  }
  if (found.empty()) return !known.empty();  // The pattern may match later.
  if (!Resolve(&found)) return false;
  {
    std::lock_guard lock(mutex_);
    std::ranges::move(found, std::back_inserter(partitions_));
  }
  on_change_();
  return true;
}

bool KafkaWatcher::Resolve(std::vector<KafkaPartition>* found) {
  OffsetSpec start = start_;
  if (found->front().late) start = {OffsetMode::kEarliest, 0, {}};
  std::vector<int64_t> starts, stops;
  if (!FindOffsets(start, found, &starts)) return false;
  if (IsBounded(stop_) && !FindOffsets(stop_, found, &stops)) return false;
  for (size_t i = 0; i < found->size(); ++i) {
    KafkaPosition& position = (*found)[i].start;
    position.offset = starts[i];
    if (!stops.empty()) position.stop = stops[i];
  }
  return true;
}

bool KafkaWatcher::FindWatermarks(const KafkaPartition& partition, int64_t* low, int64_t* high) {
  const auto error = rd_kafka_query_watermark_offsets(client_->get(), partition.topic.c_str(),
                                                      partition.number, low, high, kAnswerMillis);
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return true;
  client_->SetNotice(partition.name() + ": " + rd_kafka_err2str(error));
  return false;
}

bool KafkaWatcher::FindOffsets(const OffsetSpec& spec, std::vector<KafkaPartition>* partitions,
                               std::vector<int64_t>* offsets) {
  KafkaList list = ListOf(*partitions);
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (spec.mode == OffsetMode::kTimestamp) {
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = spec.timestamp_millis;
    error = rd_kafka_offsets_for_times(client_->get(), list.get(), kAnswerMillis);
  } else if (spec.mode == OffsetMode::kGroup && has_group_) {
    error = rd_kafka_committed(client_->get(), list.get(), kAnswerMillis);
  }
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
    client_->SetNotice(rd_kafka_err2str(error));
    return false;
  }
  const bool reset_to_latest =
      GetString(options_, "properties.auto.offset.reset", "earliest") == "latest";
  for (size_t i = 0; i < partitions->size(); ++i) {
    int64_t low = 0, high = 0;
    if (!FindWatermarks((*partitions)[i], &low, &high)) return false;
    (*partitions)[i].end = high;
    const int64_t listed = list->elems[i].offset;
    const auto specific = spec.specific.find((*partitions)[i].number);
    switch (spec.mode) {
      case OffsetMode::kLatest:
        offsets->push_back(high);
        break;
      case OffsetMode::kTimestamp:
        offsets->push_back(listed >= 0 ? listed : high);
        break;
      case OffsetMode::kGroup:
        offsets->push_back(has_group_ && listed >= 0 ? listed : reset_to_latest ? high : low);
        break;
      case OffsetMode::kSpecific:
        offsets->push_back(specific != spec.specific.end() ? specific->second : low);
        break;
      default:
        offsets->push_back(low);
    }
  }
  return true;
}

}  // namespace millrace
