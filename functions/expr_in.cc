// value [NOT] IN (constants) by a hash set.

#include <unordered_set>

#include "base/hash.h"
#include "functions/evaluate.h"
#include "types/row_key.h"

namespace millrace {

struct BytesHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return HashBytes(s); }
};

// The values of the list: 64-bit words for integers and times, bytes for strings, encoded keys for
// all else. NULL of any type is only remembered.
class InSet {
 public:
  InSet(const std::vector<Value>& list, const Type& type) : type_(type.id) {
    for (const Value& value : list) {
      if (value.is_null()) {
        has_null_ = true;
      } else if (const int64_t* word = std::get_if<int64_t>(&value.data)) {
        words_.insert(*word);
      } else if (const std::string* bytes = std::get_if<std::string>(&value.data)) {
        bytes_.insert(*bytes);
      } else {
        std::string key;
        AppendKeyColumn(MakeConstantColumn(value, type, 1), 0, &key);
        bytes_.insert(std::move(key));
      }
    }
  }

  bool has_null() const { return has_null_; }

  // Writes for each row whether the value is in the set. Null rows get anything.
  void Test(const Column& column, size_t size, uint8_t* out) const {
    switch (type_) {
      case TypeId::kTinyInt:
        return TestWords<int8_t>(column, size, out);
      case TypeId::kSmallInt:
        return TestWords<int16_t>(column, size, out);
      case TypeId::kInteger:
      case TypeId::kDate:
        return TestWords<int32_t>(column, size, out);
      case TypeId::kBigInt:
      case TypeId::kTime:
      case TypeId::kTimestamp:
      case TypeId::kTimestampLtz:
      case TypeId::kIntervalMonth:
      case TypeId::kIntervalDay:
        return TestWords<int64_t>(column, size, out);
      case TypeId::kString:
      case TypeId::kBytes:
        return TestStrings(column, size, out);
      default:
        return TestKeys(column, size, out);
    }
  }

 private:
  static constexpr size_t kFew = 8;  // So few words are compared one by one, in SIMD.

  template <class T>
  void TestWords(const Column& column, size_t size, uint8_t* out) const {
    const T* values = column.data<T>();
    if (words_.size() > kFew) {
      for (size_t i = 0; i < size; ++i) out[i] = words_.contains(values[i]);
      return;
    }
    std::fill_n(out, size, uint8_t{0});
    for (int64_t word : words_) {
      const T wanted = static_cast<T>(word);
      for (size_t i = 0; i < size; ++i) out[i] |= values[i] == wanted;
    }
  }

  void TestStrings(const Column& column, size_t size, uint8_t* out) const {
    const StringRef* values = column.data<StringRef>();
    if (bytes_.size() > 1) {
      for (size_t i = 0; i < size; ++i) {
        out[i] = !column.IsNull(i) && bytes_.contains(values[i].view());
      }
      return;
    }
    const StringRef wanted(bytes_.empty() ? std::string_view() : *bytes_.begin());
    for (size_t i = 0; i < size; ++i) {
      out[i] = !bytes_.empty() && !column.IsNull(i) && values[i] == wanted;
    }
  }

  void TestKeys(const Column& column, size_t size, uint8_t* out) const {
    std::string key;
    for (size_t i = 0; i < size; ++i) {
      key.clear();
      if (!column.IsNull(i)) AppendKeyColumn(column, i, &key);
      out[i] = bytes_.contains(key);
    }
  }

  TypeId type_;
  bool has_null_ = false;
  std::unordered_set<int64_t> words_;
  std::unordered_set<std::string, BytesHash, std::equal_to<>> bytes_;
};

ExprPtr MakeIn(ExprPtr value, std::vector<Value> list, bool negated, SourceRange range) {
  auto set = std::make_shared<const InSet>(list, value->type);
  const bool nullable = value->type.nullable || set->has_null();
  InExpr in{std::move(value), std::make_shared<const std::vector<Value>>(std::move(list)),
            std::move(set), negated};
  return std::make_shared<const Expr>(Expr{Type(TypeId::kBoolean, nullable), range, std::move(in)});
}

Column EvaluateIn(const InExpr& in, const Batch& batch, EvalContext& context) {
  const Column value = Evaluate(*in.value, batch, context);
  const size_t size = value.constant() ? 1 : batch.size;
  Column out(TypeId::kBoolean, size);
  uint8_t* found = out.mutable_data<uint8_t>();
  in.set->Test(value, size, found);
  // NULL in the list makes "not found" unknown.
  if (in.set->has_null()) {
    std::shared_ptr<uint8_t[]> valid(new uint8_t[size]);
    for (size_t i = 0; i < size; ++i) valid[i] = found[i] && !value.IsNull(i);
    out.set_valid(std::move(valid));
  } else {
    out.set_valid(value.shared_valid());
  }
  if (in.negated) {
    for (size_t i = 0; i < size; ++i) found[i] = !found[i];
  }
  if (value.constant()) out.MakeConstant(batch.size);
  return out;
}

}  // namespace millrace
