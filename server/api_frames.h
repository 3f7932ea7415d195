// Results as they come: one JSON object a frame, in NDJSON or server-sent events.
//
// `schema` first, `end` last, exactly one of each.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "server/api_error.h"
#include "server/api_value.h"
#include "server/engine.h"
#include "server/http_server.h"

namespace millrace {

enum class FrameFormat : uint8_t { kNdjson, kServerSentEvents };

class FrameWriter {
 public:
  FrameWriter(FrameFormat format, const JsonStyle& style, HttpResponse* response,
              HttpStream* stream);

  bool begun() const { return stream_->begun(); }
  uint64_t rows() const { return rows_; }

  // All of these begin with the response's header and the schema if that was not sent yet. False
  // when the client has gone.
  bool Schema(const StatementResult& result);
  // An empty batch: nothing came for a while; says so when it has been long.
  bool Rows(const StatementResult& result, const Batch& batch);
  bool Notify(const StatementResult& result, std::string_view sql);
  void Fail(const Error& error, const ErrorContext& context);
  void End(std::string_view reason);

 private:
  using Clock = std::chrono::steady_clock;

  void BeginFrame(std::string_view type);
  void EndFrame();
  bool Send();

  const FrameFormat format_;
  const JsonStyle style_;
  HttpResponse* const response_;
  HttpStream* const stream_;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_sent_ = begin_;
  uint64_t rows_ = 0;
  std::string out_;
};

}  // namespace millrace
