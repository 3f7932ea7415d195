// Access to the elements of ARRAY and MAP, and their constructors.

#include <algorithm>

#include "functions/families.h"
#include "functions/make_scalar.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr uint32_t kNothing = UINT32_MAX;

// The rows of a child column; NULL for kNothing.
Column TakeElements(const Column& collection, size_t child, std::vector<uint32_t> rows) {
  const Column& elements = collection.children()[child];
  if (elements.size() == 0) return Column::ConstantNull(elements.type(), rows.size());
  std::shared_ptr<uint8_t[]> valid(new uint8_t[rows.size()]);
  for (size_t i = 0; i < rows.size(); ++i) {
    valid[i] = rows[i] != kNothing && !elements.IsNull(rows[i]);
    if (rows[i] == kNothing) rows[i] = 0;
  }
  Column out = elements.Take(rows).Flatten();
  out.set_valid(std::move(valid));
  out.KeepAliveOf(collection);
  return out;
}

// array[i], 1-based; NULL when there is no such element.
Column ArrayElement(std::span<const Column> arguments, size_t size, EvalContext&) {
  const Column& array = arguments[0];
  std::vector<uint32_t> rows(size, kNothing);
  for (size_t i = 0; i < size; ++i) {
    if (array.IsNull(i) || arguments[1].IsNull(i)) continue;
    const ListEntry entry = array.at<ListEntry>(i);
    const int64_t index = arguments[1].at<int64_t>(i);
    if (index >= 1 && index <= entry.length) {
      rows[i] = entry.offset + static_cast<uint32_t>(index - 1);
    }
  }
  return TakeElements(array, 0, std::move(rows));
}

// The first element, from `entry` on, that equals the encoded value; kNothing if none does.
uint32_t FindElement(const Column& elements, ListEntry entry, std::string_view wanted) {
  std::string key;
  for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
    key.clear();
    AppendKeyColumn(elements, k, &key);
    if (key == wanted) return k;
  }
  return kNothing;
}

// For each row the element equal to the second argument.
std::vector<uint32_t> FindElements(std::span<const Column> arguments, size_t size) {
  std::vector<uint32_t> rows(size, kNothing);
  std::string wanted;
  for (size_t i = 0; i < size; ++i) {
    if (arguments[0].IsNull(i)) continue;
    wanted.clear();
    AppendKeyColumn(arguments[1], i, &wanted);
    rows[i] = FindElement(arguments[0].children()[0], arguments[0].at<ListEntry>(i), wanted);
  }
  return rows;
}

Column MapElement(std::span<const Column> arguments, size_t size, EvalContext&) {
  return TakeElements(arguments[0], 1, FindElements(arguments, size));
}

Column Contains(std::span<const Column> arguments, size_t size, EvalContext&) {
  const std::vector<uint32_t> rows = FindElements(arguments, size);
  Column out(TypeId::kBoolean, size);
  for (size_t i = 0; i < size; ++i) {
    out.mutable_data<bool>()[i] = rows[i] != kNothing;
    if (arguments[0].IsNull(i)) out.SetNull(i);
  }
  return out;
}

// The elements of a MULTISET count as often as they are there.
template <bool kMultiset>
Column Cardinality(std::span<const Column> arguments, size_t size, EvalContext&) {
  Column out(TypeId::kInteger, size);
  for (size_t i = 0; i < size; ++i) {
    out.mutable_data<int32_t>()[i] = 0;
    if (arguments[0].IsNull(i)) {
      out.SetNull(i);
      continue;
    }
    const ListEntry entry = arguments[0].at<ListEntry>(i);
    if (!kMultiset) {
      out.mutable_data<int32_t>()[i] = static_cast<int32_t>(entry.length);
      continue;
    }
    const Column& counts = arguments[0].children()[1];
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      out.mutable_data<int32_t>()[i] += counts.at<int32_t>(k);
    }
  }
  return out;
}

// ELEMENT(array): its only element.
Column OnlyElement(std::span<const Column> arguments, size_t size, EvalContext& context) {
  std::vector<uint32_t> rows(size, kNothing);
  for (size_t i = 0; i < size; ++i) {
    if (arguments[0].IsNull(i)) continue;
    const ListEntry entry = arguments[0].at<ListEntry>(i);
    if (entry.length == 1) rows[i] = entry.offset;
    if (entry.length > 1) {
      context.errors->push_back({static_cast<uint32_t>(i), "ELEMENT of an array with several"});
    }
  }
  return TakeElements(arguments[0], 0, std::move(rows));
}

// MAP_KEYS, MAP_VALUES: an array over the same child.
template <size_t kChild>
Column MapChild(std::span<const Column> arguments, size_t size, EvalContext&) {
  const Column map = arguments[0].Flatten();
  Column out(TypeId::kArray, size);
  std::copy_n(map.data<ListEntry>(), size, out.mutable_data<ListEntry>());
  out.set_valid(map.shared_valid());
  out.mutable_children().push_back(map.children()[kChild]);
  out.KeepAliveOf(map);
  return out;
}

// The index as BIGINT, the key as the map's key, the value as the array's element.
std::optional<std::vector<Type>> CoerceAccess(std::span<const Type> arguments) {
  const Type& collection = arguments[0];
  const bool list = collection.id == TypeId::kArray || collection.id == TypeId::kMap;
  if (!list || !collection.children) return std::nullopt;
  const std::optional<Type> element = CommonType((*collection.children)[0].type, arguments[1]);
  if (!element) return std::nullopt;
  return std::vector<Type>{collection, (*collection.children)[0].type};
}

std::optional<std::vector<Type>> CoerceSubscript(std::span<const Type> arguments) {
  if (arguments[0].id == TypeId::kMap) return CoerceAccess(arguments);
  const bool index = IsInteger(arguments[1].id) || arguments[1].id == TypeId::kNull;
  if (arguments[0].id != TypeId::kArray || !index) return std::nullopt;
  return std::vector<Type>{arguments[0], TypeId::kBigInt};
}

template <size_t kChild>
std::optional<Type> ChildType(std::span<const Type> arguments) {
  const Type& type = arguments[0];
  const bool list = type.id == TypeId::kArray || type.id == TypeId::kMap;
  if (!list || !type.children || type.children->size() <= kChild) return std::nullopt;
  return (*type.children)[kChild].type.AsNullable();
}

std::optional<Type> ElementType(std::span<const Type> arguments) {
  return arguments[0].id == TypeId::kMap ? ChildType<1>(arguments) : ChildType<0>(arguments);
}

template <size_t kChild>
std::optional<Type> ChildArrayType(std::span<const Type> arguments) {
  if (arguments[0].id != TypeId::kMap) return std::nullopt;
  return Type::MakeArray((*arguments[0].children)[kChild].type);
}

FunctionRegistry::Definition Definition(const char* name, size_t parameters, ResultType result,
                                        ScalarKernel kernel) {
  FunctionRegistry::Definition definition;
  definition.name = name;
  definition.parameters.assign(parameters, TypeId::kNull);
  definition.result = std::move(result);
  definition.make_kernel = [kernel = std::move(kernel)](std::span<const Type>, const Type&) {
    return kernel;
  };
  return definition;
}

void DefineSubscript(FunctionRegistry& r) {
  FunctionRegistry::Definition definition = Definition("[]", 2, ElementType, nullptr);
  definition.coerce = CoerceSubscript;
  definition.may_be_null = true;
  definition.make_kernel = [](std::span<const Type> arguments, const Type&) -> ScalarKernel {
    if (arguments[0].id == TypeId::kMap) return MapElement;
    return ArrayElement;
  };
  r.Define(std::move(definition));
}

std::optional<Type> CardinalityType(std::span<const Type> arguments) {
  const bool list = arguments[0].id == TypeId::kArray || arguments[0].id == TypeId::kMap;
  return list ? std::optional<Type>(TypeId::kInteger) : std::nullopt;
}

}  // namespace

void RegisterCollection(FunctionRegistry& r) {
  DefineSubscript(r);
  FunctionRegistry::Definition cardinality = Definition("cardinality", 1, CardinalityType, nullptr);
  cardinality.make_kernel = [](std::span<const Type> arguments, const Type&) -> ScalarKernel {
    if (arguments[0].multiset) return Cardinality<true>;
    return Cardinality<false>;
  };
  r.Define(std::move(cardinality));
  r.Define(Definition("map_keys", 1, ChildArrayType<0>, MapChild<0>));
  r.Define(Definition("map_values", 1, ChildArrayType<1>, MapChild<1>));

  FunctionRegistry::Definition element = Definition("element", 1, ChildType<0>, OnlyElement);
  element.may_be_null = true;
  r.Define(std::move(element));

  const auto boolean = [](std::span<const Type>) { return Type(TypeId::kBoolean, false); };
  FunctionRegistry::Definition contains = Definition("array_contains", 2, boolean, Contains);
  contains.coerce = CoerceAccess;
  r.Define(std::move(contains));
}

}  // namespace millrace
