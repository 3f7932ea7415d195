// Casts to STRING and BYTES, their lengths included.
#include <algorithm>

#include "types/cast_kernels.h"

namespace millrace {
namespace {

bool IsText(TypeId id) { return id == TypeId::kString || id == TypeId::kBytes; }

// Bytes of the first `count` characters, or the whole text; `count` gets what is missing.
size_t PrefixLength(std::string_view text, uint32_t* count) {
  size_t at = 0;
  while (at < text.size() && *count > 0) {
    ++at;
    while (at < text.size() && (text[at] & 0xC0) == 0x80) ++at;
    --*count;
  }
  return at;
}

// The text as the type's length has it: cut if it is longer, padded if it is CHAR or BINARY. The
// result is `text` itself or a part of it unless it had to be padded into `padded`.
std::string_view Fit(std::string_view text, const Type& type, std::string* padded) {
  if (type.length == 0) return text;
  const bool is_bytes = type.id == TypeId::kBytes;
  uint32_t missing = type.length;
  if (is_bytes) {
    text = text.substr(0, type.length);
    missing -= static_cast<uint32_t>(text.size());
  } else if (text.size() > type.length || type.fixed_length) {
    text = text.substr(0, PrefixLength(text, &missing));
  }
  if (!type.fixed_length || missing == 0) return text;
  padded->assign(text).append(missing, is_bytes ? '\0' : ' ');
  return *padded;
}

// The length of the UTF-8 character at the front; 0 if it is none.
size_t CharacterLength(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, beyond U+10FFFF.
  const bool bad = (lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F) ||
                   (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F);
  return bad ? 0 : length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Every byte that belongs to no character becomes U+FFFD, as in Java.
std::string ReplaceInvalid(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

// Short strings are inside the reference anyway.
StringRef Copied(std::string_view text, Arena* heap) {
  return StringRef(text.size() <= StringRef::kInline ? text : heap->Copy(text));
}

// STRING and BYTES among each other share the characters unless they change.
Column FromBytes(const CastRequest& request) {
  const auto heap = std::make_shared<Arena>();
  const bool decode = request.from.id == TypeId::kBytes && request.to.id == TypeId::kString;
  std::string padded, replaced;
  Column out = MapRows<StringRef, StringRef>(request, [&](StringRef ref, StringRef* result) {
    std::string_view text = ref.view();
    bool changed = false;
    if (decode && !IsUtf8(text)) {
      text = replaced = ReplaceInvalid(text);
      changed = true;
    }
    padded.clear();
    text = Fit(text, request.to, &padded);
    *result = changed || !padded.empty()  ? Copied(text, heap.get())
              : text.size() == ref.size() ? ref
                                          : StringRef(text);
    // A short string's bytes are in the reference itself, and `ref` is a copy of it.
    return true;
  });
  out.KeepAliveOf(request.in);
  if (heap->allocated() > 0) out.KeepAlive(heap);
  return out;
}

}  // namespace

Column CastToText(const CastRequest& request) {
  if (IsText(request.from.id)) return FromBytes(request);
  const Column& in = request.in;
  const auto heap = std::make_shared<Arena>();
  Column out(request.to.id, in.size());
  out.set_valid(in.shared_valid());
  StringRef* results = out.mutable_data<StringRef>();
  std::string text, padded;
  for (size_t i = 0; i < in.size(); ++i) {
    results[i] = StringRef();
    if (in.IsNull(i)) continue;
    text.clear();
    AppendText(in, request.from, i, request.zone, &text);
    results[i] = Copied(Fit(text, request.to, &padded), heap.get());
  }
  if (heap->allocated() > 0) out.KeepAlive(heap);
  return out;
}

}  // namespace millrace
