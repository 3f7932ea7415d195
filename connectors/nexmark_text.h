// The strings of Nexmark events. They are slices of pools and entries of tables that are made once,
// so that a string costs a lookup and no copy.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "connectors/counter_random.h"
#include "types/string_ref.h"

namespace millrace {

// Immutable; columns that hold its strings keep it alive.
class NexmarkText {
 public:
  static constexpr uint32_t kHotChannels = 4;
  static constexpr uint32_t kChannels = 10'000;

  // `longest`: of the strings that Letters will be asked for.
  NexmarkText(uint64_t seed, size_t longest);

  // The number of a bid's channel, which decides channel and url: half of them are hot.
  static uint32_t ChannelOf(uint64_t random) {
    const uint32_t low = static_cast<uint32_t>(random);
    const uint32_t high = static_cast<uint32_t>(random >> 32);
    // The lowest bit chooses and the highest ones scale, so that the two are independent.
    return low & 1 ? Below(high, kHotChannels) : kHotChannels + Below(high, kChannels);
  }
  StringRef channel(uint32_t channel) const { return channels_[channel]; }
  StringRef url(uint32_t channel) const { return urls_[channel]; }

  StringRef Name(uint64_t random) const { return names_[Below(random, names_.size())]; }
  static StringRef City(uint64_t random);
  static StringRef State(uint64_t random);

  // Letters only, `length` of them.
  std::string_view Letters(uint32_t random, uint32_t length) const {
    return {letters_.data() + (random >> (32 - kPoolBits)), length};
  }
  // Letters and blanks, less than `length` of them, at least one, no blank at either end.
  std::string_view Words(uint64_t random, uint32_t length) const;

  // name@host.com and "1234 5678 …"; in `arena` when long.
  StringRef Email(uint64_t random, Arena* arena) const;
  static StringRef CreditCard(uint64_t random, Arena* arena);

 private:
  static constexpr int kPoolBits = 16;
  static constexpr uint32_t kLongestWords = 128;

  void MakeChannels(uint64_t seed);
  std::string MakeUrl(uint64_t seed, uint32_t channel) const;
  StringRef Keep(std::string_view s) { return StringRef(s.size() > 12 ? arena_.Copy(s) : s); }

  std::string letters_, words_;
  std::vector<StringRef> channels_, urls_, names_;
  Arena arena_;
};

}  // namespace millrace
