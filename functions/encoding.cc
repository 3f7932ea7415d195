// BASE64, URL, HEX and BIN encodings, PARSE_URL, UUID.

#include <array>
#include <bit>
#include <random>

#include "functions/families.h"
#include "functions/make_scalar.h"

namespace millrace {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789ABCDEF";

std::string EncodeBase64(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); i += 3) {
    uint32_t word = 0;
    const size_t count = std::min<size_t>(3, s.size() - i);
    for (size_t k = 0; k < 3; ++k) {
      word = word << 8 | (k < count ? static_cast<uint8_t>(s[i + k]) : 0u);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += k <= count ? kBase64[word >> (18 - 6 * k) & 63] : '=';
    }
  }
  return out;
}

std::optional<std::string> DecodeBase64(std::string_view s) {
  while (s.ends_with('=')) s.remove_suffix(1);
  std::string out;
  uint32_t word = 0, bits = 0;
  for (char c : s) {
    const size_t digit = kBase64.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    word = word << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>(word >> bits & 0xFF);
  }
  return out;
}

// As HTML forms do: a blank is +.
std::string EncodeUrl(std::string_view s) {
  std::string out;
  for (char c : s) {
    const uint8_t byte = static_cast<uint8_t>(c);
    const bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
    if (letter || (c >= '0' && c <= '9') || std::string_view(".-*_").find(c) != std::string::npos) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<std::string> DecodeUrl(std::string_view s) {
  std::string out;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '%') {
      out += s[i] == '+' ? ' ' : s[i];
      continue;
    }
    if (i + 2 >= s.size()) return std::nullopt;
    const int high = HexDigit(s[i + 1]), low = HexDigit(s[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return out;
}

std::string EncodeHex(std::string_view s) {
  std::string out;
  for (char c : s) {
    const uint8_t byte = static_cast<uint8_t>(c);
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::optional<std::string> DecodeHex(std::string_view s) {
  std::string out;
  // An odd number of digits lacks a leading zero.
  for (size_t i = 0; i < s.size();) {
    const bool single = i == 0 && s.size() % 2 == 1;
    const int high = single ? 0 : HexDigit(s[i]), low = HexDigit(s[single ? 0 : i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
    i += single ? 1 : 2;
  }
  return out;
}

// The digits of a number in base 2^bits, without leading zeros.
std::string Digits(uint64_t value, int bits) {
  std::string out;
  do {
    out.insert(out.begin(), kHex[value & ((1u << bits) - 1)]);
    value >>= bits;
  } while (value != 0);
  return out;
}

// The parts of a URL: scheme://authority path [?query] [#ref].
struct Url {
  std::optional<std::string_view> protocol, authority, host, userinfo, query, ref;
  std::string_view path, file;
};

std::optional<Url> SplitUrl(std::string_view s) {
  Url url;
  const size_t colon = s.find("://");
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  url.protocol = s.substr(0, colon);
  s.remove_prefix(colon + 3);
  if (const size_t hash = s.find('#'); hash != std::string_view::npos) {
    url.ref = s.substr(hash + 1);
    s = s.substr(0, hash);
  }
  const size_t end = std::min(s.find_first_of("/?"), s.size());
  url.authority = s.substr(0, end);
  url.file = s.substr(end);
  const size_t mark = url.file.find('?');
  url.path = url.file.substr(0, mark);
  if (mark != std::string_view::npos) url.query = url.file.substr(mark + 1);
  std::string_view host = *url.authority;
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) {
    url.userinfo = host.substr(0, at);
    host.remove_prefix(at + 1);
  }
  url.host = host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
  return url;
}

std::optional<StringRef> RefOf(std::optional<std::string_view> s) {
  return s ? std::optional(StringRef(*s)) : std::nullopt;
}

std::optional<StringRef> ParseUrl(StringRef s, StringRef part) {
  const std::optional<Url> url = SplitUrl(s.view());
  if (!url) return std::nullopt;
  const std::string_view name = part.view();
  if (name == "HOST") return RefOf(url->host);
  if (name == "PATH") return StringRef(url->path);
  if (name == "QUERY") return RefOf(url->query);
  if (name == "REF") return RefOf(url->ref);
  if (name == "PROTOCOL") return RefOf(url->protocol);
  if (name == "FILE") return StringRef(url->file);
  if (name == "AUTHORITY") return RefOf(url->authority);
  if (name == "USERINFO") return RefOf(url->userinfo);
  return std::nullopt;
}

// The value of a key of the query.
std::optional<StringRef> ParseUrlKey(StringRef s, StringRef part, StringRef key) {
  const std::optional<Url> url = SplitUrl(s.view());
  if (!url || part.view() != "QUERY" || !url->query) return std::nullopt;
  for (std::string_view rest = *url->query;;) {
    const size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == key.view()) {
      return StringRef(pair.substr(equals + 1));
    }
    if (end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end + 1);
  }
}

std::optional<StringRef> AddTo(Heap& heap, const std::optional<std::string>& s) {
  return s ? std::optional(heap.Add(*s)) : std::nullopt;
}

// A random UUID, version 4.
StringRef Uuid(Heap& heap) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  const std::array<uint64_t, 2> bits{random(), random()};
  std::string out;
  for (size_t digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) out += '-';
    uint64_t value = bits[digit / 16] >> (4 * (digit % 16)) & 15;
    if (digit == 12) value = 4;
    if (digit == 16) value = 8 | (value & 3);
    out += "0123456789abcdef"[value];
  }
  return heap.Add(out);
}

}  // namespace

void RegisterEncoding(FunctionRegistry& r) {
  r.Add("to_base64", [](StringRef s, Heap& heap) { return heap.Add(EncodeBase64(s.view())); });
  r.Add("from_base64", [](StringRef s, Heap& heap) { return AddTo(heap, DecodeBase64(s.view())); });
  r.Add("url_encode", [](StringRef s, Heap& heap) { return heap.Add(EncodeUrl(s.view())); });
  r.Add("url_decode", [](StringRef s, Heap& heap) { return AddTo(heap, DecodeUrl(s.view())); });
  r.Add("parse_url", ParseUrl);
  r.Add("parse_url", ParseUrlKey);
  r.Add("bin", [](int64_t n, Heap& heap) { return heap.Add(Digits(static_cast<uint64_t>(n), 1)); });
  r.Add("hex", [](int64_t n, Heap& heap) { return heap.Add(Digits(static_cast<uint64_t>(n), 4)); });
  r.Add("hex", [](StringRef s, Heap& heap) { return heap.Add(EncodeHex(s.view())); });
  r.Add("unhex", [](StringRef s, Heap& heap) -> std::optional<Bytes> {
    const std::optional<std::string> bytes = DecodeHex(s.view());
    return bytes ? std::optional(Bytes{heap.Add(*bytes)}) : std::nullopt;
  });
  r.Add("uuid", Uuid, Volatility::kVolatile);
}

}  // namespace millrace
