// Decodes the change formats: the JSON decoder reads the rows in a record as ROW columns, and from
// their fields the table's columns are put together, an update as its old row and its new one.
#include <algorithm>
#include <map>

#include "connectors/builtin.h"
#include "connectors/change_json.h"
#include "connectors/name_pattern.h"

namespace millrace {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

// What the table's columns are put together from: fields of one ROW column.
struct Images {
  Column rows;
  const Column& field(size_t c) const { return rows.children()[c]; }
};

class ChangeDecoder final : public Decoder {
 public:
  ChangeDecoder(const ConnectorContext& context, const ChangeDialect& dialect)
      : dialect_(dialect),
        in_payload_(GetBool(context.options, "debezium-json.schema-include", false)) {
    for (size_t column : context.columns) fields_.push_back(context.schema[column]);
    ConnectorContext json = WithJsonOptions(context, dialect);
    ignore_errors_ = GetBool(json.options, "json.ignore-parse-errors", false);
    for (const char* key : {"database", "table"}) {
      const std::string name = std::string(dialect.format) + "." + key + ".include";
      if (const Option* option = FindOption(context.options, name)) {
        included_.emplace_back(NamePattern(name, *option), kFields + included_.size());
        included_fields_.push_back({key, TypeId::kString});
      }
    }
    decoder_ = MakePart(json, Type::MakeRow(Nullable(fields_)));
    json.options.clear();
    if (!dialect.images) {
      names_ = MakePart(json, Type::MakeMap(TypeId::kString, TypeId::kString));
    }
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    changes_.clear();
    bad_.clear();
    const Batch parts = Unwrap(DecodeParts(block, rejects));
    const Column& news = parts.columns[dialect_.images ? 1 : 0];
    const Column& olds = parts.columns[dialect_.images ? 0 : 1];
    for (uint32_t i = 0; i < parts.size; ++i) {
      if (Skips(parts, i)) continue;
      if (!AddChanges(parts, olds, news, i)) bad_.emplace(records_[i], std::move(reason_));
    }
    const Images old_rows{dialect_.arrays ? olds.children()[0] : olds};
    const Images new_rows{dialect_.arrays ? news.children()[0] : news};
    if (!dialect_.images) FindNames(block, old_rows);
    return Assemble(old_rows, new_rows, rejects, row_records);
  }

 private:
  // Of the JSON records, as decoder_ reads them; those to be matched follow.
  static constexpr size_t kOp = 2, kIsDdl = 3, kFields = 4;

  // A row that comes, goes, or takes another's place: rows of the new and old images.
  struct Change {
    uint32_t record;
    uint32_t comes = kNone, goes = kNone;
    bool partial = false;  // Of the old row only the columns that changed are there.
    uint32_t names = kNone;  // partial: the map of those columns' names.
  };
  struct Row {
    const Change* change;
    bool old;
  };

  static Schema Nullable(Schema fields) {
    for (Field& field : fields) field.type = field.type.AsNullable();
    return fields;
  }

  // A decoder of records whose rows are read as `row`.
  std::unique_ptr<Decoder> MakePart(const ConnectorContext& json, const Type& row) const {
    const Type rows = dialect_.arrays ? Type::MakeArray(row) : row;
    ConnectorContext part = json;
    part.schema = {{dialect_.images ? "before" : "data", rows},
                   {dialect_.images ? "after" : "old", rows},
                   {std::string(dialect_.op), TypeId::kString},
                   {"isDdl", TypeId::kBoolean}};
    part.schema.insert(part.schema.end(), included_fields_.begin(), included_fields_.end());
    if (in_payload_) part.schema = {{"payload", Type::MakeRow(part.schema)}};
    part.columns.clear();
    for (size_t i = 0; i < part.schema.size(); ++i) part.columns.push_back(i);
    part.fields.clear();
    part.metadata.clear();
    return MakeJsonDecoder(part);
  }

  Batch DecodeParts(const RecordBlock& block, std::vector<Reject>* rejects) {
    records_.clear();
    return decoder_->Decode(block, rejects, &records_);
  }

  Batch Unwrap(Batch parts) const {
    if (in_payload_) parts.columns = std::vector<Column>(parts.columns[0].children());
    return parts;
  }

  static std::string_view Text(const Column& column, size_t i) {
    return column.data<StringRef>()[i * column.stride()].view();
  }

  // Records of other tables and those that change no row.
  bool Skips(const Batch& parts, size_t i) const {
    const Column& ddl = parts.columns[kIsDdl];
    if (dialect_.arrays && !ddl.IsNull(i) && ddl.at<bool>(i)) return true;
    for (const auto& [pattern, column] : included_) {
      const Column& name = parts.columns[column];
      if (name.IsNull(i) || !pattern.Matches(Text(name, i))) return true;
    }
    const Column& op = parts.columns[kOp];
    if (op.IsNull(i)) return false;
    const std::string_view name = Text(op, i);
    return !name.empty() && (name == dialect_.skipped[0] || name == dialect_.skipped[1]);
  }

  bool Refuse(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  bool AddChanges(const Batch& parts, const Column& olds, const Column& news, uint32_t i) {
    const Column& op = parts.columns[kOp];
    const std::string field(dialect_.op);
    if (op.IsNull(i)) {
      const bool hint = dialect_.format == "debezium-json" && !in_payload_;
      return Refuse("field " + field + " is missing" +
                    (hint ? "; records with a schema need 'debezium-json.schema-include'" : ""));
    }
    const std::string_view name = Text(op, i);
    const bool inserts = name == dialect_.inserts[0] || name == dialect_.inserts[1];
    const bool updates = name == dialect_.update;
    if (!inserts && !updates && name != dialect_.removal) {
      return Refuse("unknown operation \"" + std::string(name) + "\" in field " + field);
    }
    return dialect_.images ? AddImages(olds, news, i, inserts || updates, !inserts)
                           : AddData(olds, news, i, inserts || updates, updates);
  }

  bool AddImages(const Column& olds, const Column& news, uint32_t i, bool comes, bool goes) {
    if (comes && news.IsNull(i)) return Refuse("field after is missing");
    if (goes && olds.IsNull(i)) {
      return Refuse(std::string("field before is missing") +
                    (dialect_.format == "debezium-json" && comes
                         ? "; a PostgreSQL table needs REPLICA IDENTITY FULL"
                         : ""));
    }
    changes_.push_back({records_[i], comes ? i : kNone, goes ? i : kNone});
    return true;
  }

  bool AddData(const Column& olds, const Column& news, uint32_t i, bool comes, bool updates) {
    if (news.IsNull(i)) return Refuse("field data is missing");
    if (updates && olds.IsNull(i)) return Refuse("field old of an update is missing");
    ListEntry data{i, 1}, old{i, 1};
    if (dialect_.arrays) {
      data = news.at<ListEntry>(i);
      if (updates) old = olds.at<ListEntry>(i);
      if (updates && old.length != data.length) {
        return Refuse("fields data and old are not of the same length");
      }
    }
    for (uint32_t k = 0; k < data.length; ++k) {
      const uint32_t row = data.offset + k;
      if (updates) {
        changes_.push_back({records_[i], row, old.offset + k, true});
      } else {
        changes_.push_back({records_[i], comes ? row : kNone, comes ? kNone : row});
      }
    }
    return true;
  }

  // An old row's NULL is either its value or stands for a column that did not change: which one, only
  // the names in the record say. Those are read where there is such a NULL.
  void FindNames(const RecordBlock& block, const Images& old_rows) {
    RecordBlock part = block;
    part.records.clear();
    part.positions.clear();
    part.metadata.clear();
    part.keys.clear();
    std::vector<uint32_t> of;  // The part's records in the block.
    for (const Change& change : changes_) {
      if (!change.partial || !HasNull(old_rows, change.goes)) continue;
      if (!of.empty() && of.back() == change.record) continue;
      of.push_back(change.record);
      part.records.push_back(block.records[change.record]);
    }
    if (of.empty()) return;
    std::vector<Reject> rejects;
    std::vector<uint32_t> found;
    const Batch parts = names_->Decode(part, &rejects, &found);
    for (const Reject& reject : rejects) bad_.emplace(of[reject.record], reject.reason);
    const Column& olds = parts.columns[1];
    names_in_ = dialect_.arrays ? olds.children()[0] : olds;
    std::map<uint32_t, std::vector<uint32_t>> maps;  // By record, those of its rows in order.
    for (uint32_t i = 0; i < parts.size; ++i) {
      if (olds.IsNull(i)) continue;
      const ListEntry list = dialect_.arrays ? olds.at<ListEntry>(i) : ListEntry{i, 1};
      for (uint32_t k = 0; k < list.length; ++k) maps[of[found[i]]].push_back(list.offset + k);
    }
    uint32_t record = kNone, next = 0;
    for (Change& change : changes_) {
      if (!change.partial) continue;
      next = change.record == record ? next + 1 : 0;
      record = change.record;
      const auto of_record = maps.find(record);
      if (of_record == maps.end()) continue;
      if (next < of_record->second.size()) change.names = of_record->second[next];
    }
  }

  static bool HasNull(const Images& images, uint32_t row) {
    return std::ranges::any_of(images.rows.children(),
                               [row](const Column& field) { return field.IsNull(row); });
  }

  // Whether the old row holds the column.
  bool Names(const Change& change, const std::string& column) const {
    if (change.names == kNone) return false;
    const ListEntry keys = names_in_.at<ListEntry>(change.names);
    for (uint32_t k = keys.offset; k < keys.offset + keys.length; ++k) {
      if (Text(names_in_.children()[0], k) == column) return true;
    }
    return false;
  }

  // The place of the row's value of column `c`, in the old images and behind them in the new ones.
  uint32_t PlaceOf(const Row& row, size_t c, const Images& old_rows) const {
    const Change& change = *row.change;
    const uint32_t behind = static_cast<uint32_t>(old_rows.rows.size());
    if (!row.old) return behind + change.comes;
    if (!change.partial) return dialect_.images ? change.goes : behind + change.goes;
    const bool changed =
        !old_rows.field(c).IsNull(change.goes) || Names(change, fields_[c].name);
    return changed ? change.goes : behind + change.comes;
  }

  Batch Assemble(const Images& old_rows, const Images& new_rows, std::vector<Reject>* rejects,
                 std::vector<uint32_t>* row_records) {
    Batch batch = MakeRows(old_rows, new_rows);
    if (FindForbiddenNulls(batch)) batch = MakeRows(old_rows, new_rows);
    bool any_goes = false;
    for (const Row& row : rows_) {
      row_records->push_back(row.change->record);
      any_goes |= row.old;
    }
    for (const Row& row : rows_) {
      if (any_goes) batch.weights.push_back(row.old ? -1 : 1);
    }
    for (auto& [record, reason] : bad_) {
      if (!ignore_errors_) rejects->push_back({record, reason});
    }
    return batch;
  }

  // The rows of the records that are good.
  Batch MakeRows(const Images& old_rows, const Images& new_rows) {
    rows_.clear();
    for (const Change& change : changes_) {
      if (bad_.contains(change.record)) continue;
      if (change.goes != kNone) rows_.push_back({&change, true});
      if (change.comes != kNone) rows_.push_back({&change, false});
    }
    Batch batch;
    batch.size = rows_.size();
    std::vector<uint32_t> places(rows_.size());
    for (size_t c = 0; c < fields_.size(); ++c) {
      for (size_t i = 0; i < rows_.size(); ++i) places[i] = PlaceOf(rows_[i], c, old_rows);
      const Column parts[] = {old_rows.field(c), new_rows.field(c)};
      batch.columns.push_back(Concat(parts).Take(places));
    }
    return batch;
  }

  // Whether there were records with NULL in a column that takes none.
  bool FindForbiddenNulls(const Batch& batch) {
    bool found = false;
    for (size_t c = 0; c < fields_.size(); ++c) {
      if (fields_[c].type.nullable || !batch.columns[c].may_have_nulls()) continue;
      for (size_t i = 0; i < batch.size; ++i) {
        if (!batch.columns[c].IsNull(i)) continue;
        bad_.emplace(rows_[i].change->record,
                     "column " + fields_[c].name + ": NULL in a NOT NULL column");
        found = true;
      }
    }
    return found;
  }

  const ChangeDialect dialect_;
  const bool in_payload_;
  bool ignore_errors_ = false;
  Schema fields_;  // The columns that are wanted.
  Schema included_fields_;
  std::vector<std::pair<NamePattern, size_t>> included_;  // With the column to match.
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Decoder> names_;  // Reads the rows as maps, for their keys.

  // Of the block in hand.
  std::vector<uint32_t> records_;  // Of the JSON rows.
  std::vector<Change> changes_;
  std::vector<Row> rows_;
  std::map<uint32_t, std::string> bad_;  // Records that are refused, and why.
  Column names_in_;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Decoder> MakeChangeDecoder(const ConnectorContext& context,
                                           const ChangeDialect& dialect) {
  return std::make_unique<ChangeDecoder>(context, dialect);
}

}  // namespace millrace
