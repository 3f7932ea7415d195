#define BOOST_TEST_MODULE connectors_print
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <map>

#include "connectors/builtin.h"
#include "types/row_key.h"
#include "types/value.h"

namespace millrace {
namespace {

// Sends what is written to a file descriptor to a temporary file.
class Redirect {
 public:
  explicit Redirect(int file) : file_(file), saved_(dup(file)), target_(std::tmpfile()) {
    BOOST_REQUIRE(target_ != nullptr);
    dup2(fileno(target_), file_);
  }
  ~Redirect() { Restore(); }

  std::string Text() {
    Restore();
    std::string text;
    std::rewind(target_);
    for (int c; (c = std::fgetc(target_)) != EOF;) text.push_back(static_cast<char>(c));
    return text;
  }

 private:
  void Restore() {
    if (saved_ < 0) return;
    dup2(saved_, file_);
    close(saved_);
    saved_ = -1;
  }

  int file_, saved_;
  std::FILE* target_;
};

Schema TwoColumns() { return {{"id", Type(TypeId::kBigInt)}, {"name", Type(TypeId::kString)}}; }

Batch MakeBatch(const Schema& schema, const std::vector<Values>& rows,
                std::vector<int64_t> weights) {
  Batch batch;
  batch.size = rows.size();
  batch.weights = std::move(weights);
  const auto arena = std::make_shared<Arena>();
  for (size_t c = 0; c < schema.size(); ++c) {
    Column column = MakeColumn(schema[c].type, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      SetValue(rows[i][c], schema[c].type, &column, i, arena.get());
    }
    column.KeepAlive(arena);
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

Values Row(int64_t id, const char* name) {
  return {Value{id}, name == nullptr ? Value{} : Value{std::string(name)}};
}

std::string Print(const std::vector<std::string>& key,
                  const std::map<std::string, std::string>& options, const Batch& batch,
                  int file = STDOUT_FILENO) {
  ConnectorContext context;
  context.schema = TwoColumns();
  context.primary_key = key;
  for (const auto& [name, value] : options) context.options[name].value = value;
  const std::unique_ptr<Sink> sink = PrintConnector().sink(context);
  Redirect redirect(file);
  sink->Write(batch);
  sink->Flush();
  return redirect.Text();
}

BOOST_AUTO_TEST_CASE(Inserts) {
  const Batch batch = MakeBatch(TwoColumns(), {Row(1, "a"), Row(2, nullptr)}, {});
  BOOST_CHECK_EQUAL(Print({}, {}, batch), "+I[1, a]\n+I[2, null]\n");
  BOOST_CHECK_EQUAL(Print({"id"}, {{"print-identifier", "out"}}, batch),
                    "out> +I[1, a]\nout> +I[2, null]\n");
  BOOST_CHECK_EQUAL(Print({}, {{"standard-error", "true"}}, batch, STDERR_FILENO),
                    "+I[1, a]\n+I[2, null]\n");
}

BOOST_AUTO_TEST_CASE(WeightsWithoutKey) {
  const Batch batch = MakeBatch(TwoColumns(), {Row(1, "a"), Row(1, "b"), Row(2, "c")}, {-1, 1, 3});
  BOOST_CHECK_EQUAL(Print({}, {}, batch), "-D[1, a]\n+I[1, b]\n+I[2, c]\n+I[2, c]\n+I[2, c]\n");
}

BOOST_AUTO_TEST_CASE(UpdatesOfAKey) {
  const Batch batch = MakeBatch(
      TwoColumns(), {Row(1, "new"), Row(2, "gone"), Row(3, "old"), Row(1, "old"), Row(3, "new")},
      {1, -1, -1, -1, 1});
  BOOST_CHECK_EQUAL(Print({"id"}, {}, batch),
                    "-U[1, old]\n+U[1, new]\n-D[2, gone]\n-U[3, old]\n+U[3, new]\n");
}

BOOST_AUTO_TEST_CASE(NothingBeforeTheStepEnds) {
  ConnectorContext context;
  context.schema = TwoColumns();
  const std::unique_ptr<Sink> sink = PrintConnector().sink(context);
  Redirect redirect(STDOUT_FILENO);
  sink->Write(MakeBatch(TwoColumns(), {Row(1, "a")}, {}));
  BOOST_CHECK_EQUAL(redirect.Text(), "");
}

BOOST_AUTO_TEST_CASE(BlackholeTakesUpdates) {
  const std::unique_ptr<Sink> sink = BlackholeConnector().sink({});
  sink->Write(MakeBatch(TwoColumns(), {Row(1, "a")}, {-1}));
  BOOST_CHECK(!BlackholeConnector().append_only_sink);
  BOOST_CHECK(!PrintConnector().append_only_sink);
}

}  // namespace
}  // namespace millrace
