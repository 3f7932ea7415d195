// Options and arguments of the commands.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "server/routes.h"
#include "shell/commands.h"

namespace millrace {
namespace {

// Options that run and sql share, as they are written.
struct OutputFlags {
  std::string format = "table";
  bool no_header = false;
  std::string null_text;
  CLI::Option* null_option = nullptr;
};

void AddOutputFlags(CLI::App* command, OutputFlags* flags) {
  command->add_option("-o,--output", flags->format, TextFormatNames())
      ->check([](const std::string& name) {
        if (FindTextFormat(name)) return std::string();
        return "'" + name + "' is no output format: " + TextFormatNames();
      });
  command->add_flag("--no-header", flags->no_header, "Leave the columns' names out");
  flags->null_option = command->add_option("--null", flags->null_text, "What stands for NULL");
}

OutputSettings ToSettings(const OutputFlags& flags) {
  OutputSettings settings;
  settings.format = *FindTextFormat(flags.format);
  settings.text.header = !flags.no_header;
  if (flags.null_option->count() > 0) settings.text.null_text = flags.null_text;
  return settings;
}

void AddServerOptions(CLI::App* command, ServerSettings* settings) {
  command->add_option("--port,--api.port", settings->port, "Port of the API; 0: a free one")
      ->envname("MILLRACE__API__PORT")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--bind,--api.bind-address", settings->bind, "Address of the API")
      ->envname("MILLRACE__API__BIND_ADDRESS")
      ->capture_default_str();
  command
      ->add_option("--data-dir,--storage.data-dir", settings->data_directory,
                   "Where catalog, tables and state are kept")
      ->envname("MILLRACE__STORAGE__DATA_DIR")
      ->capture_default_str();
  command->add_option("-f,--sql.init-file", settings->init_files,
                      "SQL that is run first; what exists already is left out");
  command->add_option("--log-level,--log.level", settings->log_level, "debug, info, warn, error")
      ->envname("MILLRACE__LOG__LEVEL")
      ->capture_default_str();
  command
      ->add_option("--parallelism,--pipeline.parallelism", settings->parallelism,
                   "Partitions of pipelines; 0: one a core")
      ->envname("MILLRACE__PIPELINE__PARALLELISM")
      ->capture_default_str();
  command
      ->add_option("--checkpoint-interval,--checkpoint.interval", settings->checkpoint_interval,
                   "Time between checkpoints")
      ->envname("MILLRACE__CHECKPOINT__INTERVAL")
      ->capture_default_str();
  command
      ->add_option("--state-memory-budget,--state.memory-budget", settings->memory_budget,
                   "Memory of all state, like 2 GB; what is over it is read from the data directory")
      ->envname("MILLRACE__STATE__MEMORY_BUDGET");
  command->add_option("-D", settings->definitions, "key=value of the configuration");
}

CLI::App* AddRun(CLI::App* app, RunSettings* settings, OutputFlags* output) {
  CLI::App* run = app->add_subcommand("run", "Run a SQL file here and print its results");
  run->add_option("file", settings->file, "The file; -: standard input")->required();
  AddOutputFlags(run, output);
  run->add_flag("--stats", settings->stats, "A line of JSON a job on stderr");
  run->add_option("--data-dir", settings->data_directory, "Keep state here; else nothing is kept");
  run->add_option("--parallelism", settings->parallelism, "Partitions of pipelines; 0: one a core");
  return run;
}

CLI::App* AddSql(CLI::App* app, SqlSettings* settings, OutputFlags* output) {
  CLI::App* sql = app->add_subcommand("sql", "Send SQL to a server");
  sql->add_option("-s,--server,url", settings->server, "The server")
      ->envname("MILLRACE_SERVER")
      ->capture_default_str();
  sql->add_option("-e,--execute", settings->statements, "Statements to run")
      ->expected(1)
      ->take_all();
  sql->add_option("-f,--file", settings->files, "Files to run; -: standard input")
      ->expected(1)
      ->take_all();
  AddOutputFlags(sql, output);
  sql->add_flag("--timing", settings->timing, "How long each statement took, on stderr");
  return sql;
}

}  // namespace

int RunCommandLine(int argc, char** argv) {
  CLI::App app("Millrace: SQL over streams");
  app.require_subcommand(1);
  ServerSettings server_settings;
  RunSettings run_settings;
  SqlSettings sql_settings;
  OutputFlags run_output, sql_output;
  std::string validated;
  CLI::App* server = app.add_subcommand("server", "Start the server");
  AddServerOptions(server, &server_settings);
  CLI::App* run = AddRun(&app, &run_settings, &run_output);
  CLI::App* sql = AddSql(&app, &sql_settings, &sql_output);
  CLI::App* validate = app.add_subcommand("validate", "Check a SQL file without running it");
  validate->add_option("file", validated, "The file; -: standard input")->required();
  std::string checked;
  CLI::App* check = app.add_subcommand("check", "Check a data directory that no server uses");
  check->add_option("directory", checked, "The data directory")->required();
  CLI::App* version = app.add_subcommand("version", "Print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  try {
    if (server->parsed()) return RunServer(server_settings);
    if (validate->parsed()) return ValidateFile(validated);
    if (check->parsed()) return CheckDataDirectory(checked);
    if (run->parsed()) {
      run_settings.output = ToSettings(run_output);
      return RunFile(run_settings);
    }
    if (sql->parsed()) {
      sql_settings.output = ToSettings(sql_output);
      return RunShell(sql_settings);
    }
    if (version->parsed()) std::cout << "millrace " << kVersion << "\n";
    return kExitOk;
  } catch (const std::exception& error) {
    std::cerr << "millrace: " << error.what() << "\n";
    return kExitSqlError;
  }
}

std::optional<std::string> ReadText(const std::string& file) {
  std::FILE* in = file == "-" ? stdin : std::fopen(file.c_str(), "rb");
  std::string text;
  char buffer[1 << 16];
  size_t n = 0;
  while (in != nullptr && (n = std::fread(buffer, 1, sizeof buffer, in)) > 0) {
    text.append(buffer, n);
  }
  const bool good = in != nullptr && std::ferror(in) == 0;
  if (!good)
    std::cerr << "millrace: cannot read '" << file << "': " << std::strerror(errno) << "\n";
  if (in != nullptr && in != stdin) std::fclose(in);
  return good ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace millrace
