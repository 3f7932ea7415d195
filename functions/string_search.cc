// Strings that are searched, split, replaced and joined.

#include <algorithm>
#include <limits>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/utf8.h"

namespace millrace {
namespace {

int32_t PositionAt(std::string_view s, size_t offset) {
  if (offset == std::string_view::npos) return 0;
  return static_cast<int32_t>(CountCodePoints(s.substr(0, offset))) + 1;
}

// The 1-based position of `needle`; 0 when it is not there.
int32_t Position(std::string_view needle, std::string_view s) {
  return PositionAt(s, s.find(needle));
}

// Looks from position `start` on, from the end backwards if it is negative, for the nth occurrence.
int32_t Instr(std::string_view s, std::string_view needle, int64_t start, int64_t nth) {
  if (start == 0 || nth <= 0) return 0;
  if (start < 0) {
    const int64_t begin = static_cast<int64_t>(CountCodePoints(s)) + start;
    if (begin < 0) return 0;
    size_t at = s.rfind(needle, OffsetOfCodePoint(s, static_cast<size_t>(begin)));
    while (at != std::string_view::npos && --nth > 0) {
      at = at == 0 ? std::string_view::npos : s.rfind(needle, at - 1);
    }
    return PositionAt(s, at);
  }
  const size_t begin = OffsetOfCodePoint(s, static_cast<size_t>(start - 1));
  if (begin == s.size() && !needle.empty()) return 0;
  size_t at = s.find(needle, begin);
  while (at != std::string_view::npos && --nth > 0) at = s.find(needle, at + 1);
  return PositionAt(s, at);
}

StringRef Replace(StringRef s, StringRef search, StringRef replacement, Heap& heap) {
  if (search.size() == 0) return s;
  size_t at = s.view().find(search.view());
  if (at == std::string_view::npos) return s;
  std::string out;
  size_t done = 0;
  for (; at != std::string_view::npos; at = s.view().find(search.view(), done)) {
    out += s.view().substr(done, at - done);
    out += replacement.view();
    done = at + search.size();
  }
  out += s.view().substr(done);
  return heap.Add(out);
}

// The part with a 0-based index; every separator counts. Without one, blanks separate words.
std::optional<StringRef> SplitIndex(StringRef s, StringRef separator, int32_t index) {
  if (index < 0 || s.size() == 0) return std::nullopt;
  const std::string_view by = separator.size() == 0 ? " " : separator.view();
  std::string_view rest = s.view();
  for (;; --index) {
    const size_t end = by.size() == 1 ? rest.find(by[0]) : rest.find(by);
    if (index == 0) return StringRef(rest.substr(0, end));
    if (end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end + by.size());
  }
}

std::optional<StringRef> SplitIndexByCode(StringRef s, int32_t code, int32_t index) {
  if (code <= 0 || code > 255) return std::nullopt;
  std::string separator;
  AppendCodePoint(static_cast<char32_t>(code), &separator);
  return SplitIndex(s, StringRef(separator), index);
}

StringRef Joined(StringRef a, StringRef b, Heap& heap) {
  if (b.size() == 0) return a;
  if (a.size() == 0) return b;
  const size_t size = size_t{a.size()} + b.size();
  char small[StringRef::kInline];
  char* out = size <= StringRef::kInline ? small : heap.arena()->Allocate(size);
  std::memcpy(out, a.data(), a.size());
  std::memcpy(out + a.size(), b.data(), b.size());
  return StringRef(std::string_view(out, size));
}

// CONCAT, whose result is null where an argument is.
Column Concatenate(std::span<const Column> arguments, size_t size, EvalContext&) {
  Column result(TypeId::kString, size);
  result.set_valid(scalar_internal::PropagateNulls(arguments, size));
  Heap heap;
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text.clear();
    if (!result.IsNull(i)) {
      for (const Column& argument : arguments) text += argument.at<StringRef>(i).view();
    }
    result.mutable_data<StringRef>()[i] = heap.Add(text);
  }
  result.KeepAlive(heap.arena());
  return result;
}

// CONCAT_WS: null when the separator is; null arguments are left out.
Column ConcatenateWith(std::span<const Column> arguments, size_t size, EvalContext&) {
  Column result(TypeId::kString, size);
  result.set_valid(scalar_internal::PropagateNulls(arguments.first(1), size));
  Heap heap;
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    text.clear();
    bool first = true;
    for (const Column& argument : arguments.subspan(1)) {
      if (result.IsNull(i) || argument.IsNull(i)) continue;
      if (!first) text += arguments[0].at<StringRef>(i).view();
      text += argument.at<StringRef>(i).view();
      first = false;
    }
    result.mutable_data<StringRef>()[i] = heap.Add(text);
  }
  result.KeepAlive(heap.arena());
  return result;
}

// ELT(n, s1, s2, …): the nth string, null when there is none.
Column Elt(std::span<const Column> arguments, size_t size, EvalContext&) {
  Column result(TypeId::kString, size);
  for (size_t i = 0; i < size; ++i) {
    const int64_t n = arguments[0].IsNull(i) ? 0 : arguments[0].at<int64_t>(i);
    const bool found = n > 0 && n < static_cast<int64_t>(arguments.size()) &&
                       !arguments[static_cast<size_t>(n)].IsNull(i);
    result.mutable_data<StringRef>()[i] =
        found ? arguments[static_cast<size_t>(n)].at<StringRef>(i) : StringRef();
    if (!found) result.SetNull(i);
  }
  scalar_internal::KeepAliveOfAll(arguments, &result);
  return result;
}

void DefineVariadic(FunctionRegistry& r, const char* name, std::vector<TypeId> parameters,
                    bool null_aware, ScalarKernel kernel) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = std::move(parameters);
  definition.variadic = true;
  definition.null_aware = null_aware;
  definition.result = [](std::span<const Type>) { return Type(TypeId::kString); };
  definition.make_kernel = [kernel](std::span<const Type>, const Type&) { return kernel; };
  r.Define(std::move(definition));
}

}  // namespace

void RegisterStringSearch(FunctionRegistry& r) {
  r.Add("position",
        [](StringRef needle, StringRef s) { return Position(needle.view(), s.view()); });
  r.Add("locate", [](StringRef needle, StringRef s) { return Position(needle.view(), s.view()); });
  r.Add("locate", [](StringRef needle, StringRef s, int64_t start) {
    return start > 0 ? Instr(s.view(), needle.view(), start, 1) : 0;
  });
  r.Add("instr", [](StringRef s, StringRef needle) { return Position(needle.view(), s.view()); });
  r.Add("instr", [](StringRef s, StringRef needle, int64_t start) {
    return Instr(s.view(), needle.view(), start, 1);
  });
  r.Add("instr", [](StringRef s, StringRef needle, int64_t start, int64_t nth) {
    return Instr(s.view(), needle.view(), start, nth);
  });
  r.Add("startswith", [](StringRef s, StringRef x) { return s.view().starts_with(x.view()); });
  r.Add("endswith", [](StringRef s, StringRef x) { return s.view().ends_with(x.view()); });
  r.Add("replace", Replace);
  r.Add("split_index", SplitIndex);
  r.Add("split_index", SplitIndexByCode);
  r.Add("||", Joined);
  DefineVariadic(r, "concat", {TypeId::kString}, false, Concatenate);
  DefineVariadic(r, "concat_ws", {TypeId::kString, TypeId::kString}, true, ConcatenateWith);
  DefineVariadic(r, "elt", {TypeId::kBigInt, TypeId::kString}, true, Elt);
}

}  // namespace millrace
