// Protobuf's messages and enums: read from a descriptor set, which `protoc --include_imports
// --descriptor_set_out=FILE` makes, and the binary format.
//
//   message := (tag value)*        tag := field << 3 | wire type, a varint
//   value   := 0: varint | 1: 8 bytes | 2: size:varint bytes | 3: (tag value)* tag of type 4
//              | 5: 4 bytes, little-endian
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

enum class ProtoWire : uint8_t { kVarint = 0, kFixed64 = 1, kSized = 2, kGroup = 3, kEnd = 4, kFixed32 = 5 };

// Takes a message apart. False: the bytes end before the value does, or are no message.
class ProtoReader {
 public:
  explicit ProtoReader(std::string_view bytes) : rest_(bytes) {}

  bool AtEnd() const { return rest_.empty(); }
  bool TakeTag(uint32_t* number, ProtoWire* wire);
  bool TakeVarint(uint64_t* value);
  bool TakeSized(std::string_view* bytes);
  // A value of one of the types but kSized and groups: its bits.
  bool TakeScalar(ProtoWire wire, uint64_t* bits);
  bool Skip(ProtoWire wire, uint32_t number, int depth = 0);

 private:
  bool TakeFixed(size_t size, uint64_t* bits);

  std::string_view rest_;
};

void AppendProtoVarint(uint64_t value, std::string* out);
void AppendProtoTag(uint32_t number, ProtoWire wire, std::string* out);

// As FieldDescriptorProto.Type numbers them.
enum class ProtoType : uint8_t {
  kDouble = 1, kFloat, kInt64, kUint64, kInt32, kFixed64, kFixed32, kBool, kString, kGroup,
  kMessage, kBytes, kUint32, kEnum, kSfixed32, kSfixed64, kSint32, kSint64
};

struct ProtoEnum {
  std::string name;
  std::vector<std::pair<std::string, int32_t>> values;
};

struct ProtoMessage;

struct ProtoField {
  std::string name;
  uint32_t number = 0;
  ProtoType type = ProtoType::kInt32;
  std::string type_name;          // ".package.Message"; of messages and enums.
  const ProtoMessage* message = nullptr;
  const ProtoEnum* enumeration = nullptr;
  bool repeated = false, required = false;
  bool packed = false;            // As it is written; both are read.
  bool presence = false;          // Whether a record can say that there is none.
  std::string default_value;      // proto2's text; "": the type's.
};

struct ProtoMessage {
  std::string name;  // "package.Outer.Inner"
  bool map_entry = false;
  std::vector<ProtoField> fields;

  const ProtoField* Find(std::string_view field) const;
};

// Addresses are stable.
struct ProtoFile {
  std::deque<ProtoMessage> messages;
  std::deque<ProtoEnum> enums;

  // By its full name, else by what stands behind the last '.' or '$' (as in names of Java classes)
  // where that is unique; null.
  const ProtoMessage* Find(std::string_view name) const;
};

// Throws Error(kInvalidValue) when the bytes are no complete descriptor set.
std::shared_ptr<const ProtoFile> ParseDescriptorSet(std::string_view bytes);

ProtoWire WireOf(ProtoType type);
std::string_view ProtoTypeName(ProtoType type);

}  // namespace millrace
