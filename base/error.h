// The one exception of Millrace and the table of its stable codes.
//
// An Error ends a statement or fails a job; bad input rows are data, never exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace {

enum class ErrorCode : uint8_t {
  kSqlSyntax,
  kTableNotFound,
  kColumnNotFound,
  kFunctionNotFound,
  kTypeMismatch,
  kAmbiguousColumn,
  kDuplicateObject,
  kInvalidOption,
  kMissingOption,
  kUnsupportedFeature,
  kDependentObjects,
  kInvalidWatermark,
  kUnboundedState,
  kBadRequest,
  kInvalidValue,
  kUnauthenticated,
  kForbidden,
  kNotFound,
  kConflict,
  kCursorExpired,
  kStreamingResult,
  kTooLarge,
  kUnsupportedMediaType,
  kTooManySubscriptions,
  kCancelled,
  kTimeout,
  kInternal,
  kNotReady,
  kShuttingDown,
  kOutOfMemory,
  kStateIncompatible,
  kDataDirectory,
  kIo,
};

// What the API says for a code: its stable name, SQLSTATE and HTTP status.
struct ErrorInfo {
  ErrorCode code;
  std::string_view name;
  std::string_view sqlstate;
  int http_status;
};

const ErrorInfo& InfoOf(ErrorCode code);
std::span<const ErrorInfo> AllErrors();

// Bytes [offset, offset + length) of the submitted text.
struct SourceRange {
  size_t offset = 0;
  size_t length = 0;

  friend bool operator==(const SourceRange&, const SourceRange&) = default;
};

class Error : public std::exception {
 public:
  Error(ErrorCode code, std::string message, std::optional<SourceRange> range = {},
        std::string hint = {})
      : code(code), message(std::move(message)), range(range), hint(std::move(hint)) {}

  const char* what() const noexcept override { return message.c_str(); }

  ErrorCode code;
  std::string message;
  std::optional<SourceRange>
      range;  // In the whole submitted text, in bytes; the API converts to code points.
  std::string hint;
};

// The candidate nearest to `word` by edit distance (case-insensitive), or "" when none is near
// enough to be meant: at most a third of the letters may differ.
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

// "did you mean \"x\"?" for the nearest candidate, or "".
std::string DidYouMean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace millrace
