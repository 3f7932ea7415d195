// The format protobuf: messages of a descriptor set that protoc has written.
#include <fcntl.h>

#include "base/file.h"
#include "connectors/builtin.h"
#include "connectors/filesystem_files.h"
#include "connectors/protobuf_columns.h"

namespace millrace {
namespace {

using Kind = OptionDef::Kind;

struct ProtoSource {
  std::shared_ptr<const ProtoFile> file;
  const ProtoMessage* message = nullptr;
};

const Option* MessageOption(const Options& options) {
  const Option* option = FindOption(options, "protobuf.message-name");
  return option != nullptr ? option : FindOption(options, "protobuf.message-class-name");
}

ProtoSource OpenMessage(const ConnectorContext& context) {
  const Option* name = MessageOption(context.options);
  const auto range = ValueRange(context.options, "protobuf.descriptor-file");
  if (name == nullptr) {
    throw Error(ErrorCode::kMissingOption, "format 'protobuf' needs option 'protobuf.message-name'",
                range);
  }
  const std::string path = ResolvePath(context.base_directory,
                                       GetString(context.options, "protobuf.descriptor-file"));
  ProtoSource source;
  try {
    const FileDescriptor file = OpenFile(path, O_RDONLY);
    std::string bytes(FileSize(file, path), '\0');
    bytes.resize(ReadAt(file, 0, bytes.data(), bytes.size(), path));
    source.file = ParseDescriptorSet(bytes);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidOption, error.message, range,
                "protoc --include_imports --descriptor_set_out=FILE makes one");
  }
  source.message = source.file->Find(name->value);
  if (source.message == nullptr) {
    throw Error(ErrorCode::kInvalidOption,
                "'" + path + "' has no message '" + name->value + "', or several", name->value_range);
  }
  return source;
}

ProtoColumn Bind(const ConnectorContext& context, const ProtoSource& source, const Schema& columns) {
  try {
    return BindProtoMessage(*source.message, columns,
                            GetBool(context.options, "protobuf.read-default-values", false));
  } catch (const Error& error) {
    throw Error(error.code, error.message, MessageOption(context.options)->value_range);
  }
}

Schema WantedColumns(const ConnectorContext& context) {
  Schema wanted;
  for (size_t column : context.columns) wanted.push_back(context.schema[column]);
  return wanted;
}

class ProtobufDecoder final : public Decoder {
 public:
  explicit ProtobufDecoder(const ConnectorContext& context)
      : columns_(WantedColumns(context)),
        ignore_errors_(GetBool(context.options, "protobuf.ignore-parse-errors", false)),
        source_(OpenMessage(context)),
        message_(Bind(context, source_, columns_)) {}

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    const auto arena = std::make_shared<Arena>();
    std::vector<ColumnBuilder> builders;
    for (const Field& field : columns_) builders.emplace_back(field.type, block.records.size());
    Batch batch;
    std::string reason;
    for (uint32_t i = 0; i < block.records.size(); ++i) {
      const auto [offset, size] = block.records[i];
      if (ReadProtoRow(&message_, {block.data + offset, size}, arena.get(), &builders, &reason)) {
        ++batch.size;
        row_records->push_back(i);
        continue;
      }
      for (ColumnBuilder& builder : builders) builder.Truncate(batch.size);
      if (!ignore_errors_) rejects->push_back({i, std::move(reason)});
      reason.clear();
    }
    using Owners = std::pair<std::shared_ptr<const void>, std::shared_ptr<Arena>>;
    const auto owner = std::make_shared<Owners>(block.owner, arena);
    for (ColumnBuilder& builder : builders) batch.columns.push_back(builder.Finish(owner));
    return batch;
  }

 private:
  const Schema columns_;
  const bool ignore_errors_;
  const ProtoSource source_;
  ProtoColumn message_;
};

class ProtobufEncoder final : public FormatDef::Encoder {
 public:
  explicit ProtobufEncoder(const ConnectorContext& context)
      : null_text_(GetString(context.options, "protobuf.write-null-string-literal")),
        source_(OpenMessage(context)),
        message_(Bind(context, source_, context.schema)) {}

  void Encode(const Batch& batch, size_t row, std::string* out) override {
    AppendProtoRow(&message_, batch.columns, row, null_text_, out);
  }

 private:
  const std::string null_text_;
  const ProtoSource source_;
  ProtoColumn message_;
};

void Validate(const ConnectorContext& context) {
  const Option* connector = FindOption(context.options, "connector");
  if (connector != nullptr && connector->value == "filesystem") {
    throw Error(ErrorCode::kUnsupportedFeature, "files of Protobuf messages are not supported",
                ValueRange(context.options, "format"), "the format is for messages: kafka");
  }
  Bind(context, OpenMessage(context), context.schema);
}

}  // namespace

const FormatDef& ProtobufFormat() {
  static const FormatDef def = [] {
    FormatDef protobuf;
    protobuf.name = "protobuf";
    protobuf.options = {
        {"protobuf.descriptor-file", Kind::kString, "",
         "A descriptor set: protoc --include_imports --descriptor_set_out.", true},
        {"protobuf.message-name", Kind::kString, "", "The message, as package.Message."},
        {"protobuf.message-class-name", Kind::kString, "",
         "The name of its Java class, instead of message-name."},
        {"protobuf.ignore-parse-errors", Kind::kBoolean, "false",
         "Broken records are left out."},
        {"protobuf.read-default-values", Kind::kBoolean, "false",
         "Absent fields have their defaults also where a record can say that they are absent."},
        {"protobuf.write-null-string-literal", Kind::kString, "",
         "What a NULL string in an ARRAY or MAP is written as."},
    };
    protobuf.decoder = [](const ConnectorContext& context) -> std::unique_ptr<Decoder> {
      return std::make_unique<ProtobufDecoder>(context);
    };
    protobuf.encoder = [](const ConnectorContext& context) -> std::unique_ptr<FormatDef::Encoder> {
      return std::make_unique<ProtobufEncoder>(context);
    };
    protobuf.validate = Validate;
    return protobuf;
  }();
  return def;
}

}  // namespace millrace
