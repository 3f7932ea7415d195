#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <numeric>

#include "functions/evaluate.h"
#include "types/cast.h"

namespace millrace {
namespace {

std::vector<Column> EvaluateAll(const std::vector<ExprPtr>& exprs, const Batch& batch,
                                EvalContext& context) {
  std::vector<Column> columns;
  columns.reserve(exprs.size());
  for (const ExprPtr& expr : exprs) columns.push_back(Evaluate(*expr, batch, context));
  return columns;
}

Column EvaluateCall(const CallExpr& call, const Batch& batch, EvalContext& context) {
  std::vector<Column> arguments = EvaluateAll(call.arguments, batch, context);
  if (arguments.empty() || !call.deterministic || !scalar_internal::AllConstant(arguments)) {
    return call.kernel(arguments, batch.size, context);
  }
  for (Column& argument : arguments) argument.MakeConstant(1);
  const auto once = [&](EvalContext& c) { return call.kernel(arguments, 1, c); };
  return EvaluateOnce(once, batch.size, context);
}

Column EvaluateCast(const CastExpr& cast, const Type& type, const Batch& batch,
                    EvalContext& context) {
  Column in = Evaluate(*cast.value, batch, context);
  const auto run = [&](EvalContext& c) {
    RowErrors* errors = cast.try_cast ? nullptr : c.errors;
    return Cast(in, cast.value->type, type, c.zone, errors);
  };
  if (!in.constant()) return run(context);
  in.MakeConstant(1);
  return EvaluateOnce(run, batch.size, context);
}

Column EvaluateField(const FieldExpr& field, const Batch& batch, EvalContext& context) {
  const Column row = Evaluate(*field.row, batch, context);
  if (row.constant() && row.IsNull(0)) {
    const Type& type = (*field.row->type.children)[field.index].type;
    return Column::ConstantNull(type.id, batch.size);
  }
  Column out = row.children()[field.index];
  out.KeepAliveOf(row);
  if (row.constant() || !row.may_have_nulls()) return out;
  out = out.Flatten();
  const Column parts[] = {row, out};
  out.set_valid(scalar_internal::PropagateNulls(parts, batch.size));
  return out;
}

Column EvaluateRow(const RowExpr& row, const Batch& batch, EvalContext& context) {
  Column out(TypeId::kRow, batch.size);
  for (Column& field : EvaluateAll(row.fields, batch, context)) {
    out.mutable_children().push_back(field.Flatten());
    out.KeepAliveOf(field);
  }
  return out;
}

// The elements are evaluated column by column, then transposed.
Column EvaluateArray(const ArrayExpr& array, const Type& type, const Batch& batch,
                     EvalContext& context) {
  const size_t length = array.elements.size(), size = batch.size;
  Column out(TypeId::kArray, size);
  for (size_t i = 0; i < size; ++i) {
    out.mutable_data<ListEntry>()[i] = {static_cast<uint32_t>(i * length),
                                        static_cast<uint32_t>(length)};
  }
  if (length == 0) {
    out.mutable_children().emplace_back((*type.children)[0].type.id, 0);
    return out;
  }
  const Column all = Concat(EvaluateAll(array.elements, batch, context));
  std::vector<uint32_t> rows(length * size);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<uint32_t>(i % length * size + i / length);
  }
  out.mutable_children().push_back(all.Take(rows));
  out.KeepAliveOf(all);
  return out;
}

struct EvaluateNode {
  const Type& type;
  const Batch& batch;
  EvalContext& context;

  Column operator()(const ColumnExpr& e) const { return batch.columns[e.index]; }
  Column operator()(const LiteralExpr& e) const {
    return MakeConstantColumn(e.value, type, batch.size);
  }
  Column operator()(const CallExpr& e) const { return EvaluateCall(e, batch, context); }
  Column operator()(const CastExpr& e) const { return EvaluateCast(e, type, batch, context); }
  Column operator()(const LogicExpr& e) const { return EvaluateLogic(e, batch, context); }
  Column operator()(const CaseExpr& e) const { return EvaluateCase(e, type, batch, context); }
  Column operator()(const FieldExpr& e) const { return EvaluateField(e, batch, context); }
  Column operator()(const RowExpr& e) const { return EvaluateRow(e, batch, context); }
  Column operator()(const ArrayExpr& e) const { return EvaluateArray(e, type, batch, context); }
  Column operator()(const InExpr& e) const { return EvaluateIn(e, batch, context); }
};

TimestampLtz Now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count()};
}

}  // namespace

Column Evaluate(const Expr& expr, const Batch& batch, EvalContext& context) {
  return std::visit(EvaluateNode{expr.type, batch, context}, expr.node);
}

Column EvaluateRows(const Expr& expr, const Batch& batch, std::span<const uint32_t> rows,
                    EvalContext& context) {
  if (rows.size() == batch.size) return Evaluate(expr, batch, context);
  Batch part;
  part.size = rows.size();
  part.columns.resize(batch.columns.size());
  std::vector<bool> taken(batch.columns.size());
  ForEachColumn(expr, [&](size_t i) {
    if (!taken[i]) part.columns[i] = batch.columns[i].Take(rows);
    taken[i] = true;
  });
  RowErrors errors;
  RowErrors* all = std::exchange(context.errors, &errors);
  Column result = Evaluate(expr, part, context);
  context.errors = all;
  for (RowError& error : errors) all->push_back({rows[error.row], std::move(error.message)});
  return result;
}

namespace {

// For each set of eight bits which are set, and how many.
struct SetBits {
  std::array<std::array<uint32_t, 8>, 256> which{};
  std::array<uint8_t, 256> count{};
};
constexpr SetBits kSetBits = [] {
  SetBits table;
  for (size_t bits = 0; bits < 256; ++bits) {
    for (uint32_t k = 0; k < 8; ++k) {
      if (bits >> k & 1) table.which[bits][table.count[bits]++] = k;
    }
  }
  return table;
}();

}  // namespace

std::vector<uint32_t> NonZero(const uint8_t* bytes, size_t size) {
  std::vector<uint32_t> rows(size + 8);
  size_t count = 0, i = 0;
  // Eight rows at a time, without a branch that depends on them.
  for (; i + 8 <= size; i += 8) {
    uint64_t word;
    std::memcpy(&word, bytes + i, 8);
    // The top bit of each byte that is not 0, then all of them side by side.
    constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f;
    word = (((word & kLow) + kLow) | word) & ~kLow;
    const size_t bits = (word >> 7) * 0x0102040810204080 >> 56;
    for (size_t k = 0; k < 8; ++k) {
      rows[count + k] = static_cast<uint32_t>(i) + kSetBits.which[bits][k];
    }
    count += kSetBits.count[bits];
  }
  for (; i < size; ++i) {
    rows[count] = static_cast<uint32_t>(i);
    count += bytes[i] != 0;
  }
  rows.resize(count);
  return rows;
}

std::vector<uint32_t> TrueRows(const Column& column, size_t size) {
  return NonZero(TrueMask(column, size).data<uint8_t>(), size);
}

Column TrueMask(const Column& column, size_t size) {
  if (!column.may_have_nulls()) return column.Flatten();
  Column mask(TypeId::kBoolean, size);
  const uint8_t* values = column.data<uint8_t>();
  const uint8_t* valid = column.valid();
  for (size_t i = 0; i < size; ++i) {
    mask.mutable_data<uint8_t>()[i] =
        values[i * column.stride()] & (valid[i * column.stride()] != 0);
  }
  return mask;
}

Column EvaluateCondition(const Expr& predicate, const Batch& batch, EvalContext& context) {
  return TrueMask(Evaluate(predicate, batch, context), batch.size);
}

std::vector<uint32_t> Select(const Expr& predicate, const Batch& batch, EvalContext& context) {
  const size_t errors_before = context.errors->size();
  std::vector<uint32_t> rows = TrueRows(Evaluate(predicate, batch, context), batch.size);
  if (context.errors->size() == errors_before) return rows;
  std::vector<uint8_t> failed(batch.size);
  for (size_t i = errors_before; i < context.errors->size(); ++i) {
    failed[(*context.errors)[i].row] = 1;
  }
  std::erase_if(rows, [&](uint32_t row) { return failed[row]; });
  return rows;
}

Value EvaluateConstant(const Expr& expr, const std::string& zone) {
  RowErrors errors;
  EvalContext context;
  context.now = Now();
  context.zone = zone;
  context.errors = &errors;
  Batch batch;
  batch.size = 1;
  const Column column = Evaluate(expr, batch, context);
  if (!errors.empty()) {
    throw Error(ErrorCode::kInvalidValue, errors.front().message, expr.range);
  }
  return GetValue(column, expr.type, 0);
}

}  // namespace millrace
