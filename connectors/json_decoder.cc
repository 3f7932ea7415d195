// JSON lines with simdjson's on-demand parser: fields straight into typed columns. Strings without
// escapes stay in the block.
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "connectors/builtin.h"
#include "connectors/partition_columns.h"
#include "connectors/text_values.h"

namespace millrace {
namespace {

namespace ondemand = simdjson::ondemand;

// What is known of a column's or nested value's type, and for objects which keys came last time, in
// their order: most records have the same.
struct JsonNode {
  struct Seen {
    std::string key;  // With the closing quote, as it stands in the text.
    int field;        // -1: not wanted.
    // The key's first bytes: most comparisons need no more.
    uint64_t start = 0, mask = 0;
  };

  Type type;
  std::vector<std::string> names;  // ROW: of the fields.
  std::vector<JsonNode> children;
  std::vector<Seen> order;
};

JsonNode MakeNode(const Type& type) {
  JsonNode node;
  node.type = type;
  if (!type.children) return node;
  for (const Field& field : *type.children) {
    node.names.push_back(field.name);
    node.children.push_back(MakeNode(field.type));
  }
  return node;
}

std::string_view TrimEnd(std::string_view token) {
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  return token;
}

JsonNode::Seen MakeSeen(std::string_view key, int field) {
  JsonNode::Seen seen{std::string(key) + '"', field};
  const size_t bytes = std::min<size_t>(seen.key.size(), 8);
  std::memcpy(&seen.start, seen.key.data(), bytes);
  std::memset(&seen.mask, 0xFF, bytes);
  return seen;
}

bool IsBlankText(std::string_view text) { return TrimEnd(text).empty(); }

class JsonDecoder final : public Decoder {
 public:
  explicit JsonDecoder(const ConnectorContext& context)
      : zone_(context.zone),
        ignore_errors_(GetBool(context.options, "json.ignore-parse-errors", false)),
        fail_on_missing_(GetBool(context.options, "json.fail-on-missing-field", false)) {
    std::vector<Field> fields;
    for (size_t column : context.columns) fields.push_back(context.schema[column]);
    root_ = MakeNode(Type::MakeRow(std::move(fields)));
  }

  Batch Decode(const RecordBlock& block, std::vector<Reject>* rejects,
               std::vector<uint32_t>* row_records) override {
    arena_ = std::make_shared<Arena>();
    builders_.clear();
    for (const JsonNode& node : root_.children) {
      builders_.emplace_back(node.type, block.records.size());
    }
    rows_ = 0;
    row_records->reserve(row_records->size() + block.records.size());
    for (uint32_t i = 0; i < block.records.size(); ++i) {
      const auto [offset, size] = block.records[i];
      const size_t before = rows_;
      if (DecodeRecord(block.data + offset, size)) {
        row_records->insert(row_records->end(), rows_ - before, i);
        continue;
      }
      rows_ = before;
      for (ColumnBuilder& builder : builders_) builder.Truncate(rows_);
      if (!ignore_errors_) rejects->push_back({i, std::move(reason_)});
    }
    return MakeBatch(block.owner);
  }

 private:
  bool DecodeRecord(const char* data, size_t size) {
    ondemand::document document;
    const auto error = parser_.iterate(data, size, size + simdjson::SIMDJSON_PADDING).get(document);
    if (error == simdjson::EMPTY || (error && IsBlankText({data, size}))) return true;
    if (error) return Broken(error);
    readable_ = data + size + simdjson::SIMDJSON_PADDING;
    ondemand::json_type type;
    if (const auto e = document.type().get(type)) return Broken(e);
    if (type == ondemand::json_type::array) {
      if (!ReadRows(&document)) return false;
    } else if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (const auto e = document.get_object().get(object)) return Broken(e);
      if (!ReadRow(object)) return false;
    } else {
      reason_ = "expected a JSON object";
      return false;
    }
    if (document.current_location().error() == simdjson::OUT_OF_BOUNDS) return true;
    reason_ = "invalid JSON: text behind the end of the record";
    return false;
  }

  bool ReadRows(ondemand::document* document) {
    ondemand::array array;
    if (const auto e = document->get_array().get(array)) return Broken(e);
    for (auto element : array) {
      ondemand::object object;
      if (const auto e = element.get_object().get(object)) {
        if (e != simdjson::INCORRECT_TYPE) return Broken(e);
        reason_ = "expected an array of JSON objects";
        return false;
      }
      if (!ReadRow(object)) return false;
    }
    return true;
  }

  bool ReadRow(ondemand::object object) {
    if (!ReadObject(object, &root_, &builders_, rows_)) return false;
    for (size_t i = 0; i < builders_.size(); ++i) {
      const JsonNode& node = root_.children[i];
      if (node.type.nullable || !builders_[i].IsNull(rows_)) continue;
      reason_ = "column " + root_.names[i] + ": NULL in a NOT NULL column";
      return false;
    }
    ++rows_;
    return true;
  }

  // Appends row `row` to `builders`, the fields of `node`.
  bool ReadObject(ondemand::object object, JsonNode* node, std::vector<ColumnBuilder>* builders,
                  size_t row) {
    size_t position = 0;
    for (auto result : object) {
      // Not copied: what was just written in parts is slow to read as a whole.
      if (const auto e = result.error()) return Broken(e);
      ondemand::field&& field = std::move(result).value_unsafe();
      int index = -1;
      if (!FindField(&field, node, position++, &index)) return false;
      if (index < 0) continue;
      ColumnBuilder& builder = (*builders)[static_cast<size_t>(index)];
      if (builder.size() > row) builder.Truncate(row);  // Of equal keys the last one counts.
      JsonNode& child = node->children[static_cast<size_t>(index)];
      if (ReadValue(field.value(), &child, &builder)) continue;
      if (broken_ || !ignore_errors_) {
        AddName(node->names[static_cast<size_t>(index)]);
        return false;
      }
      builder.Truncate(row);
      builder.AppendNull();
    }
    return FillMissing(*node, builders, row);
  }

  bool FillMissing(const JsonNode& node, std::vector<ColumnBuilder>* builders, size_t row) {
    for (size_t i = 0; i < builders->size(); ++i) {
      if ((*builders)[i].size() > row) continue;
      if (fail_on_missing_) {
        reason_ = "field " + node.names[i] + " is missing";
        return false;
      }
      (*builders)[i].AppendNull();
    }
    return true;
  }

  // Which of the node's fields the key names. The key at this place last time is tried first.
  bool FindField(ondemand::field* field, JsonNode* node, size_t position, int* index) {
    const char* const raw = field->key().raw();
    if (position < node->order.size()) {
      const JsonNode::Seen& seen = node->order[position];
      uint64_t start;
      std::memcpy(&start, raw, sizeof start);  // The padding makes this safe.
      if ((start & seen.mask) == seen.start && MatchesRest(seen.key, raw)) {
        *index = seen.field;
        return true;
      }
    }
    std::string_view key;
    if (const auto e = field->unescaped_key().get(key)) return Broken(e);
    const auto name = std::ranges::find(node->names, key);
    *index = name == node->names.end() ? -1 : static_cast<int>(name - node->names.begin());
    constexpr size_t kMostRemembered = 256;
    const bool escaped = std::memcmp(raw, key.data(), key.size()) != 0 || raw[key.size()] != '"';
    if (escaped || position >= kMostRemembered) return true;
    if (position >= node->order.size()) node->order.resize(position + 1, MakeSeen("", -1));
    node->order[position] = MakeSeen(key, *index);
    return true;
  }

  bool MatchesRest(const std::string& key, const char* raw) const {
    return key.size() <= 8 || (key.size() <= static_cast<size_t>(readable_ - raw) &&
                               std::memcmp(raw + 8, key.data() + 8, key.size() - 8) == 0);
  }

  bool ReadValue(ondemand::value& value, JsonNode* node, ColumnBuilder* to) {
    const std::string_view token = TrimEnd(value.raw_json_token());
    if (token == "null") {
      to->AppendNull();
      return true;
    }
    switch (node->type.id) {
      case TypeId::kRow:
        return ReadNestedRow(value, node, to);
      case TypeId::kArray:
        return ReadArray(value, node, to);
      case TypeId::kMap:
        return ReadMap(value, node, to);
      default:
        return ReadScalar(value, token, to);
    }
  }

  bool ReadScalar(ondemand::value& value, std::string_view token, ColumnBuilder* to) {
    const bool is_string = token[0] == '"';
    if (token[0] == '{' || token[0] == '[') {
      if (to->type().id == TypeId::kString) return ReadRaw(value, to);
      return Refuse(token, to->type());
    }
    std::string_view text = token;
    if (is_string && !ReadString(value, token, &text)) return false;
    if (to->type().id == TypeId::kString) {
      if (!is_string && !IsScalarToken(token)) return Broken(simdjson::TAPE_ERROR);
      to->Append(StringRef(text));
      return true;
    }
    if (AppendTextValue(text, zone_, arena_.get(), to)) return true;
    if (!is_string && IsInteger(to->type().id) && AppendWholeNumber(text, to)) return true;
    return Refuse(text, to->type());
  }

  static bool IsScalarToken(std::string_view token) {
    return token == "true" || token == "false" || ParseDouble(token).has_value();
  }

  // 16746.0 and 1e3 are integers, too.
  bool AppendWholeNumber(std::string_view text, ColumnBuilder* to) {
    constexpr double kExact = 9007199254740992.0;
    const std::optional<double> value = ParseDouble(text);
    if (!value || std::fabs(*value) > kExact || std::trunc(*value) != *value) return false;
    return AppendTextValue(std::to_string(static_cast<int64_t>(*value)), zone_, arena_.get(), to);
  }

  // The text of a string token, in the block or, if it has escapes, in the arena.
  bool ReadString(ondemand::value& value, std::string_view token, std::string_view* text) {
    const bool closed = token.size() >= 2 && token.back() == '"';
    if (closed && std::memchr(token.data(), '\\', token.size()) == nullptr) {
      *text = token.substr(1, token.size() - 2);
      return true;
    }
    std::string_view unescaped;
    if (const auto e = value.get_string().get(unescaped)) return Broken(e);
    *text = arena_->Copy(unescaped);
    return true;
  }

  // An object or array as text, for STRING columns.
  bool ReadRaw(ondemand::value& value, ColumnBuilder* to) {
    ondemand::json_type type;
    std::string_view raw;
    if (const auto e = value.type().get(type)) return Broken(e);
    if (type == ondemand::json_type::object) {
      ondemand::object object;
      if (const auto e = value.get_object().get(object)) return Broken(e);
      if (const auto e = object.raw_json().get(raw)) return Broken(e);
    } else {
      ondemand::array array;
      if (const auto e = value.get_array().get(array)) return Broken(e);
      if (const auto e = array.raw_json().get(raw)) return Broken(e);
    }
    to->Append(StringRef(TrimEnd(raw)));
    return true;
  }

  bool ReadNestedRow(ondemand::value& value, JsonNode* node, ColumnBuilder* to) {
    ondemand::object object;
    if (const auto e = value.get_object().get(object)) return WrongType(e, value, node->type);
    if (!ReadObject(object, node, &to->children(), to->size())) return false;
    to->AppendRow();
    return true;
  }

  bool ReadArray(ondemand::value& value, JsonNode* node, ColumnBuilder* to) {
    ondemand::array array;
    if (const auto e = value.get_array().get(array)) return WrongType(e, value, node->type);
    ColumnBuilder& elements = to->children()[0];
    for (auto result : array) {
      ondemand::value element;
      if (const auto e = std::move(result).get(element)) return Broken(e);
      const size_t before = elements.size();
      if (ReadValue(element, &node->children[0], &elements)) continue;
      if (broken_ || !ignore_errors_) return false;
      elements.Truncate(before);
      elements.AppendNull();
    }
    to->AppendList();
    return true;
  }

  bool ReadMap(ondemand::value& value, JsonNode* node, ColumnBuilder* to) {
    ondemand::object object;
    if (const auto e = value.get_object().get(object)) return WrongType(e, value, node->type);
    ColumnBuilder& keys = to->children()[0];
    for (auto result : object) {
      if (const auto e = result.error()) return Broken(e);
      ondemand::field&& field = std::move(result).value_unsafe();
      std::string_view key;
      if (const auto e = field.unescaped_key().get(key)) return Broken(e);
      key = arena_->Copy(key);
      if (!AppendTextValue(key, zone_, arena_.get(), &keys)) return Refuse(key, keys.type());
      if (!ReadValue(field.value(), &node->children[1], &to->children()[1])) return false;
    }
    to->AppendList();
    return true;
  }

  bool WrongType(simdjson::error_code error, ondemand::value& value, const Type& type) {
    if (error != simdjson::INCORRECT_TYPE) return Broken(error);
    return Refuse(TrimEnd(value.raw_json_token()), type);
  }

  bool Refuse(std::string_view text, const Type& type) {
    broken_ = false;
    reason_ = ": " + CannotRead(text, type);
    return false;
  }

  bool Broken(simdjson::error_code error) {
    broken_ = true;
    reason_ = std::string("invalid JSON: ") + simdjson::error_message(error);
    return false;
  }

  // Puts the field's name in front of what Refuse said.
  void AddName(const std::string& name) {
    if (reason_.starts_with(": ")) {
      reason_ = "column " + name + reason_;
    } else if (reason_.starts_with("column ")) {
      reason_ = "column " + name + "." + reason_.substr(std::strlen("column "));
    }
  }

  Batch MakeBatch(const std::shared_ptr<const void>& block) {
    std::shared_ptr<const void> owner = block;
    if (arena_->allocated() > 0) {
      owner = std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<Arena>>>(
          block, arena_);
    }
    Batch batch;
    batch.size = rows_;
    for (ColumnBuilder& builder : builders_) batch.columns.push_back(builder.Finish(owner));
    builders_.clear();
    return batch;
  }

  const std::string zone_;
  const bool ignore_errors_, fail_on_missing_;
  JsonNode root_;  // A ROW of the wanted columns.
  ondemand::parser parser_;

  std::shared_ptr<Arena> arena_;
  std::vector<ColumnBuilder> builders_;
  size_t rows_ = 0;
  const char* readable_ = nullptr;  // The end of the record and its padding.
  std::string reason_;              // Why the record in hand was refused.
  bool broken_ = false;             // It is not JSON; else a value does not fit.
};

}  // namespace

std::unique_ptr<Decoder> MakeJsonDecoder(const ConnectorContext& context) {
  return WithPartitionColumns(context, [](const ConnectorContext& files) {
    return std::unique_ptr<Decoder>(std::make_unique<JsonDecoder>(files));
  });
}

}  // namespace millrace
