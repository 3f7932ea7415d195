#include "base/error.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <utility>
#include <vector>

namespace millrace {
namespace {

// In the order of the enumeration.
constexpr ErrorInfo kErrors[] = {
    {ErrorCode::kSqlSyntax, "SQL_SYNTAX", "42601", 400},
    {ErrorCode::kTableNotFound, "TABLE_NOT_FOUND", "42P01", 400},
    {ErrorCode::kColumnNotFound, "COLUMN_NOT_FOUND", "42703", 400},
    {ErrorCode::kFunctionNotFound, "FUNCTION_NOT_FOUND", "42883", 400},
    {ErrorCode::kTypeMismatch, "TYPE_MISMATCH", "42804", 400},
    {ErrorCode::kAmbiguousColumn, "AMBIGUOUS_COLUMN", "42702", 400},
    {ErrorCode::kDuplicateObject, "DUPLICATE_OBJECT", "42P07", 400},
    {ErrorCode::kInvalidOption, "INVALID_OPTION", "22023", 400},
    {ErrorCode::kMissingOption, "MISSING_OPTION", "22023", 400},
    {ErrorCode::kUnsupportedFeature, "UNSUPPORTED_FEATURE", "0A000", 400},
    {ErrorCode::kDependentObjects, "DEPENDENT_OBJECTS", "2BP01", 400},
    {ErrorCode::kInvalidWatermark, "INVALID_WATERMARK", "42P17", 400},
    {ErrorCode::kUnboundedState, "UNBOUNDED_STATE", "42P17", 400},
    {ErrorCode::kBadRequest, "BAD_REQUEST", "22023", 400},
    {ErrorCode::kInvalidValue, "INVALID_VALUE", "22000", 400},
    {ErrorCode::kUnauthenticated, "UNAUTHENTICATED", "28000", 401},
    {ErrorCode::kForbidden, "FORBIDDEN", "42501", 403},
    {ErrorCode::kNotFound, "NOT_FOUND", "42P01", 404},
    {ErrorCode::kConflict, "CONFLICT", "55000", 409},
    {ErrorCode::kCursorExpired, "CURSOR_EXPIRED", "55000", 410},
    {ErrorCode::kStreamingResult, "STREAMING_RESULT", "0A000", 406},
    {ErrorCode::kTooLarge, "TOO_LARGE", "54000", 413},
    {ErrorCode::kUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "08P01", 415},
    {ErrorCode::kTooManySubscriptions, "TOO_MANY_SUBSCRIPTIONS", "53300", 429},
    {ErrorCode::kCancelled, "CANCELLED", "57014", 499},
    {ErrorCode::kTimeout, "TIMEOUT", "57014", 504},
    {ErrorCode::kInternal, "INTERNAL", "XX000", 500},
    {ErrorCode::kNotReady, "NOT_READY", "57P03", 503},
    {ErrorCode::kShuttingDown, "SHUTTING_DOWN", "57P01", 503},
    {ErrorCode::kOutOfMemory, "OUT_OF_MEMORY", "53200", 503},
    {ErrorCode::kStateIncompatible, "STATE_INCOMPATIBLE", "55000", 409},
    {ErrorCode::kDataDirectory, "DATA_DIRECTORY", "58000", 500},
    {ErrorCode::kIo, "IO_ERROR", "58030", 500},
};

char Lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// Levenshtein's distance, one row at a time, ignoring the case of ASCII letters.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (Lower(a[i - 1]) != Lower(b[j - 1]));
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

const ErrorInfo& InfoOf(ErrorCode code) {
  const ErrorInfo& info = kErrors[static_cast<size_t>(code)];
  assert(info.code == code);
  return info;
}

std::span<const ErrorInfo> AllErrors() { return kErrors; }

std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, (word.size() + 1) / 3) + 1;
  for (std::string_view candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string_view nearest = Nearest(word, candidates);
  if (nearest.empty()) return {};
  return "did you mean \"" + std::string(nearest) + "\"?";
}

}  // namespace millrace
