// The inside of the engine, shared by its files.
//
// Locks: `mutex` guards the catalog, the jobs' records and the pipelines' list; it is held while a
// statement binds and starts jobs, never while a query runs. A pipeline's driver never takes it, so
// it may wait for one (Pipeline::Between).
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "base/signal.h"
#include "executor/embedded_table.h"
#include "executor/pipeline.h"
#include "parser/ast.h"
#include "server/engine.h"

namespace millrace {

// What the engine remembers of a job, running or not.
struct JobRecord {
  uint32_t number = 0;
  uint32_t pipeline = 0;
  std::string name;
  std::string kind;  // As JobInfo::kind.
  std::string sql;
  std::string plan_text;
  std::string sink;  // INSERT: the table written to.
  std::vector<std::string> reads;
  std::unique_ptr<Plan> insert_plan;  // INSERT; a view's plan is in its relation.
  Session session;                    // That it was made in.
  // A shadow of a replacement: not 0 until it takes the place of the job of its name. Its plan is
  // here, and refers to relations of the catalog that it was made in.
  uint32_t replacement = 0;
  std::shared_ptr<const Plan> view_plan;
  std::shared_ptr<const Catalog> planned_in;
  bool ends = false;         // By itself: everything it reads, also through views, is bounded.
  Dataflow* flow = nullptr;  // Lives in the pipeline's job.
};

struct Engine::State {
  explicit State(EngineOptions options);
  ~State();

  using MetaChanges = std::vector<std::pair<std::string, std::optional<std::string>>>;

  EngineOptions options;
  std::unique_ptr<Store> store;   // Null when nothing is kept.
  std::string scratch_directory;  // Of embedded tables then; removed at the end.
  std::unique_ptr<WorkerPool> pool;
  std::unique_ptr<MemoryBudget> budget;  // Null when there is none.
  std::atomic<bool> shutting_down = false;
  std::atomic<size_t> subscriptions = 0;

  mutable std::recursive_mutex mutex;
  Catalog catalog;
  std::map<uint32_t, JobRecord> jobs;
  std::map<uint32_t, std::unique_ptr<Pipeline>> pipelines;
  std::map<uint32_t, size_t> partitions;  // Of the pipelines.
  uint32_t next_job = 1;
  uint64_t next_entry = 1;                  // Of the catalog's log.
  std::map<std::string, uint64_t> entries;  // "table:orders" to the number of its entry.

  std::mutex tables_mutex;  // Guards `tables` alone; drivers take it.
  std::map<std::string, std::shared_ptr<EmbeddedTable>> tables;

  // What point reads look at, so that they wait for no statement.
  struct OpenView {
    View* view;  // Null while its job is made anew.
    Pipeline* pipeline;
  };
  mutable std::shared_mutex views_mutex;
  std::map<std::string, OpenView, std::less<>> views;

  // ---- statements (engine_statements.cc); `text` is the statement's own.
  struct Run {
    const ExecuteRequest* request;
    Session* session;
    std::string_view whole_text;
    size_t index = 0;    // Of the statement.
    bool wrote = false;  // An INSERT came before: SELECT waits for it.
  };
  StatementResult ExecuteStatement(ast::Statement& statement, Run& run);
  StatementResult Do(ast::QueryStatement& s, const std::string& text, Run& run);
  StatementResult Do(ast::Insert& s, const std::string& text, Run& run);
  StatementResult Do(ast::Update& s, const std::string& text, Run& run);
  StatementResult Do(ast::Delete& s, const std::string& text, Run& run);
  StatementResult Do(ast::StatementSet& s, const std::string& text, Run& run);
  StatementResult Do(ast::CreateTable& s, const std::string& text, Run& run);
  StatementResult Do(ast::CreateView& s, const std::string& text, Run& run);
  StatementResult Do(ast::CreateMaterializedView& s, const std::string& text, Run& run);
  StatementResult Do(ast::CreateFunction& s, const std::string& text, Run& run);
  StatementResult Do(ast::CreateDatabase& s, const std::string& text, Run& run);
  StatementResult Do(ast::Drop& s, const std::string& text, Run& run);
  StatementResult Do(ast::Explain& s, const std::string& text, Run& run);
  StatementResult Do(ast::Show& s, const std::string& text, Run& run);
  StatementResult Do(ast::ShowCreate& s, const std::string& text, Run& run);
  StatementResult Do(ast::Describe& s, const std::string& text, Run& run);
  StatementResult Do(ast::Set& s, const std::string& text, Run& run);
  StatementResult Do(ast::Reset& s, const std::string& text, Run& run);
  StatementResult Do(ast::Use& s, const std::string& text, Run& run);
  StatementResult Do(ast::JobControl& s, const std::string& text, Run& run);
  StatementResult Do(ast::Flush& s, const std::string& text, Run& run);
  StatementResult Do(ast::Print& s, const std::string& text, Run& run);
  template <class Other>
  StatementResult Do(Other& s, const std::string& text, Run& run);  // UNSUPPORTED_FEATURE

  std::vector<std::string> RelationNames(std::string_view kind) const;
  std::optional<std::pair<std::string, std::vector<std::string>>> NamesOf(
      const std::string& what, const Session& session) const;
  StatementResult DropFunction(const ast::Drop& s);
  StatementResult DropDatabase(const ast::Drop& s);
  StatementResult DropJob(const ast::Drop& s);  // Unlocked: it waits.
  StatementResult DropRelation(const ast::Drop& s, const Session& session);
  PlanContext ContextOf(const Run& run) const;
  bool recovering = false;

  // ---- queries (engine_query.cc)
  // Unlocks before the query runs.
  void RunPull(Plan plan, const Run& run, StatementResult* result,
               std::unique_lock<std::recursive_mutex> lock);
  void RunPush(ast::Query& query, const Run& run, StatementResult* result);  // engine_push.cc
  bool Deliver(Batch batch, const Run& run, StatementResult* result, uint64_t* left);
  std::map<std::string, std::vector<Batch>> Snapshot(const Plan& plan, StatementResult* result);
  std::vector<Batch> ReadSystemView(const std::string& name);

  // ---- topics (engine_topics.cc)
  Options KafkaOptions(const std::vector<ast::Option>& with) const;
  StatementResult ShowTopics(const ast::Show& s);
  void PrintTopic(const ast::Print& s, Options options, const Run& run, StatementResult* result);

  // ---- tables without a connector (engine_tables.cc)
  std::shared_ptr<EmbeddedTable> TableOf(const Relation& relation);
  std::string TableDirectory(const std::string& name) const;
  // Unlocks before the rows are written.
  StatementResult InsertValues(const ast::Insert& insert, Plan plan,
                               std::unique_lock<std::recursive_mutex> lock);
  bool HaveRead(const std::string& table, uint64_t end);
  std::vector<const Relation*> TablesFedBy(const std::string& table) const;
  StatementResult ChangeRows(const ChangeQuery& change, Run& run);  // UPDATE, DELETE

  // ---- jobs (engine_jobs.cc)
  DataflowEnvironment Environment(TableRead read, uint32_t replacement = 0);
  // Starts the job of a view or an INSERT in the pipeline of the views it reads, or in one of its
  // own.
  JobRecord& StartJob(JobRecord record, const Plan& plan, const Session& session);
  std::unique_ptr<PipelineJob> MakeJob(JobRecord& record, const Plan& plan, const Session& session);
  std::string SinkDirectory(uint32_t job) const;
  size_t PartitionsOf(uint32_t pipeline, const Session& session);
  uint32_t PipelineFor(const Plan& plan, const JobRecord& record);
  void MergePipelines(uint32_t into, uint32_t from);
  void MoveJobs(const std::vector<uint32_t>& numbers, Pipeline& source, Pipeline& target);
  Pipeline& OpenPipeline(uint32_t id);
  Pipeline& PipelineOf(const JobRecord& record) { return *pipelines.at(record.pipeline); }
  JobRecord* FindJob(std::string_view id_or_name);
  JobRecord* FindViewJob(std::string_view view);
  JobInfo InfoOf(const JobRecord& record);
  std::string ExplainRunning(const Plan& plan, std::string_view sql);
  void StopJob(JobRecord& record);

  // ---- life cycle (engine_lifecycle.cc)
  JobRecord& GetJob(std::string_view id_or_name, std::optional<SourceRange> range = {});
  // Unlocks while it waits.
  JobInfo ControlJob(std::string_view id_or_name, JobCommand command,
                     std::optional<SourceRange> range = {});
  std::string ControlJobs(JobCommand command);  // All that can be; says which.
  void PauseJob(JobRecord& record);
  void ResumeJob(JobRecord& record);
  // True when it is not done: it has failed, and views read it (RebuildFailed).
  bool RestartJob(JobRecord& record);
  void CheckUpstream(const JobRecord& record, std::string_view what);
  PipelineJob::State StateOf(const JobRecord& record);
  // Until what its sinks have committed has left; whether it has.
  bool AwaitDrained(uint32_t job, int64_t wait_micros);
  bool AwaitEnd(uint32_t job, int64_t wait_micros);
  // Makes the pipeline's jobs anew from the last checkpoint and the journal.
  void RestartPipeline(uint32_t id);
  // Throws Error(kIo) while nothing can be written.
  void ProbeDisk();
  // Those of the pipeline, anew. When it throws, the old ones are still in place.
  std::vector<std::unique_ptr<PipelineJob>> MakeJobs(uint32_t pipeline);
  void Supervise();
  // Restarts what is due; returns when something will be.
  int64_t RestartDue();
  // As the next start of the server is to find the job.
  static MetaChanges StateNote(const PipelineJob& job);
  void ForgetState(uint32_t job);
  Signal restarts_wanted;
  std::atomic<bool> supervising = false;
  std::thread supervisor;
  void RemoveJob(uint32_t number);
  void CheckUnused(const std::string& table, SourceRange range) const;
  // At once when the job never ends by itself.
  bool WaitFor(uint32_t job);  // Until it has ended; whether it did not fail.
  std::string JobName(const std::string& base) const;

  // ---- replacing a view (engine_replace.cc); all but RunReplacement REQUIRE the mutex.
  struct Replacement {
    uint32_t id = 0;
    std::string name;
    std::vector<std::string> names;    // And what reads it, each behind what it reads.
    std::shared_ptr<Catalog> catalog;  // With the new ones.
    Session session;
    std::vector<Notice> notices;
    std::vector<uint32_t> shadows;  // Jobs, in the order of `names`.
    bool unchanged = false;         // It runs already, as it is to be.
  };
  std::string replacing;  // The view; "": none.
  void CheckNotReplacing() const;
  std::vector<std::string> ReadersOf(const std::string& view) const;
  Replacement PlanReplacement(ast::CreateMaterializedView& s, const std::string& text, Run& run);
  void BindReader(const std::string& name, Replacement* plan);
  void StartShadows(Replacement* plan);
  bool CaughtUp(const Replacement& plan);
  bool TakePlaces(Replacement& plan);
  void Abandon(const Replacement& plan);
  void RunReplacement(Replacement& plan, std::unique_lock<std::recursive_mutex> lock,
                      int64_t timeout_micros);
  StatementResult ReplaceView(ast::CreateMaterializedView& s, const std::string& text, Run& run);
  void RebuildFailed(const std::string& view, std::unique_lock<std::recursive_mutex> lock);
  StatementResult ExplainReplacement(ast::CreateMaterializedView& s, const std::string& text,
                                     Run& run);
  // The job of the view, or its shadow in the same replacement.
  JobRecord* FindUpstream(std::string_view view, uint32_t replacement);

  // ---- recovery and the catalog's log (engine_recovery.cc)
  // In one write, the shadows stand in the catalog in the place of what they replace.
  void LogReplacement(const Replacement& plan);
  // That the object was made in.
  Session SessionOf(const std::string& name) const;
  // Durable when it returns; throws when it was not done, and then it will not be. Null store:
  // nothing.
  void PutMeta(const MetaChanges& changes);
  // Durable sooner or later: what a driver's thread has to say. Does not throw.
  void NoteMeta(const MetaChanges& changes);
  std::mutex meta_mutex;  // Guards `owed`; drivers take it.
  // What the next write has to bring along: notes that could not be written, and what takes back
  // writes of which it is not known whether they were done.
  std::map<std::string, std::optional<std::string>> owed;
  void Log(const std::string& kind, const std::string& name, const std::string& sql,
           const Session& session, uint32_t job = 0, uint32_t pipeline = 0);
  // The jobs run in this pipeline from now on.
  void Relog(const std::vector<const JobRecord*>& records, uint32_t pipeline);
  void Unlog(const std::string& kind, const std::string& name);
  void ForgetEntry(const std::string& kind, const std::string& name);  // Unlog that does not throw.
  void Recover();
  void RecoverEntry(std::string_view value,
                    std::map<uint32_t, std::vector<std::unique_ptr<PipelineJob>>>* by_pipeline);
  void NoteEnded(const PipelineJob& job);
  void RestoreEndedStates(Pipeline& pipeline);

  void Flush();
};

// Keeps the rows whose first column matches.
void KeepLike(const std::optional<ast::LikePattern>& like,
              std::vector<std::vector<std::string>>* rows);

// Rows of text, for SHOW and its like.
StatementResult TextResult(std::string kind, std::vector<std::string> columns,
                           const std::vector<std::vector<std::string>>& rows);

}  // namespace millrace
