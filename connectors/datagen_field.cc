// See datagen_field.h.
#include "connectors/datagen_field.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/arena.h"
#include "connectors/counter_random.h"

namespace millrace {
namespace {

constexpr uint64_t kEndless = std::numeric_limits<int64_t>::max();
constexpr uint64_t kNullField = 1, kLengthField = 2, kHighField = 3;  // Streams of a field's own.

int128_t PowerOfTen(uint8_t exponent) {
  int128_t power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

// The option keys of one field.
class FieldOptions {
 public:
  FieldOptions(const Options& options, std::string_view path)
      : options_(options), prefix_("fields." + std::string(path) + ".") {}

  std::string Key(std::string_view name) const { return prefix_ + std::string(name); }
  bool Has(std::string_view name) const { return FindOption(options_, Key(name)) != nullptr; }
  int64_t Int(std::string_view name, int64_t otherwise) const {
    return GetInt(options_, Key(name), otherwise);
  }
  double Double(std::string_view name, double otherwise) const {
    return GetDouble(options_, Key(name), otherwise);
  }
  bool Bool(std::string_view name) const { return GetBool(options_, Key(name), false); }
  int64_t Micros(std::string_view name) const { return GetDurationMicros(options_, Key(name), 0); }
  std::string String(std::string_view name) const { return GetString(options_, Key(name)); }

  [[noreturn]] void Throw(std::string_view name, const std::string& reason) const {
    throw Error(ErrorCode::kInvalidOption, "option '" + Key(name) + "': " + reason,
                ValueRange(options_, Key(name)));
  }

 private:
  const Options& options_;
  const std::string prefix_;
};

bool HasLength(TypeId id) {
  return id == TypeId::kString || id == TypeId::kBytes || id == TypeId::kArray ||
         id == TypeId::kMap;
}

// The values a type holds, and those drawn by default.
struct Limits {
  int128_t low, high;
};

Limits LimitsOf(const Type& type) {
  const auto of = []<class T>(T) {
    return Limits{std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  };
  switch (type.id) {
    case TypeId::kTinyInt:
      return of(int8_t{});
    case TypeId::kSmallInt:
      return of(int16_t{});
    case TypeId::kInteger:
      return of(int32_t{});
    case TypeId::kDecimal: {
      const int128_t end = PowerOfTen(type.precision);
      return {1 - end, end - 1};
    }
    case TypeId::kIntervalMonth:
      return {0, 120'000};
    case TypeId::kIntervalDay:
      return {0, int128_t{3653} * kMicrosPerDay};
    default:
      return of(int64_t{});
  }
}

// The option as the type's integer: DECIMAL is unscaled.
int128_t GetNumber(const FieldOptions& options, std::string_view name, const Type& type,
                   int128_t otherwise) {
  if (!options.Has(name)) return otherwise;
  if (type.id != TypeId::kDecimal) return options.Int(name, 0);
  const long double value = options.Double(name, 0);
  const long double unscaled = std::round(value * static_cast<long double>(PowerOfTen(type.scale)));
  const Limits limits = LimitsOf(type);
  if (std::fabs(unscaled) > static_cast<long double>(limits.high)) {
    options.Throw(name, "is out of the range of " + type.ToString());
  }
  return static_cast<int128_t>(unscaled);
}

void ReadBounds(const FieldOptions& options, std::string_view low, std::string_view high,
                DatagenField* field) {
  const Limits limits = LimitsOf(field->type);
  field->min = GetNumber(options, low, field->type, limits.low);
  field->max = GetNumber(options, high, field->type, limits.high);
  for (const std::string_view name : {low, high}) {
    const int128_t value = name == low ? field->min : field->max;
    if (options.Has(name) && (value < limits.low || value > limits.high)) {
      options.Throw(name, "is out of the range of " + field->type.ToString());
    }
  }
  if (field->min > field->max) {
    options.Throw(options.Has(high) ? high : low, "the bounds are in the wrong order");
  }
}

void ReadSequence(const FieldOptions& options, DatagenField* field) {
  const TypeId id = field->type.id;
  if (!IsNumeric(id) && id != TypeId::kString) {
    options.Throw("kind", "there is no sequence of " + field->type.ToString());
  }
  for (const std::string_view name : {"start", "end"}) {
    if (options.Has(name)) continue;
    throw Error(ErrorCode::kMissingOption, "option '" + options.Key(name) + "' is missing");
  }
  if (id != TypeId::kDecimal) {
    ReadBounds(options, "start", "end", field);
    return;
  }
  // Counts in ones, so the bounds are whole numbers here.
  const int128_t one = PowerOfTen(field->type.scale);
  ReadBounds(options, "start", "end", field);
  field->min /= one;
  field->max /= one;
}

void ReadLength(const FieldOptions& options, DatagenField* field) {
  const Type& type = field->type;
  const bool collection = type.id == TypeId::kArray || type.id == TypeId::kMap;
  const int64_t most = collection ? 1'000'000 : type.length > 0 ? type.length : 16 << 20;
  const int64_t otherwise = collection          ? 5
                            : type.fixed_length ? most
                                                : std::min<int64_t>(most, 100);
  const int64_t length = options.Int("length", otherwise);
  if (length < 0 || length > most) {
    options.Throw("length", "must be from 0 to " + std::to_string(most));
  }
  field->length = static_cast<uint32_t>(length);
  field->varies = options.Bool("var-len") && !type.fixed_length && length > 0;
}

void ReadRandom(const FieldOptions& options, DatagenField* field) {
  const TypeId id = field->type.id;
  if (IsApproximate(id)) {
    const double most = id == TypeId::kFloat ? std::numeric_limits<float>::max()
                                             : std::numeric_limits<double>::max();
    field->least = options.Double("min", 0);
    field->most = options.Double("max", most);
    if (!(field->least <= field->most)) options.Throw("max", "is below the minimum");
  } else if (IsNumeric(id) || id == TypeId::kIntervalMonth || id == TypeId::kIntervalDay) {
    ReadBounds(options, "min", "max", field);
  }
  if (HasLength(id)) ReadLength(options, field);
  field->max_past = options.Micros("max-past");
}

DatagenField MakeField(const Type& type, const std::string& path, const Options& all, uint64_t seed,
                       bool in_collection) {
  const FieldOptions options(all, path);
  DatagenField field;
  field.path = path;
  field.type = type;
  field.stream = StreamOf(seed, HashBytes(path));
  field.sequence = options.String("kind") == "sequence";
  if (field.sequence && in_collection) {
    options.Throw("kind", "there is no sequence within an ARRAY or a MAP");
  }
  if (field.sequence) {
    ReadSequence(options, &field);
  } else {
    ReadRandom(options, &field);
  }
  field.null_rate = options.Double("null-rate", 0);
  if (!(field.null_rate >= 0 && field.null_rate <= 1)) {
    options.Throw("null-rate", "must be from 0 to 1");
  }
  if (!type.children) return field;
  const bool row = type.id == TypeId::kRow;
  const std::array<std::string, 2> map_names = {"key", "value"};
  for (size_t i = 0; i < type.children->size(); ++i) {
    const Field& child = (*type.children)[i];
    const std::string name = row                         ? child.name
                             : type.id == TypeId::kArray ? "element"
                                                         : map_names[i];
    field.children.push_back(
        MakeField(child.type, path + "." + name, all, seed, in_collection || !row));
  }
  return field;
}

// One draw per value. `value(random, i)`.
template <class T, class F>
Column Drawn(const DatagenField& field, const DatagenRows& rows, F value) {
  Column out(field.type.id, rows.numbers.size());
  T* values = out.mutable_data<T>();
  for (size_t i = 0; i < rows.numbers.size(); ++i) {
    values[i] = value(Draw(field.stream, rows.numbers[i]), i);
  }
  return out;
}

int128_t NumberBetween(const DatagenField& field, uint64_t random, uint64_t number) {
  // Unsigned: what is added may pass the largest int128_t although the sum does not.
  const uint128_t min = static_cast<uint128_t>(field.min);
  const uint128_t span = static_cast<uint128_t>(field.max) - min + 1;
  if (span >> 64 == 0) return static_cast<int128_t>(min + Below(random, uint64_t(span)));
  if (span == uint128_t{1} << 64) return static_cast<int128_t>(min + random);
  const uint64_t low = Draw(StreamOf(field.stream, kHighField), number);
  const uint128_t wide = static_cast<uint128_t>(random) << 64 | low;
  return static_cast<int128_t>(min + wide % span);
}

template <class T>
Column MakeNumbers(const DatagenField& field, const DatagenRows& rows) {
  // A sequence counts in ones, random numbers in the DECIMAL's units.
  const int128_t one = field.type.id == TypeId::kDecimal ? PowerOfTen(field.type.scale) : 1;
  return Drawn<T>(field, rows, [&](uint64_t random, size_t i) {
    const int128_t value = field.sequence ? (field.min + static_cast<int128_t>(rows.rows[i])) * one
                                          : NumberBetween(field, random, rows.numbers[i]);
    if constexpr (std::is_arithmetic_v<T>) {
      return static_cast<T>(value);
    } else if constexpr (std::is_same_v<T, Decimal>) {
      return T{value};
    } else {
      return T{static_cast<int64_t>(value)};
    }
  });
}

template <class T>
Column MakeApproximate(const DatagenField& field, const DatagenRows& rows) {
  if (field.sequence) return MakeNumbers<T>(field, rows);
  return Drawn<T>(field, rows, [&field](uint64_t random, size_t) {
    const double unit = ToUnit(random);
    // Not least + unit · (most - least): the difference may overflow.
    return static_cast<T>(field.least * (1 - unit) + field.most * unit);
  });
}

uint32_t LengthAt(const DatagenField& field, uint64_t number) {
  if (!field.varies) return field.length;
  const uint64_t random = Draw(StreamOf(field.stream, kLengthField), number);
  return 1 + static_cast<uint32_t>(Below(random, uint64_t{field.length}));
}

// Hexadecimal digits for strings, any bytes for BYTES.
void FillText(uint64_t random, bool digits, char* out, uint32_t length) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const uint32_t per_word = digits ? 16 : 8;
  for (uint32_t i = 0; i < length; ++i) {
    if (i > 0 && i % per_word == 0) random = Mix(random, i);
    const uint32_t place = i % per_word;
    out[i] =
        digits ? kDigits[random >> (4 * place) & 15] : static_cast<char>(random >> (8 * place));
  }
}

StringRef MakeText(const DatagenField& field, uint64_t random, uint64_t number, uint64_t row,
                   Arena* arena) {
  char small[64];
  if (field.sequence) {
    const int64_t value = static_cast<int64_t>(field.min) + static_cast<int64_t>(row);
    const char* end = std::to_chars(small, small + sizeof small, value).ptr;
    const std::string_view text(small, static_cast<size_t>(end - small));
    return StringRef(text.size() > StringRef::kInline ? arena->Copy(text) : text);
  }
  const uint32_t length = LengthAt(field, number);
  char* out = length > StringRef::kInline ? arena->Allocate(length) : small;
  FillText(random, field.type.id == TypeId::kString, out, length);
  return StringRef(std::string_view(out, length));
}

Column MakeStrings(const DatagenField& field, const DatagenRows& rows) {
  const auto arena = std::make_shared<Arena>();
  const auto value = [&](uint64_t random, size_t i) {
    return MakeText(field, random, rows.numbers[i], rows.rows[i], arena.get());
  };
  Column out = field.type.id == TypeId::kString
                   ? Drawn<StringRef>(field, rows, value)
                   : Drawn<Bytes>(field, rows, [&](uint64_t random, size_t i) {
                       return Bytes{value(random, i)};
                     });
  out.KeepAlive(arena);
  return out;
}

int64_t FloorTo(int64_t value, int64_t unit) {
  const int64_t rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

// When the row is due, less a random part of max-past.
int64_t TimeAt(const DatagenField& field, const DatagenRows& rows, uint64_t random, size_t i) {
  const double after = static_cast<double>(rows.rows[i]) / rows.rows_per_second;
  const int64_t zone = field.type.id == TypeId::kTimestampLtz ? 0 : rows.zone_offset;
  const uint64_t past = Below(random, static_cast<uint64_t>(field.max_past) + 1);
  return rows.base_micros + zone + static_cast<int64_t>(after * 1e6) - static_cast<int64_t>(past);
}

template <class T>
Column MakeTimes(const DatagenField& field, const DatagenRows& rows) {
  const uint8_t digits = std::min<uint8_t>(field.type.precision, 6);
  const int64_t unit = static_cast<int64_t>(PowerOfTen(static_cast<uint8_t>(6 - digits)));
  return Drawn<T>(field, rows, [&](uint64_t random, size_t i) {
    const int64_t micros = TimeAt(field, rows, random, i);
    if constexpr (std::is_same_v<T, Date>) {
      return Date{static_cast<int32_t>(FloorTo(micros, kMicrosPerDay) / kMicrosPerDay)};
    } else if constexpr (std::is_same_v<T, Time>) {
      return Time{FloorTo(micros - FloorTo(micros, kMicrosPerDay), unit)};
    } else {
      return T{FloorTo(micros, unit)};
    }
  });
}

Column MakeLists(const DatagenField& field, const DatagenRows& rows) {
  Column out(field.type.id, rows.numbers.size());
  std::vector<uint64_t> numbers, of_rows;
  for (size_t i = 0; i < rows.numbers.size(); ++i) {
    const uint32_t length = LengthAt(field, rows.numbers[i]);
    out.mutable_data<ListEntry>()[i] = {static_cast<uint32_t>(numbers.size()), length};
    for (uint32_t k = 0; k < length; ++k) {
      numbers.push_back(rows.numbers[i] * field.length + k);
      of_rows.push_back(rows.rows[i]);
    }
  }
  DatagenRows elements = rows;
  elements.numbers = numbers;
  elements.rows = of_rows;
  for (const DatagenField& child : field.children) {
    out.mutable_children().push_back(MakeDatagenColumn(child, elements));
  }
  return out;
}

Column MakeRowColumn(const DatagenField& field, const DatagenRows& rows) {
  Column out(field.type.id, rows.numbers.size());
  for (const DatagenField& child : field.children) {
    out.mutable_children().push_back(MakeDatagenColumn(child, rows));
  }
  return out;
}

Column MakeValues(const DatagenField& field, const DatagenRows& rows) {
  switch (field.type.id) {
    case TypeId::kNull:
      return Column::ConstantNull(TypeId::kNull, rows.numbers.size());
    case TypeId::kBoolean:
      return Drawn<bool>(field, rows, [](uint64_t random, size_t) { return random >> 63 != 0; });
    case TypeId::kTinyInt:
      return MakeNumbers<int8_t>(field, rows);
    case TypeId::kSmallInt:
      return MakeNumbers<int16_t>(field, rows);
    case TypeId::kInteger:
      return MakeNumbers<int32_t>(field, rows);
    case TypeId::kBigInt:
      return MakeNumbers<int64_t>(field, rows);
    case TypeId::kFloat:
      return MakeApproximate<float>(field, rows);
    case TypeId::kDouble:
      return MakeApproximate<double>(field, rows);
    case TypeId::kDecimal:
      return MakeNumbers<Decimal>(field, rows);
    case TypeId::kString:
    case TypeId::kBytes:
      return MakeStrings(field, rows);
    case TypeId::kDate:
      return MakeTimes<Date>(field, rows);
    case TypeId::kTime:
      return MakeTimes<Time>(field, rows);
    case TypeId::kTimestamp:
      return MakeTimes<Timestamp>(field, rows);
    case TypeId::kTimestampLtz:
      return MakeTimes<TimestampLtz>(field, rows);
    case TypeId::kIntervalMonth:
      return MakeNumbers<IntervalMonth>(field, rows);
    case TypeId::kIntervalDay:
      return MakeNumbers<IntervalDay>(field, rows);
    case TypeId::kArray:
    case TypeId::kMap:
      return MakeLists(field, rows);
    case TypeId::kRow:
      return MakeRowColumn(field, rows);
  }
  throw Error(ErrorCode::kInternal, "datagen: unknown type");
}

}  // namespace

DatagenField MakeDatagenField(const Field& field, const Options& options, uint64_t seed) {
  return MakeField(field.type, field.name, options, seed, false);
}

uint64_t SequenceRows(const DatagenField& field) {
  uint64_t rows = kEndless;
  if (field.sequence) {
    const int128_t count = field.max - field.min + 1;
    rows = count > int128_t{kEndless} ? kEndless : static_cast<uint64_t>(count);
  }
  for (const DatagenField& child : field.children) rows = std::min(rows, SequenceRows(child));
  return rows;
}

bool HasTimes(const DatagenField& field) {
  if (field.type.id >= TypeId::kDate && field.type.id <= TypeId::kTimestampLtz) return true;
  return std::any_of(field.children.begin(), field.children.end(), HasTimes);
}

Column MakeDatagenColumn(const DatagenField& field, const DatagenRows& rows) {
  Column out = MakeValues(field, rows);
  if (field.null_rate <= 0) return out;
  const uint64_t stream = StreamOf(field.stream, kNullField);
  for (size_t i = 0; i < rows.numbers.size(); ++i) {
    if (ToUnit(Draw(stream, rows.numbers[i])) < field.null_rate) out.SetNull(i);
  }
  return out;
}

}  // namespace millrace
