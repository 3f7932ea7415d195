#include <algorithm>
#include <vector>

#include "types/cast_kernels.h"

namespace millrace {
namespace {

void FailRow(const CastRequest& request, size_t row, const std::string& message, Column* out) {
  if (request.in.IsNull(row)) return;
  if (request.errors) {
    request.errors->push_back({static_cast<uint32_t>(row), message});
  } else {
    out->SetNull(row);
  }
}

// A row fails with any of its elements. Several rows may share elements, and elements of no row do
// not matter.
void FailRowsOfElements(const RowErrors& element_errors, size_t elements,
                        const CastRequest& request, Column* out) {
  std::vector<const RowError*> failed(elements, nullptr);
  for (const RowError& error : element_errors) failed[error.row] = &error;
  for (size_t i = 0; i < request.in.size(); ++i) {
    if (request.in.IsNull(i)) continue;
    const ListEntry entry = request.in.at<ListEntry>(i);
    const auto begin = failed.begin() + entry.offset;
    const auto end = begin + entry.length;
    const auto first = std::find_if(begin, end, [](const RowError* error) { return error; });
    if (first != end) FailRow(request, i, (*first)->message, out);
  }
}

}  // namespace

Column CastNested(const CastRequest& request) {
  const Column& in = request.in;
  Column out = in;
  if (in.children().empty()) return out;  // NULLs only.
  for (size_t k = 0; k < in.children().size(); ++k) {
    const Column& child = in.children()[k];
    // TRY_CAST wants the errors too: one element's failure makes the whole value NULL.
    RowErrors errors;
    out.mutable_children()[k] = Cast(child, (*request.from.children)[k].type,
                                     (*request.to.children)[k].type, request.zone, &errors);
    if (errors.empty()) continue;
    if (request.from.id == TypeId::kRow) {
      for (const RowError& error : errors) FailRow(request, error.row, error.message, &out);
    } else {
      FailRowsOfElements(errors, child.size(), request, &out);
    }
  }
  return out;
}

}  // namespace millrace
