// The frames of window functions.

#include "fmt/format.h"
#include "planner/bind_over.h"
#include "planner/expr_binder.h"
#include "planner/join.h"
#include "types/datetime.h"

namespace millrace {
namespace {

bool IsNegative(const Value& value) {
  if (auto* number = std::get_if<int64_t>(&value.data)) return *number < 0;
  if (auto* number = std::get_if<int128_t>(&value.data)) return *number < 0;
  if (auto* number = std::get_if<double>(&value.data)) return !(*number >= 0);
  return false;
}

ExprPtr Number(double value) { return MakeLiteral(Value{value}, Type(TypeId::kDouble, false)); }

// Whether values of `type` have an offset of type `offset`.
bool Fits(const Type& type, const Type& offset) {
  switch (type.id) {
    case TypeId::kDate:
    case TypeId::kTimestamp:
    case TypeId::kTimestampLtz:
      return offset.id == TypeId::kIntervalDay || offset.id == TypeId::kIntervalMonth;
    case TypeId::kTime:
      return offset.id == TypeId::kIntervalDay;
    case TypeId::kDecimal:
      return IsInteger(offset.id) || (offset.id == TypeId::kDecimal && offset.scale <= type.scale);
    default:
      return IsInteger(type.id) ? IsInteger(offset.id)
                                : IsApproximate(type.id) && IsNumeric(offset.id);
  }
}

}  // namespace

OverFrame Windows::BindFrame(const ast::Frame* frame, const Call& call) const {
  using K = ast::FrameBoundKind;
  OverFrame out;
  out.end.following = true;
  if (!frame) {
    // Up to the row's peers, which without an order are all rows.
    if (!call.order.empty()) out.end.kind = OverBound::Kind::kCurrentRow;
    return out;
  }
  const K begin = frame->start.kind, end = frame->end ? frame->end->kind : K::kCurrentRow;
  const char* wrong =
      begin == K::kUnboundedFollowing ? "a frame cannot begin with UNBOUNDED FOLLOWING"
      : end == K::kUnboundedPreceding ? "a frame cannot end with UNBOUNDED PRECEDING"
      : begin == K::kCurrentRow && end == K::kPreceding
          ? "a frame that begins with the current row cannot end before it"
      : begin == K::kFollowing && end != K::kFollowing && end != K::kUnboundedFollowing
          ? "a frame that begins after the current row must end after it"
          : nullptr;
  if (wrong) throw Error(ErrorCode::kBadRequest, wrong, frame->range);
  out.rows = frame->rows;
  out.begin = BindBound(frame->start, *frame, call);
  out.end = frame->end ? BindBound(*frame->end, *frame, call)
                       : OverBound{.kind = OverBound::Kind::kCurrentRow};
  return out;
}

OverBound Windows::BindBound(const ast::FrameBound& bound, const ast::Frame& frame,
                             const Call& call) const {
  using K = ast::FrameBoundKind;
  OverBound out;
  out.following = bound.kind == K::kFollowing || bound.kind == K::kUnboundedFollowing;
  if (bound.kind == K::kCurrentRow) out.kind = OverBound::Kind::kCurrentRow;
  if (!bound.offset) return out;
  out.kind = OverBound::Kind::kOffset;
  if (frame.rows) {
    out.rows = BindCount(*bound.offset, "the offset of a frame");
    return out;
  }
  if (call.order.size() != 1) {
    throw Error(ErrorCode::kBadRequest, "RANGE with an offset needs ORDER BY of one column",
                frame.range);
  }
  BindRange(*bound.offset, call, &out);
  return out;
}

int64_t Windows::BindCount(const ast::Expr& expr, std::string_view what) const {
  ExprPtr bound = binder_.Bind(expr, Scope{});
  if (!IsConstant(*bound) || !IsInteger(bound->type.id)) {
    throw Error(ErrorCode::kTypeMismatch, fmt::format("{} must be a constant integer", what),
                expr.range);
  }
  const Value value = EvaluateConstant(*bound, binder_.context().session->zone());
  if (value.is_null() || std::get<int64_t>(value.data) < 0) {
    throw Error(ErrorCode::kInvalidValue, fmt::format("{} cannot be negative or NULL", what),
                expr.range);
  }
  return std::get<int64_t>(value.data);
}

// RANGE: the values at the edges of frames, as expressions over the ORDER BY column.
void Windows::BindRange(const ast::Expr& offset, const Call& call, OverBound* bound) const {
  const std::string zone = binder_.context().session->zone();
  const Type& type = call.order[0].expr->type;
  bound->offset = binder_.Bind(offset, Scope{});
  if (!Fits(type, bound->offset->type)) {
    throw Error(ErrorCode::kTypeMismatch,
                fmt::format("rows ordered by {} cannot have a RANGE of {}", type.ToString(),
                            bound->offset->type.ToString()),
                offset.range);
  }
  if (!IsConstant(*bound->offset)) {
    throw Error(ErrorCode::kTypeMismatch, "the offset of a frame must be a constant", offset.range);
  }
  const Value value = EvaluateConstant(*bound->offset, zone);
  if (value.is_null() || IsNegative(value)) {
    throw Error(ErrorCode::kInvalidValue, "the offset of a frame cannot be negative or NULL",
                offset.range);
  }
  if (bound->offset->type.id == TypeId::kIntervalDay) {
    const int64_t micros = std::get<int64_t>(value.data);
    if (type.id == TypeId::kDate && micros % kMicrosPerDay != 0) {
      throw Error(ErrorCode::kInvalidValue, "rows ordered by DATE have a RANGE of whole days",
                  offset.range);
    }
    if (type.id == TypeId::kTime && micros >= kMicrosPerDay) {
      throw Error(ErrorCode::kInvalidValue, "rows ordered by TIME have a RANGE of less than a day",
                  offset.range);
    }
  }
  // Integers are added as BIGINT, so that what does not fit shows when it is cast back.
  ExprPtr row = MakeColumnExpr(0, type), by = bound->offset;
  if (IsInteger(type.id)) row = MakeCast(row, Type(TypeId::kBigInt, type.nullable));
  const bool up = bound->following != call.order[0].descending;
  auto shifted = [&](bool upwards, const ExprPtr& distance) {
    return MakeCall(upwards ? "+" : "-", {row, distance}, zone, offset.range);
  };
  bound->edge = MakeCast(shifted(up, by), type, false, zone);
  ExprPtr reach;
  if (IsApproximate(type.id)) {
    // Wider by more than the rounding of the edges.
    auto call = [&](const char* name, std::vector<ExprPtr> arguments) {
      return MakeCall(name, std::move(arguments), zone, offset.range);
    };
    const ExprPtr slack = call("*", {call("abs", {row}), Number(1e-6)});
    by = call("+", {call("*", {by, Number(1 + 1e-6)}), slack});
    reach = shifted(!up, by);
  } else {
    reach = shifted(!up, by);
    if (by->type.id == TypeId::kIntervalMonth) {
      // The ends of months do not come back to where they were.
      const ExprPtr days = MakeLiteral(Value{3 * kMicrosPerDay}, Type(TypeId::kIntervalDay, false));
      reach = MakeCall(up ? "-" : "+", {reach, days}, zone, offset.range);
    }
  }
  bound->reach = MakeCast(std::move(reach), type, false, zone);
}

void Windows::CheckRange(const Call& call, const Over& over) {
  const OverFrame& frame = call.plan.frame;
  if (!frame.begin.offset && !frame.end.offset) return;
  if (std::ranges::find(over.partition, over.order[0].column) == over.partition.end()) return;
  ThrowUnsupported("RANGE with an offset over a column of PARTITION BY is", call.range);
}

}  // namespace millrace
