#include "tests/simulation/simulation.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/sql_runner/fields.h"

namespace millrace::simulation {
namespace {

namespace fs = std::filesystem;

struct WrongAnswer {
  std::string text;
};

// What a server may run, in the order in which it can be made.
struct Template {
  const char* name;
  const char* sql;  // Up to its query.
  const char* reads;  // Another of these, or "".
};
constexpr Template kQueries[] = {
    {"agg", "SELECT k, COUNT(*) AS n, SUM(v) AS s, MIN(v) AS a, MAX(v) AS z FROM ev GROUP BY k", ""},
    {"even", "SELECT id, k, v FROM ev WHERE MOD(v, 2) = 0", ""},
    {"joined", "SELECT e.id, e.v, d.v AS w FROM ev AS e LEFT JOIN kv AS d ON e.k = d.k", ""},
    {"sizes", "SELECT n, COUNT(*) AS groups_ FROM agg GROUP BY n", "agg"},
    {"best",
     "SELECT id, k, v FROM (SELECT id, k, v, ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC, id) "
     "AS r FROM ev) WHERE r <= 2",
     ""},
    {"win",
     "SELECT window_end, COUNT(*) AS n, SUM(id) AS s FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), "
     "INTERVAL '10' SECOND)) GROUP BY window_start, window_end EMIT ON WINDOW CLOSE",
     ""},
    {"both", "SELECT a.k, a.n, b.v FROM agg AS a JOIN kv AS b ON a.k = b.k", "agg"},
};
const Template* FindTemplate(const std::string& name) {
  for (const Template& one : kQueries) {
    if (name == one.name) return &one;
  }
  return nullptr;
}

// Inserts: the job has its target's name.
struct InsertTemplate {
  const char* name;
  const char* sql;
  const char* reads;
};
constexpr InsertTemplate kInserts[] = {
    {"copied", "INSERT INTO copied SELECT id, v FROM ev WHERE v > 0", ""},
    {"counted", "INSERT INTO counted SELECT k, n FROM agg", "agg"},
    {"filed", "INSERT INTO filed SELECT id, v FROM ev WHERE v < 0", ""},
};

std::string OtherCondition(const std::string& view) {
  return view == "agg" ? " WHERE v <> 3" : " WHERE MOD(v, 2) <> 0";
}

std::string Text(int64_t n) { return std::to_string(n); }

std::string Time(int64_t second) {
  char text[64];
  std::snprintf(text, sizeof text, "2026-01-01 %02d:%02d:%02d", static_cast<int>(second / 3600 % 24),
                static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return text;
}

std::string Joined(const std::vector<std::string>& rows) {
  std::string text;
  for (const std::string& row : rows) text += "      " + row + "\n";
  return text;
}

std::string NameOf(Fault fault) {
  constexpr const char* kNames[] = {"none", "disk full", "EIO of writes", "EIO of syncs",
                                    "read-only"};
  return kNames[static_cast<size_t>(fault)];
}

}  // namespace

Simulation::Simulation(uint64_t seed, std::string directory, Counts* counts)
    : directory_(std::move(directory)), root_(directory_ + "/disk"), counts_(counts), random_(seed) {}

void Simulation::Note(const std::string& text) { trace_ += "  " + text + "\n"; }

void Simulation::Wrong(const std::string& text) { throw WrongAnswer{text}; }

std::optional<std::string> Simulation::Run(size_t actions) {
  fs::create_directories(root_);
  disk_.Mount(root_);
  std::optional<std::string> failure;
  try {
    Open();
    Execute("CREATE TABLE ev (id BIGINT, k BIGINT, v BIGINT, ts TIMESTAMP(3), "
            "WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)");
    Execute("CREATE TABLE kv (k BIGINT PRIMARY KEY NOT ENFORCED, v BIGINT)");
    Execute("CREATE TABLE copied (id BIGINT, v BIGINT)");
    Execute("CREATE TABLE counted (k BIGINT PRIMARY KEY NOT ENFORCED, n BIGINT)");
    Execute("CREATE TABLE filed (id BIGINT, v BIGINT) WITH ('connector' = 'filesystem', 'path' = '" +
            root_ + "/files', 'format' = 'csv')");
    for (size_t i = 0; i < actions; ++i) {
      ++counts_->actions;
      Act();
      if (disk_.dead()) Crash();
    }
    Check();
    EndFiles();
  } catch (const WrongAnswer& wrong) {
    failure = trace_ + "WRONG: " + wrong.text;
  } catch (const std::exception& error) {
    failure = trace_ + "EXCEPTION: " + error.what();
  }
  disk_.Heal();
  try {
    engine_.reset();
  } catch (const std::exception& error) {
    failure = trace_ + "EXCEPTION AT THE END: " + error.what();
  }
  disk_.Unmount();
  return failure;
}

void Simulation::Open() {
  EngineOptions options;
  options.data_directory = root_;
  options.base_directory = directory_;
  options.partitions = 1 + Below(3);
  options.batch_rows = Below(2) == 0 ? 3 : 1024;
  options.step_rows = Below(2) == 0 ? 4 : 65536;
  if (Below(2) == 0) options.compact_bytes = 600;
  options.checkpoint_interval_micros = 0;
  options.manual = true;
  options.clock = [this] { return now_; };
  Note("open with " + Text(static_cast<int64_t>(options.partitions)) + " partitions");
  engine_ = std::make_unique<Engine>(options);
}

// The rows of all views, if they can be read.
std::map<std::string, Simulation::Rows> Simulation::Pictures() {
  std::map<std::string, Rows> pictures;
  for (const auto& [name, query] : queries_) {
    if (FindTemplate(name) == nullptr) continue;
    if (auto rows = Read("SELECT * FROM " + name)) pictures[name] = std::move(*rows);
  }
  return pictures;
}

void Simulation::Crash() {
  const bool power = Below(2) == 0;
  Reboot(power, !disk_.dead());
}

void Simulation::Reboot(bool power_failed, bool between_actions) {
  const bool healthy = between_actions && !fault_;
  std::map<std::string, Rows> before;
  if (healthy && !power_failed) before = Pictures();
  ++(power_failed ? counts_->power_failures : counts_->kills);
  Note(power_failed ? "the power fails" : "kill -9");
  disk_.DieAt(1);
  engine_.reset();
  disk_.Reboot(power_failed, random_);
  fault_ = false;
  try {
    Open();
  } catch (const Error& error) {
    Wrong("it does not start: " + error.message);
  }
  // What readers saw is what they see.
  for (const auto& [name, rows] : before) {
    const auto after = Read("SELECT * FROM " + name);
    if (!after || *after != rows) {
      Wrong("view " + name + " is not what it was before\n    before:\n" + Joined(rows) +
            "    after:\n" + Joined(after.value_or(Rows{"(cannot be read)"})));
    }
  }
  FindQueries();
  CheckTables();
  events_ = seen_events_;
  keys_ = seen_keys_;
  maybe_events_.clear();
  maybe_keys_.clear();
}

// What there is after a failure decides what was done.
void Simulation::FindQueries() {
  const std::set<std::string> there = Existing();
  std::erase_if(queries_, [&](const auto& query) { return !there.contains(query.first); });
  for (const std::string& name : there) queries_.try_emplace(name);
  for (const JobInfo& job : engine_->Jobs()) {
    Query& query = queries_.at(job.name);
    query.wanted = job.state == "PAUSED"    ? Wanted::kPaused
                   : job.state == "STOPPED" ? Wanted::kStopped
                                            : Wanted::kRuns;
  }
  for (auto& [name, query] : queries_) {
    if (!Stands(name)) query.frozen.reset();
  }
  for (const char* name : {"agg", "even"}) {
    if (!queries_.contains(name)) continue;
    variants_[name] = engine_->Object(name).sql.find(OtherCondition(name)) != std::string::npos;
  }
}

// A view that others read, or one that is read by nobody, gets its other condition.
void Simulation::Replace() {
  const std::string name = Below(2) == 0 ? "agg" : "even";
  const auto query = queries_.find(name);
  if (query == queries_.end() || (name == "agg" && queries_.contains("counted"))) return;
  const bool other = !variants_[name];
  std::string sql = FindTemplate(name)->sql;
  if (other && name == "agg") sql.insert(sql.find(" GROUP BY"), OtherCondition(name));
  if (other && name == "even") sql.replace(sql.find(" WHERE"), sql.npos, OtherCondition(name));
  if (!Execute("CREATE OR REPLACE MATERIALIZED VIEW " + name + " AS " + sql)) {
    if (!disk_.dead()) FindQueries();
    return;
  }
  ++counts_->replacements;
  if (!disk_.dead()) FindQueries();
  if (!disk_.dead() && variants_[name] != static_cast<int>(other)) Wrong(name + " was not replaced");
}

std::set<std::string> Simulation::Existing() {
  std::set<std::string> there;
  for (const JobInfo& job : engine_->Jobs()) there.insert(job.name);
  std::set<std::string> views;
  for (const ObjectInfo& object : engine_->Objects()) {
    if (object.kind == "MATERIALIZED VIEW") views.insert(object.name);
  }
  for (const Template& one : kQueries) {
    if (views.contains(one.name) != there.contains(one.name)) {
      Wrong(std::string("view ") + one.name + (views.contains(one.name) ? " has no job" : " is not there, but its job is"));
    }
  }
  return there;
}

void Simulation::Act() {
  const uint64_t what = Below(100);
  if (what < 28) return AppendEvents();
  if (what < 40) return ChangeKeys();
  if (what < 60) {
    Note("step");
    engine_->Step();
    return;
  }
  if (what < 68) {
    Note("checkpoint");
    try {
      engine_->Checkpoint();
    } catch (const Error& error) {
      Note("  " + error.message);
      if (!Excused()) Wrong("a checkpoint failed: " + error.message);
    }
    return;
  }
  if (what < 76) return MakeQuery();
  if (what < 78) return DropQuery();
  if (what < 80) return Replace();
  if (what < 84) return ControlQuery();
  if (what < 88) return ArmFault();
  if (what < 92) {
    const uint64_t n = 1 + Below(40);
    Note("to die at operation " + Text(static_cast<int64_t>(n)));
    disk_.DieAt(n);
    return;
  }
  if (what < 95) return Crash();
  Check();
}

bool Simulation::Execute(const std::string& sql) {
  Note(sql);
  const ExecuteResult result = engine_->Execute(sql, {});
  if (!result.error) return true;
  Note("  " + result.error->message);
  if (!Excused()) Wrong("refused: " + result.error->message);
  return false;
}

std::optional<Simulation::Rows> Simulation::Read(const std::string& select) {
  const ExecuteResult result = engine_->Execute(select, {});
  if (result.error) {
    Note(select + ": " + result.error->message);
    if (!Excused()) Wrong(select + ": " + result.error->message);
    return std::nullopt;
  }
  Rows rows;
  const StatementResult& read = result.results.back();
  for (const Batch& batch : read.rows) {
    for (size_t i = 0; i < batch.size; ++i) {
      std::string row;
      for (size_t c = 0; c < batch.columns.size(); ++c) {
        row += (c > 0 ? "|" : "") +
               sqltest::FieldText(batch.columns[c], read.schema[c].type, i, "UTC");
      }
      for (int64_t n = 0; n < batch.weight(i); ++n) rows.push_back(row);
    }
  }
  std::ranges::sort(rows);
  return rows;
}

void Simulation::AppendEvents() {
  std::vector<Event> events;
  std::string sql = "INSERT INTO ev VALUES ";
  for (uint64_t n = 1 + Below(5); n > 0; --n) {
    second_ += static_cast<int64_t>(Below(6));
    // Some are late.
    const int64_t second = std::max<int64_t>(0, second_ - static_cast<int64_t>(Below(4) == 0 ? Below(40) : Below(5)));
    Event event{next_id_++, static_cast<int64_t>(Below(5)), static_cast<int64_t>(Below(21)) - 10,
                second};
    sql += (events.empty() ? "(" : ", (") + Text(event.id) + ", " + Text(event.k) + ", " +
           Text(event.v) + ", TIMESTAMP '" + Time(event.second) + "')";
    events.push_back(event);
  }
  if (Execute(sql)) {
    events_.insert(events_.end(), events.begin(), events.end());
  } else {
    maybe_events_.push_back(std::move(events));
  }
}

void Simulation::ChangeKeys() {
  if (maybe_keys_.size() >= 4) return;
  const KeyChange change{static_cast<int64_t>(Below(6)),
                         Below(4) == 0 ? std::nullopt : std::optional(static_cast<int64_t>(Below(9)))};
  const bool updates = change.v && Below(3) == 0;
  const std::string sql =
      !change.v ? "DELETE FROM kv WHERE k = " + Text(change.k)
      : updates ? "UPDATE kv SET v = " + Text(*change.v) + " WHERE k = " + Text(change.k)
                : "INSERT INTO kv VALUES (" + Text(change.k) + ", " + Text(*change.v) + ")";
  if (updates && (!maybe_keys_.empty() || !keys_.contains(change.k))) return;
  if (!Execute(sql)) {
    maybe_keys_.push_back(change);
  } else if (!maybe_keys_.empty()) {
    // It came behind what is in doubt.
    maybe_keys_.push_back(change);
  } else if (change.v) {
    keys_[change.k] = *change.v;
  } else {
    keys_.erase(change.k);
  }
}

void Simulation::MakeQuery() {
  const size_t n = Below(std::size(kQueries) + std::size(kInserts));
  const bool insert = n >= std::size(kQueries);
  const InsertTemplate* job = insert ? &kInserts[n - std::size(kQueries)] : nullptr;
  const std::string name = insert ? job->name : kQueries[n].name;
  const std::string reads = insert ? job->reads : kQueries[n].reads;
  if (queries_.contains(name) || (!reads.empty() && !queries_.contains(reads))) return;
  // A job that was dropped left rows there.
  if (insert && variants_.contains(name)) return;
  if (insert && fault_) return;
  if (!reads.empty() && (queries_[reads].wanted != Wanted::kRuns || fault_)) return;
  const std::string sql =
      insert ? std::string(job->sql)
             : "CREATE MATERIALIZED VIEW " + name + " AS " + kQueries[n].sql;
  if (insert) variants_[name] = 1;
  if (Execute(sql)) {
    queries_[name];
    if (!insert) variants_[name] = 0;
  } else if (!disk_.dead()) {
    FindQueries();
    if (queries_.contains(name)) Wrong(name + " was refused, but is there");
  }
}

void Simulation::DropQuery() {
  if (queries_.empty()) return;
  auto it = queries_.begin();
  std::advance(it, static_cast<ptrdiff_t>(Below(queries_.size())));
  const std::string name = it->first;
  if (FindTemplate(name) == nullptr) return;
  for (const auto& [other, query] : queries_) {
    const Template* view = FindTemplate(other);
    const std::string reads = view != nullptr ? view->reads : other == "counted" ? "agg" : "";
    if (reads == name) return;
  }
  if (Execute("DROP MATERIALIZED VIEW " + name)) {
    queries_.erase(name);
  } else if (!disk_.dead()) {
    FindQueries();
  }
}

// Whether it, or what it reads, does not run.
bool Simulation::Stands(const std::string& name) const {
  const auto it = queries_.find(name);
  if (it == queries_.end()) return true;
  if (it->second.wanted != Wanted::kRuns) return true;
  const Template* view = FindTemplate(name);
  const std::string reads = view != nullptr ? view->reads : name == "counted" ? "agg" : "";
  return !reads.empty() && Stands(reads);
}

void Simulation::ControlQuery() {
  if (queries_.empty() || fault_) return;
  auto it = queries_.begin();
  std::advance(it, static_cast<ptrdiff_t>(Below(queries_.size())));
  const std::string name = it->first;
  Query& query = it->second;
  const uint64_t what = Below(4);
  const JobCommand command = what == 3                         ? JobCommand::kRestart
                             : query.wanted != Wanted::kRuns ? JobCommand::kResume
                             : what == 0                       ? JobCommand::kStop
                                                               : JobCommand::kPause;
  constexpr const char* kNames[] = {"pause", "resume", "stop", "drain", "restart", "checkpoint"};
  Note(std::string(kNames[static_cast<size_t>(command)]) + " " + name);
  try {
    engine_->ControlJob(name, command);
  } catch (const Error& error) {
    Note("  " + error.message);
    const bool state = error.code == ErrorCode::kConflict;
    if (!state && !Excused()) Wrong("refused: " + error.message);
    if (!disk_.dead()) FindQueries();
    return;
  }
  if (command == JobCommand::kPause) query.wanted = Wanted::kPaused;
  if (command == JobCommand::kStop) query.wanted = Wanted::kStopped;
  if (command == JobCommand::kResume) query.wanted = Wanted::kRuns;
  for (auto& [other, one] : queries_) {
    if (!Stands(other)) {
      one.frozen.reset();
    } else if (!one.frozen && FindTemplate(other) != nullptr) {
      one.frozen = Read("SELECT * FROM " + other);
    }
  }
}

void Simulation::ArmFault() {
  constexpr const char* kPlaces[] = {"", "", "db", "segments", "journal", "tables", "files"};
  const Fault fault = static_cast<Fault>(1 + Below(4));
  const std::string place = kPlaces[Below(std::size(kPlaces))];
  const uint64_t n = 1 + Below(25);
  Note("from operation " + Text(static_cast<int64_t>(n)) + " on: " + NameOf(fault) + " in \"" + place +
       "\"");
  disk_.FailFrom(n, fault, place);
  fault_ = true;
}

// The disk is well again, and the clock goes on until everything has been tried again.
void Simulation::Settle() {
  const uint64_t before = counts_->faults;
  counts_->faults = before + (fault_ ? 1 : 0);
  disk_.Heal();
  disk_.DieAt(0);
  for (int round = 0; round < 3; ++round) {
    now_ += 120'000'000;
    while (engine_->Step()) {
    }
  }
  fault_ = false;
  Read("SELECT k FROM kv");  // Rows whose sync has failed are there as soon as one works.
  engine_->Flush();
}

void Simulation::Check() {
  ++counts_->checks;
  Note("check");
  Settle();
  if (disk_.dead()) return;
  CheckJobs();
  CheckTables();
  CheckQueries();
  CheckFiles(false);
}

void Simulation::CheckJobs() {
  for (const JobInfo& job : engine_->Jobs()) {
    const auto it = queries_.find(job.name);
    if (it == queries_.end()) Wrong("job " + job.name + " should not be there");
    const Wanted wanted = it->second.wanted;
    const std::string expected = wanted == Wanted::kPaused    ? "PAUSED"
                                 : wanted == Wanted::kStopped ? "STOPPED"
                                 : Stands(job.name)           ? "STALLED"
                                                              : "RUNNING";
    if (job.state != expected) {
      Wrong("job " + job.name + " is " + job.state + " instead of " + expected +
            (job.error ? ": " + job.error->message : ""));
    }
  }
  if (Existing().size() != queries_.size()) Wrong("a job is missing");
}

void Simulation::CheckTables() {
  const std::optional<Rows> ids = Read("SELECT id FROM ev");
  if (!ids) Wrong("table ev cannot be read");
  std::multiset<std::string> there(ids->begin(), ids->end());
  seen_events_.clear();
  for (const Event& event : events_) {
    const auto found = there.find(Text(event.id));
    if (found == there.end()) Wrong("acknowledged row " + Text(event.id) + " is lost");
    there.erase(found);
    seen_events_.push_back(event);
  }
  for (const auto& batch : maybe_events_) {
    size_t found = 0;
    for (const Event& event : batch) {
      const auto one = there.find(Text(event.id));
      if (one == there.end()) continue;
      there.erase(one);
      ++found;
      seen_events_.push_back(event);
    }
    if (found != 0 && found != batch.size()) Wrong("a part of an insert is there");
  }
  if (!there.empty()) Wrong("row " + *there.begin() + " is in the table, nobody knows whence");
  const std::optional<Rows> pairs = Read("SELECT k, v FROM kv");
  if (!pairs) Wrong("table kv cannot be read");
  for (uint64_t subset = 0; subset < uint64_t{1} << maybe_keys_.size(); ++subset) {
    std::map<int64_t, int64_t> keys = keys_;
    for (size_t i = 0; i < maybe_keys_.size(); ++i) {
      if ((subset >> i & 1) == 0) continue;
      keys.erase(maybe_keys_[i].k);
      if (maybe_keys_[i].v) keys[maybe_keys_[i].k] = *maybe_keys_[i].v;
    }
    Rows rows;
    for (const auto& [k, v] : keys) rows.push_back(Text(k) + "|" + Text(v));
    std::ranges::sort(rows);
    seen_keys_ = keys;
    if (rows == *pairs) return;
  }
  Wrong("table kv holds\n" + Joined(*pairs));
}

Simulation::Rows Simulation::Expected(const std::string& query) const {
  Rows rows;
  std::map<int64_t, std::vector<const Event*>> groups;
  const auto other = [&](const char* view) {
    const auto variant = variants_.find(view);
    return variant != variants_.end() && variant->second != 0;
  };
  const bool every = query == "best" || !other("agg");
  for (const Event& event : seen_events_) {
    if (every || event.v != 3) groups[event.k].push_back(&event);
  }
  const auto counts = [&] {
    std::map<int64_t, size_t> sizes;
    for (const auto& [k, group] : groups) ++sizes[static_cast<int64_t>(group.size())];
    return sizes;
  };
  if (query == "agg") {
    for (const auto& [k, group] : groups) {
      int64_t sum = 0, least = INT64_MAX, most = INT64_MIN;
      for (const Event* event : group) {
        sum += event->v;
        least = std::min(least, event->v);
        most = std::max(most, event->v);
      }
      rows.push_back(Text(k) + "|" + std::to_string(group.size()) + "|" + Text(sum) + "|" +
                     Text(least) + "|" + Text(most));
    }
  } else if (query == "sizes") {
    for (const auto& [n, times] : counts()) rows.push_back(Text(n) + "|" + std::to_string(times));
  } else if (query == "both") {
    for (const auto& [k, group] : groups) {
      const auto pair = seen_keys_.find(k);
      if (pair == seen_keys_.end()) continue;
      rows.push_back(Text(k) + "|" + std::to_string(group.size()) + "|" + Text(pair->second));
    }
  } else if (query == "counted") {
    for (const auto& [k, group] : groups) rows.push_back(Text(k) + "|" + std::to_string(group.size()));
  } else if (query == "best") {
    for (auto [k, group] : groups) {
      std::ranges::sort(group, [](const Event* a, const Event* b) {
        return a->v != b->v ? a->v > b->v : a->id < b->id;
      });
      for (size_t i = 0; i < std::min<size_t>(2, group.size()); ++i) {
        rows.push_back(Text(group[i]->id) + "|" + Text(k) + "|" + Text(group[i]->v));
      }
    }
  } else {
    for (const Event& event : seen_events_) {
      const std::string pair = Text(event.id) + "|" + Text(event.v);
      if (query == "even" && (event.v % 2 == 0) != other("even")) {
        rows.push_back(Text(event.id) + "|" + Text(event.k) + "|" + Text(event.v));
      } else if (query == "joined") {
        const auto other = seen_keys_.find(event.k);
        rows.push_back(pair + "|" + (other == seen_keys_.end() ? "NULL" : Text(other->second)));
      } else if ((query == "copied" && event.v > 0) || (query == "filed" && event.v < 0)) {
        rows.push_back(pair);
      }
    }
  }
  std::ranges::sort(rows);
  return rows;
}

void Simulation::CheckQueries() {
  for (const auto& [name, query] : queries_) {
    if (name == "filed" || (FindTemplate(name) == nullptr && Stands(name))) continue;
    const std::optional<Rows> rows = Read("SELECT * FROM " + name);
    if (!rows) Wrong(name + " cannot be read");
    if (Stands(name)) {
      // Only what it reads stands: then another table may still move it.
      const bool moves = name == "both" && query.wanted == Wanted::kRuns;
      if (!moves && query.frozen && *rows != *query.frozen) {
        Wrong(name + " stands still, but shows\n" + Joined(*rows) + "    instead of\n" +
              Joined(*query.frozen));
      }
      continue;
    }
    if (name == "win") {
      // Where steps end decides what is late; but each row is in one of the two, once, as soon as
      // its window is closed.
      const std::optional<Rows> late = Read("SELECT * FROM `win$late`");
      const std::optional<Rows> sums = Read("SELECT SUM(n), SUM(s) FROM win");
      int64_t latest = INT64_MIN;
      for (const Event& event : seen_events_) latest = std::max(latest, event.second);
      size_t open = 0;
      for (const Event& event : seen_events_) open += event.second / 10 * 10 + 10 > latest - 5;
      int64_t closed = 0;
      for (const std::string& row : *rows) {
        closed += std::stoll(row.substr(row.find('|') + 1));
      }
      const size_t total = static_cast<size_t>(closed) + late->size();
      if (total > seen_events_.size() || total + open < seen_events_.size()) {
        Wrong("of " + std::to_string(seen_events_.size()) + " rows " + Text(closed) +
              " are in windows and " + std::to_string(late->size()) + " late, " +
              std::to_string(open) + " in open windows");
      }
      continue;
    }
    const Rows expected = Expected(name);
    if (*rows != expected) {
      Wrong(name + " shows\n" + Joined(*rows) + "    instead of\n" + Joined(expected));
    }
  }
}

void Simulation::CheckFiles(bool ended) {
  if (!variants_.contains("filed") || !fs::exists(root_ + "/files")) return;
  Rows rows;
  for (const auto& entry : fs::directory_iterator(root_ + "/files")) {
    if (!entry.path().filename().string().starts_with("part-")) continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      std::ranges::replace(line, ',', '|');
      rows.push_back(line);
    }
  }
  std::ranges::sort(rows);
  const Rows expected = Expected("filed");
  const bool good = ended ? rows == expected : std::ranges::includes(expected, rows);
  if (!good) Wrong("the files hold\n" + Joined(rows) + "    instead of\n" + Joined(expected));
}

void Simulation::EndFiles() {
  if (!queries_.contains("filed") || Stands("filed") || disk_.dead()) return;
  Note("drain filed");
  engine_->ControlJob("filed", JobCommand::kDrain);
  if (disk_.dead()) return;
  CheckFiles(true);
}

}  // namespace millrace::simulation
