#include "connectors/partition_columns.h"

#include <algorithm>

#include "connectors/text_values.h"

namespace millrace {
namespace {

class PartitionColumnDecoder final : public Decoder {
 public:
  PartitionColumnDecoder(const ConnectorContext& context, std::unique_ptr<Decoder> files)
      : files_(std::move(files)),
        zone_(context.zone),
        null_name_(GetString(context.options, "partition.default-name", "__DEFAULT_PARTITION__")) {
    for (size_t column : context.columns) {
      const Field& field = context.schema[column];
      columns_.push_back({field, IsPartitionColumn(context, field.name)});
    }
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    std::vector<Column> constants;
    std::string reason;
    for (const Produced& produced : columns_) {
      if (produced.partition && !MakeConstant(block, produced.field, &constants, &reason)) {
        for (uint32_t i = 0; i < block.records.size(); ++i) rejects->push_back({i, reason});
        return Decode(RecordBlock{}, rejects, row_records);
      }
    }
    Batch rows = files_->Decode(block, rejects, row_records);
    std::vector<Column> merged;
    auto constant = constants.begin();
    auto decoded = rows.columns.begin();
    for (const Produced& produced : columns_) {
      merged.push_back(std::move(produced.partition ? *constant++ : *decoded++));
      if (produced.partition) merged.back().MakeConstant(rows.size);
    }
    rows.columns = std::move(merged);
    return rows;
  }

 private:
  struct Produced {
    Field field;
    bool partition;
  };

  bool MakeConstant(const RecordBlock& block, const Field& field, std::vector<Column>* constants,
                    std::string* reason) const {
    const std::string* text = nullptr;
    if (block.partition) {
      for (const auto& [name, value] : *block.partition) {
        if (name == field.name) text = &value;
      }
    }
    auto arena = std::make_shared<Arena>();
    ColumnBuilder builder(field.type, 1);
    if (text == nullptr || *text == null_name_) {
      builder.AppendNull();
    } else if (!AppendTextValue(arena->Copy(*text), zone_, arena.get(), &builder)) {
      *reason = "partition column " + field.name + ": " + CannotRead(*text, field.type);
      return false;
    }
    constants->push_back(builder.Finish(arena));
    return true;
  }

  const std::unique_ptr<Decoder> files_;
  const std::string zone_, null_name_;
  std::vector<Produced> columns_;
};

}  // namespace

bool IsPartitionColumn(const ConnectorContext& context, const std::string& name) {
  return std::ranges::find(context.partitioned_by, name) != context.partitioned_by.end();
}

ConnectorContext WithoutPartitionColumns(const ConnectorContext& context) {
  ConnectorContext files = context;
  files.schema.clear();
  files.columns.clear();
  std::vector<size_t> moved(context.schema.size());
  for (size_t i = 0; i < context.schema.size(); ++i) {
    moved[i] = files.schema.size();
    if (!IsPartitionColumn(context, context.schema[i].name)) {
      files.schema.push_back(context.schema[i]);
    }
  }
  for (size_t column : context.columns) {
    if (!IsPartitionColumn(context, context.schema[column].name)) {
      files.columns.push_back(moved[column]);
    }
  }
  files.partitioned_by.clear();
  return files;
}

std::unique_ptr<Decoder> WithPartitionColumns(
    const ConnectorContext& context, std::unique_ptr<Decoder> (*make)(const ConnectorContext&)) {
  if (context.partitioned_by.empty()) return make(context);
  return std::make_unique<PartitionColumnDecoder>(context, make(WithoutPartitionColumns(context)));
}

}  // namespace millrace
