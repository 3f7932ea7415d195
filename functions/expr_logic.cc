// AND, OR and CASE: three-valued logic, and errors only where a row gets to.

#include <algorithm>
#include <cstring>
#include <numeric>

#include "functions/evaluate.h"

namespace millrace {
namespace {

// Below this share of rows, gathering them is cheaper than evaluating all.
constexpr size_t kGatherShare = 4;

// The rows of a conjunction or disjunction while its arguments are evaluated: `decided` by an
// argument that is `deciding` (FALSE for AND, TRUE for OR), `null` where some argument is.
class LogicRows {
 public:
  LogicRows(bool conjunction, size_t size) : deciding_(!conjunction), decided_(size), null_(size) {}

  size_t CountUndecided() const {
    return decided_.size() - std::accumulate(decided_.begin(), decided_.end(), size_t{0});
  }

  std::vector<uint32_t> Undecided() const {
    std::vector<uint8_t> open(decided_.size());
    for (size_t i = 0; i < open.size(); ++i) open[i] = !decided_[i];
    return NonZero(open.data(), open.size());
  }

  // Keeps the errors, those of `errors` from `first` on, of rows that were open.
  void DropDecided(size_t first, RowErrors* errors) const {
    const auto decided = [&](const RowError& error) { return decided_[error.row] != 0; };
    const auto begin = errors->begin() + static_cast<ptrdiff_t>(first);
    errors->erase(std::remove_if(begin, errors->end(), decided), errors->end());
  }

  void Combine(const Column& argument) {
    if (argument.constant()) return CombineConstant(argument);
    const uint8_t* values = argument.data<uint8_t>();
    const uint8_t* valid = argument.valid();
    const uint8_t flip = !deciding_;
    if (valid == nullptr) {
      for (size_t i = 0; i < decided_.size(); ++i) decided_[i] |= (values[i] != 0) ^ flip;
      return;
    }
    any_null_ = true;
    for (size_t i = 0; i < decided_.size(); ++i) {
      const uint8_t is_valid = valid[i] != 0;
      decided_[i] |= is_valid & ((values[i] != 0) ^ flip);
      null_[i] |= !is_valid;
    }
  }

  void CombineRows(const Column& argument, std::span<const uint32_t> rows) {
    any_null_ |= argument.may_have_nulls();
    for (size_t k = 0; k < rows.size(); ++k) {
      const uint8_t is_null = argument.IsNull(k);
      null_[rows[k]] |= is_null;
      decided_[rows[k]] |= !is_null & ((argument.at<uint8_t>(k) != 0) == deciding_);
    }
  }

  Column Result() const {
    const size_t size = decided_.size();
    Column out(TypeId::kBoolean, size);
    uint8_t* values = out.mutable_data<uint8_t>();
    const uint8_t flip = !deciding_;
    for (size_t i = 0; i < size; ++i) values[i] = decided_[i] ^ flip;
    if (!any_null_) return out;
    std::shared_ptr<uint8_t[]> valid(new uint8_t[size]);
    for (size_t i = 0; i < size; ++i) valid[i] = decided_[i] | !null_[i];
    out.set_valid(std::move(valid));
    return out;
  }

 private:
  void CombineConstant(const Column& argument) {
    if (decided_.empty()) return;
    if (argument.IsNull(0)) {
      any_null_ = true;
      std::memset(null_.data(), 1, null_.size());
    } else if ((argument.data<uint8_t>()[0] != 0) == deciding_) {
      std::memset(decided_.data(), 1, decided_.size());
    }
  }

  bool deciding_;
  bool any_null_ = false;
  std::vector<uint8_t> decided_, null_;
};

bool IsLeaf(const Expr& expr) {
  return std::holds_alternative<ColumnExpr>(expr.node) ||
         std::holds_alternative<LiteralExpr>(expr.node);
}

// The result of a CASE, filled branch by branch.
class CaseResult {
 public:
  CaseResult(const Type& type, size_t size) : type_(type), size_(size), source_(size) {}

  void Put(Column value, std::vector<uint32_t> rows) {
    if (value.type() != type_.id) value = Column::ConstantNull(type_.id, rows.size());
    uint32_t next = offset_;
    for (uint32_t row : rows) source_[row] = next++;
    offset_ = next;
    parts_.push_back(std::move(value));
    rows_.push_back(std::move(rows));
  }

  Column Finish() const {
    switch (type_.id) {
      case TypeId::kArray:
      case TypeId::kMap:
      case TypeId::kRow:
        return Concat(parts_).Take(source_);
      default:
        return Scatter();
    }
  }

 private:
  Column Scatter() const {
    Column out(type_.id, size_);
    switch (WidthOf(type_.id)) {
      case 1:
        ScatterValues<uint8_t>(&out);
        break;
      case 2:
        ScatterValues<uint16_t>(&out);
        break;
      case 4:
        ScatterValues<uint32_t>(&out);
        break;
      case 8:
        ScatterValues<uint64_t>(&out);
        break;
      default:
        ScatterValues<StringRef>(&out);
    }
    ScatterNulls(&out);
    for (const Column& part : parts_) out.KeepAliveOf(part);
    return out;
  }

  template <class T>
  void ScatterValues(Column* out) const {
    T* values = out->mutable_data<T>();
    for (size_t p = 0; p < parts_.size(); ++p) {
      const T* in = parts_[p].data<T>();
      const size_t stride = parts_[p].stride();
      for (size_t k = 0; k < rows_[p].size(); ++k) values[rows_[p][k]] = in[k * stride];
    }
  }

  void ScatterNulls(Column* out) const {
    if (std::ranges::none_of(parts_, &Column::may_have_nulls)) return;
    std::shared_ptr<uint8_t[]> valid(new uint8_t[size_]);
    for (size_t p = 0; p < parts_.size(); ++p) {
      for (size_t k = 0; k < rows_[p].size(); ++k) valid[rows_[p][k]] = !parts_[p].IsNull(k);
    }
    out->set_valid(std::move(valid));
  }

  const Type& type_;
  size_t size_;
  std::vector<Column> parts_;
  std::vector<std::vector<uint32_t>> rows_;
  std::vector<uint32_t> source_;  // The position of each row in the parts laid end to end.
  uint32_t offset_ = 0;
};

// Splits `rows` by a condition over them: those where it is TRUE are returned, the rest stay.
std::vector<uint32_t> SplitRows(const Column& condition, std::vector<uint32_t>* rows) {
  std::vector<uint32_t> taken = TrueRows(condition, rows->size());
  std::vector<uint32_t> rest;
  rest.reserve(rows->size() - taken.size());
  size_t next = 0;
  for (size_t k = 0; k < rows->size(); ++k) {
    if (next < taken.size() && taken[next] == k) {
      taken[next++] = (*rows)[k];
    } else {
      rest.push_back((*rows)[k]);
    }
  }
  *rows = std::move(rest);
  return taken;
}

}  // namespace

Column EvaluateLogic(const LogicExpr& logic, const Batch& batch, EvalContext& context) {
  LogicRows rows(logic.conjunction, batch.size);
  size_t undecided = batch.size;
  for (const ExprPtr& argument : logic.arguments) {
    if (undecided == 0) break;
    if (undecided * kGatherShare < batch.size && !IsLeaf(*argument)) {
      const std::vector<uint32_t> open = rows.Undecided();
      rows.CombineRows(EvaluateRows(*argument, batch, open, context), open);
    } else {
      const size_t errors_before = context.errors->size();
      const Column value = Evaluate(*argument, batch, context);
      rows.DropDecided(errors_before, context.errors);
      rows.Combine(value);
    }
    undecided = rows.CountUndecided();
  }
  return rows.Result();
}

Column EvaluateCase(const CaseExpr& expr, const Type& type, const Batch& batch,
                    EvalContext& context) {
  CaseResult result(type, batch.size);
  std::vector<uint32_t> rows(batch.size);
  std::iota(rows.begin(), rows.end(), 0u);
  for (const auto& [condition, value] : expr.whens) {
    if (rows.empty()) break;
    const Column test = EvaluateRows(*condition, batch, rows, context);
    std::vector<uint32_t> taken = SplitRows(test, &rows);
    if (taken.empty()) continue;
    Column column = EvaluateRows(*value, batch, taken, context);
    if (taken.size() == batch.size && column.type() == type.id) return column;
    result.Put(std::move(column), std::move(taken));
  }
  if (!rows.empty() || batch.size == 0) {
    Column column = expr.otherwise ? EvaluateRows(*expr.otherwise, batch, rows, context)
                                   : Column::ConstantNull(type.id, rows.size());
    if (rows.size() == batch.size && column.type() == type.id) return column;
    result.Put(std::move(column), std::move(rows));
  }
  return result.Finish();
}

}  // namespace millrace
