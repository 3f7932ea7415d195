// Row keys: they decode to the values that were encoded, and their order is the order of the
// values. The input draws types and values. Bytes that no encoder wrote are never decoded, since
// DecodeKeyColumn promises nothing about them.
#include <algorithm>
#include <bit>
#include <cmath>

#include "tests/fuzz/target.h"
#include "types/row_key.h"
#include "types/value.h"

namespace millrace {
namespace {

// Zeros follow the last byte.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  unsigned Byte() {
    if (bytes_.empty()) return 0;
    const auto byte = static_cast<unsigned char>(bytes_[0]);
    bytes_.remove_prefix(1);
    return byte;
  }
  unsigned Below(unsigned limit) { return Byte() % limit; }
  uint64_t Number(size_t width) {
    uint64_t number = 0;
    for (size_t i = 0; i < width; ++i) number = number << 8 | Byte();
    return number;
  }
  std::string Text() {
    std::string text(Below(24), ' ');
    for (char& c : text) c = static_cast<char>(Byte());
    return text;
  }

 private:
  std::string_view bytes_;
};

constexpr int kMaxDepth = 3;

Type ReadType(ByteReader* bytes, int depth = 0) {
  constexpr auto kScalars = static_cast<unsigned>(TypeId::kArray);
  const auto id = static_cast<TypeId>(1 + bytes->Below(static_cast<unsigned>(kTypeIds) - 1));
  if (depth == kMaxDepth && id >= TypeId::kArray) return static_cast<TypeId>(kScalars - 1);
  switch (id) {
    case TypeId::kArray:
      return Type::MakeArray(ReadType(bytes, depth + 1));
    case TypeId::kMap: {
      Type key = ReadType(bytes, depth + 1);
      return Type::MakeMap(std::move(key), ReadType(bytes, depth + 1));
    }
    case TypeId::kRow: {
      Type first = ReadType(bytes, depth + 1);
      return Type::MakeRow({{"a", std::move(first)}, {"b", ReadType(bytes, depth + 1)}});
    }
    default:
      return id;
  }
}

Value ReadValue(const Type& type, ByteReader* bytes);

Values ReadValues(const Type& type, size_t count, ByteReader* bytes) {
  Values values;
  for (size_t i = 0; i < count; ++i) {
    for (const Field& field : *type.children) values.push_back(ReadValue(field.type, bytes));
  }
  return values;
}

int64_t ReadInteger(size_t width, ByteReader* bytes) {
  const auto shift = static_cast<int>(64 - 8 * width);
  return static_cast<int64_t>(bytes->Number(width) << shift) >> shift;
}

Value ReadValue(const Type& type, ByteReader* bytes) {
  if (bytes->Below(8) == 0) return {};
  switch (type.id) {
    case TypeId::kBoolean:
      return {bytes->Below(2) == 1};
    case TypeId::kFloat:
      return {double{std::bit_cast<float>(static_cast<uint32_t>(bytes->Number(4)))}};
    case TypeId::kDouble:
      return {std::bit_cast<double>(bytes->Number(8))};
    case TypeId::kDecimal: {
      const auto high = static_cast<int128_t>(bytes->Number(8));
      return {static_cast<int128_t>(high << 64 | bytes->Number(8))};
    }
    case TypeId::kString:
    case TypeId::kBytes:
      return {bytes->Text()};
    case TypeId::kArray:
    case TypeId::kMap:
      return {ReadValues(type, bytes->Below(4), bytes)};
    case TypeId::kRow:
      return {ReadValues(type, 1, bytes)};
    default:
      return {ReadInteger(WidthOf(type.id), bytes)};
  }
}

int Sign(auto order) { return (order > 0) - (order < 0); }

// NaN is one value and the greatest.
int CompareFloats(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return int{std::isnan(a)} - int{std::isnan(b)};
  return a < b ? -1 : a > b ? 1 : 0;
}

int Compare(const Value& a, const Value& b);

int CompareLists(const Values& a, const Values& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    if (const int order = Compare(a[i], b[i])) return order;
  }
  return Sign(a.size() <=> b.size());
}

int Compare(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return int{b.is_null()} - int{a.is_null()};
  return std::visit(
      [&b](const auto& left) {
        using T = std::decay_t<decltype(left)>;
        const T& right = std::get<T>(b.data);
        if constexpr (std::is_same_v<T, Values>) {
          return CompareLists(left, right);
        } else if constexpr (std::is_same_v<T, double>) {
          return CompareFloats(left, right);
        } else {
          return left < right ? -1 : right < left ? 1 : 0;
        }
      },
      a.data);
}

struct Table {
  Schema schema;
  std::vector<Values> rows;
};

Table ReadTable(ByteReader* bytes) {
  Table table;
  for (unsigned left = 1 + bytes->Below(3); left > 0; --left) {
    table.schema.push_back({"c", ReadType(bytes)});
  }
  for (unsigned left = 1 + bytes->Below(8); left > 0; --left) {
    Values row;
    for (const Field& field : table.schema) {
      // Equal values are what random ones would hardly ever be.
      const bool same = !table.rows.empty() && bytes->Below(4) == 0;
      row.push_back(same ? table.rows.back()[row.size()] : ReadValue(field.type, bytes));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

Batch MakeBatch(const Table& table) {
  const auto heap = std::make_shared<Arena>();
  Batch batch;
  batch.size = table.rows.size();
  for (size_t c = 0; c < table.schema.size(); ++c) {
    const Type& type = table.schema[c].type;
    Column column = MakeColumn(type, batch.size);
    for (size_t i = 0; i < batch.size; ++i) {
      SetValue(table.rows[i][c], type, &column, i, heap.get());
    }
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

void CheckDecoding(const Table& table, const RowKeys& keys) {
  std::vector<Column> columns;
  for (const Field& field : table.schema) {
    columns.push_back(MakeColumn(field.type, table.rows.size()));
  }
  Arena heap;
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const std::string key(keys[i]);
    std::string_view left = key;
    for (Column& column : columns) DecodeKeyColumn(&left, &column, i, &heap);
    Require(left.empty(), "decoding takes the whole key");
  }
  for (size_t i = 0; i < table.rows.size(); ++i) {
    for (size_t c = 0; c < columns.size(); ++c) {
      const Type& type = table.schema[c].type;
      Require(Compare(GetValue(columns[c], type, i), table.rows[i][c]) == 0,
              "a key decodes to its values", type.ToString());
    }
  }
}

void CheckOrder(const Table& table, const RowKeys& keys) {
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t k = 0; k < keys.size(); ++k) {
      const int order = CompareLists(table.rows[i], table.rows[k]);
      Require(Sign(keys[i].compare(keys[k])) == order, "keys are in the order of the values");
      Require(order != 0 || keys.hash(i) == keys.hash(k), "equal values have equal hashes");
    }
  }
}

// RowKeys has fast paths for some key columns.
void CheckRowKeys(const Batch& batch, std::span<const size_t> key_columns) {
  const RowKeys keys(batch, key_columns);
  for (size_t i = 0; i < batch.size; ++i) {
    std::string expected;
    for (size_t c : key_columns) AppendKeyColumn(batch.columns[c], i, &expected);
    Require(keys[i] == expected, "RowKeys encodes as AppendKeyColumn does");
    Require(keys.hash(i) == HashBytes(expected), "the hash is that of the bytes");
  }
}

void CheckTable(const Table& table) {
  const Batch batch = MakeBatch(table);
  std::vector<size_t> all;
  for (size_t c = 0; c < batch.columns.size(); ++c) {
    CheckRowKeys(batch, std::vector<size_t>{c});
    all.push_back(c);
  }
  CheckRowKeys(batch, all);
  const RowKeys keys(batch, all);
  CheckDecoding(table, keys);
  CheckOrder(table, keys);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::ByteReader bytes(millrace::AsText(data, size));
  millrace::CheckTable(millrace::ReadTable(&bytes));
  return 0;
}
