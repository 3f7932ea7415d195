// What the files of CAST share. Every kernel converts a flat column to an equally long flat one.
#pragma once

#include <string>
#include <utility>

#include "types/cast.h"

namespace millrace {

struct CastRequest {
  const Column& in;  // Flat.
  const Type& from;
  const Type& to;
  const std::string& zone;
  RowErrors* errors;  // Null for TRY_CAST.

  // Row i does not convert: an error, or NULL in `out`.
  void Fail(size_t i, Column* out) const;
};

// Calls `convert(value, &result)` for every row that is not null; false is a failure.
template <class From, class To, class Convert>
Column MapRows(const CastRequest& request, Convert convert) {
  const Column& in = request.in;
  Column out(request.to.id, in.size());
  out.set_valid(in.shared_valid());
  const From* values = in.data<From>();
  To* results = out.mutable_data<To>();
  for (size_t i = 0; i < in.size(); ++i) {
    results[i] = To{};
    if (in.IsNull(i)) continue;
    if (!convert(values[i], &results[i])) request.Fail(i, &out);
  }
  return out;
}

Column CastNumbers(const CastRequest& request);    // Numbers and BOOLEAN among each other.
Column CastDatetimes(const CastRequest& request);  // Points in time among each other.
Column CastFromText(const CastRequest& request);   // STRING to everything but STRING and BYTES.
Column CastToText(const CastRequest& request);  // Everything to STRING; STRING and BYTES to BYTES.
Column CastNested(const CastRequest& request);  // ARRAY, MAP and ROW to the like.

}  // namespace millrace
