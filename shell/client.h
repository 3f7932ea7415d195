// Statements sent to a server; what comes back is printed as it comes.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "shell/output.h"

namespace millrace {

class Client {
 public:
  // `url`: http://HOST:PORT, the scheme and the port may be left out.
  explicit Client(std::string_view url);

  // kExitOk, kExitSqlError or kExitNoConnection. Errors and notices go to stderr.
  int Execute(const std::string& statement, Output* output);

  // Whether messages such as "Table created." are shown.
  void set_verbose(bool verbose) { verbose_ = verbose; }
  const std::string& url() const { return url_; }

 private:
  // SET and USE hold for the statements that follow, each of which is a request of its own.
  void Remember(const std::string& statement, std::string_view kind);
  std::string Body(const std::string& statement) const;

  std::string url_;
  bool verbose_ = true;
  std::map<std::string, std::string> properties_;
  std::string catalog_, database_;
};

}  // namespace millrace
