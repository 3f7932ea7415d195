// Writes JSON text straight into a string; no tree is built.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

// The text in quotes, escaped. Bytes that are no UTF-8 become U+FFFD, so that the result is always
// JSON.
void AppendJsonString(std::string_view text, std::string* out);
// Shortest text that reads back as the same number; NaN and infinities in quotes.
void AppendJsonNumber(double value, std::string* out);

// Keeps track of commas. Calls must come in an order that makes JSON.
class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(out) {}

  JsonWriter& BeginObject() { return Begin('{'); }
  JsonWriter& EndObject() { return End('}'); }
  JsonWriter& BeginArray() { return Begin('['); }
  JsonWriter& EndArray() { return End(']'); }
  JsonWriter& Key(std::string_view key);

  JsonWriter& String(std::string_view text);
  JsonWriter& Integer(int64_t value);
  JsonWriter& Unsigned(uint64_t value);
  JsonWriter& Number(double value);
  JsonWriter& Bool(bool value) { return Raw(value ? "true" : "false"); }
  JsonWriter& Null() { return Raw("null"); }
  // A value that is JSON already.
  JsonWriter& Raw(std::string_view json);
  // Where the caller appends a value itself.
  std::string* BeginValue();

  JsonWriter& Field(std::string_view key, std::string_view value) { return Key(key).String(value); }
  JsonWriter& Field(std::string_view key, const char* value) { return Key(key).String(value); }
  JsonWriter& Field(std::string_view key, bool value) { return Key(key).Bool(value); }
  JsonWriter& Field(std::string_view key, double value) { return Key(key).Number(value); }
  template <std::integral T>
  JsonWriter& Field(std::string_view key, T value) {
    if constexpr (std::unsigned_integral<T>) return Key(key).Unsigned(value);
    return Key(key).Integer(static_cast<int64_t>(value));
  }

 private:
  JsonWriter& Begin(char c);
  JsonWriter& End(char c);
  void Separate();

  std::string* out_;
  bool comma_ = false;  // Something stands before the next value at this level.
};

}  // namespace millrace
