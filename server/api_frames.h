// Results as they come: one JSON object a frame, in NDJSON or server-sent events.
//
// `schema` first, `end` last, exactly one of each.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "server/api_error.h"
#include "server/api_value.h"
#include "server/engine.h"
#include "server/http_server.h"

namespace millrace {

enum class FrameFormat : uint8_t { kNdjson, kServerSentEvents };
// How changes are written: all of them; without "-U", for readers that keep rows by key; or
// {"before":…,"after":…,"op":"c|u|d|r","ts_ms":…}, "r" for the rows that were there.
enum class Envelope : uint8_t { kChangelog, kUpsert, kDebezium };

struct FrameOptions {
  FrameFormat format = FrameFormat::kNdjson;
  JsonStyle style;
  Envelope envelope = Envelope::kChangelog;
  std::chrono::milliseconds progress{10'000};  // Between two frames that say how far it is.
};

// "c_1f": how the API writes a push query's cursor; nothing when the text is none.
std::string CursorText(uint64_t cursor);
std::optional<uint64_t> ParseCursor(std::string_view text);

class FrameWriter {
 public:
  FrameWriter(const FrameOptions& options, HttpResponse* response, HttpStream* stream);

  bool begun() const { return stream_->begun(); }
  uint64_t rows() const { return rows_; }

  // All of these begin with the response's header and the schema if that was not sent yet. False
  // when the client has gone.
  bool Schema(const StatementResult& result);
  bool Rows(const StatementResult& result, const Batch& batch);
  // Says how far the query is, at the end of the rows that were there and now and then.
  bool Point(const StatementResult& result, const PushPoint& point);
  bool Notify(const StatementResult& result, std::string_view sql);
  void Fail(const Error& error, const ErrorContext& context);
  void End(std::string_view reason);

 private:
  using Clock = std::chrono::steady_clock;

  void BeginFrame(std::string_view type, std::string_view id = {});
  void EndFrame();
  void Row(const StatementResult& result, const Batch& batch, size_t row, std::string_view op);
  void Change(const StatementResult& result, const Batch& batch, std::optional<size_t> before,
              std::optional<size_t> after);
  bool RowsOf(const StatementResult& result, const Batch& batch);
  bool Send();

  const FrameOptions options_;
  HttpResponse* const response_;
  HttpStream* const stream_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_sent_ = begin_, last_progress_ = begin_;
  uint64_t rows_ = 0;
  bool snapshot_ = true;  // The rows are those that were there.
  std::string cursor_;
  std::string out_;
};

}  // namespace millrace
