// Aggregates of all values of a group: LISTAGG, ARRAY_AGG, COLLECT, PERCENTILE, SINGLE_VALUE.

#include <algorithm>
#include <cmath>
#include <limits>

#include "functions/families.h"
#include "functions/held_result.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr size_t kMostBytes = 1 << 30;     // Of a string.
constexpr size_t kMostElements = 1 << 26;  // Of an array.

void Fail(size_t group, const char* message, RowErrors* errors) {
  errors->push_back({static_cast<uint32_t>(group), message});
}

// f(group, begin, end) for the values of each group.
template <class F>
void ForEachGroup(const GroupValues& values, const F& f) {
  size_t begin = 0;
  for (size_t group = 0; group < values.ends.size(); ++group) {
    f(group, begin, values.ends[group]);
    begin = values.ends[group];
  }
}

int64_t CountOf(const GroupValues& values, size_t begin, size_t end) {
  int64_t count = 0;
  for (size_t i = begin; i < end; ++i) count += values.counts[i];
  return count;
}

// The argument of an ordered aggregate, behind what orders it.
const Column& ArgumentOf(const GroupValues& values) { return values.values->children().back(); }

// SINGLE_VALUE, which the planner puts over a scalar subquery: the value of the only row.
Column SingleValues(const Type& type, const GroupValues& values, RowErrors* errors) {
  Column out = MakeColumn(type, values.ends.size());
  const auto heap = std::make_shared<Arena>();
  ForEachGroup(values, [&](size_t group, size_t begin, size_t end) {
    if (end - begin == 1 && values.counts[begin] == 1) {
      return CopyValue(*values.values, begin, &out, group, heap.get());
    }
    ClearValue(&out, group);
    if (begin < end) Fail(group, "the scalar subquery gives more than one row", errors);
  });
  out.KeepAlive(heap);
  return out;
}

Column JoinStrings(std::string_view separator, const GroupValues& values, RowErrors* errors) {
  const Column& strings = ArgumentOf(values);
  Column out(TypeId::kString, values.ends.size());
  const auto heap = std::make_shared<Arena>();
  std::string text;
  ForEachGroup(values, [&](size_t group, size_t begin, size_t end) {
    if (begin == end) return out.SetNull(group);
    text.clear();
    for (size_t i = begin; i < end && text.size() <= kMostBytes; ++i) {
      const StringRef value = strings.at<StringRef>(i);
      for (int64_t n = 0; n < values.counts[i] && text.size() <= kMostBytes; ++n) {
        if (i > begin || n > 0) text.append(separator);
        text.append(value.view());
      }
    }
    if (text.size() > kMostBytes) Fail(group, "the string of LISTAGG is too long", errors);
    out.mutable_data<StringRef>()[group] =
        text.size() <= StringRef::kInline ? StringRef(text) : StringRef(heap->Copy(text));
  });
  out.KeepAlive(heap);
  return out;
}

// A column of arrays or maps over `elements`, whose rows are the groups' in turn.
class Lists {
 public:
  Lists(TypeId type, size_t groups) : lists_(type, groups) {}

  // The group has the next `length` elements.
  void Add(size_t group, size_t length) {
    lists_.mutable_data<ListEntry>()[group] = {offset_, static_cast<uint32_t>(length)};
    offset_ += static_cast<uint32_t>(length);
  }
  void AddNull(size_t group) { lists_.SetNull(group); }
  Column Finish(std::vector<Column> elements) {
    for (const Column& child : elements) lists_.KeepAliveOf(child);
    lists_.mutable_children() = std::move(elements);
    return std::move(lists_);
  }

 private:
  Column lists_;
  uint32_t offset_ = 0;
};

Column MakeArrays(const GroupValues& values, RowErrors* errors) {
  Lists lists(TypeId::kArray, values.ends.size());
  std::vector<uint32_t> rows;
  ForEachGroup(values, [&](size_t group, size_t begin, size_t end) {
    if (begin == end) return lists.AddNull(group);
    const size_t first = rows.size();
    if (CountOf(values, begin, end) > static_cast<int64_t>(kMostElements)) {
      Fail(group, "the array of ARRAY_AGG is too long", errors);
      return lists.AddNull(group);
    }
    for (size_t i = begin; i < end; ++i) {
      rows.insert(rows.end(), static_cast<size_t>(values.counts[i]), static_cast<uint32_t>(i));
    }
    lists.Add(group, rows.size() - first);
  });
  Column elements = ArgumentOf(values).Take(rows);
  elements.KeepAliveOf(*values.values);
  return lists.Finish({std::move(elements)});
}

// A MULTISET is a MAP of the values to how often they are there.
Column MakeMultisets(const GroupValues& values, RowErrors* errors) {
  Lists lists(TypeId::kMap, values.ends.size());
  Column counts(TypeId::kInteger, values.counts.size());
  ForEachGroup(values, [&](size_t group, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (values.counts[i] > std::numeric_limits<int32_t>::max()) {
        Fail(group, "INT overflow in the counts of COLLECT", errors);
      }
      counts.mutable_data<int32_t>()[i] = static_cast<int32_t>(values.counts[i]);
    }
    lists.Add(group, end - begin);
  });
  return lists.Finish({*values.values, std::move(counts)});
}

// The values of a group and how many of its rows come before each one's end.
class Distribution {
 public:
  Distribution(const GroupValues& values, size_t begin, size_t end)
      : numbers_(values.values->data<double>() + begin) {
    for (size_t i = begin; i < end; ++i) {
      rows_ += values.counts[i];
      ends_.push_back(rows_);
    }
  }

  // Between the two rows around the place; the least row has place 0, the greatest 1.
  double At(double percentage) const {
    const double place = percentage * static_cast<double>(rows_ - 1);
    const double lower = std::floor(place), upper = std::ceil(place);
    const double low = Row(static_cast<int64_t>(lower));
    if (lower == upper) return low;
    const double high = Row(static_cast<int64_t>(upper));
    return low == high ? low : (upper - place) * low + (place - lower) * high;
  }

 private:
  double Row(int64_t row) const {
    return numbers_[std::upper_bound(ends_.begin(), ends_.end(), row) - ends_.begin()];
  }

  const double* numbers_;
  std::vector<int64_t> ends_;
  int64_t rows_ = 0;
};

Column Percentiles(std::span<const double> percentages, bool array, const GroupValues& values) {
  const size_t groups = values.ends.size();
  Lists lists(TypeId::kArray, groups);
  Column numbers(TypeId::kDouble, groups * percentages.size());
  size_t next = 0;
  ForEachGroup(values, [&](size_t group, size_t begin, size_t end) {
    if (begin == end) {
      if (array) return lists.AddNull(group);
      return numbers.SetNull(next++);
    }
    const Distribution distribution(values, begin, end);
    for (double percentage : percentages) {
      numbers.mutable_data<double>()[next++] = distribution.At(percentage);
    }
    lists.Add(group, percentages.size());
  });
  if (!array) return numbers;
  numbers.Resize(next);
  return lists.Finish({std::move(numbers)});
}

template <class Fold>
AggregateKernel FoldKernel(const Type& result, Fold fold) {
  AggregateKernel kernel = HeldKernel(result);
  kernel.fold = std::move(fold);
  return kernel;
}

AggregateKernel SingleValueKernel(const AggregateSignature& signature) {
  AggregateKernel kernel = FoldKernel(
      signature.result, [type = signature.result](const GroupValues& values, RowErrors* errors) {
        return SingleValues(type, values, errors);
      });
  kernel.any_order = true;
  return kernel;
}

AggregateKernel ListAggKernel(const AggregateSignature& signature) {
  std::string separator = ",";
  if (signature.constant != nullptr) separator = std::get<std::string>(signature.constant->data);
  return FoldKernel(signature.result, [separator](const GroupValues& values, RowErrors* errors) {
    return JoinStrings(separator, values, errors);
  });
}

AggregateKernel ArrayAggKernel(const AggregateSignature& signature) {
  return FoldKernel(signature.result, MakeArrays);
}

AggregateKernel CollectKernel(const AggregateSignature& signature) {
  return FoldKernel(signature.result, MakeMultisets);
}

AggregateKernel PercentileKernel(const AggregateSignature& signature) {
  const bool array = signature.result.id == TypeId::kArray;
  std::vector<double> percentages;
  if (array) {
    for (const Value& value : std::get<Values>(signature.constant->data)) {
      percentages.push_back(std::get<double>(value.data));
    }
  } else {
    percentages.push_back(std::get<double>(signature.constant->data));
  }
  return FoldKernel(signature.result, [percentages, array](const GroupValues& values, RowErrors*) {
    return Percentiles(percentages, array, values);
  });
}

std::optional<Type> StringType(std::span<const Type>) { return Type(TypeId::kString); }

void DefineListAgg(FunctionRegistry& r, const char* name) {
  r.DefineAggregate({.name = name,
                     .parameters = {TypeId::kString},
                     .result = StringType,
                     .make_kernel = ListAggKernel,
                     .ordered = true});
  r.DefineAggregate({.name = name,
                     .parameters = {TypeId::kString, TypeId::kString},
                     .result = StringType,
                     .make_kernel = ListAggKernel,
                     .ordered = true,
                     .constant = 1});
}

std::vector<Type> PercentileArguments(std::span<const Type> arguments) {
  const bool array = arguments[1].id == TypeId::kArray;
  std::vector<Type> types(arguments.begin(), arguments.end());
  types[1] = array ? Type::MakeArray(TypeId::kDouble) : Type(TypeId::kDouble);
  return types;
}

std::optional<Type> PercentileType(std::span<const Type> arguments) {
  const TypeId type = arguments[1].id;
  if (type == TypeId::kArray) return Type::MakeArray(Type(TypeId::kDouble, false));
  if (!IsNumeric(type)) return std::nullopt;
  return Type(TypeId::kDouble);
}

void DefinePercentile(FunctionRegistry& r, std::vector<TypeId> parameters) {
  const bool weighted = parameters.size() > 2;
  r.DefineAggregate({.name = "percentile",
                     .parameters = std::move(parameters),
                     .result = PercentileType,
                     .make_kernel = PercentileKernel,
                     .weighted = weighted,
                     .constant = 1,
                     .coerce = PercentileArguments});
}

}  // namespace

void RegisterFolds(FunctionRegistry& r) {
  r.DefineAggregate(
      {.name = "single_value",
       .parameters = {TypeId::kNull},
       .result = [](std::span<const Type> arguments) { return arguments[0].AsNullable(); },
       .make_kernel = SingleValueKernel,
       .takes_nulls = true});
  DefineListAgg(r, "listagg");
  DefineListAgg(r, "string_agg");
  r.DefineAggregate(
      {.name = "array_agg",
       .parameters = {TypeId::kNull},
       .result = [](std::span<const Type> arguments) { return Type::MakeArray(arguments[0]); },
       .make_kernel = ArrayAggKernel,
       .takes_nulls = true,
       .ordered = true});
  r.DefineAggregate(
      {.name = "collect",
       .parameters = {TypeId::kNull},
       .result =
           [](std::span<const Type> arguments) {
             return Type::MakeMultiset(arguments[0].AsNullable(false)).AsNullable(false);
           },
       .make_kernel = CollectKernel});
  DefinePercentile(r, {TypeId::kDouble, TypeId::kNull});
  DefinePercentile(r, {TypeId::kDouble, TypeId::kNull, TypeId::kBigInt});
}

}  // namespace millrace
