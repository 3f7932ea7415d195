#include "tests/sql_runner/cell.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/clock.h"
#include "tests/sql_runner/fields.h"
#include "types/datetime.h"

namespace millrace::sqltest {
namespace {

std::string Join(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += (line.empty() ? "" : " ") + field;
  return line;
}

std::string Listing(const std::string& title, const std::vector<std::string>& lines) {
  std::string text = "  " + title + ":\n";
  for (const std::string& line : lines) text += "    " + line + "\n";
  return text;
}

}  // namespace

std::string Cell::ToString() const {
  return std::to_string(partitions) + "," + std::to_string(batch_rows) + "," +
         (crash ? "crash" : "plain");
}

std::vector<Cell> AllCells() {
  std::vector<Cell> cells;
  const size_t batches[] = {7, 1024, 1};
  for (size_t i = 0; i < 9; ++i) {
    // Every pair of partitions and batch once in nine, partitions changing fastest.
    const size_t partitions = 3 - i % 3, batch = batches[(i + i / 3) % 3];
    cells.push_back({partitions, batch, true});
    cells.push_back({partitions % 3 + 1, batch, false});
  }
  return cells;
}

CellRun::CellRun(const Script& script, Cell cell, std::string directory)
    : script_(script),
      cell_(cell),
      directory_(std::move(directory)),
      partitions_(cell.partitions) {}

std::vector<Failure> CellRun::Run() {
  try {
    Open();
  } catch (const std::exception& error) {
    return {{0, std::string("  the engine does not start: ") + error.what() + "\n"}};
  }
  for (const Block& block : script_.blocks) {
    try {
      RunBlock(block);
    } catch (const std::exception& error) {
      Fail(block, std::string("  exception: ") + error.what() + "\n");
      if (!engine_) break;
    }
  }
  engine_.reset();
  return std::move(failures_);
}

void CellRun::Open() {
  EngineOptions options;
  options.data_directory = directory_;
  options.base_directory = std::filesystem::absolute(script_.path).parent_path().string();
  options.sync = false;
  options.partitions = partitions_;
  options.batch_rows = cell_.batch_rows;
  options.checkpoint_interval_micros = 0;
  options.manual = true;
  options.clock = [this] { return now_; };
  // Where batches are of seven rows, tables are compacted all the time.
  if (cell_.batch_rows == 7) options.compact_bytes = 0;
  if (const char* budget = std::getenv("MILLRACE_TEST_BUDGET")) {
    options.memory_budget = std::strtoul(budget, nullptr, 10);
  }
  engine_ = std::make_unique<Engine>(options);
}

void CellRun::Reopen() {
  engine_.reset();
  Open();
}

void CellRun::AfterInput() {
  ++inputs_;
  if (!cell_.crash) return;
  partitions_ = partitions_ % 3 + 1;
  Reopen();
  // Before some of the next inputs, so that restoring meets a checkpoint alone, a checkpoint with a
  // journal behind it, and a journal alone.
  const size_t every = cell_.batch_rows == 1 ? 4 : cell_.batch_rows == 7 ? 2 : 3;
  if (inputs_ % every == 1) engine_->Checkpoint();
}

void CellRun::RunBlock(const Block& block) {
  switch (block.kind) {
    case Block::Kind::kStatement:
    case Block::Kind::kQuery:
      return RunSql(block);
    case Block::Kind::kChanges:
      return CheckChanges(block);
    case Block::Kind::kInput:
      Append(block);
      engine_->Step();
      return AfterInput();
    case Block::Kind::kAppend:
      Append(block);
      return AfterInput();
    case Block::Kind::kStep:
      engine_->Step();
      return AfterInput();
    case Block::Kind::kDrain:
      while (engine_->Step()) {
      }
      return AfterInput();
    case Block::Kind::kCheckpoint:
      return engine_->Checkpoint();
    case Block::Kind::kRestart:
      return Reopen();
    case Block::Kind::kAdvance: {
      const std::optional<int64_t> micros = ParseDuration(block.target);
      if (!micros) throw ScriptError(block.target + " is no duration");
      now_ += *micros;
      return;
    }
  }
}

void CellRun::RunSql(const Block& block) {
  ExecuteRequest request;
  request.session = &session_;
  const ExecuteResult result = engine_->Execute(block.sql, request);
  if (result.error || !block.error.empty()) return CheckError(block, result);
  if (!block.notice.empty()) {
    bool found = false;
    for (const StatementResult& one : result.results) {
      for (const Notice& notice : one.notices) found |= notice.code == block.notice;
    }
    if (!found) Fail(block, "  there is no notice " + block.notice + "\n");
  }
  if (block.kind == Block::Kind::kQuery) CheckRows(block, result);
}

void CellRun::CheckError(const Block& block, const ExecuteResult& result) {
  if (!result.error) return Fail(block, "  expected error " + block.error + ", it succeeded\n");
  const Error& error = *result.error;
  std::string covered = "(no range)";
  if (error.range && error.range->offset <= block.sql.size()) {
    covered = block.sql.substr(error.range->offset, error.range->length);
  }
  const std::string name(InfoOf(error.code).name);
  const bool good = name == block.error && (block.at.empty() || covered == block.at) &&
                    (error.message.find(block.message) != std::string::npos ||
                     error.hint.find(block.message) != std::string::npos);
  if (good) return;
  Fail(block, "  expected: " + (block.error.empty() ? "success" : "error " + block.error) +
                  (block.at.empty() ? "" : " at \"" + block.at + "\"") +
                  (block.message.empty() ? "" : " message \"" + block.message + "\"") +
                  "\n  actual: error " + name + " at \"" + covered + "\": " + error.message +
                  (error.hint.empty() ? "" : " (hint: " + error.hint + ")") + "\n");
}

CellRun::Rows CellRun::RowsOf(const StatementResult& result) const {
  Rows out{result.schema, {}};
  for (const Batch& batch : result.rows) {
    for (size_t i = 0; i < batch.size; ++i) {
      Fields fields;
      for (size_t c = 0; c < batch.columns.size(); ++c) {
        fields.push_back(FieldText(batch.columns[c], result.schema[c].type, i, session_.zone()));
      }
      for (int64_t n = 0; n < batch.weight(i); ++n) out.rows.push_back(fields);
    }
  }
  return out;
}

CellRun::Fields CellRun::ExpectedFields(const Row& row, const Schema& schema, size_t skip) const {
  if (row.fields.size() != schema.size() + skip) {
    throw ScriptError("line " + std::to_string(row.line) + " has " +
                      std::to_string(row.fields.size() - skip) + " fields, the result has " +
                      std::to_string(schema.size()) + " columns");
  }
  Fields fields;
  for (size_t c = 0; c < schema.size(); ++c) {
    fields.push_back(ExpectedText(row.fields[c + skip], schema[c].type));
  }
  return fields;
}

void CellRun::CheckRows(const Block& block, const ExecuteResult& result) {
  const Rows rows = RowsOf(result.results.back());
  std::vector<std::string> actual, expected;
  for (const Fields& fields : rows.rows) actual.push_back(Join(fields));
  if (block.contains) {
    std::string all;
    for (const std::string& line : actual) all += line + "\n";
    for (const std::string& text : block.texts) {
      if (all.find(text) == std::string::npos) {
        Fail(block, "  this is not in the answer: " + text + "\n" + Listing("actual", actual));
      }
    }
    return;
  }
  try {
    for (const Row& row : block.rows) expected.push_back(Join(ExpectedFields(row, rows.schema, 0)));
  } catch (const ScriptError& error) {
    return Fail(block, std::string("  ") + error.what() + "\n" + Listing("actual", actual));
  }
  Compare(block, std::move(expected), std::move(actual), block.sort);
}

CellRun::Rows CellRun::ReadView(const std::string& view) {
  ExecuteRequest request;
  request.session = &session_;
  const ExecuteResult result = engine_->Execute("SELECT * FROM " + view, request);
  if (result.error) throw *result.error;
  return RowsOf(result.results.back());
}

void CellRun::CheckChanges(const Block& block) {
  Rows now = ReadView(block.target);
  std::ranges::sort(now.rows);
  std::vector<Fields>& before = seen_[block.target];
  std::vector<Fields> gone, come;
  std::ranges::set_difference(before, now.rows, std::back_inserter(gone));
  std::ranges::set_difference(now.rows, before, std::back_inserter(come));
  before = now.rows;
  const std::vector<size_t> key = engine_->Object(block.target).primary_key;
  auto same_key = [&](const Fields& a, const Fields& b) {
    return std::ranges::all_of(key, [&](size_t k) { return a[k] == b[k]; });
  };
  const bool keyed = !key.empty() || engine_->Object(block.target).rows.value_or(2) == 1;
  std::vector<std::string> actual, expected;
  auto has = [&](const std::vector<Fields>& rows, const Fields& row) {
    return keyed && std::ranges::any_of(rows, [&](const Fields& r) { return same_key(r, row); });
  };
  for (const Fields& row : gone) actual.push_back((has(come, row) ? "-U " : "-D ") + Join(row));
  for (const Fields& row : come) actual.push_back((has(gone, row) ? "+U " : "+I ") + Join(row));
  for (const Row& row : block.rows) {
    expected.push_back(row.fields[0].text + " " + Join(ExpectedFields(row, now.schema, 1)));
  }
  Compare(block, std::move(expected), std::move(actual), true);
}

void CellRun::Append(const Block& block) {
  const Schema schema = engine_->InsertSchema(block.target);
  std::vector<int64_t> weights;
  for (const Row& row : block.rows) {
    const std::string& sign = row.fields[0].text;
    if (row.fields.size() != schema.size() + 1 || (sign != "+" && sign != "-")) {
      throw ScriptError("line " + std::to_string(row.line) + ": expected + or - and " +
                        std::to_string(schema.size()) + " fields");
    }
    weights.push_back(sign == "+" ? 1 : -1);
  }
  if (block.rows.empty()) return;
  Batch rows = MakeBatch(block.rows, 1, schema);
  if (std::ranges::find(weights, -1) != weights.end()) rows.weights = std::move(weights);
  engine_->InsertRows(block.target, rows);
}

void CellRun::Compare(const Block& block, std::vector<std::string> expected,
                      std::vector<std::string> actual, bool sort) {
  if (sort) {
    std::ranges::sort(expected);
    std::ranges::sort(actual);
  }
  if (expected == actual) return;
  Fail(block, Listing("expected", expected) + Listing("actual", actual));
}

void CellRun::Fail(const Block& block, const std::string& text) {
  failures_.push_back({block.line, text});
}

}  // namespace millrace::sqltest
