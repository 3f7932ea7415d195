// One run of a .test file in one cell of the matrix.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "server/engine.h"
#include "tests/sql_runner/script.h"

namespace millrace::sqltest {

struct Cell {
  size_t partitions = 1;
  size_t batch_rows = 1024;
  bool crash = false;  // After every input and step: lose the process, come back with others.

  std::string ToString() const;
};

// All 18, in an order whose first ones are spread over partitions, batches and crashes.
std::vector<Cell> AllCells();

struct Failure {
  size_t line;
  std::string text;
};

class CellRun {
 public:
  // `directory` is empty and the run's own.
  CellRun(const Script& script, Cell cell, std::string directory);
  std::vector<Failure> Run();

 private:
  using Fields = std::vector<std::string>;  // As Canonical writes them.
  struct Rows {
    Schema schema;
    std::vector<Fields> rows;
  };

  void Open();
  void Reopen();
  void RunBlock(const Block& block);
  void RunSql(const Block& block);
  void CheckError(const Block& block, const ExecuteResult& result);
  void CheckRows(const Block& block, const ExecuteResult& result);
  void CheckChanges(const Block& block);
  void Append(const Block& block);
  void AfterInput();
  Rows RowsOf(const StatementResult& result) const;
  Rows ReadView(const std::string& view);
  Fields ExpectedFields(const Row& row, const Schema& schema, size_t skip) const;
  void Compare(const Block& block, std::vector<std::string> expected,
               std::vector<std::string> actual, bool sort);
  void Fail(const Block& block, const std::string& text);

  const Script& script_;
  Cell cell_;
  std::string directory_;
  size_t partitions_;
  size_t inputs_ = 0;
  // The steps' clock: stands, but for `advance`. From 2026-01-01 on.
  int64_t now_ = 1'767'225'600'000'000;
  Session session_;
  std::unique_ptr<Engine> engine_;
  std::map<std::string, std::vector<Fields>> seen_;  // By view, what `changes` saw last.
  std::vector<Failure> failures_;
};

}  // namespace millrace::sqltest
