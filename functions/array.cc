// Functions that make arrays and maps of the elements of others.
//
// Elements are equal when their encoded keys are (types/row_key.h): NULL equals NULL.

#include <algorithm>
#include <unordered_set>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "functions/utf8.h"
#include "types/row_key.h"

namespace millrace {
namespace {

using Arguments = std::span<const Column>;

std::string KeyOf(const Column& elements, uint32_t row) {
  std::string key;
  AppendKeyColumn(elements, row, &key);
  return key;
}

// Makes lists, row after row, of elements that are picked from a column by their places.
class ListMaker {
 public:
  ListMaker(TypeId type, size_t size) : lists_(type, size) {}

  void Pick(uint32_t element) { picked_.push_back(element); }
  void PickAll(ListEntry entry, uint32_t shift = 0) {
    for (uint32_t k = 0; k < entry.length; ++k) Pick(entry.offset + k + shift);
  }
  // What was picked since the last row is row i.
  void EndRow(size_t i) {
    const uint32_t end = static_cast<uint32_t>(picked_.size());
    lists_.mutable_data<ListEntry>()[i] = {begin_, end - begin_};
    begin_ = end;
  }
  void EndNull(size_t i) {
    EndRow(i);
    lists_.SetNull(i);
  }
  // `children`: the columns picked from; one for an ARRAY, two for a MAP.
  Column Finish(Arguments children, Arguments arguments) {
    for (const Column& child : children) {
      lists_.mutable_children().push_back(child.Flatten().Take(picked_));
    }
    for (const Column& argument : arguments) lists_.KeepAliveOf(argument);
    return std::move(lists_);
  }

 private:
  Column lists_;
  std::vector<uint32_t> picked_;
  uint32_t begin_ = 0;
};

bool AnyNull(Arguments arguments, size_t i) {
  return std::ranges::any_of(arguments, [&](const Column& column) { return column.IsNull(i); });
}

// An array of each row's array: f(maker, elements, entry, i) picks from it. NULL if any argument
// is.
template <class F>
Column MapArrays(Arguments arguments, size_t size, const F& f) {
  ListMaker maker(TypeId::kArray, size);
  const Column& elements = arguments[0].children()[0];
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      maker.EndNull(i);
    } else {
      f(maker, elements, arguments[0].at<ListEntry>(i), i);
      maker.EndRow(i);
    }
  }
  return maker.Finish({&elements, 1}, arguments);
}

// ARRAY_APPEND and ARRAY_PREPEND; the element may be NULL.
template <bool kFront>
Column AddElement(Arguments arguments, size_t size, EvalContext&) {
  const Column parts[] = {arguments[0].children()[0], arguments[1].Flatten()};
  const Column elements = Concat(parts);
  const uint32_t first_added = static_cast<uint32_t>(parts[0].size());
  ListMaker maker(TypeId::kArray, size);
  for (size_t i = 0; i < size; ++i) {
    if (arguments[0].IsNull(i)) {
      maker.EndNull(i);
      continue;
    }
    const uint32_t added = first_added + static_cast<uint32_t>(i);
    if (kFront) maker.Pick(added);
    maker.PickAll(arguments[0].at<ListEntry>(i));
    if (!kFront) maker.Pick(added);
    maker.EndRow(i);
  }
  return maker.Finish({&elements, 1}, arguments);
}

// The children `k` of all arguments in one column; `firsts` receives where each one's begin.
Column ConcatChildren(Arguments arguments, size_t k, std::vector<uint32_t>* firsts) {
  std::vector<Column> parts;
  uint32_t first = 0;
  firsts->clear();
  for (const Column& argument : arguments) {
    parts.push_back(argument.children()[k]);
    firsts->push_back(first);
    first += static_cast<uint32_t>(parts.back().size());
  }
  return Concat(parts);
}

Column ConcatArrays(Arguments arguments, size_t size, EvalContext&) {
  std::vector<uint32_t> firsts;
  const Column elements = ConcatChildren(arguments, 0, &firsts);
  ListMaker maker(TypeId::kArray, size);
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      maker.EndNull(i);
      continue;
    }
    for (size_t a = 0; a < arguments.size(); ++a) {
      maker.PickAll(arguments[a].at<ListEntry>(i), firsts[a]);
    }
    maker.EndRow(i);
  }
  return maker.Finish({&elements, 1}, arguments);
}

// Picks the elements of `entry` that `wanted` takes, each value once.
template <class Wanted>
void PickDistinct(const Column& elements, ListEntry entry, const Wanted& wanted, ListMaker* maker) {
  std::unordered_set<std::string> seen;
  for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
    std::string key = KeyOf(elements, k);
    if (wanted(key) && seen.insert(std::move(key)).second) maker->Pick(k);
  }
}

Column Distinct(Arguments arguments, size_t size, EvalContext&) {
  return MapArrays(arguments, size,
                   [](ListMaker& maker, const Column& elements, ListEntry entry, size_t) {
                     PickDistinct(
                         elements, entry, [](const std::string&) { return true; }, &maker);
                   });
}

// ARRAY_INTERSECT and ARRAY_EXCEPT: the first array's elements that the second has, or has not.
template <bool kHas>
Column Filter(Arguments arguments, size_t size, EvalContext&) {
  const Column& others = arguments[1].children()[0];
  return MapArrays(
      arguments, size, [&](ListMaker& maker, const Column& elements, ListEntry entry, size_t i) {
        std::unordered_set<std::string> other;
        const ListEntry second = arguments[1].at<ListEntry>(i);
        for (uint32_t k = 0; k < second.length; ++k) other.insert(KeyOf(others, second.offset + k));
        PickDistinct(
            elements, entry, [&](const std::string& key) { return other.contains(key) == kHas; },
            &maker);
      });
}

Column Union(Arguments arguments, size_t size, EvalContext& context) {
  const Column both[] = {ConcatArrays(arguments, size, context)};
  return Distinct(both, size, context);
}

Column Reverse(Arguments arguments, size_t size, EvalContext&) {
  return MapArrays(arguments, size, [](ListMaker& maker, const Column&, ListEntry entry, size_t) {
    for (uint32_t k = entry.length; k-- > 0;) maker.Pick(entry.offset + k);
  });
}

// From the first place to the last, counted from 1, or from the end if negative; 0 is 1.
Column ArraySlice(Arguments arguments, size_t size, EvalContext&) {
  return MapArrays(arguments, size,
                   [&](ListMaker& maker, const Column&, ListEntry entry, size_t i) {
                     const int64_t length = entry.length;
                     const auto place = [&](const Column& column) {
                       const int64_t at = column.at<int32_t>(i);
                       return at < 0 ? at + length + 1 : at;
                     };
                     const int64_t first = std::max<int64_t>(1, place(arguments[1]));
                     int64_t last = arguments.size() > 2 ? place(arguments[2]) : length;
                     if (arguments.size() > 2 && arguments[2].at<int32_t>(i) == 0) last = 1;
                     last = std::min(last, length);
                     for (int64_t k = first; k <= last; ++k) {
                       maker.Pick(entry.offset + static_cast<uint32_t>(k - 1));
                     }
                   });
}

// ARRAY_SORT(array[, ascending[, nulls first]]); without the last, NULLs are least.
Column ArraySort(Arguments arguments, size_t size, EvalContext&) {
  return MapArrays(
      arguments, size, [&](ListMaker& maker, const Column& elements, ListEntry entry, size_t i) {
        const bool ascending = arguments.size() < 2 || arguments[1].at<bool>(i);
        const bool nulls_first = arguments.size() < 3 ? ascending : arguments[2].at<bool>(i);
        std::vector<std::pair<std::string, uint32_t>> keys;
        uint32_t nulls = 0, null_row = 0;
        for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
          if (elements.IsNull(k)) {
            ++nulls;
            null_row = k;
          } else {
            keys.emplace_back(KeyOf(elements, k), k);
          }
        }
        std::ranges::sort(keys);
        if (!ascending) std::ranges::reverse(keys);
        for (uint32_t n = 0; nulls_first && n < nulls; ++n) maker.Pick(null_row);
        for (const auto& [key, row] : keys) maker.Pick(row);
        for (uint32_t n = 0; !nulls_first && n < nulls; ++n) maker.Pick(null_row);
      });
}

// The element may be NULL: all NULLs go.
Column Remove(Arguments arguments, size_t size, EvalContext&) {
  return MapArrays(arguments.first(1), size,
                   [&](ListMaker& maker, const Column& elements, ListEntry entry, size_t i) {
                     const std::string gone = KeyOf(arguments[1], static_cast<uint32_t>(i));
                     for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
                       if (KeyOf(elements, k) != gone) maker.Pick(k);
                     }
                   });
}

// The first place of the element, from 1; 0 when it is nowhere.
Column Position(Arguments arguments, size_t size, EvalContext&) {
  Column out(TypeId::kInteger, size);
  for (size_t i = 0; i < size; ++i) {
    int32_t& place = out.mutable_data<int32_t>()[i];
    place = 0;
    if (AnyNull(arguments, i)) {
      out.SetNull(i);
      continue;
    }
    const Column& elements = arguments[0].children()[0];
    const ListEntry entry = arguments[0].at<ListEntry>(i);
    const std::string wanted = KeyOf(arguments[1], static_cast<uint32_t>(i));
    for (uint32_t k = 0; k < entry.length && place == 0; ++k) {
      if (KeyOf(elements, entry.offset + k) == wanted) place = static_cast<int32_t>(k + 1);
    }
  }
  return out;
}

// ARRAY_MAX and ARRAY_MIN, without NULLs; NULL when there is nothing else.
template <bool kGreatest>
Column Extreme(Arguments arguments, size_t size, EvalContext&) {
  const Column& elements = arguments[0].children()[0];
  std::vector<uint32_t> rows(size);
  std::shared_ptr<uint8_t[]> valid(new uint8_t[size]);
  for (size_t i = 0; i < size; ++i) {
    valid[i] = 0;
    if (arguments[0].IsNull(i)) continue;
    const ListEntry entry = arguments[0].at<ListEntry>(i);
    std::string best;
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      if (elements.IsNull(k)) continue;
      std::string key = KeyOf(elements, k);
      if (valid[i] != 0 && (kGreatest ? key <= best : key >= best)) continue;
      best = std::move(key);
      valid[i] = 1;
      rows[i] = k;
    }
  }
  if (elements.size() == 0) return Column::ConstantNull(elements.type(), size);
  Column out = elements.Take(rows).Flatten();
  out.set_valid(std::move(valid));
  out.KeepAliveOf(arguments[0]);
  return out;
}

// ARRAY_JOIN(array, delimiter[, in place of NULL]); NULLs are left out otherwise.
Column Join(Arguments arguments, size_t size, EvalContext&) {
  Column out(TypeId::kString, size);
  Heap heap;
  std::string text;
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      out.SetNull(i);
      continue;
    }
    const Column& elements = arguments[0].children()[0];
    const ListEntry entry = arguments[0].at<ListEntry>(i);
    text.clear();
    bool first = true;
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      const bool null = elements.IsNull(k);
      if (null && arguments.size() < 3) continue;
      if (!std::exchange(first, false)) text.append(arguments[1].at<StringRef>(i).view());
      text.append((null ? arguments[2].at<StringRef>(i) : elements.at<StringRef>(k)).view());
    }
    out.mutable_data<StringRef>()[i] = heap.Add(text);
  }
  out.KeepAlive(heap.arena());
  return out;
}

// f(part) for the parts of `text`: its code points when the delimiter is empty.
template <class F>
void ForEachPart(std::string_view text, std::string_view delimiter, const F& f) {
  if (delimiter.empty()) {
    for (size_t length; !text.empty(); text.remove_prefix(length)) {
      length = FirstCodePoint(text).length;
      f(text.substr(0, length));
    }
    return;
  }
  for (;;) {
    const size_t end = text.find(delimiter);
    f(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + delimiter.size());
  }
}

// Strings that are parts of the arguments.
class Parts {
 public:
  uint32_t Add(std::string_view part) {
    parts_.push_back(StringRef(part));
    return static_cast<uint32_t>(parts_.size() - 1);
  }
  Column Make() const {
    Column column(TypeId::kString, parts_.size());
    std::ranges::copy(parts_, column.mutable_data<StringRef>());
    return column;
  }

 private:
  std::vector<StringRef> parts_;
};

// Short strings lie in the column itself, so what points to them must not outlive a copy of it.
std::string_view Persist(const Column& column, size_t i, Heap* heap) {
  const StringRef ref = column.at<StringRef>(i);
  return ref.is_inline() ? heap->arena()->Copy(ref.view()) : ref.view();
}

Column Split(Arguments arguments, size_t size, EvalContext&) {
  ListMaker maker(TypeId::kArray, size);
  Parts parts;
  Heap heap;
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      maker.EndNull(i);
      continue;
    }
    ForEachPart(Persist(arguments[0], i, &heap), arguments[1].at<StringRef>(i).view(),
                [&](std::string_view part) { maker.Pick(parts.Add(part)); });
    maker.EndRow(i);
  }
  const Column elements = parts.Make();
  Column out = maker.Finish({&elements, 1}, arguments);
  out.KeepAlive(heap.arena());
  return out;
}

// STR_TO_MAP(text[, between entries[, between key and value]]): the last value of a key counts, and
// a key without a value has NULL.
Column StrToMap(Arguments arguments, size_t size, EvalContext&) {
  ListMaker maker(TypeId::kMap, size);
  Parts keys, values;
  std::vector<uint8_t> valid;
  Heap heap;
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      maker.EndNull(i);
      continue;
    }
    const auto delimiter = [&](size_t argument, std::string_view otherwise) {
      return argument < arguments.size() ? Persist(arguments[argument], i, &heap) : otherwise;
    };
    const std::string_view between = delimiter(1, ","), equals = delimiter(2, "=");
    std::vector<std::pair<std::string_view, uint32_t>> row;
    ForEachPart(Persist(arguments[0], i, &heap), between, [&](std::string_view part) {
      const size_t at = equals.empty() ? std::string_view::npos : part.find(equals);
      const std::string_view key = part.substr(0, at);
      const bool has_value = at != std::string_view::npos;
      const uint32_t place = keys.Add(key);
      values.Add(has_value ? part.substr(at + equals.size()) : std::string_view());
      valid.push_back(has_value);
      const auto known = std::ranges::find(row, key, &std::pair<std::string_view, uint32_t>::first);
      if (known == row.end()) {
        row.emplace_back(key, place);
      } else {
        known->second = place;
      }
    });
    for (const auto& [key, place] : row) maker.Pick(place);
    maker.EndRow(i);
  }
  Column children[] = {keys.Make(), values.Make()};
  for (size_t k = 0; k < valid.size(); ++k) {
    if (!valid[k]) children[1].SetNull(k);
  }
  Column out = maker.Finish(children, arguments);
  out.KeepAlive(heap.arena());
  return out;
}

// An array of ROWs of key and value, over the map's own children.
Column MapEntries(Arguments arguments, size_t size, EvalContext&) {
  const Column map = arguments[0].Flatten();
  Column rows(TypeId::kRow, map.children()[0].size());
  for (const Column& child : map.children()) rows.mutable_children().push_back(child.Flatten());
  Column out(TypeId::kArray, size);
  std::copy_n(map.data<ListEntry>(), size, out.mutable_data<ListEntry>());
  out.set_valid(map.shared_valid());
  out.mutable_children().push_back(std::move(rows));
  out.KeepAliveOf(map);
  return out;
}

// Picks the entries so that each key is there once, with its last value.
void PickEntries(const Column& keys, std::span<const uint32_t> entries, ListMaker* maker) {
  std::vector<std::pair<std::string, uint32_t>> picked;
  for (uint32_t entry : entries) {
    std::string key = KeyOf(keys, entry);
    const auto known = std::ranges::find(picked, key, &std::pair<std::string, uint32_t>::first);
    if (known == picked.end()) {
      picked.emplace_back(std::move(key), entry);
    } else {
      known->second = entry;
    }
  }
  for (const auto& [key, entry] : picked) maker->Pick(entry);
}

Column MapUnion(Arguments arguments, size_t size, EvalContext&) {
  std::vector<uint32_t> firsts;
  const Column children[] = {ConcatChildren(arguments, 0, &firsts),
                             ConcatChildren(arguments, 1, &firsts)};
  ListMaker maker(TypeId::kMap, size);
  std::vector<uint32_t> entries;
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      maker.EndNull(i);
      continue;
    }
    entries.clear();
    for (size_t a = 0; a < arguments.size(); ++a) {
      const ListEntry entry = arguments[a].at<ListEntry>(i);
      for (uint32_t k = 0; k < entry.length; ++k) entries.push_back(firsts[a] + entry.offset + k);
    }
    PickEntries(children[0], entries, &maker);
    maker.EndRow(i);
  }
  return maker.Finish(children, arguments);
}

// MAP[key, value, …]
Column MakeMap(Arguments arguments, size_t size, EvalContext&) {
  std::vector<Column> keys, values;
  for (size_t a = 0; a < arguments.size(); ++a) {
    (a % 2 == 0 ? keys : values).push_back(arguments[a].Flatten());
  }
  const Column children[] = {Concat(keys), Concat(values)};
  ListMaker maker(TypeId::kMap, size);
  std::vector<uint32_t> entries(keys.size());
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < keys.size(); ++k) entries[k] = static_cast<uint32_t>(k * size + i);
    PickEntries(children[0], entries, &maker);
    maker.EndRow(i);
  }
  return maker.Finish(children, arguments);
}

Column MapFromArrays(Arguments arguments, size_t size, EvalContext& context) {
  // Values are brought to the places of their keys.
  const Column &keys = arguments[0].children()[0], &values = arguments[1].children()[0];
  std::vector<uint32_t> key_rows, value_rows, entries;
  ListMaker maker(TypeId::kMap, size);
  const auto add = [&](size_t i, ListEntry key, ListEntry value) {
    if (key.length != value.length) {
      context.errors->push_back({static_cast<uint32_t>(i),
                                 "MAP_FROM_ARRAYS of arrays with different numbers of elements"});
      return;
    }
    for (uint32_t k = 0; k < key.length; ++k) {
      entries.push_back(static_cast<uint32_t>(key_rows.size()));
      key_rows.push_back(key.offset + k);
      value_rows.push_back(value.offset + k);
    }
  };
  std::vector<std::vector<uint32_t>> rows(size);
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) continue;
    entries.clear();
    add(i, arguments[0].at<ListEntry>(i), arguments[1].at<ListEntry>(i));
    rows[i] = entries;
  }
  const Column children[] = {keys.Flatten().Take(key_rows), values.Flatten().Take(value_rows)};
  for (size_t i = 0; i < size; ++i) {
    if (AnyNull(arguments, i)) {
      maker.EndNull(i);
      continue;
    }
    PickEntries(children[0], rows[i], &maker);
    maker.EndRow(i);
  }
  return maker.Finish(children, arguments);
}

// -------------------------------------------------------------------------------------- types

using Types = std::span<const Type>;
using Coerced = std::optional<std::vector<Type>>;

bool IsArray(const Type& type) { return type.id == TypeId::kArray && type.children; }
bool IsMap(const Type& type) { return type.id == TypeId::kMap && type.children; }
const Type& ElementOf(const Type& array) { return (*array.children)[0].type; }

// An array and an element of one type.
Coerced ArrayAndElement(Types arguments) {
  if (!IsArray(arguments[0])) return std::nullopt;
  const std::optional<Type> common = CommonType(ElementOf(arguments[0]), arguments[1]);
  if (!common) return std::nullopt;
  return std::vector<Type>{Type::MakeArray(*common), *common};
}

// Collections of one type.
Coerced SameCollections(Types arguments, TypeId id) {
  if (arguments.empty()) return std::nullopt;
  std::optional<Type> common = arguments[0];
  for (const Type& type : arguments) {
    if (type.id != id || !type.children) return std::nullopt;
    if (common) common = CommonType(*common, type);
  }
  if (!common) return std::nullopt;
  return std::vector<Type>(arguments.size(), *common);
}
Coerced SameArrays(Types arguments) { return SameCollections(arguments, TypeId::kArray); }
Coerced SameMaps(Types arguments) { return SameCollections(arguments, TypeId::kMap); }

// Keys of one type and values of one.
Coerced CoercePairs(Types arguments) {
  if (arguments.empty() || arguments.size() % 2 != 0) return std::nullopt;
  std::optional<Type> common[] = {arguments[0], arguments[1]};
  for (size_t i = 2; i < arguments.size(); ++i) {
    if (common[i % 2]) common[i % 2] = CommonType(*common[i % 2], arguments[i]);
  }
  if (!common[0] || !common[1]) return std::nullopt;
  std::vector<Type> types;
  for (size_t i = 0; i < arguments.size(); ++i) types.push_back(*common[i % 2]);
  return types;
}

std::optional<Type> PairsType(Types arguments) {
  bool nullable[] = {false, false};
  for (size_t i = 0; i < arguments.size(); ++i) nullable[i % 2] |= arguments[i].nullable;
  return Type::MakeMap(arguments[0].AsNullable(nullable[0]), arguments[1].AsNullable(nullable[1]))
      .AsNullable(false);
}

// An array and then what `rest` says.
std::function<Coerced(Types)> ArrayThen(std::vector<Type> rest) {
  return [rest = std::move(rest)](Types arguments) -> Coerced {
    if (!IsArray(arguments[0])) return std::nullopt;
    std::vector<Type> types{arguments[0]};
    for (size_t i = 1; i < arguments.size(); ++i) {
      const bool integer = rest[i - 1].id == TypeId::kInteger && IsInteger(arguments[i].id);
      const bool fits =
          integer || arguments[i].id == rest[i - 1].id || arguments[i].id == TypeId::kNull;
      if (!fits) return std::nullopt;
      types.push_back(rest[i - 1]);
    }
    return types;
  };
}

Coerced StringArrayThen(Types arguments) {
  if (!IsArray(arguments[0]) || ElementOf(arguments[0]).id != TypeId::kString) return std::nullopt;
  return ArrayThen({TypeId::kString, TypeId::kString})(arguments);
}

std::optional<Type> FirstType(Types arguments) { return arguments[0]; }
std::optional<Type> ElementType(Types arguments) {
  if (!IsArray(arguments[0]) || ElementOf(arguments[0]).children) return std::nullopt;
  return ElementOf(arguments[0]).AsNullable();
}
std::optional<Type> StringArrayType(Types) { return Type::MakeArray(Type(TypeId::kString, false)); }
std::optional<Type> StringMapType(Types) {
  return Type::MakeMap(Type(TypeId::kString, false), TypeId::kString);
}
std::optional<Type> EntriesType(Types arguments) {
  if (!IsMap(arguments[0])) return std::nullopt;
  return Type::MakeArray(Type::MakeRow(*arguments[0].children).AsNullable(false));
}
std::optional<Type> MapOfArrays(Types arguments) {
  if (!IsArray(arguments[0]) || !IsArray(arguments[1])) return std::nullopt;
  return Type::MakeMap(ElementOf(arguments[0]), ElementOf(arguments[1]));
}

struct Signature {
  std::vector<TypeId> parameters;
  ResultType result;
  std::function<Coerced(Types)> coerce;
};

void Define(FunctionRegistry& r, const char* name, Signature signature, ScalarKernel kernel,
            bool variadic = false, bool may_be_null = false) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters = std::move(signature.parameters);
  definition.variadic = variadic;
  definition.result = std::move(signature.result);
  definition.coerce = std::move(signature.coerce);
  definition.may_be_null = may_be_null;
  definition.make_kernel = [kernel = std::move(kernel)](Types, const Type&) { return kernel; };
  r.Define(std::move(definition));
}

}  // namespace

void RegisterArrays(FunctionRegistry& r) {
  constexpr TypeId kAny = TypeId::kNull;
  const Signature add{{kAny, kAny}, FirstType, ArrayAndElement};
  Define(r, "array_append", add, AddElement<false>);
  Define(r, "array_prepend", add, AddElement<true>);
  Define(r, "array_remove", add, Remove);
  const auto place = [](Types) { return Type(TypeId::kInteger); };
  Define(r, "array_position", {{kAny, kAny}, place, ArrayAndElement}, Position);

  Define(r, "array_concat", {{kAny}, FirstType, SameArrays}, ConcatArrays, /*variadic=*/true);
  const Signature two{{kAny, kAny}, FirstType, SameArrays};
  Define(r, "array_union", two, Union);
  Define(r, "array_intersect", two, Filter<true>);
  Define(r, "array_except", two, Filter<false>);

  const Signature one{{kAny}, FirstType, ArrayThen({})};
  Define(r, "array_distinct", one, Distinct);
  Define(r, "array_reverse", one, Reverse);
  Define(r, "array_max", {{kAny}, ElementType, {}}, Extreme<true>, false, /*may_be_null=*/true);
  Define(r, "array_min", {{kAny}, ElementType, {}}, Extreme<false>, false, /*may_be_null=*/true);

  const auto sort = ArrayThen({TypeId::kBoolean, TypeId::kBoolean});
  Define(r, "array_sort", one, ArraySort);
  Define(r, "array_sort", {{kAny, kAny}, FirstType, sort}, ArraySort);
  Define(r, "array_sort", {{kAny, kAny, kAny}, FirstType, sort}, ArraySort);
  const auto slice = ArrayThen({TypeId::kInteger, TypeId::kInteger});
  Define(r, "array_slice", {{kAny, kAny}, FirstType, slice}, ArraySlice);
  Define(r, "array_slice", {{kAny, kAny, kAny}, FirstType, slice}, ArraySlice);
  const auto string = [](Types) { return Type(TypeId::kString); };
  Define(r, "array_join", {{kAny, kAny}, string, StringArrayThen}, Join);
  Define(r, "array_join", {{kAny, kAny, kAny}, string, StringArrayThen}, Join);

  constexpr TypeId kString = TypeId::kString;
  Define(r, "split", {{kString, kString}, StringArrayType, {}}, Split);
  Define(r, "str_to_map", {{kString}, StringMapType, {}}, StrToMap);
  Define(r, "str_to_map", {{kString, kString}, StringMapType, {}}, StrToMap);
  Define(r, "str_to_map", {{kString, kString, kString}, StringMapType, {}}, StrToMap);

  FunctionRegistry::Definition map;
  map.name = "map";
  map.parameters = {kAny};
  map.variadic = true;
  map.null_aware = true;
  map.result = PairsType;
  map.coerce = CoercePairs;
  map.make_kernel = [](Types, const Type&) -> ScalarKernel { return MakeMap; };
  r.Define(std::move(map));
  Define(r, "map_entries", {{kAny}, EntriesType, {}}, MapEntries);
  Define(r, "map_union", {{kAny}, FirstType, SameMaps}, MapUnion, /*variadic=*/true);
  Define(r, "map_from_arrays", {{kAny, kAny}, MapOfArrays, {}}, MapFromArrays);
}

}  // namespace millrace
