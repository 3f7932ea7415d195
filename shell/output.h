// Results on standard output, shown also while more is waited for. Thread-safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "server/api_text.h"
#include "shell/commands.h"

namespace millrace {

class Output {
 public:
  explicit Output(const OutputSettings& settings);
  ~Output();

  // One result: Begin, any number of Row and Rows, End.
  void Begin(std::vector<TextColumn> columns, bool with_op);
  bool begun() const { return writer_ != nullptr; }
  void Row(std::string_view op, std::span<const Cell> cells);
  void Rows(const Batch& batch, const Schema& schema);
  // What was given so far is shown soon.
  void Flush();
  void End();

 private:
  void Write();
  void ShowHeldRows();

  const OutputSettings settings_;
  std::mutex mutex_;
  std::string text_;
  std::unique_ptr<TextWriter> writer_;
  // Tables hold rows back to find the columns' widths; this shows them when no more come.
  std::condition_variable ended_;
  std::thread shower_;
};

}  // namespace millrace
