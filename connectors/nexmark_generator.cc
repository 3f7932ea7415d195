// See nexmark_generator.h.
//
// Columns are made over runs: events of one kind that follow each other within one cycle of the
// proportions. Within a run the newest auction and person are known, so a value costs one draw and
// no division.
#include "connectors/nexmark_generator.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"

namespace millrace {

// Events that follow each other and are of one kind.
struct NexmarkRun {
  uint64_t event;  // The first.
  size_t row, count;
  int64_t id;                         // Of the first event, if a person or an auction.
  int64_t last_auction, last_person;  // The newest, counted from 0.
};

// The events of one kind in a batch.
struct NexmarkRuns {
  size_t rows = 0;  // Of the batch.
  std::vector<NexmarkRun> runs;
  std::shared_ptr<uint8_t[]> valid;
};

namespace {

constexpr int64_t kFirstId = 1000;  // Of persons and auctions.
constexpr int64_t kFirstCategory = 10;
constexpr uint32_t kCategories = 5;
constexpr int64_t kHotSpan = 100;  // One of so many persons and auctions is a hot one.
constexpr int64_t kAuctionsInFlight = 100;
constexpr int64_t kActivePersons = 1000;
constexpr int64_t kLead = 10;  // Ids ahead of the newest that may be referred to.

enum Stream : size_t {
  kPersonName,
  kPersonEmail,
  kPersonCard,
  kPersonCity,
  kPersonState,
  kPersonExtra,
  kAuctionItem,
  kAuctionDescription,
  kAuctionInitialBid,
  kAuctionReserve,
  kAuctionLength,
  kAuctionSeller,
  kAuctionCategory,
  kAuctionExtra,
  kBidAuction,
  kBidBidder,
  kBidPrice,
  kBidChannel,
  kBidExtra,
  kStreams,
};

// Lengths of a filler that brings events to their average size, give or take a fifth of it.
struct Filler {
  Filler(uint32_t other_bytes, uint32_t average) {
    if (other_bytes > average) return;
    const uint32_t rest = average - other_bytes;
    const uint32_t delta = static_cast<uint32_t>(std::lround(rest * 0.2));
    shortest = rest - delta;
    choices = std::max(2 * delta, 1u);
  }
  uint32_t longest() const { return shortest + choices - 1; }

  uint32_t shortest = 0;
  uint32_t choices = 1;
};

// Prices 100 · 10^(6x) for uniform x, by linear interpolation (off by 1/40000 at most).
class PriceTable {
 public:
  PriceTable() {
    for (size_t i = 0; i < points_.size(); ++i) {
      points_[i] = 100 * std::pow(10.0, 6.0 * static_cast<double>(i) / kSteps);
    }
  }
  int64_t operator()(uint64_t random) const {
    const size_t i = random >> (64 - kBits);
    const double rest = static_cast<double>(random >> 22 & 0xFFFFFFFF) * 0x1p-32;
    return static_cast<int64_t>(points_[i] + rest * (points_[i + 1] - points_[i]) + 0.5);
  }

 private:
  static constexpr int kBits = 10;
  static constexpr size_t kSteps = size_t{1} << kBits;
  std::array<double, kSteps + 1> points_;
};

}  // namespace

struct NexmarkModel {
  explicit NexmarkModel(const NexmarkOptions& o)
      : options(o),
        cycle(uint64_t{o.persons} + o.auctions + o.bids),
        micros_per_event(1e6 / static_cast<double>(o.events_per_second)),
        person_filler(62, o.person_bytes),
        auction_filler(110, o.auction_bytes),
        bid_filler(32, o.bid_bytes) {
    const uint32_t longest =
        std::max({person_filler.longest(), auction_filler.longest(), bid_filler.longest(), 16u});
    text = std::make_shared<const NexmarkText>(o.seed, longest);
    for (size_t i = 0; i < kStreams; ++i) streams[i] = StreamOf(o.seed, 100 + i);
  }

  int64_t Micros(uint64_t event) const {
    const double micros = static_cast<double>(static_cast<int64_t>(event)) * micros_per_event;
    return (options.base_millis + static_cast<int64_t>(micros) / 1000) * kMicrosPerMilli;
  }

  NexmarkOptions options;
  uint64_t cycle;
  double micros_per_event;
  // Beside it, an event has fields of about so many bytes.
  Filler person_filler, auction_filler, bid_filler;
  std::array<uint64_t, kStreams> streams;
  PriceTable price;
  std::shared_ptr<const NexmarkText> text;
};

namespace {

// `per_run(run)` gives the function from an event's number to its value. Rows of other kinds get
// T{}, so that no uninitialised memory is ever read.
template <class T, class PerRun>
void Fill(const NexmarkRuns& runs, Column* out, PerRun per_run) {
  T* values = out->mutable_data<T>();
  size_t row = 0;
  for (const NexmarkRun& run : runs.runs) {
    std::fill(values + row, values + run.row, T{});
    const auto value = per_run(run);
    T* target = values + run.row;
    for (size_t i = 0; i < run.count; ++i) target[i] = value(run.event + i);
    row = run.row + run.count;
  }
  std::fill(values + row, values + runs.rows, T{});
}

// `value(random)` of one draw per event.
template <class T, class F>
void FillDrawn(const NexmarkModel& model, Stream field, const NexmarkRuns& runs, Column* out,
               F value) {
  const uint64_t stream = model.streams[field];
  Fill<T>(runs, out,
          [&](const NexmarkRun&) { return [=](uint64_t n) { return value(Draw(stream, n)); }; });
}

void FillId(const NexmarkModel&, const NexmarkRuns& runs, Column* out) {
  Fill<int64_t>(runs, out, [](const NexmarkRun& run) {
    const int64_t offset = run.id - static_cast<int64_t>(run.event);
    return [=](uint64_t n) { return offset + static_cast<int64_t>(n); };
  });
}

void FillDateTime(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  Fill<int64_t>(runs, out, [&](const NexmarkRun&) {
    return [&model](uint64_t n) { return model.Micros(n); };
  });
}

// Either the hot id, with probability 1 - 1/ratio, or one of [cold, cold + choices).
struct IdChoice {
  int64_t hot, cold;
  uint32_t choices, ratio;

  int64_t operator()(uint64_t random) const {
    const int64_t id = cold + Below(static_cast<uint32_t>(random >> 32), choices);
    return Below(static_cast<uint32_t>(random), ratio) > 0 ? hot : id;
  }
};

// A recent person or one of a few that are not there yet.
IdChoice ChoosePerson(int64_t last_person, uint32_t ratio, int64_t hot_offset) {
  const int64_t persons = last_person + 1;
  const int64_t active = std::min(persons, kActivePersons);
  return {last_person / kHotSpan * kHotSpan + hot_offset + kFirstId, persons - active + kFirstId,
          static_cast<uint32_t>(active + kLead), ratio};
}

IdChoice ChooseAuction(int64_t last_auction, uint32_t ratio) {
  const int64_t oldest = std::max<int64_t>(last_auction - kAuctionsInFlight, 0);
  return {last_auction / kHotSpan * kHotSpan + kFirstId, oldest + kFirstId,
          static_cast<uint32_t>(last_auction - oldest + 1 + kLead), ratio};
}

void FillBidAuction(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const uint64_t stream = model.streams[kBidAuction];
  Fill<int64_t>(runs, out, [&](const NexmarkRun& run) {
    const IdChoice choice = ChooseAuction(run.last_auction, model.options.hot_auctions);
    return [=](uint64_t n) { return choice(Draw(stream, n)); };
  });
}

void FillBidBidder(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const uint64_t stream = model.streams[kBidBidder];
  Fill<int64_t>(runs, out, [&](const NexmarkRun& run) {
    // The second of its span, so that hot bidders are not the hot sellers.
    const IdChoice choice = ChoosePerson(run.last_person, model.options.hot_bidders, 1);
    return [=](uint64_t n) { return choice(Draw(stream, n)); };
  });
}

void FillSeller(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const uint64_t stream = model.streams[kAuctionSeller];
  Fill<int64_t>(runs, out, [&](const NexmarkRun& run) {
    const IdChoice choice = ChoosePerson(run.last_person, model.options.hot_sellers, 0);
    return [=](uint64_t n) { return choice(Draw(stream, n)); };
  });
}

void FillCategory(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<int64_t>(model, kAuctionCategory, runs, out, [](uint64_t random) {
    return kFirstCategory + static_cast<int64_t>(Below(random, uint64_t{kCategories}));
  });
}

template <Stream kField>
void FillPrice(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<int64_t>(model, kField, runs, out,
                     [&model](uint64_t random) { return model.price(random); });
}

void FillReserve(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  Fill<int64_t>(runs, out, [&](const NexmarkRun&) {
    return [&model](uint64_t n) {
      return model.price(Draw(model.streams[kAuctionInitialBid], n)) +
             model.price(Draw(model.streams[kAuctionReserve], n));
    };
  });
}

// An auction lasts as long, on average, as it takes until all auctions in flight are newer.
void FillExpires(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const NexmarkOptions& o = model.options;
  const uint64_t ahead = kAuctionsInFlight * model.cycle / std::max(o.auctions, 1u);
  Fill<int64_t>(runs, out, [&](const NexmarkRun&) {
    return [&model, ahead](uint64_t n) {
      const int64_t now = model.Micros(n);
      const int64_t horizon = (model.Micros(n + ahead) - now) / kMicrosPerMilli;
      const uint64_t millis = Below(Draw(model.streams[kAuctionLength], n),
                                    static_cast<uint64_t>(std::max<int64_t>(2 * horizon, 1)));
      return now + (1 + static_cast<int64_t>(millis)) * kMicrosPerMilli;
    };
  });
}

void FillChannel(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<StringRef>(model, kBidChannel, runs, out, [&text = *model.text](uint64_t random) {
    return text.channel(NexmarkText::ChannelOf(random));
  });
}

void FillUrl(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<StringRef>(model, kBidChannel, runs, out, [&text = *model.text](uint64_t random) {
    return text.url(NexmarkText::ChannelOf(random));
  });
}

template <Stream kField, Filler NexmarkModel::*kFiller>
void FillExtra(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const Filler filler = model.*kFiller;
  FillDrawn<StringRef>(model, kField, runs, out, [&text = *model.text, filler](uint64_t random) {
    const uint32_t length = filler.shortest + Below(static_cast<uint32_t>(random), filler.choices);
    return StringRef(text.Letters(static_cast<uint32_t>(random >> 32), length));
  });
}

template <Stream kField, uint32_t kLength>
void FillWords(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<StringRef>(model, kField, runs, out, [&text = *model.text](uint64_t random) {
    return StringRef(text.Words(random, kLength));
  });
}

void FillName(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<StringRef>(model, kPersonName, runs, out,
                       [&text = *model.text](uint64_t random) { return text.Name(random); });
}

void FillEmail(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const auto arena = std::make_shared<Arena>();
  FillDrawn<StringRef>(model, kPersonEmail, runs, out,
                       [&](uint64_t random) { return model.text->Email(random, arena.get()); });
  out->KeepAlive(arena);
}

void FillCard(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  const auto arena = std::make_shared<Arena>();
  FillDrawn<StringRef>(model, kPersonCard, runs, out, [&](uint64_t random) {
    return NexmarkText::CreditCard(random, arena.get());
  });
  out->KeepAlive(arena);
}

void FillCity(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<StringRef>(model, kPersonCity, runs, out, NexmarkText::City);
}

void FillState(const NexmarkModel& model, const NexmarkRuns& runs, Column* out) {
  FillDrawn<StringRef>(model, kPersonState, runs, out, NexmarkText::State);
}

struct KnownField {
  std::string_view name;
  TypeId type;
  NexmarkFill fill;
};

constexpr KnownField kPersonFields[] = {
    {"id", TypeId::kBigInt, FillId},
    {"name", TypeId::kString, FillName},
    {"emailAddress", TypeId::kString, FillEmail},
    {"creditCard", TypeId::kString, FillCard},
    {"city", TypeId::kString, FillCity},
    {"state", TypeId::kString, FillState},
    {"dateTime", TypeId::kTimestamp, FillDateTime},
    {"extra", TypeId::kString, FillExtra<kPersonExtra, &NexmarkModel::person_filler>},
};
constexpr KnownField kAuctionFields[] = {
    {"id", TypeId::kBigInt, FillId},
    {"itemName", TypeId::kString, FillWords<kAuctionItem, 20>},
    {"description", TypeId::kString, FillWords<kAuctionDescription, 100>},
    {"initialBid", TypeId::kBigInt, FillPrice<kAuctionInitialBid>},
    {"reserve", TypeId::kBigInt, FillReserve},
    {"dateTime", TypeId::kTimestamp, FillDateTime},
    {"expires", TypeId::kTimestamp, FillExpires},
    {"seller", TypeId::kBigInt, FillSeller},
    {"category", TypeId::kBigInt, FillCategory},
    {"extra", TypeId::kString, FillExtra<kAuctionExtra, &NexmarkModel::auction_filler>},
};
constexpr KnownField kBidFields[] = {
    {"auction", TypeId::kBigInt, FillBidAuction},
    {"bidder", TypeId::kBigInt, FillBidBidder},
    {"price", TypeId::kBigInt, FillPrice<kBidPrice>},
    {"channel", TypeId::kString, FillChannel},
    {"url", TypeId::kString, FillUrl},
    {"dateTime", TypeId::kTimestamp, FillDateTime},
    {"extra", TypeId::kString, FillExtra<kBidExtra, &NexmarkModel::bid_filler>},
};

struct KnownColumn {
  std::string_view name;
  NexmarkKind kind;
  TypeId type;
  std::span<const KnownField> fields;
};
constexpr KnownColumn kColumns[] = {
    {"event_type", NexmarkKind::kEventType, TypeId::kInteger, {}},
    {"person", NexmarkKind::kPerson, TypeId::kRow, kPersonFields},
    {"auction", NexmarkKind::kAuction, TypeId::kRow, kAuctionFields},
    {"bid", NexmarkKind::kBid, TypeId::kRow, kBidFields},
};

// The entry of `known` with the name; checks the declared type.
template <class Known>
const Known& Find(std::span<const Known> known, const Field& declared, const std::string& where) {
  std::vector<std::string_view> names;
  for (const Known& k : known) {
    names.push_back(k.name);
    if (k.name != declared.name) continue;
    // A timestamp with a zone has the same value.
    if (k.type == declared.type.id ||
        (k.type == TypeId::kTimestamp && IsTimestamp(declared.type.id))) {
      return k;
    }
    const std::string type = k.type == TypeId::kRow ? "a ROW" : Type(k.type).ToString();
    throw Error(ErrorCode::kTypeMismatch, "nexmark column \"" + where + declared.name + "\" is " +
                                              type + ", not " + declared.type.ToString());
  }
  throw Error(ErrorCode::kColumnNotFound, "nexmark has no column \"" + where + declared.name + "\"",
              {}, DidYouMean(declared.name, names));
}

Column MakeEventType(const NexmarkRuns (&runs)[3], size_t count) {
  Column column(TypeId::kInteger, count);
  int32_t* values = column.mutable_data<int32_t>();
  for (int32_t kind = 0; kind < 3; ++kind) {
    for (const NexmarkRun& run : runs[kind].runs) std::fill_n(values + run.row, run.count, kind);
  }
  return column;
}

Column MakeRowColumn(const NexmarkModel& model, const NexmarkColumn& column,
                     const NexmarkRuns& runs) {
  Column row(TypeId::kRow, runs.rows);
  row.set_valid(runs.valid);
  for (const NexmarkColumn::Part& part : column.parts) {
    if (part.fill == nullptr) {
      row.mutable_children().push_back(Column::ConstantNull(part.type, runs.rows));
      continue;
    }
    Column field(part.type, runs.rows);
    field.set_valid(runs.valid);
    if (part.type == TypeId::kString) field.KeepAlive(model.text);
    part.fill(model, runs, &field);
    row.mutable_children().push_back(std::move(field));
  }
  return row;
}

// Cuts the events into runs, by kind.
void MakeRuns(const NexmarkModel& model, uint64_t first, size_t count, NexmarkRuns (&runs)[3]) {
  const NexmarkOptions& o = model.options;
  const uint64_t sizes[3] = {o.persons, o.auctions, o.bids};
  const uint64_t begins[3] = {0, o.persons, uint64_t{o.persons} + o.auctions};
  for (NexmarkRuns& r : runs) {
    r.rows = count;
    r.runs.reserve(count / model.cycle + 2);
  }
  uint64_t cycle = first / model.cycle, offset = first % model.cycle;
  for (size_t row = 0; row < count; ++cycle, offset = 0) {
    // The newest ones as of a bid; a person's or an auction's own id counts from the run's begin.
    const int64_t last_person =
        std::max<int64_t>(static_cast<int64_t>((cycle + 1) * o.persons) - 1, 0);
    const int64_t last_auction =
        std::max<int64_t>(static_cast<int64_t>((cycle + 1) * o.auctions) - 1, 0);
    for (size_t kind = 0; kind < 3 && row < count; ++kind) {
      const uint64_t skipped = std::min(offset, sizes[kind]);
      offset -= skipped;
      const size_t length = std::min<uint64_t>(sizes[kind] - skipped, count - row);
      if (length == 0) continue;
      const int64_t id = kFirstId + static_cast<int64_t>(cycle * sizes[kind] + skipped);
      runs[kind].runs.push_back({cycle * model.cycle + begins[kind] + skipped, row, length, id,
                                 last_auction, last_person});
      row += length;
    }
  }
}

// The validity of the kind's ROW and all its fields.
void MakeValid(NexmarkRuns* runs) {
  runs->valid = std::make_shared<uint8_t[]>(runs->rows);
  for (const NexmarkRun& run : runs->runs) std::fill_n(runs->valid.get() + run.row, run.count, 1);
}

}  // namespace

NexmarkColumn FindNexmarkColumn(const Field& column, std::span<const std::string> needed) {
  const KnownColumn& known = Find(std::span<const KnownColumn>(kColumns), column, "");
  NexmarkColumn found{known.kind, {}};
  if (known.type != TypeId::kRow) return found;
  for (const Field& field : *column.type.children) {
    const KnownField& part = Find(known.fields, field, column.name + ".");
    const bool skip =
        !needed.empty() && std::find(needed.begin(), needed.end(), field.name) == needed.end();
    found.parts.push_back({field.type.id, skip ? nullptr : part.fill});
  }
  return found;
}

NexmarkGenerator::NexmarkGenerator(const NexmarkOptions& options)
    : model_(std::make_unique<NexmarkModel>(options)) {}

NexmarkGenerator::~NexmarkGenerator() = default;

Batch NexmarkGenerator::Generate(std::span<const NexmarkColumn> columns, uint64_t first,
                                 size_t count) const {
  NexmarkRuns runs[3];
  MakeRuns(*model_, first, count, runs);
  Batch batch;
  batch.size = count;
  for (const NexmarkColumn& column : columns) {
    if (column.kind == NexmarkKind::kEventType) {
      batch.columns.push_back(MakeEventType(runs, count));
      continue;
    }
    NexmarkRuns& of_kind = runs[static_cast<size_t>(column.kind)];
    if (!of_kind.valid) MakeValid(&of_kind);
    batch.columns.push_back(MakeRowColumn(*model_, column, of_kind));
  }
  return batch;
}

}  // namespace millrace
