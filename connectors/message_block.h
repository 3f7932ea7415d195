// Messages on their way out, one after another in one string: what a step gives a Kafka sink, what
// waits in its files, and what librdkafka sends from.
//
//   message := time:int64 key_size:uint32 value_size:uint32 headers_size:uint32 key value header*
//   header  := name_size:uint32 value_size:uint32 name value
//   time: milliseconds, 0: none; size 0xFFFFFFFF: no key, value; numbers as the machine has them
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

struct Message {
  int64_t time_millis = 0;
  std::optional<std::string_view> key, value;
  std::string_view headers;  // header*
};

void AppendMessage(const Message& message, std::string* block);
void AppendHeader(std::string_view name, std::optional<std::string_view> value, std::string* headers);

// Takes the first message or header off the text; its parts point into it. Throws Error(kIo) when it
// is cut short.
Message TakeMessage(std::string_view* block);
std::pair<std::string_view, std::optional<std::string_view>> TakeHeader(std::string_view* headers);

}  // namespace millrace
