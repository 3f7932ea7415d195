// Runs tests/plans/*.test and checks what EXPLAIN does not show.
//
// A file has blocks with an empty line between them:
//   statement      CREATE … or SET …; more may follow, each ended by ';'
//   script         a file of such statements, named from the checkout's root
//   plan [pull]    a query or INSERT, a line "----", the text of EXPLAIN and the notices' codes
//   view           a view's name, "----", the plan of the materialized view
//   error [pull]   a query, INSERT or CREATE, "----", CODE at 'text': message, and the hint
// With MILLRACE_UPDATE set the expected texts are written anew.
#define BOOST_TEST_MODULE planner_query
#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "parser/parse.h"
#include "planner/planner.h"

using namespace millrace;

namespace {

// A catalog filled by SQL, and plans of queries over it.
class World {
 public:
  void Run(const std::string& script) {
    std::vector<Notice> notices;
    for (const ast::Statement& statement : Parse(script)) {
      const std::string text = script.substr(statement.range.offset, statement.range.length);
      if (auto* table = std::get_if<ast::CreateTable>(&statement.node)) {
        catalog_.Add(BindCreateTable(*table, text, context_, &notices));
      } else if (auto* view = std::get_if<ast::CreateView>(&statement.node)) {
        catalog_.Add(BindCreateView(*view, text, context_, &notices));
      } else if (auto* view = std::get_if<ast::CreateMaterializedView>(&statement.node)) {
        catalog_.Add(BindCreateMaterializedView(*view, text, context_, &notices));
      } else if (auto* set = std::get_if<ast::Set>(&statement.node)) {
        session_.settings[set->option->key] = set->option->value;
      } else if (auto* reset = std::get_if<ast::Reset>(&statement.node)) {
        session_.settings.erase(reset->key->key);
      } else {
        MakePlanOf(statement, QueryMode::kContinuous);
      }
    }
  }

  Plan MakePlan(const std::string& sql, QueryMode mode = QueryMode::kContinuous) {
    const std::vector<ast::Statement> statements = Parse(sql);
    BOOST_REQUIRE_EQUAL(statements.size(), 1);
    return MakePlanOf(statements[0], mode);
  }

  std::string Explain(const std::string& sql, QueryMode mode) {
    const Plan plan = MakePlan(sql, mode);
    std::string text = ExplainPlan(plan);
    for (const Notice& notice : plan.notices) text += "notice " + notice.code + "\n";
    return text;
  }

  std::string ErrorOf(const std::string& sql, QueryMode mode) {
    try {
      if (sql.starts_with("CREATE")) {
        Run(sql);
      } else {
        MakePlan(sql, mode);
      }
    } catch (const Error& error) {
      const SourceRange range = error.range.value_or(SourceRange{});
      std::string text(InfoOf(error.code).name);
      text += " at '" + sql.substr(range.offset, range.length) + "': " + error.message + "\n";
      if (!error.hint.empty()) text += "hint: " + error.hint + "\n";
      return text;
    }
    return "no error\n";
  }

  const Relation& Get(const std::string& name) const { return *catalog_.Find(name); }

 private:
  Plan MakePlanOf(const ast::Statement& statement, QueryMode mode) {
    if (auto* insert = std::get_if<ast::Insert>(&statement.node)) {
      return PlanInsert(*insert, mode, context_);
    }
    return PlanQuery(*std::get<ast::QueryStatement>(statement.node).query, mode, context_);
  }

  Catalog catalog_;
  Session session_;
  PlanContext context_{&catalog_, &session_, ".", {}};
};

struct Block {
  std::string head, input, expected;
};

std::vector<Block> ReadBlocks(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<Block> blocks;
  std::string line;
  bool open = false, expected = false;
  while (std::getline(in, line)) {
    if (line.empty()) {
      open = expected = false;
    } else if (!open) {
      blocks.push_back({line, "", ""});
      open = true;
    } else if (line == "----") {
      expected = true;
    } else {
      (expected ? blocks.back().expected : blocks.back().input) += line + "\n";
    }
  }
  return blocks;
}

std::string ReadScript(const std::filesystem::path& path) {
  std::ifstream in(path);
  BOOST_REQUIRE_MESSAGE(in, path.string() + " is not there");
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Actual(const Block& block, World* world) {
  const QueryMode mode = block.head.ends_with(" pull") ? QueryMode::kPull : QueryMode::kContinuous;
  std::string sql = block.input;
  while (!sql.empty() && (sql.back() == '\n' || sql.back() == ';')) sql.pop_back();
  if (block.head.starts_with("error")) return world->ErrorOf(sql, mode);
  if (block.head.starts_with("plan")) return world->Explain(sql, mode);
  if (block.head == "view") return ExplainPlan(*world->Get(sql).plan);
  if (block.head == "statement") world->Run(block.input);
  if (block.head == "script") world->Run(ReadScript(sql));
  return "";
}

void RunFile(const std::filesystem::path& path) {
  World world;
  std::ostringstream updated;
  for (const Block& block : ReadBlocks(path)) {
    if (block.head.starts_with("#")) {
      updated << (updated.tellp() > 0 ? "\n" : "") << block.head << "\n" << block.input;
      continue;
    }
    std::string actual;
    try {
      actual = Actual(block, &world);
    } catch (const Error& error) {
      BOOST_ERROR(path.filename().string() + ": " + block.input + error.message);
    }
    updated << (updated.tellp() > 0 ? "\n" : "") << block.head << "\n" << block.input;
    if (block.head != "statement" && block.head != "script") updated << "----\n" << actual;
    if (std::getenv("MILLRACE_UPDATE") == nullptr) {
      BOOST_TEST(actual == block.expected, path.filename().string()
                                               << ": " << block.input << "gives\n"
                                               << actual);
    }
  }
  if (std::getenv("MILLRACE_UPDATE") != nullptr) std::ofstream(path) << updated.str();
}

}  // namespace

BOOST_AUTO_TEST_CASE(PlanFiles) {
  const std::filesystem::path folder = "tests/plans";  // Run in the root of the checkout.
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".test") continue;
    RunFile(entry.path());
    ++files;
  }
  BOOST_TEST(files > 0);
}

BOOST_AUTO_TEST_CASE(PlanFacts) {
  World world;
  world.Run(
      "CREATE TABLE t (a BIGINT, b STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts);"
      "CREATE TABLE endless (a BIGINT) WITH ('connector' = 'datagen');"
      "CREATE VIEW v AS SELECT a AS x FROM t WHERE a > 0;"
      "CREATE MATERIALIZED VIEW m AS SELECT x, COUNT(*) AS n FROM v GROUP BY x;");
  const Plan plan = world.MakePlan("SELECT x FROM v");
  BOOST_TEST(plan.bounded);
  BOOST_TEST(plan.reads == (std::vector<std::string>{"v", "t"}), boost::test_tools::per_element());
  BOOST_REQUIRE_EQUAL(plan.schema.size(), 1);
  BOOST_TEST(plan.schema[0].name == "x");

  BOOST_TEST(!world.MakePlan("SELECT * FROM endless").bounded);
  BOOST_TEST(world.MakePlan("SELECT * FROM endless /*+ OPTIONS('number-of-rows'='3') */").bounded);

  const Plan push = world.MakePlan("SELECT a FROM t EMIT CHANGES LIMIT 5");
  BOOST_TEST(push.emit_changes);
  BOOST_TEST(push.push_limit.value_or(0) == 5);

  BOOST_TEST(world.Get("m").primary_key == std::vector<size_t>{0},
             boost::test_tools::per_element());
  const Node& root = *world.Get("m").plan->root;
  BOOST_TEST(root.inputs[0]->properties.upsert);
  const Plan pull = world.MakePlan("SELECT * FROM m", QueryMode::kPull);
  BOOST_TEST(std::get<ScanView>(pull.root->op).snapshot);
  BOOST_TEST(pull.root->properties.append_only);
}

BOOST_AUTO_TEST_CASE(UnboundedStateIsNoticed) {
  World world;
  world.Run("CREATE TABLE t (a BIGINT, b STRING);");
  const std::string sql = "SELECT b, a + 1 AS k, COUNT(*) FROM t GROUP BY b, a + 1";
  const Plan plan = world.MakePlan(sql);
  BOOST_REQUIRE_EQUAL(plan.notices.size(), 1);
  BOOST_TEST(plan.notices[0].code == "UNBOUNDED_STATE");
  BOOST_TEST(plan.notices[0].message.find("(b, a + 1)") != std::string::npos);
  BOOST_TEST(plan.notices[0].message.find("table.exec.state.ttl") != std::string::npos);
  const SourceRange range = plan.notices[0].range.value();
  BOOST_TEST(sql.substr(range.offset, range.length) == "b, a + 1");
  BOOST_TEST(world.MakePlan(sql, QueryMode::kPull).notices.empty());
}
