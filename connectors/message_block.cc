#include "connectors/message_block.h"

#include "base/error.h"

namespace millrace {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

template <class T>
void Put(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string_view TakeBytes(std::string_view* in, size_t size) {
  if (in->size() < size) throw Error(ErrorCode::kIo, "a stored message is cut short");
  const std::string_view taken = in->substr(0, size);
  in->remove_prefix(size);
  return taken;
}

template <class T>
T Take(std::string_view* in) {
  T value;
  std::memcpy(&value, TakeBytes(in, sizeof value).data(), sizeof value);
  return value;
}

uint32_t SizeOf(const std::optional<std::string_view>& text) {
  return text ? static_cast<uint32_t>(text->size()) : kNone;
}

std::optional<std::string_view> TakeOptional(std::string_view* in, uint32_t size) {
  if (size == kNone) return {};
  return TakeBytes(in, size);
}

}  // namespace

void AppendMessage(const Message& message, std::string* block) {
  Put(message.time_millis, block);
  Put(SizeOf(message.key), block);
  Put(SizeOf(message.value), block);
  Put(static_cast<uint32_t>(message.headers.size()), block);
  if (message.key) block->append(*message.key);
  if (message.value) block->append(*message.value);
  block->append(message.headers);
}

void AppendHeader(std::string_view name, std::optional<std::string_view> value,
                  std::string* headers) {
  Put(static_cast<uint32_t>(name.size()), headers);
  Put(SizeOf(value), headers);
  headers->append(name);
  if (value) headers->append(*value);
}

Message TakeMessage(std::string_view* block) {
  Message message;
  message.time_millis = Take<int64_t>(block);
  const auto key = Take<uint32_t>(block), value = Take<uint32_t>(block);
  const auto headers = Take<uint32_t>(block);
  message.key = TakeOptional(block, key);
  message.value = TakeOptional(block, value);
  message.headers = TakeBytes(block, headers);
  return message;
}

std::pair<std::string_view, std::optional<std::string_view>> TakeHeader(std::string_view* headers) {
  const auto name = Take<uint32_t>(headers), value = Take<uint32_t>(headers);
  const std::string_view text = TakeBytes(headers, name);
  return {text, TakeOptional(headers, value)};
}

}  // namespace millrace
