// millrace sql: the prompt, and scripts for a server.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>

#include "shell/client.h"
#include "shell/commands.h"
#include "shell/output.h"
#include "shell/statement_splitter.h"

namespace millrace {
namespace {

constexpr std::string_view kHelp = R"(Statements end with a semicolon, for example
  SHOW TABLES;   DESCRIBE t;   SHOW JOBS;   EXPLAIN SELECT …;   SELECT * FROM v;
  \q or QUIT;    quit
  HELP;          this text
)";

enum class Word : uint8_t { kNone, kQuit, kHelp };

// What the shell understands itself.
Word WordOf(std::string_view statement) {
  std::string upper(statement);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (upper == "QUIT" || upper == "EXIT" || upper == "\\Q") return Word::kQuit;
  if (upper == "HELP" || upper == "\\?" || upper == "\\H") return Word::kHelp;
  return Word::kNone;
}

class Shell {
 public:
  explicit Shell(const SqlSettings& settings)
      : settings_(settings), client_(settings.server), output_(settings.output) {
    // Other formats are for programs, which do not want sentences among the rows.
    client_.set_verbose(settings.output.format == TextFormat::kTable ||
                        settings.output.format == TextFormat::kVertical);
  }

  int RunText(const std::string& text) {
    StatementSplitter splitter;
    splitter.Add(text);
    for (bool more = true; more;) {
      std::optional<std::string> statement = splitter.Next();
      more = statement.has_value();
      if (!more) statement = splitter.TakeRest();
      if (statement->empty()) continue;
      if (const int code = Run(*statement); code != kExitOk) return code;
      if (quit_) break;
    }
    return kExitOk;
  }

  int Prompt() {
    std::cerr << "Millrace at " << client_.url() << "; HELP; for help, \\q to quit\n";
    StatementSplitter splitter;
    std::string line;
    while (!quit_) {
      std::cout << (splitter.in_statement() ? "      -> " : "millrace> ") << std::flush;
      if (!std::getline(std::cin, line)) break;
      if (!splitter.in_statement() && line.starts_with('\\')) {
        Run(line.substr(0, line.find_last_not_of(" \t\r") + 1));
        continue;
      }
      splitter.Add(line + "\n");
      while (const std::optional<std::string> statement = splitter.Next()) {
        if (!statement->empty()) Run(*statement);
      }
    }
    std::cout << "\n";
    return kExitOk;
  }

 private:
  int Run(const std::string& statement) {
    switch (WordOf(statement)) {
      case Word::kQuit:
        quit_ = true;
        return kExitOk;
      case Word::kHelp:
        std::cout << kHelp;
        return kExitOk;
      case Word::kNone:
        break;
    }
    const auto begin = std::chrono::steady_clock::now();
    const int code = client_.Execute(statement, &output_);
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - begin;
    if (settings_.timing) std::cerr << "Time: " << elapsed.count() << " ms\n";
    return code;
  }

  const SqlSettings& settings_;
  Client client_;
  Output output_;
  bool quit_ = false;
};

}  // namespace

int RunShell(const SqlSettings& settings) {
  Shell shell(settings);
  if (settings.statements.empty() && settings.files.empty()) {
    if (isatty(STDIN_FILENO) != 0) return shell.Prompt();
    const std::optional<std::string> text = ReadText("-");
    return text ? shell.RunText(*text) : kExitUsage;
  }
  for (const std::string& text : settings.statements) {
    if (const int code = shell.RunText(text); code != kExitOk) return code;
  }
  for (const std::string& file : settings.files) {
    const std::optional<std::string> text = ReadText(file);
    if (!text) return kExitUsage;
    if (const int code = shell.RunText(*text); code != kExitOk) return code;
  }
  return kExitOk;
}

}  // namespace millrace
