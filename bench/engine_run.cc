#include "bench/engine_run.h"

#include <fstream>
#include <sstream>

namespace millrace::bench {
namespace {

void Execute(Engine& engine, const std::string& sql) {
  const ExecuteResult result = engine.Execute(sql, {});
  if (result.error) throw *result.error;
}

}  // namespace

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) throw Error(ErrorCode::kIo, "cannot read " + path.string());
  return text.str();
}

std::string Replace(std::string text, std::string_view name, const std::string& value) {
  for (size_t at; (at = text.find(name)) != std::string::npos;)
    text.replace(at, name.size(), value);
  return text;
}

Cost RunSql(const EngineOptions& options, const std::string& tables, const std::string& sql) {
  Engine engine(options);
  Execute(engine, tables);
  return Measure([&] {
    Execute(engine, sql);
    if (!engine.WaitFinished()) throw Error(ErrorCode::kInternal, "the job failed");
  });
}

}  // namespace millrace::bench
