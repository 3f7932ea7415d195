// The Nexmark benchmark's source: one partition, whose position is the decimal number of the next
// event.
#include <algorithm>
#include <charconv>
#include <limits>

#include "connectors/builtin.h"
#include "connectors/nexmark_generator.h"
#include "connectors/pacer.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr uint64_t kUnbounded = std::numeric_limits<int64_t>::max();

int64_t GetIntBetween(const Options& options, std::string_view key, int64_t otherwise, int64_t low,
                      int64_t high) {
  const int64_t value = GetInt(options, key, otherwise);
  if (value >= low && value <= high) return value;
  throw Error(ErrorCode::kInvalidOption,
              "option '" + std::string(key) + "' is not from " + std::to_string(low) + " to " +
                  std::to_string(high),
              ValueRange(options, key));
}

uint32_t GetAverageSize(const Options& options, std::string_view key, int64_t otherwise) {
  constexpr int64_t kLargest = 16 << 20;
  const int64_t bytes = GetSizeBytes(options, key, otherwise);
  if (bytes >= 0 && bytes <= kLargest) return static_cast<uint32_t>(bytes);
  throw Error(ErrorCode::kInvalidOption, "option '" + std::string(key) + "' is above 16 MB",
              ValueRange(options, key));
}

int64_t GetBaseMillis(const Options& options, int64_t otherwise) {
  const Option* option = FindOption(options, "base-time");
  if (option == nullptr) return otherwise;
  if (const std::optional<Timestamp> base = ParseTimestamp(option->value)) {
    return base->micros / kMicrosPerMilli;
  }
  throw Error(ErrorCode::kInvalidOption,
              "option 'base-time': '" + option->value + "' is not a TIMESTAMP",
              option->value_range);
}

NexmarkOptions ParseNexmarkOptions(const Options& options) {
  const auto count = [&options](std::string_view key, uint32_t otherwise, int64_t least) {
    return static_cast<uint32_t>(GetIntBetween(options, key, otherwise, least, 1'000'000));
  };
  NexmarkOptions o;
  o.seed = static_cast<uint64_t>(GetInt(options, "seed", 0));
  o.base_millis = GetBaseMillis(options, o.base_millis);
  o.events_per_second =
      GetIntBetween(options, "first-event.rate", o.events_per_second, 1, 1'000'000'000);
  o.persons = count("person.proportion", o.persons, 0);
  o.auctions = count("auction.proportion", o.auctions, 0);
  o.bids = count("bid.proportion", o.bids, 0);
  o.hot_auctions = count("bid.hot-ratio.auctions", o.hot_auctions, 1);
  o.hot_bidders = count("bid.hot-ratio.bidders", o.hot_bidders, 1);
  o.hot_sellers = count("auction.hot-ratio.sellers", o.hot_sellers, 1);
  o.person_bytes = GetAverageSize(options, "person.avg-size", o.person_bytes);
  o.auction_bytes = GetAverageSize(options, "auction.avg-size", o.auction_bytes);
  o.bid_bytes = GetAverageSize(options, "bid.avg-size", o.bid_bytes);
  if (o.persons + o.auctions + o.bids == 0) {
    throw Error(ErrorCode::kInvalidOption, "all three proportions are 0",
                ValueRange(options, "bid.proportion"));
  }
  return o;
}

// The number of events, kUnbounded if there is no end.
uint64_t ParseLimit(const Options& options) {
  uint64_t limit = kUnbounded;
  for (const std::string_view key : {"events.num", "stop-at"}) {
    const int64_t count = GetInt(options, key, 0);
    if (count > 0) limit = std::min(limit, static_cast<uint64_t>(count));
  }
  return limit;
}

bool IsBounded(const Options& options) {
  return ParseLimit(options) != kUnbounded && !GetBool(options, "keep-alive", false);
}

uint64_t ParsePosition(const SourcePosition& position) {
  uint64_t event = 0;
  if (position.empty()) return event;
  const char* end = position.data() + position.size();
  const auto [rest, error] = std::from_chars(position.data(), end, event);
  if (error == std::errc{} && rest == end) return event;
  throw Error(ErrorCode::kStateIncompatible, "malformed nexmark position \"" + position + "\"");
}

class NexmarkSource : public Source {
 public:
  explicit NexmarkSource(const ConnectorContext& context)
      : generator_(ParseNexmarkOptions(context.options)),
        limit_(ParseLimit(context.options)),
        bounded_(IsBounded(context.options)) {
    for (size_t i = 0; i < context.columns.size(); ++i) {
      std::span<const std::string> needed;
      if (i < context.fields.size()) needed = context.fields[i];
      columns_.push_back(FindNexmarkColumn(context.schema[context.columns[i]], needed));
    }
    if (!GetBool(context.options, "max-emit-speed", false)) {
      pacer_.emplace(static_cast<double>(GetInt(context.options, "first-event.rate", 10'000)),
                     limit_);
    }
  }

  std::vector<std::string> Partitions() override { return {"0"}; }

  void Seek(size_t, const SourcePosition& position) override {
    position_ = ParsePosition(position);
    if (pacer_) pacer_->Restart();
  }

  SourceBatch Poll(size_t, size_t max_rows) override {
    uint64_t count = std::min<uint64_t>(max_rows, Left());
    if (pacer_) count = std::min(count, pacer_->Due(position_));
    return Next(count);
  }

  SourceBatch PollUntil(size_t, const SourcePosition& end, size_t max_rows) override {
    const uint64_t target = ParsePosition(end);
    const uint64_t ahead = target > position_ ? target - position_ : 0;
    return Next(std::min<uint64_t>({max_rows, ahead, Left()}));
  }

  void OnReady(std::function<void()> f) override {
    // Unpaced, a Poll is empty at the end only.
    if (pacer_) pacer_->OnReady(std::move(f));
  }

  bool bounded() const override { return bounded_; }

 private:
  uint64_t Left() const { return limit_ > position_ ? limit_ - position_ : 0; }

  SourceBatch Next(uint64_t count) {
    SourceBatch batch;
    if (count > 0) batch.rows = generator_.Generate(columns_, position_, count);
    position_ += count;
    batch.next = std::to_string(position_);
    batch.end = bounded_ && Left() == 0;
    return batch;
  }

  const NexmarkGenerator generator_;
  const uint64_t limit_;
  const bool bounded_;
  std::vector<NexmarkColumn> columns_;
  uint64_t position_ = 0;
  std::optional<Pacer> pacer_;  // None: as fast as possible.
};

std::unique_ptr<Source> MakeNexmarkSource(const ConnectorContext& context) {
  return std::make_unique<NexmarkSource>(context);
}

void ValidateNexmark(const ConnectorContext& context, bool /*as_sink*/) {
  ParseNexmarkOptions(context.options);
  for (const Field& column : context.schema) FindNexmarkColumn(column, {});
}

std::vector<OptionDef> NexmarkOptionDefs() {
  using Kind = OptionDef::Kind;
  return {
      {"first-event.rate", Kind::kInteger, "10000", "Events per second of event time."},
      {"next-event.rate",
       Kind::kInteger,
       "10000",
       "The rate is always the first one.",
       false,
       {},
       true},
      {"events.num", Kind::kInteger, "0", "Number of events; 0: no end."},
      {"stop-at", Kind::kInteger, "-1", "Like events.num; the lower one counts."},
      {"keep-alive", Kind::kBoolean, "false", "After the last event wait instead of ending."},
      {"max-emit-speed", Kind::kBoolean, "false",
       "As fast as possible, not at the rate of the events."},
      {"person.proportion", Kind::kInteger, "1", "Persons among the events."},
      {"auction.proportion", Kind::kInteger, "3", "Auctions among the events."},
      {"bid.proportion", Kind::kInteger, "46", "Bids among the events."},
      {"person.avg-size", Kind::kSize, "200b", "Average size of a person."},
      {"auction.avg-size", Kind::kSize, "500b", "Average size of an auction."},
      {"bid.avg-size", Kind::kSize, "100b", "Average size of a bid."},
      {"bid.hot-ratio.auctions", Kind::kInteger, "2",
       "One of so many bids is not for a hot auction."},
      {"bid.hot-ratio.bidders", Kind::kInteger, "4", "One of so many bids is not by a hot bidder."},
      {"auction.hot-ratio.sellers", Kind::kInteger, "4",
       "One of so many auctions is not by a hot seller."},
      {"seed", Kind::kInteger, "0", "Another seed gives other events."},
      {"base-time", Kind::kString, "2015-07-15 00:00:00", "The first event's time."},
      {"rate.shape", Kind::kString, "SQUARE", "", false, {}, true},
      {"rate.period", Kind::kDuration, "600 s", "", false, {}, true},
      {"rate.limited", Kind::kBoolean, "false", "", false, {}, true},
  };
}

}  // namespace

const ConnectorDef& NexmarkConnector() {
  static const ConnectorDef def{.name = "nexmark",
                                .options = NexmarkOptionDefs(),
                                .source = MakeNexmarkSource,
                                .bounded = IsBounded,
                                .validate = ValidateNexmark};
  return def;
}

}  // namespace millrace
