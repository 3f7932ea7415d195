// Avro schemas' JSON.
#include <simdjson.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "connectors/avro_schema.h"

namespace millrace {
namespace {

namespace dom = simdjson::dom;
using Kind = AvroSchema::Kind;

constexpr std::string_view kKinds[] = {"null",   "boolean", "int",   "long", "float", "double", "bytes",
                                       "string", "record",  "enum",  "array", "map",  "union",  "fixed"};
constexpr size_t kPrimitives = 8;
constexpr int kDeepest = 64;

[[noreturn]] void Throw(const std::string& what) {
  throw Error(ErrorCode::kInvalidValue, "not an Avro schema: " + what);
}

class SchemaParser {
 public:
  explicit SchemaParser(AvroDocument* document) : document_(document) {}

  const AvroSchema* Parse(const dom::element& json, const std::string& space, int depth) {
    if (depth > kDeepest) Throw("it is nested too deep");
    if (json.is_string()) return FindNamed(std::string(std::string_view(json)), space);
    if (json.is_array()) return ParseUnion(dom::array(json), space, depth);
    if (!json.is_object()) Throw("a type is a name, an object or an array");
    return ParseObject(dom::object(json), space, depth);
  }

 private:
  AvroSchema* Make(Kind kind) {
    document_->schemas.emplace_back();
    document_->schemas.back().kind = kind;
    return &document_->schemas.back();
  }

  static std::string Text(const dom::object& object, const char* key) {
    std::string_view text;
    return object[key].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
  }
  static int64_t Number(const dom::object& object, const char* key) {
    int64_t number = 0;
    return object[key].get(number) == simdjson::SUCCESS ? number : 0;
  }

  const AvroSchema* FindNamed(const std::string& name, const std::string& space) {
    const auto primitive = std::find(kKinds, kKinds + kPrimitives, name);
    if (primitive != kKinds + kPrimitives) return Make(static_cast<Kind>(primitive - kKinds));
    for (const std::string& full : {space.empty() ? name : space + "." + name, name}) {
      const auto found = named_.find(full);
      if (found != named_.end()) return found->second;
    }
    Throw("there is no type " + name);
  }

  const AvroSchema* ParseUnion(const dom::array& branches, const std::string& space, int depth) {
    AvroSchema* schema = Make(Kind::kUnion);
    for (const dom::element branch : branches) {
      schema->children.push_back(Parse(branch, space, depth + 1));
    }
    if (schema->children.empty()) Throw("a union without branches");
    return schema;
  }

  const AvroSchema* ParseObject(const dom::object& object, const std::string& space, int depth) {
    dom::element type;
    if (object["type"].get(type) != simdjson::SUCCESS) Throw("an object without a type");
    if (!type.is_string()) return Parse(type, space, depth + 1);
    const std::string name{std::string_view(type)};
    const auto kind = std::ranges::find(kKinds, name);
    if (kind == std::end(kKinds)) return FindNamed(name, space);
    AvroSchema* schema = Make(static_cast<Kind>(kind - std::begin(kKinds)));
    schema->logical = Text(object, "logicalType");
    schema->precision = static_cast<int>(Number(object, "precision"));
    schema->scale = static_cast<int>(Number(object, "scale"));
    if (schema->scale < 0 || schema->scale > 38) Throw("a scale that is out of range");
    switch (schema->kind) {
      case Kind::kRecord:
      case Kind::kEnum:
      case Kind::kFixed:
        ParseNamed(object, space, depth, schema);
        break;
      case Kind::kArray:
        AddChild(object, "items", space, depth, schema);
        break;
      case Kind::kMap:
        AddChild(object, "values", space, depth, schema);
        break;
      default:
        break;
    }
    return schema;
  }

  void AddChild(const dom::object& object, const char* key, const std::string& space, int depth,
                AvroSchema* schema) {
    dom::element child;
    if (object[key].get(child) != simdjson::SUCCESS) Throw(std::string("a type without ") + key);
    schema->children.push_back(Parse(child, space, depth + 1));
  }

  void ParseNamed(const dom::object& object, const std::string& outer, int depth,
                  AvroSchema* schema) {
    std::string full = Text(object, "name"), space = Text(object, "namespace");
    if (space.empty()) space = outer;
    if (const size_t dot = full.rfind('.'); dot != std::string::npos) {
      space = full.substr(0, dot);
    } else if (!space.empty()) {
      full.insert(0, space + ".");
    }
    schema->name = full;
    named_[full] = schema;
    if (schema->kind == Kind::kFixed) {
      const int64_t size = Number(object, "size");
      if (size < 0 || size > (1 << 20)) Throw("a fixed of an impossible size");
      schema->size = static_cast<size_t>(size);
      return;
    }
    dom::array items;
    const bool record = schema->kind == Kind::kRecord;
    if (object[record ? "fields" : "symbols"].get(items) != simdjson::SUCCESS) {
      Throw("a type without " + std::string(record ? "fields" : "symbols"));
    }
    for (const dom::element item : items) {
      if (!record) {
        if (!item.is_string()) Throw("a symbol that is no string");
        schema->names.emplace_back(std::string_view(item));
        continue;
      }
      dom::object field;
      if (item.get(field) != simdjson::SUCCESS) Throw("a field that is no object");
      schema->names.push_back(Text(field, "name"));
      AddChild(field, "type", space, depth, schema);
    }
  }

  AvroDocument* document_;
  std::map<std::string, const AvroSchema*> named_;
};

}  // namespace

std::string_view AvroKindName(Kind kind) { return kKinds[static_cast<size_t>(kind)]; }

std::shared_ptr<const AvroDocument> ParseAvroSchema(std::string_view json) {
  dom::parser parser;
  dom::element root;
  auto document = std::make_shared<AvroDocument>();
  if (const auto error = parser.parse(json.data(), json.size()).get(root)) {
    // A bare name is a schema, too.
    Throw(simdjson::error_message(error));
  }
  document->root = SchemaParser(document.get()).Parse(root, "", 0);
  return document;
}

std::string JsonMember(std::string_view object, std::string_view name) {
  dom::parser parser;
  dom::element root, member;
  if (parser.parse(object.data(), object.size()).get(root)) return "";
  if (root[name].get(member)) return "";
  if (member.is_string()) return std::string(std::string_view(member));
  return member.is_int64() ? std::to_string(int64_t(member)) : "";
}

}  // namespace millrace
