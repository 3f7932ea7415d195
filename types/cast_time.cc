#include "types/cast_kernels.h"
#include "types/datetime.h"
#include "types/decimal.h"

namespace millrace {
namespace {

int64_t FloorTo(int64_t micros, int64_t unit) {
  const int64_t rest = micros % unit;
  return micros - rest - (rest < 0 ? unit : 0);
}

// The microseconds of one unit in the last fraction digit of the type.
int64_t UnitOf(const Type& type) {
  constexpr uint8_t kMicroDigits = 6;
  if (type.precision >= kMicroDigits) return 1;
  return static_cast<int64_t>(PowerOfTen(kMicroDigits - type.precision));
}

Column FromDate(const CastRequest& request) {
  const bool zoned = request.to.id == TypeId::kTimestampLtz;
  return MapRows<Date, int64_t>(request, [&](Date date, int64_t* micros) {
    if (__builtin_mul_overflow(int64_t{date.days}, kMicrosPerDay, micros)) return false;
    if (zoned) *micros = FromLocal({*micros}, request.zone).micros;
    return true;
  });
}

// REQUIRES: `from` is TIME, TIMESTAMP or TIMESTAMP_LTZ. A TIME is one of 1970-01-01.
Column FromMicros(const CastRequest& request) {
  const bool from_zone = request.from.id == TypeId::kTimestampLtz;
  const bool to_zone = request.to.id == TypeId::kTimestampLtz;
  const bool to_time = request.to.id == TypeId::kTime;
  const int64_t unit = UnitOf(request.to);
  return MapRows<int64_t, int64_t>(request, [&](int64_t micros, int64_t* result) {
    if (from_zone && !to_zone) micros = ToLocal({micros}, request.zone).micros;
    if (to_zone && !from_zone) micros = FromLocal({micros}, request.zone).micros;
    if (to_time) micros -= FloorTo(micros, kMicrosPerDay);
    *result = FloorTo(micros, unit);
    return true;
  });
}

Column ToDate(const CastRequest& request) {
  const bool zoned = request.from.id == TypeId::kTimestampLtz;
  return MapRows<int64_t, Date>(request, [&](int64_t micros, Date* date) {
    if (zoned) micros = ToLocal({micros}, request.zone).micros;
    date->days = static_cast<int32_t>(FloorTo(micros, kMicrosPerDay) / kMicrosPerDay);
    return true;
  });
}

}  // namespace

Column CastDatetimes(const CastRequest& request) {
  if (request.from.id == TypeId::kDate) return FromDate(request);
  if (request.to.id == TypeId::kDate) return ToDate(request);
  return FromMicros(request);
}

}  // namespace millrace
