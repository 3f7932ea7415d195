// See nexmark_text.h.
#include "connectors/nexmark_text.h"

#include <algorithm>
#include <cstdlib>

namespace millrace {
namespace {

constexpr std::array<std::string_view, 11> kFirstNames = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<std::string_view, 9> kLastNames = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};
constexpr std::array<std::string_view, 10> kCities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<std::string_view, 6> kStates = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array<std::string_view, NexmarkText::kHotChannels> kHotChannelNames = {
    "Google", "Facebook", "Baidu", "Apple"};

constexpr uint32_t kShortest = 3;  // Letters of the shortest random string.

char LetterOf(uint64_t random) { return static_cast<char>('a' + Below(random, 26)); }

uint32_t ReverseBits(uint32_t value) {
  uint32_t reversed = 0;
  for (int bit = 0; bit < 32; ++bit, value >>= 1) reversed = reversed << 1 | (value & 1);
  return reversed;
}

}  // namespace

NexmarkText::NexmarkText(uint64_t seed, size_t longest) {
  const size_t pool = size_t{1} << kPoolBits;
  letters_.resize(pool + longest);
  const uint64_t letters = StreamOf(seed, 1);
  for (size_t i = 0; i < letters_.size(); ++i) letters_[i] = LetterOf(Draw(letters, i));

  words_.resize(pool + kLongestWords);
  const uint64_t blanks = StreamOf(seed, 2), words = StreamOf(seed, 3);
  for (size_t i = 0; i < words_.size(); ++i) {
    const bool blank = Below(Draw(blanks, i), 13) == 0;
    words_[i] = blank ? ' ' : LetterOf(Draw(words, i));
  }

  for (const std::string_view first : kFirstNames) {
    for (const std::string_view last : kLastNames) {
      names_.push_back(Keep(std::string(first).append(" ").append(last)));
    }
  }
  MakeChannels(StreamOf(seed, 4));
}

void NexmarkText::MakeChannels(uint64_t seed) {
  for (uint32_t i = 0; i < kHotChannels; ++i) {
    channels_.push_back(StringRef(kHotChannelNames[i]));
    urls_.push_back(Keep(MakeUrl(seed, i)));
  }
  for (uint32_t i = 0; i < kChannels; ++i) {
    channels_.push_back(Keep("channel-" + std::to_string(i)));
    std::string url = MakeUrl(seed, kHotChannels + i);
    if (Below(Draw(StreamOf(seed, 0), i), 10) > 0) {
      // As the original: the magnitude of the reversed number taken as a signed one.
      const int64_t id = std::abs(int64_t{static_cast<int32_t>(ReverseBits(i))});
      url.append("&channel_id=").append(std::to_string(id));
    }
    urls_.push_back(Keep(url));
  }
}

std::string NexmarkText::MakeUrl(uint64_t seed, uint32_t channel) const {
  std::string url = "https://www.nexmark.com/";
  for (uint64_t part = 0; part < 3; ++part) {
    const uint64_t random = Draw(StreamOf(seed, 1 + part), channel);
    const uint32_t length = kShortest + static_cast<uint32_t>(random & 1);
    std::string_view letters = Letters(static_cast<uint32_t>(random >> 32), length);
    url.append(letters).append("/");
  }
  return url.append("item.htm?query=1");
}

StringRef NexmarkText::City(uint64_t random) {
  return StringRef(kCities[Below(random, kCities.size())]);
}

StringRef NexmarkText::State(uint64_t random) {
  return StringRef(kStates[Below(random, kStates.size())]);
}

std::string_view NexmarkText::Words(uint64_t random, uint32_t length) const {
  const uint32_t letters = kShortest + Below(static_cast<uint32_t>(random), length - kShortest);
  std::string_view words{words_.data() + (random >> (64 - kPoolBits)), letters};
  while (words.size() > 1 && words.front() == ' ') words.remove_prefix(1);
  while (words.size() > 1 && words.back() == ' ') words.remove_suffix(1);
  return words;
}

StringRef NexmarkText::Email(uint64_t random, Arena* arena) const {
  const uint32_t high = static_cast<uint32_t>(random >> 32);
  const uint32_t low = static_cast<uint32_t>(random);
  char text[16];
  char* end = text;
  const auto append = [&end](std::string_view s) { end = std::copy(s.begin(), s.end(), end); };
  append(Letters(high, kShortest + (low >> 3 & 3)));
  append("@");
  append(Letters(low, kShortest + (high & 1)));
  append(".com");
  const std::string_view email(text, static_cast<size_t>(end - text));
  return StringRef(email.size() > StringRef::kInline ? arena->Copy(email) : email);
}

StringRef NexmarkText::CreditCard(uint64_t random, Arena* arena) {
  constexpr size_t kLength = 19;
  char* text = arena->Allocate(kLength);
  for (size_t group = 0; group < 4; ++group, random >>= 16) {
    uint32_t number = Below(static_cast<uint32_t>(random << 16), 10'000);
    char* digits = text + group * 5;
    for (int i = 3; i >= 0; --i, number /= 10) digits[i] = static_cast<char>('0' + number % 10);
    if (group < 3) digits[4] = ' ';
  }
  return StringRef(std::string_view(text, kLength));
}

}  // namespace millrace
