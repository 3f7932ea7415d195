// A record is the value of the table's only column.
#include <bit>
#include <cstring>

#include "connectors/builtin.h"
#include "connectors/column_builder.h"
#include "connectors/partition_columns.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

bool IsLittleEndian(const Options& options) {
  const std::string endianness = GetString(options, "raw.endianness", "big-endian");
  return endianness == "little-endian";
}

bool IsText(TypeId id) { return id == TypeId::kString || id == TypeId::kBytes; }

// Turns the machine's bytes of a number into the format's, or back.
void Reorder(bool little, char* bytes, size_t size) {
  if (little == (std::endian::native == std::endian::little)) return;
  for (size_t i = 0; i < size / 2; ++i) std::swap(bytes[i], bytes[size - 1 - i]);
}

template <class T>
void AppendBytes(const char* bytes, ColumnBuilder* to) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  to->Append(value);
}

class RawDecoder final : public Decoder {
 public:
  explicit RawDecoder(const ConnectorContext& context)
      : little_(IsLittleEndian(context.options)), wanted_(!context.columns.empty()) {
    if (!context.schema.empty()) field_ = context.schema[0];
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    ColumnBuilder builder(field_.type, block.records.size());
    for (uint32_t i = 0; i < block.records.size(); ++i) {
      const auto [offset, size] = block.records[i];
      const std::string_view record(block.data + offset, size);
      if (Append(record, &builder)) {
        row_records->push_back(i);
      } else {
        rejects->push_back(
            {i, IsText(field_.type.id)
                    ? "column " + field_.name + ": " + CannotRead(record, field_.type)
                    : "expected " + std::to_string(WidthOf(field_.type.id)) + " bytes, found " +
                          std::to_string(size)});
      }
    }
    Batch batch;
    batch.size = builder.size();
    if (wanted_) batch.columns.push_back(builder.Finish(block.owner));
    return batch;
  }

 private:
  bool Append(std::string_view record, ColumnBuilder* to) const {
    if (field_.type.id == TypeId::kString) {
      if (!IsValidUtf8(record)) return false;
      to->Append(StringRef(record));
      return true;
    }
    if (field_.type.id == TypeId::kBytes) {
      to->Append(Bytes{StringRef(record)});
      return true;
    }
    const size_t width = WidthOf(field_.type.id);
    if (record.size() != width) return false;
    char bytes[8];
    std::memcpy(bytes, record.data(), width);
    Reorder(little_, bytes, width);
    switch (width) {
      case 1:
        AppendBytes<uint8_t>(bytes, to);
        return true;
      case 2:
        AppendBytes<uint16_t>(bytes, to);
        return true;
      case 4:
        AppendBytes<uint32_t>(bytes, to);
        return true;
      default:
        AppendBytes<uint64_t>(bytes, to);
        return true;
    }
  }

  const bool little_, wanted_;
  Field field_;
};

class RawEncoder final : public FormatDef::Encoder {
 public:
  explicit RawEncoder(const ConnectorContext& context) : little_(IsLittleEndian(context.options)) {}

  void Encode(const Batch& batch, size_t row, std::string* out) override {
    const Column& column = batch.columns[0];
    if (column.IsNull(row)) return;
    if (IsText(column.type())) {
      out->append(column.at<StringRef>(row).view());
      return;
    }
    const size_t width = WidthOf(column.type());
    char bytes[8];
    std::memcpy(bytes, column.data<char>() + row * column.stride() * width, width);
    Reorder(little_, bytes, width);
    out->append(bytes, width);
  }

 private:
  const bool little_;
};

void Validate(const ConnectorContext& context) {
  const Option* charset = FindOption(context.options, "raw.charset");
  if (charset != nullptr && charset->value != "UTF-8" && charset->value != "utf-8") {
    throw Error(ErrorCode::kUnsupportedFeature,
                "option 'raw.charset': only UTF-8 is supported, not '" + charset->value + "'",
                charset->value_range);
  }
  const Schema schema = WithoutPartitionColumns(context).schema;
  const auto supported = [](TypeId id) {
    return IsText(id) || IsInteger(id) || IsApproximate(id) || id == TypeId::kBoolean;
  };
  if (schema.size() == 1 && supported(schema[0].type.id)) return;
  throw Error(ErrorCode::kInvalidOption,
              "format 'raw' takes a table of one column of a string, bytes, number or boolean type",
              ValueRange(context.options, "format"));
}

std::unique_ptr<Decoder> MakeRawDecoder(const ConnectorContext& context) {
  return WithPartitionColumns(context, [](const ConnectorContext& files) {
    return std::unique_ptr<Decoder>(std::make_unique<RawDecoder>(files));
  });
}

std::unique_ptr<FormatDef::Encoder> MakeRawEncoder(const ConnectorContext& context) {
  return std::make_unique<RawEncoder>(context);
}

}  // namespace

const FormatDef& RawFormat() {
  static const FormatDef def = [] {
    FormatDef raw;
    raw.name = "raw";
    raw.options = {{"raw.charset", OptionDef::Kind::kString, "UTF-8", "Of strings; only UTF-8."},
                   {"raw.endianness",
                    OptionDef::Kind::kString,
                    "big-endian",
                    "The order of a number's bytes.",
                    false,
                    {"big-endian", "little-endian"}}};
    raw.decoder = MakeRawDecoder;
    raw.encoder = MakeRawEncoder;
    raw.validate = Validate;
    return raw;
  }();
  return def;
}

}  // namespace millrace
