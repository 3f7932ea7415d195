// millrace server
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "base/error.h"
#include "base/log.h"
#include "connectors/connector.h"
#include "server/api_error.h"
#include "server/check_directory.h"
#include "server/http_server.h"
#include "server/routes.h"
#include "shell/commands.h"
#include "types/datetime.h"

namespace millrace {
namespace {

constexpr auto kDrain = std::chrono::seconds(5);  // For requests in flight when it stops.

// Applies -D key=value; false, and a line on stderr, when it is none of the configuration.
bool Define(const std::string& definition, ServerSettings* settings) {
  constexpr std::string_view kKeys[] = {
      "api.port",  "api.bind-address", "storage.data-dir",    "checkpoint.interval",
      "log.level", "sql.init-file",    "pipeline.parallelism", "tables.compact-bytes",
      "state.memory-budget"};
  const size_t equals = std::min(definition.find('='), definition.size());
  const std::string key = definition.substr(0, equals);
  const std::string value = definition.substr(std::min(equals + 1, definition.size()));
  try {
    if (key == "api.port") {
      settings->port = static_cast<int>(std::stoul(value));
    } else if (key == "api.bind-address") {
      settings->bind = value;
    } else if (key == "storage.data-dir") {
      settings->data_directory = value;
    } else if (key == "checkpoint.interval") {
      settings->checkpoint_interval = value;
    } else if (key == "state.memory-budget") {
      settings->memory_budget = value;
    } else if (key == "log.level") {
      settings->log_level = value;
    } else if (key == "sql.init-file") {
      settings->init_files.push_back(value);
    } else if (key == "pipeline.parallelism") {
      settings->parallelism = std::stoul(value);
    } else if (key == "tables.compact-bytes") {
      settings->compact_bytes = std::stoull(value);
    } else {
      std::cerr << "millrace: unknown setting '" << key << "' " << DidYouMean(key, kKeys) << "\n";
      return false;
    }
  } catch (const std::logic_error&) {  // What std::stoul throws.
    std::cerr << "millrace: setting '" << key << "': '" << value << "' is no number\n";
    return false;
  }
  return true;
}

bool IsLoopback(std::string_view address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

// Fills `options`; false, and a line on stderr, when a setting is wrong.
bool ReadOptions(const ServerSettings& settings, EngineOptions* options) {
  if (!IsLoopback(settings.bind)) {
    std::cerr << "millrace: cannot listen on " << settings.bind
              << ": without authentication only loopback addresses are served (127.0.0.1, ::1)\n";
    return false;
  }
  if (settings.port < 0 || settings.port > 65535) {
    std::cerr << "millrace: " << settings.port << " is no port\n";
    return false;
  }
  const std::optional<int64_t> interval = ParseDuration(settings.checkpoint_interval);
  if (!interval || *interval < 0) {
    std::cerr << "millrace: checkpoint interval '" << settings.checkpoint_interval
              << "' is no duration: write it like 10s or 500ms\n";
    return false;
  }
  if (!SetLogLevel(settings.log_level)) {
    std::cerr << "millrace: log level '" << settings.log_level
              << "' is none of debug, info, warn, error, off\n";
    return false;
  }
  if (!settings.memory_budget.empty()) {
    try {
      const Options budget = {{"state.memory-budget", {settings.memory_budget, {}, {}}}};
      options->memory_budget =
          static_cast<size_t>(GetSizeBytes(budget, "state.memory-budget", 0));
    } catch (const Error& error) {
      std::cerr << "millrace: " << error.message << "\n";
      return false;
    }
  }
  options->data_directory = settings.data_directory;
  options->partitions = settings.parallelism;
  options->checkpoint_interval_micros = *interval;
  if (settings.compact_bytes) options->compact_bytes = *settings.compact_bytes;
  return true;
}

// False, and the error on stderr, when a statement failed.
bool RunInitFile(const std::string& file, Engine* engine) {
  const std::optional<std::string> text = ReadText(file);
  if (!text) return false;
  const ExecuteResult result = engine->ExecuteInit(*text);
  for (const StatementResult& one : result.results) {
    Log(LogLevel::kInfo, "server", one.message.empty() ? one.kind : one.message,
        {{"init_file", file}});
  }
  if (!result.error) return true;
  std::cerr << "millrace: " << file << "\n" << ErrorText(*result.error, *text);
  return false;
}

// SIGTERM and SIGINT, which no thread takes as they come.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // The write fails, as on a full disk.
  return signals;
}

// Runs the server on a thread of its own.
class Serving {
 public:
  explicit Serving(HttpServer* http) : thread_([this, http] { Run(http); }) {}
  ~Serving() { thread_.join(); }

  // Whether all requests have ended by then.
  bool WaitFor(std::chrono::seconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return ended_; });
  }

 private:
  void Run(HttpServer* http) {
    http->Run();
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool ended_ = false;
  std::thread thread_;  // The last member: it uses the others.
};

int Serve(const ServerSettings& settings, const sigset_t& signals, Engine* engine) {
  Api api(engine);
  HttpServer http([&api](const HttpRequest& request, HttpResponse* response,
                         HttpStream* stream) { api.Handle(request, response, stream); },
                  Api::AnswerMalformed);
  const int port = http.Bind(settings.bind, settings.port);
  Serving serving(&http);
  const bool ipv6 = settings.bind.find(':') != std::string::npos;
  const std::string host = ipv6 ? "[" + settings.bind + "]" : settings.bind;
  Log(LogLevel::kInfo, "server", "listening on http://" + host + ":" + std::to_string(port),
      {{"version", kVersion}});
  int signal = 0;
  sigwait(&signals, &signal);
  Log(LogLevel::kInfo, "server", "shutting down", {{"signal", int64_t{signal}}});
  api.Stop();
  http.Stop();
  int code = kExitOk;
  try {
    engine->Shutdown();
  } catch (const Error& error) {
    Log(LogLevel::kError, "server", error.message, {{"error_code", InfoOf(error.code).name}});
    code = kExitSqlError;
  }
  const bool ended = serving.WaitFor(kDrain);
  Log(LogLevel::kInfo, "server", ended ? "stopped" : "stopped with requests that did not end");
  if (!ended) std::_Exit(code);  // All that is to be kept has been sealed.
  return code;
}

}  // namespace

int RunServer(const ServerSettings& given) {
  ServerSettings settings = given;
  for (const std::string& definition : given.definitions) {
    if (!Define(definition, &settings)) return kExitUsage;
  }
  EngineOptions options;
  if (!ReadOptions(settings, &options)) return kExitUsage;
  const sigset_t signals = BlockSignals();
  try {
    Engine engine(options);
    for (const std::string& file : settings.init_files) {
      if (!RunInitFile(file, &engine)) return kExitSqlError;
    }
    return Serve(settings, signals, &engine);
  } catch (const Error& error) {
    std::cerr << "millrace: " << error.message << "\n";
    if (!error.hint.empty()) std::cerr << "HINT: " << error.hint << "\n";
    return kExitSqlError;
  }
}

int CheckDataDirectory(const std::string& directory) {
  try {
    const DirectoryReport report = CheckDirectory(directory);
    std::cout << report.text;
    return report.whole ? kExitOk : kExitSqlError;
  } catch (const Error& error) {
    std::cerr << "millrace: " << error.message << "\n";
    return kExitSqlError;
  }
}

}  // namespace millrace
