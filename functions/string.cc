// Strings that are cut, joined, padded and changed letter by letter. Positions count code points.

#include <algorithm>
#include <limits>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

constexpr size_t kMaxStringBytes = 64 << 20;  // What one call may make.
constexpr const char* kTooLong = "the string would be longer than 64 MB";

// Code points [begin, begin + length) of s, as far as they exist.
std::string_view Cut(std::string_view s, size_t begin, size_t length) {
  if (IsAscii(s)) return s.substr(std::min(begin, s.size()), length);
  const std::string_view rest = s.substr(OffsetOfCodePoint(s, begin));
  return rest.substr(0, OffsetOfCodePoint(rest, length));
}

// From `position`, 1-based or from the end if negative; 0 is the start, too.
std::string_view Substring(std::string_view s, int64_t position, int64_t length) {
  int64_t begin = std::max<int64_t>(position - 1, 0);
  if (position < 0) {
    begin = static_cast<int64_t>(CountCodePoints(s)) + position;
    if (begin < 0) return {};
  }
  return Cut(s, static_cast<size_t>(begin), static_cast<size_t>(length));
}

std::optional<StringRef> SubstringOf(StringRef s, int64_t position, int64_t length) {
  if (length < 0) return std::nullopt;
  return StringRef(Substring(s.view(), position, length));
}

// Pads on the left or right to `length` code points, or cuts to them.
std::optional<StringRef> Pad(StringRef s, int64_t length, StringRef pad, bool left, Heap& heap) {
  if (length < 0 || pad.size() == 0 || static_cast<uint64_t>(length) > kMaxStringBytes / 4) {
    return std::nullopt;
  }
  const size_t wanted = static_cast<size_t>(length), have = CountCodePoints(s.view());
  if (wanted <= have) return heap.Add(Cut(s.view(), 0, wanted));
  const size_t pads = CountCodePoints(pad.view());
  std::string fill;
  for (size_t rest = wanted - have; rest > 0; rest -= std::min(rest, pads)) {
    fill += Cut(pad.view(), 0, rest);
  }
  return heap.Add(left ? fill + std::string(s.view()) : std::string(s.view()) + fill);
}

template <char32_t (*kMap)(char32_t)>
StringRef MapCase(StringRef s, Heap& heap) {
  std::string out;
  out.reserve(s.size());
  for (std::string_view rest = s.view(); !rest.empty();) {
    const CodePoint c = FirstCodePoint(rest);
    const char32_t mapped = kMap(c.value);
    if (mapped == c.value) {
      out += rest.substr(0, c.length);
    } else {
      AppendCodePoint(mapped, &out);
    }
    rest.remove_prefix(c.length);
  }
  return heap.Add(out);
}

// Flips the case bit of the letters of one case, in SIMD.
StringRef FlipAscii(StringRef s, char first, Heap& heap) {
  char small[StringRef::kInline];
  const size_t size = s.size();
  char* out = s.is_inline() ? small : heap.arena()->Allocate(size);
  const char* in = s.data();
  for (size_t i = 0; i < size; ++i) {
    const unsigned char letter = static_cast<unsigned char>(in[i] - first);
    out[i] = static_cast<char>(in[i] ^ (letter < 26 ? 0x20 : 0));
  }
  return StringRef(std::string_view(out, size));
}

StringRef Upper(StringRef s, Heap& heap) {
  return IsAscii(s.view()) ? FlipAscii(s, 'a', heap) : MapCase<ToUpper>(s, heap);
}
StringRef Lower(StringRef s, Heap& heap) {
  return IsAscii(s.view()) ? FlipAscii(s, 'A', heap) : MapCase<ToLower>(s, heap);
}

// Letters that begin a word are upper case, all others lower; words are letters and digits.
StringRef Initcap(StringRef s, Heap& heap) {
  std::string out;
  bool inside = false;
  for (std::string_view rest = s.view(); !rest.empty();) {
    const CodePoint c = FirstCodePoint(rest);
    AppendCodePoint(inside ? ToLower(c.value) : ToUpper(c.value), &out);
    const bool digit = c.value >= '0' && c.value <= '9';
    inside = digit || ToLower(c.value) != ToUpper(c.value) || c.value > 0x7F;
    rest.remove_prefix(c.length);
  }
  return heap.Add(out);
}

StringRef Reverse(StringRef s, Heap& heap) {
  std::string out(s.size(), '\0');
  size_t end = out.size();
  for (std::string_view rest = s.view(); !rest.empty();) {
    const uint32_t length = FirstCodePoint(rest).length;
    end -= length;
    rest.copy(out.data() + end, length);
    rest.remove_prefix(length);
  }
  return heap.Add(out);
}

bool Contains(std::string_view set, std::string_view s, const CodePoint& c) {
  return set.find(s.substr(0, c.length)) != std::string_view::npos;
}

std::string_view TrimLeft(std::string_view s, std::string_view set) {
  while (!s.empty()) {
    const CodePoint c = FirstCodePoint(s);
    if (!Contains(set, s, c)) break;
    s.remove_prefix(c.length);
  }
  return s;
}

std::string_view TrimRight(std::string_view s, std::string_view set) {
  while (!s.empty()) {
    size_t begin = s.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(s[begin]) & 0xC0) == 0x80) --begin;
    if (set.find(s.substr(begin)) == std::string_view::npos) break;
    s = s.substr(0, begin);
  }
  return s;
}

std::string_view TrimBoth(std::string_view s, std::string_view set) {
  return TrimRight(TrimLeft(s, set), set);
}

// TRIM(side chars FROM s).
Checked<StringRef> Trim(StringRef side, StringRef chars, StringRef s) {
  if (side.view() == "BOTH") return {StringRef(TrimBoth(s.view(), chars.view()))};
  if (side.view() == "LEADING") return {StringRef(TrimLeft(s.view(), chars.view()))};
  if (side.view() == "TRAILING") return {StringRef(TrimRight(s.view(), chars.view()))};
  return {{}, "TRIM takes BOTH, LEADING or TRAILING"};
}

Checked<StringRef> Repeat(StringRef s, int64_t times, Heap& heap) {
  if (times <= 0 || s.size() == 0) return {};
  if (static_cast<uint64_t>(times) > kMaxStringBytes / s.size()) return {{}, kTooLong};
  std::string out;
  out.reserve(s.size() * static_cast<size_t>(times));
  for (int64_t i = 0; i < times; ++i) out += s.view();
  return {heap.Add(out)};
}

// Replaces `length` code points from position `from` by `replacement`.
StringRef Overlay(StringRef s, StringRef replacement, int64_t from, int64_t length, Heap& heap) {
  const int64_t size = static_cast<int64_t>(CountCodePoints(s.view()));
  if (from <= 0 || from > size) return s;
  std::string out(Cut(s.view(), 0, static_cast<size_t>(from - 1)));
  out += replacement.view();
  if (length >= 0 && length <= size - from) {
    out += Cut(s.view(), static_cast<size_t>(from - 1 + length), s.size());
  }
  return heap.Add(out);
}

// Each code point of `from` becomes the one at its place in `to`, or goes when there is none.
StringRef Translate(StringRef s, StringRef from, StringRef to, Heap& heap) {
  std::string out;
  for (std::string_view rest = s.view(); !rest.empty();) {
    const std::string_view c = rest.substr(0, FirstCodePoint(rest).length);
    const size_t at = from.view().find(c);
    if (at == std::string_view::npos) {
      out += c;
    } else {
      out += Cut(to.view(), CountCodePoints(from.view().substr(0, at)), 1);
    }
    rest.remove_prefix(c.size());
  }
  return heap.Add(out);
}

StringRef Chr(int64_t n, Heap& heap) {
  std::string out;
  if (n >= 0) AppendCodePoint(static_cast<char32_t>(n % 256), &out);
  return heap.Add(out);
}

void RegisterCuts(FunctionRegistry& r) {
  for (const char* name : {"substring", "substr"}) {
    r.Add(name, [](StringRef s, int64_t from) {
      return StringRef(Substring(s.view(), from, std::numeric_limits<int64_t>::max()));
    });
    r.Add(name, SubstringOf);
  }
  r.Add("left", [](StringRef s, int64_t n) {
    return StringRef(Cut(s.view(), 0, static_cast<size_t>(std::max<int64_t>(n, 0))));
  });
  r.Add("right", [](StringRef s, int64_t n) {
    const size_t size = CountCodePoints(s.view());
    const size_t wanted = std::min(static_cast<size_t>(std::max<int64_t>(n, 0)), size);
    return StringRef(Cut(s.view(), size - wanted, wanted));
  });
  r.Add("trim", Trim);
  for (const char* name : {"trim", "btrim"}) {
    r.Add(name, [](StringRef s) { return StringRef(TrimBoth(s.view(), " ")); });
  }
  r.Add("ltrim", [](StringRef s) { return StringRef(TrimLeft(s.view(), " ")); });
  r.Add("rtrim", [](StringRef s) { return StringRef(TrimRight(s.view(), " ")); });
  r.Add("btrim", [](StringRef s, StringRef c) { return StringRef(TrimBoth(s.view(), c.view())); });
  r.Add("ltrim", [](StringRef s, StringRef c) { return StringRef(TrimLeft(s.view(), c.view())); });
  r.Add("rtrim", [](StringRef s, StringRef c) { return StringRef(TrimRight(s.view(), c.view())); });
}

}  // namespace

void RegisterString(FunctionRegistry& r) {
  RegisterCuts(r);
  for (const char* name : {"char_length", "character_length"}) {
    r.Add(name, [](StringRef s) { return static_cast<int32_t>(CountCodePoints(s.view())); });
  }
  r.Add("upper", Upper);
  r.Add("lower", Lower);
  r.Add("initcap", Initcap);
  r.Add("reverse", Reverse);
  r.Add("repeat", Repeat);
  r.Add("overlay", Overlay);
  r.Add("overlay", [](StringRef s, StringRef replacement, int64_t from, Heap& heap) {
    const int64_t length = static_cast<int64_t>(CountCodePoints(replacement.view()));
    return Overlay(s, replacement, from, length, heap);
  });
  r.Add("translate", Translate);
  r.Add("lpad", [](StringRef s, int64_t length, StringRef pad, Heap& heap) {
    return Pad(s, length, pad, true, heap);
  });
  r.Add("rpad", [](StringRef s, int64_t length, StringRef pad, Heap& heap) {
    return Pad(s, length, pad, false, heap);
  });
  r.Add("ascii", [](StringRef s) {
    return int32_t{s.size() == 0 ? uint8_t{0} : static_cast<uint8_t>(s.data()[0])};
  });
  r.Add("chr", Chr);
}

}  // namespace millrace
