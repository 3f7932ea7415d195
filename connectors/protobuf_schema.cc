#include "connectors/protobuf_schema.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>

#include "base/error.h"

namespace millrace {
namespace {

constexpr int kDeepest = 64;
constexpr uint32_t kMostFields = (1u << 29) - 1;

[[noreturn]] void Refuse(const std::string& what) {
  throw Error(ErrorCode::kInvalidValue, "the descriptor set " + what);
}

// Calls `take(number, reader, wire)` for each value; what it does not take is passed over.
using TakeField = std::function<bool(uint32_t number, ProtoWire wire, ProtoReader* reader)>;
void ForEachField(std::string_view bytes, const TakeField& take) {
  ProtoReader reader(bytes);
  while (!reader.AtEnd()) {
    uint32_t number = 0;
    ProtoWire wire{};
    if (!reader.TakeTag(&number, &wire)) Refuse("is broken");
    if (!take(number, wire, &reader) && !reader.Skip(wire, number)) Refuse("is broken");
  }
}

std::string_view Sized(ProtoReader* reader) {
  std::string_view bytes;
  if (!reader->TakeSized(&bytes)) Refuse("is broken");
  return bytes;
}

uint64_t Varint(ProtoReader* reader) {
  uint64_t value = 0;
  if (!reader->TakeVarint(&value)) Refuse("is broken");
  return value;
}

bool IsPackable(ProtoType type) { return WireOf(type) != ProtoWire::kSized; }

class SetReader {
 public:
  std::shared_ptr<const ProtoFile> Read(std::string_view bytes) {
    ForEachField(bytes, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (number != 1 || wire != ProtoWire::kSized) return false;
      ReadFile(Sized(reader));
      return true;
    });
    for (ProtoMessage& message : file_->messages) {
      for (ProtoField& field : message.fields) Resolve(message, &field);
    }
    if (file_->messages.empty()) Refuse("has no message");
    return file_;
  }

 private:
  void ReadFile(std::string_view bytes) {
    std::string package;
    std::vector<std::string_view> messages, enums;
    proto3_ = false;
    ForEachField(bytes, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (wire != ProtoWire::kSized) return false;
      if (number == 2) {
        package = Sized(reader);
      } else if (number == 4) {
        messages.push_back(Sized(reader));
      } else if (number == 5) {
        enums.push_back(Sized(reader));
      } else if (number == 12) {
        const std::string_view syntax = Sized(reader);
        if (syntax != "proto2" && syntax != "proto3") {
          Refuse("has a file of syntax '" + std::string(syntax) + "'; proto2 and proto3 are known");
        }
        proto3_ = syntax == "proto3";
      } else {
        return false;
      }
      return true;
    });
    for (const std::string_view m : messages) ReadMessage(m, package, 0);
    for (const std::string_view e : enums) ReadEnum(e, package);
  }

  static std::string Join(const std::string& scope, std::string_view name) {
    return scope.empty() ? std::string(name) : scope + "." + std::string(name);
  }

  void ReadMessage(std::string_view bytes, const std::string& scope, int depth) {
    if (depth > kDeepest) Refuse("nests messages too deep");
    std::string_view name, options;
    std::vector<std::string_view> fields, nested, enums;
    ForEachField(bytes, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (wire != ProtoWire::kSized || number == 0 || number == 5 || number == 6 || number > 7) {
        return false;
      }
      const std::string_view part = Sized(reader);
      if (number == 1) name = part;
      if (number == 2) fields.push_back(part);
      if (number == 3) nested.push_back(part);
      if (number == 4) enums.push_back(part);
      if (number == 7) options = part;
      return true;
    });
    const std::string full = Join(scope, name);
    ProtoMessage& message = file_->messages.emplace_back();
    message.name = full;
    ForEachField(options, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (number != 7 || wire != ProtoWire::kVarint) return false;
      message.map_entry = Varint(reader) != 0;
      return true;
    });
    for (const std::string_view field : fields) message.fields.push_back(ReadField(field));
    for (const std::string_view m : nested) ReadMessage(m, full, depth + 1);
    for (const std::string_view e : enums) ReadEnum(e, full);
  }

  ProtoField ReadField(std::string_view bytes) const {
    ProtoField field;
    bool in_oneof = false, proto3_optional = false;
    std::string_view options;
    ForEachField(bytes, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (wire == ProtoWire::kSized) {
        if (number != 1 && number != 6 && number != 7 && number != 8) return false;
        const std::string_view text = Sized(reader);
        if (number == 1) field.name = text;
        if (number == 6) field.type_name = text;
        if (number == 7) field.default_value = text;
        if (number == 8) options = text;
        return true;
      }
      if (wire != ProtoWire::kVarint) return false;
      const uint64_t value = Varint(reader);
      if (number == 3) field.number = value > kMostFields ? 0 : static_cast<uint32_t>(value);
      if (number == 4) field.required = value == 2;
      if (number == 4) field.repeated = value == 3;
      if (number == 5) {
        if (value < 1 || value > 18) Refuse("has a field of an unknown type");
        field.type = static_cast<ProtoType>(value);
      }
      if (number == 9) in_oneof = true;
      if (number == 17) proto3_optional = value != 0;
      return true;
    });
    if (field.number == 0 || field.name.empty()) Refuse("has a field without a name or number");
    field.packed = proto3_ && field.repeated && IsPackable(field.type);
    ForEachField(options, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (number != 2 || wire != ProtoWire::kVarint) return false;
      field.packed = Varint(reader) != 0 && field.repeated && IsPackable(field.type);
      return true;
    });
    const bool message = field.type == ProtoType::kMessage || field.type == ProtoType::kGroup;
    field.presence =
        !field.repeated && (message || !proto3_ || in_oneof || proto3_optional);
    return field;
  }

  void ReadEnum(std::string_view bytes, const std::string& scope) {
    ProtoEnum& e = file_->enums.emplace_back();
    ForEachField(bytes, [&](uint32_t number, ProtoWire wire, ProtoReader* reader) {
      if (wire != ProtoWire::kSized || (number != 1 && number != 2)) return false;
      const std::string_view part = Sized(reader);
      if (number == 1) {
        e.name = Join(scope, part);
        return true;
      }
      std::pair<std::string, int32_t> value;
      ForEachField(part, [&](uint32_t n, ProtoWire w, ProtoReader* r) {
        if (n == 1 && w == ProtoWire::kSized) {
          value.first = Sized(r);
        } else if (n == 2 && w == ProtoWire::kVarint) {
          value.second = static_cast<int32_t>(Varint(r));
        } else {
          return false;
        }
        return true;
      });
      e.values.push_back(std::move(value));
      return true;
    });
  }

  void Resolve(const ProtoMessage& message, ProtoField* field) const {
    const std::string_view name =
        std::string_view(field->type_name).substr(field->type_name.starts_with('.') ? 1 : 0);
    if (field->type == ProtoType::kMessage || field->type == ProtoType::kGroup) {
      const auto found = std::ranges::find(file_->messages, name, &ProtoMessage::name);
      if (found != file_->messages.end()) field->message = &*found;
    } else if (field->type == ProtoType::kEnum) {
      const auto found = std::ranges::find(file_->enums, name, &ProtoEnum::name);
      if (found != file_->enums.end() && !found->values.empty()) field->enumeration = &*found;
    } else {
      return;
    }
    if (field->message == nullptr && field->enumeration == nullptr) {
      Refuse("has no '" + std::string(name) + "', the type of " + message.name + "." +
             field->name + "; protoc --include_imports puts imports into it");
    }
  }

  std::shared_ptr<ProtoFile> file_ = std::make_shared<ProtoFile>();
  bool proto3_ = false;  // The file in hand.
};

std::string_view LastName(std::string_view name) {
  const size_t at = name.find_last_of(".$");
  return at == std::string_view::npos ? name : name.substr(at + 1);
}

}  // namespace

bool ProtoReader::TakeVarint(uint64_t* value) {
  uint64_t bits = 0;
  for (size_t i = 0; i < 10 && i < rest_.size(); ++i) {
    const auto byte = static_cast<unsigned char>(rest_[i]);
    bits |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) {
      rest_.remove_prefix(i + 1);
      *value = bits;
      return true;
    }
  }
  return false;
}

bool ProtoReader::TakeTag(uint32_t* number, ProtoWire* wire) {
  uint64_t tag = 0;
  if (!TakeVarint(&tag) || tag > UINT32_MAX || tag >> 3 == 0 || (tag & 7) > 5) return false;
  *number = static_cast<uint32_t>(tag >> 3);
  *wire = static_cast<ProtoWire>(tag & 7);
  return true;
}

bool ProtoReader::TakeFixed(size_t size, uint64_t* bits) {
  if (rest_.size() < size) return false;
  *bits = 0;
  std::memcpy(bits, rest_.data(), size);
  rest_.remove_prefix(size);
  return true;
}

bool ProtoReader::TakeSized(std::string_view* bytes) {
  uint64_t size = 0;
  if (!TakeVarint(&size) || size > rest_.size()) return false;
  *bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool ProtoReader::TakeScalar(ProtoWire wire, uint64_t* bits) {
  if (wire == ProtoWire::kVarint) return TakeVarint(bits);
  return TakeFixed(wire == ProtoWire::kFixed64 ? 8 : 4, bits);
}

bool ProtoReader::Skip(ProtoWire wire, uint32_t number, int depth) {
  uint64_t bits = 0;
  std::string_view bytes;
  switch (wire) {
    case ProtoWire::kVarint:
    case ProtoWire::kFixed64:
    case ProtoWire::kFixed32:
      return TakeScalar(wire, &bits);
    case ProtoWire::kSized:
      return TakeSized(&bytes);
    case ProtoWire::kEnd:
      return false;
    case ProtoWire::kGroup:
      break;
  }
  if (depth > kDeepest) return false;
  while (true) {
    uint32_t inner = 0;
    ProtoWire type{};
    if (!TakeTag(&inner, &type)) return false;
    if (type == ProtoWire::kEnd) return inner == number;
    if (!Skip(type, inner, depth + 1)) return false;
  }
}

void AppendProtoVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

void AppendProtoTag(uint32_t number, ProtoWire wire, std::string* out) {
  AppendProtoVarint(uint64_t{number} << 3 | static_cast<uint64_t>(wire), out);
}

const ProtoField* ProtoMessage::Find(std::string_view field) const {
  const auto found = std::ranges::find(fields, field, &ProtoField::name);
  return found == fields.end() ? nullptr : &*found;
}

const ProtoMessage* ProtoFile::Find(std::string_view name) const {
  const ProtoMessage* found = nullptr;
  for (const ProtoMessage& message : messages) {
    if (message.name == name) return &message;
  }
  for (const ProtoMessage& message : messages) {
    if (message.map_entry || LastName(message.name) != LastName(name)) continue;
    if (found != nullptr) return nullptr;
    found = &message;
  }
  return found;
}

std::shared_ptr<const ProtoFile> ParseDescriptorSet(std::string_view bytes) {
  return SetReader().Read(bytes);
}

ProtoWire WireOf(ProtoType type) {
  switch (type) {
    case ProtoType::kDouble:
    case ProtoType::kFixed64:
    case ProtoType::kSfixed64:
      return ProtoWire::kFixed64;
    case ProtoType::kFloat:
    case ProtoType::kFixed32:
    case ProtoType::kSfixed32:
      return ProtoWire::kFixed32;
    case ProtoType::kString:
    case ProtoType::kBytes:
    case ProtoType::kMessage:
      return ProtoWire::kSized;
    case ProtoType::kGroup:
      return ProtoWire::kGroup;
    default:
      return ProtoWire::kVarint;
  }
}

std::string_view ProtoTypeName(ProtoType type) {
  constexpr std::string_view kNames[] = {
      "double", "float", "int64",  "uint64", "int32",    "fixed64",  "fixed32", "bool",  "string",
      "group",  "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64"};
  return kNames[static_cast<size_t>(type) - 1];
}

}  // namespace millrace
