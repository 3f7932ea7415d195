#include "types/cast.h"

#include <algorithm>

#include "base/error.h"
#include "types/cast_kernels.h"
#include "types/row_key.h"

namespace millrace {
namespace {

bool IsText(TypeId id) { return id == TypeId::kString || id == TypeId::kBytes; }
bool IsNested(TypeId id) { return id >= TypeId::kArray; }
bool IsDatetime(TypeId id) { return id >= TypeId::kDate && id <= TypeId::kTimestampLtz; }
bool IsInterval(TypeId id) { return id == TypeId::kIntervalMonth || id == TypeId::kIntervalDay; }

// Whether DECIMAL `to` holds every value of the exact numeric type.
bool HoldsDecimal(const Type& from, const Type& to) {
  return to.scale >= from.scale && to.precision - to.scale >= PrecisionOf(from) - from.scale;
}

CastKind KindOfNumbers(const Type& from, const Type& to) {
  bool widens = false;
  if (to.id == TypeId::kDouble) {
    widens = true;
  } else if (to.id == TypeId::kFloat) {
    widens = from.id != TypeId::kDouble;
  } else if (IsApproximate(from.id)) {
    widens = false;
  } else if (to.id == TypeId::kDecimal) {
    widens = HoldsDecimal(from, to);
  } else {
    widens = from.id < to.id;
  }
  return widens ? CastKind::kImplicit : CastKind::kAssign;
}

CastKind KindOfDatetimes(const Type& from, const Type& to) {
  if (from.id == to.id) return CastKind::kImplicit;  // Precisions.
  if (from.id == TypeId::kTime)
    return to.id == TypeId::kDate ? CastKind::kNone : CastKind::kExplicit;
  if (from.id == TypeId::kDate) {
    if (to.id == TypeId::kTime) return CastKind::kNone;
    return to.id == TypeId::kTimestamp ? CastKind::kImplicit : CastKind::kAssign;
  }
  if (IsTimestamp(to.id) || from.id == TypeId::kTimestamp) return CastKind::kAssign;
  return CastKind::kExplicit;
}

// The most that a child needs, children being converted one by one.
CastKind KindOfNested(const Type& from, const Type& to) {
  if (from.id != to.id || from.children->size() != to.children->size()) return CastKind::kNone;
  CastKind kind = CastKind::kImplicit;
  for (size_t k = 0; k < from.children->size(); ++k) {
    const CastKind child = CastKindOf((*from.children)[k].type, (*to.children)[k].type);
    if (child == CastKind::kNone) return child;
    kind = std::max(kind, child);
  }
  return kind;
}

std::string NameOf(const Type& type) { return type.AsNullable().ToString(); }

Column ConvertFlat(const CastRequest& request) {
  const TypeId from = request.from.id;
  const TypeId to = request.to.id;
  if (IsText(to)) return CastToText(request);
  if (from == TypeId::kString) return CastFromText(request);
  if (IsDatetime(from)) return CastDatetimes(request);
  if (IsNested(from)) return CastNested(request);
  if (IsInterval(from)) return request.in;  // Of one kind they are all alike.
  return CastNumbers(request);
}

// What a value of one type becomes is the same for every row, and so is its failure.
Column ConvertConstant(const CastRequest& request) {
  if (request.in.size() == 0) {
    Column none = request.in.Flatten();
    return ConvertFlat({none, request.from, request.to, request.zone, nullptr});
  }
  const Column one = request.in.Slice(0, 1).Flatten();
  RowErrors errors;
  RowErrors* const wanted = request.errors ? &errors : nullptr;
  Column out = ConvertFlat({one, request.from, request.to, request.zone, wanted});
  out.MakeConstant(request.in.size());
  if (!errors.empty()) {
    for (uint32_t i = 0; i < request.in.size(); ++i) {
      request.errors->push_back({i, errors[0].message});
    }
  }
  return out;
}

}  // namespace

CastKind CastKindOf(const Type& from, const Type& to) {
  if (from.id == TypeId::kNull || from.SameAs(to)) return CastKind::kImplicit;
  if (IsNested(from.id) && IsNested(to.id)) return KindOfNested(from, to);
  if (IsText(from.id) && from.id == to.id) return CastKind::kImplicit;  // Lengths.
  if (to.id == TypeId::kString) return CastKind::kExplicit;
  if (from.id == TypeId::kString) {
    return IsNested(to.id) || to.id == TypeId::kNull ? CastKind::kNone : CastKind::kExplicit;
  }
  if (IsNumeric(from.id) && IsNumeric(to.id)) return KindOfNumbers(from, to);
  if (IsDatetime(from.id) && IsDatetime(to.id)) return KindOfDatetimes(from, to);
  if (from.id == TypeId::kBoolean && IsNumeric(to.id)) return CastKind::kExplicit;
  if (IsInteger(from.id) && to.id == TypeId::kBoolean) return CastKind::kExplicit;
  return CastKind::kNone;
}

Column Cast(const Column& in, const Type& from, const Type& to, const std::string& zone,
            RowErrors* errors) {
  if (from.SameAs(to)) return in;
  if (CastKindOf(from, to) == CastKind::kNone) {
    throw Error(ErrorCode::kTypeMismatch, "cannot cast " + NameOf(from) + " to " + NameOf(to));
  }
  if (from.id == TypeId::kNull) return MakeNullColumn(to, in.size());
  const CastRequest request{in, from, to, zone, errors};
  return in.constant() ? ConvertConstant(request) : ConvertFlat(request);
}

void CastRequest::Fail(size_t i, Column* out) const {
  if (!errors) return out->SetNull(i);
  std::string text;
  AppendText(in, from, i, zone, &text);
  constexpr size_t kLongest = 200;
  if (text.size() > kLongest) {
    size_t cut = kLongest;
    while (cut > 0 && (text[cut] & 0xC0) == 0x80) --cut;  // Not inside a character.
    text.resize(cut);
    text += "...";
  }
  std::string message = from.id == TypeId::kString
                            ? "cannot cast '" + text + "' to " + NameOf(to)
                            : NameOf(from) + " " + text + " does not fit into " + NameOf(to);
  errors->push_back({static_cast<uint32_t>(i), std::move(message)});
}

}  // namespace millrace
