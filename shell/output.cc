#include "shell/output.h"

#include <chrono>
#include <cstdio>

namespace millrace {
namespace {

constexpr size_t kWriteBytes = 64 << 10;
constexpr auto kHold = std::chrono::milliseconds(300);

}  // namespace

Output::Output(const OutputSettings& settings) : settings_(settings) {}

Output::~Output() { End(); }

void Output::Begin(std::vector<TextColumn> columns, bool with_op) {
  End();
  writer_ = MakeTextWriter(settings_.format, settings_.text, &text_);
  writer_->Begin(std::move(columns), with_op);
  const bool holds =
      settings_.format == TextFormat::kTable || settings_.format == TextFormat::kMarkdown;
  if (holds) shower_ = std::thread([this] { ShowHeldRows(); });
}

void Output::ShowHeldRows() {
  std::unique_lock lock(mutex_);
  while (writer_ != nullptr) {
    ended_.wait_for(lock, kHold);
    if (writer_ == nullptr) return;
    writer_->Idle();
    Write();
  }
}

void Output::Row(std::string_view op, std::span<const Cell> cells) {
  std::lock_guard lock(mutex_);
  writer_->Row(op, cells);
  if (text_.size() >= kWriteBytes) Write();
}

void Output::Rows(const Batch& batch, const Schema& schema) {
  std::lock_guard lock(mutex_);
  WriteBatch(batch, schema, writer_.get());
  Write();
}

void Output::Flush() {
  std::lock_guard lock(mutex_);
  Write();
}

void Output::End() {
  {
    std::lock_guard lock(mutex_);
    if (writer_ == nullptr) return;
    writer_->End();
    writer_.reset();
    Write();
  }
  ended_.notify_all();
  if (shower_.joinable()) shower_.join();
}

void Output::Write() {
  if (text_.empty()) return;
  std::fwrite(text_.data(), 1, text_.size(), stdout);
  std::fflush(stdout);
  text_.clear();
}

}  // namespace millrace
