#include "shell/client.h"

#include <httplib.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "base/json_text.h"

namespace millrace {
namespace {

// Keeps the fields of rows in order.
using Json = nlohmann::ordered_json;

std::string Text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

void PrintError(const Json& error) {
  std::cerr << "ERROR " << Text(error, "sqlstate") << ": " << Text(error, "message") << "\n";
  if (const std::string snippet = Text(error, "snippet"); !snippet.empty()) {
    std::cerr << snippet << "\n";
  }
  if (const std::string hint = Text(error, "hint"); !hint.empty()) {
    std::cerr << "HINT: " << hint << "\n";
  }
}

Cell ToCell(const Json& value) {
  if (value.is_null()) return {};
  if (value.is_string()) return {Cell::Kind::kString, value.get<std::string>()};
  return {Cell::Kind::kBare, value.dump()};
}

// Prints frames; lines may come in pieces.
class FramePrinter {
 public:
  FramePrinter(Output* output, bool verbose) : output_(output), verbose_(verbose) {}

  void Take(std::string_view data) {
    pending_.append(data);
    size_t begin = 0;
    for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      TakeFrame(Json::parse(std::string_view(pending_).substr(begin, end - begin)));
    }
    pending_.erase(0, begin);
    output_->Flush();
  }

  bool ended() const { return ended_; }
  bool failed() const { return failed_; }
  const std::string& kind() const { return kind_; }

 private:
  void TakeFrame(const Json& frame) {
    const std::string type = Text(frame, "type");
    if (type == "schema") {
      kind_ = Text(frame, "kind");
      std::vector<TextColumn> columns;
      for (const Json& column : frame["columns"]) {
        columns.push_back({Text(column, "name"), IsNumericName(Text(column, "type"))});
      }
      if (!columns.empty()) {
        output_->Begin(std::move(columns), Text(frame, "changelog_mode") != "append");
      }
    } else if (type == "row") {
      std::vector<Cell> cells;
      for (const Json& value : frame["row"]) cells.push_back(ToCell(value));
      output_->Row(Text(frame, "op"), cells);
    } else if (type == "notice") {
      TakeNotice(frame);
    } else if (type == "error") {
      output_->End();
      PrintError(frame["error"]);
      failed_ = true;
    } else if (type == "end") {
      output_->End();
      ended_ = true;
    }
  }

  void TakeNotice(const Json& frame) {
    if (Text(frame, "severity") == "info") {
      if (verbose_) std::cout << Text(frame, "message") << std::endl;
    } else {
      std::cerr << "NOTICE " << Text(frame, "code") << ": " << Text(frame, "message") << "\n";
    }
  }

  Output* const output_;
  const bool verbose_;
  std::string pending_;
  std::string kind_;
  bool ended_ = false;
  bool failed_ = false;
};

void PrintErrorBody(int status, const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error")) {
    PrintError(json["error"]);
  } else {
    std::cerr << "ERROR: the server answered with status " << status << "\n";
  }
}

// The words and quoted texts of a SET or USE statement, quotes taken off.
std::vector<std::string> Words(std::string_view statement) {
  std::vector<std::string> words;
  bool fresh = true;
  for (size_t i = 0; i < statement.size(); ++i) {
    const char c = statement[i];
    if (c == '\'' || c == '`') {
      const size_t end = std::min(statement.find(c, i + 1), statement.size());
      words.emplace_back(statement.substr(i + 1, end - i - 1));
      i = end;
      fresh = true;
    } else if (c == ' ' || c == '=' || c == '\n' || c == '\t' || c == '\r') {
      fresh = true;
    } else {
      if (std::exchange(fresh, false)) words.emplace_back();
      words.back().push_back(c);
    }
  }
  return words;
}

}  // namespace

Client::Client(std::string_view url) : url_(url) {
  if (url_.find("://") == std::string::npos) url_.insert(0, "http://");
  while (url_.ends_with('/')) url_.pop_back();
}

std::string Client::Body(const std::string& statement) const {
  std::string body;
  JsonWriter json(&body);
  json.BeginObject().Field("sql", statement);
  if (!catalog_.empty()) json.Field("catalog", catalog_);
  if (!database_.empty()) json.Field("database", database_);
  json.Key("properties").BeginObject();
  for (const auto& [key, value] : properties_) json.Field(key, value);
  json.EndObject().EndObject();
  return body;
}

void Client::Remember(const std::string& statement, std::string_view kind) {
  const std::vector<std::string> words = Words(statement);
  if (kind == "set" && words.size() == 3) properties_[words[1]] = words[2];
  if (kind == "reset" && words.size() == 1) properties_.clear();
  if (kind == "reset" && words.size() == 2) properties_.erase(words[1]);
  if (kind == "use" && words.size() == 2) database_ = words[1];
  if (kind == "use" && words.size() == 3) {
    catalog_ = words[2];
    database_.clear();
  }
}

int Client::Execute(const std::string& statement, Output* output) {
  httplib::Client http(url_);
  http.set_tcp_nodelay(true);
  http.set_read_timeout(std::chrono::hours(24 * 365));  // A result may be long in coming.
  FramePrinter frames(output, verbose_);
  std::string error_body;
  int status = 0;
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/sql";
  request.headers = {{"Accept", "application/x-ndjson"}, {"Content-Type", "application/json"}};
  request.body = Body(statement);
  request.response_handler = [&](const httplib::Response& response) {
    status = response.status;
    return true;
  };
  request.content_receiver = [&](const char* data, size_t size, uint64_t, uint64_t) {
    status == 200 ? frames.Take({data, size}) : void(error_body.append(data, size));
    return true;
  };
  const httplib::Result result = http.send(request);
  output->End();
  if (status == 0) {
    std::cerr << "ERROR: cannot connect to " << url_ << ": " << httplib::to_string(result.error())
              << "\n";
    return kExitNoConnection;
  }
  if (status != 200) {
    PrintErrorBody(status, error_body);
    return status == 401 || status == 403 ? kExitNoConnection : kExitSqlError;
  }
  if (!frames.ended()) {
    std::cerr << "ERROR: the connection was lost before the result's end\n";
    return kExitNoConnection;
  }
  if (frames.failed()) return kExitSqlError;
  Remember(statement, frames.kind());
  return kExitOk;
}

}  // namespace millrace
