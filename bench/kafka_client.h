// A client of librdkafka alone: makes and fills topics, and reads them as fast as it can, which is
// what rows over topics are held against.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::bench {

struct Topic {
  std::string brokers, name;
  int partitions = 2;
};

// All throw Error(kIo).
void CreateTopic(const Topic& topic);
// Each line is a message; they go to the partitions in turns.
void FillTopic(const Topic& topic, std::string_view lines);
// Reads all that is there now; how many messages a second, connecting included.
double ReadTopicPerSecond(const Topic& topic);
// Where its partitions end, added up; transactions' marks count.
int64_t TopicEnd(const Topic& topic);
// What the reader is set to.
std::string ReaderSettings();

// Writes `rate` messages {"k": …, "v": …} a second, each at once, for so long; one in `rate / 50`
// has a key of its own and is told on stdout with the time before it was given to the client:
// "KEY MICROSECONDS".
void ProducePaced(const Topic& topic, int rate, int seconds);

}  // namespace millrace::bench
