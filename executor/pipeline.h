// A connected component of jobs that advances in steps, on one driver thread.
//
// Between two steps nothing is in flight: added and dropped jobs, checkpoints, snapshots and
// shutdown are tasks that run there. Hence jobs, operators and views have no locks, but for the one
// under which all views publish at the end of a step.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/record_log.h"
#include "base/worker_pool.h"
#include "executor/dataflow.h"
#include "executor/memory_budget.h"
#include "state/store.h"

namespace millrace {

// When a job that an I/O error stopped is tried again.
struct RestartStrategy {
  int64_t first_micros = 1'000'000;  // The delay doubles each time,
  int64_t longest_micros = 60'000'000;  // up to this.
  uint64_t attempts = UINT64_MAX;    // Without success in between.
};

struct PipelineJob {
  // Numbers are stored. A paused job keeps its state and steps again when it is told to; one that
  // restarts is to be made anew from its last checkpoint and journal.
  enum class State : uint8_t { kRunning, kFinished, kFailed, kStopped, kPaused, kRestarting };
  uint32_t number = 0;
  std::string name;
  State state = State::kRunning;
  std::optional<Error> error;
  std::unique_ptr<Dataflow> flow;
  std::string metadata;  // Of the last checkpoint's cut.
  uint64_t steps = 0;
  size_t last_taken = 0;  // Rows that its sources gave when they were asked last.
  int64_t started_micros = 0;
  int64_t busy_micros = 0;
  int64_t ended_micros = 0;  // Finished, failed or stopped; 0 while running.
  RestartStrategy restart;
  uint64_t restarts = 0;       // Since it last ran well.
  int64_t restart_micros = 0;  // kRestarting: when it is tried again.
};

struct PipelineOptions {
  uint32_t id = 0;
  int64_t checkpoint_interval_micros = 0;  // 0: only when asked.
  bool manual = false;                     // No thread: StepOnce() is called.
  size_t memory_limit = 0;          // Of the process, bytes; 0: none.
  MemoryBudget* budget = nullptr;   // Of the state of all pipelines; null: none.
  std::string journal_directory;           // "": no journal and no checkpoints.
  std::function<int64_t()> clock = NowMicros;  // Of the steps, micros.
  // Told, on the driver thread, when a job leaves kRunning.
  std::function<void(const PipelineJob&)> on_job_ended;
  // Told, on the driver thread, when a job is to be restarted; without it such jobs fail.
  std::function<void()> on_restarting;
  // On the committer's thread, before an epoch is sealed: what it refers to becomes durable.
  std::function<void()> before_seal;
};

class Pipeline {
 public:
  // `store` may be null: nothing is kept.
  Pipeline(PipelineOptions options, Store* store, WorkerPool* pool);
  ~Pipeline();  // Stops after the running step; no checkpoint.

  uint32_t id() const { return options_.id; }
  // Readers of views hold it shared.
  std::shared_mutex& view_lock() { return view_lock_; }

  // Before Start: loads the jobs' state from the last sealed epoch and replays the journal.
  void Recover(std::vector<std::unique_ptr<PipelineJob>> jobs);
  void Start();

  // Runs f between two steps and returns its result; rethrows what it throws.
  template <class F>
  auto Between(F f) -> decltype(f()) {
    if (!thread_.joinable()) return f();
    auto task = std::make_shared<std::packaged_task<decltype(f())()>>(std::move(f));
    auto result = task->get_future();
    Post([task] { (*task)(); });
    return result.get();
  }

  // The following only inside Between (or without a thread).
  void AddJob(std::unique_ptr<PipelineJob> job);
  void StopJob(uint32_t number);
  void PauseJob(uint32_t number);
  void ResumeJob(uint32_t number);  // Of a paused or stopped one.
  // Its tables end where they are, so that it finishes. Not in the journal before its last step:
  // after a crash it runs on.
  void DrainJob(uint32_t number);
  // Those that wait to be restarted wait another time, or fail: they cannot be made now.
  void PostponeRestarts(const Error& error);
  // All jobs are to be made anew from the last checkpoint and the journal.
  void RestartAll(const Error& error);
  // When the first of the jobs that are to be restarted is due; nothing when there is none.
  std::optional<int64_t> NextRestart() const;
  std::unique_ptr<PipelineJob> RemoveJob(uint32_t number);
  PipelineJob* FindJob(uint32_t number);
  const std::vector<std::unique_ptr<PipelineJob>>& jobs() const { return jobs_; }
  // One step over what is there. Whether anything was done; `embedded` receives the rows of
  // embedded tables taken.
  bool StepOnce(size_t* embedded = nullptr);
  uint64_t step() const { return step_; }
  // Jobs that come from a pipeline of more steps: their readers see step numbers that only grow.
  void SkipToStep(uint64_t step) { step_ = std::max(step_, step); }
  // Recovery waits for a source that is away: the rest of the journal is replayed when it is back.
  bool recovering() const { return replay_ != nullptr; }
  uint64_t checkpoints() const { return checkpoints_; }
  int64_t last_checkpoint_micros() const { return last_checkpoint_; }
  size_t longest_gap_micros() const { return longest_gap_; }

  // Takes a checkpoint and returns when it is sealed; false when there is none to be had now: it
  // recovers, or jobs are to be restarted. Throws Error(kIo). Not inside Between.
  bool Checkpoint();

 private:
  struct RunningCheckpoint {
    SealedEpoch epoch;
    std::vector<StateWriter> writers;
  };
  // Where the replay of the journal stands.
  struct JournalReplay {
    std::deque<uint64_t> epochs;  // Of files to read, the first one being read.
    std::unique_ptr<RecordLogReader> reader;
    uint64_t at = 0, end = 0;  // In it; a power failure may have left a broken tail.
  };

  void Post(std::function<void()> f);
  void Run();
  void RunTasks();
  void Wait();
  void Wake();
  bool Advance(PipelineJob& job, int64_t now);
  bool StepJob(PipelineJob& job, int64_t now);
  void Fail(PipelineJob& job, const Error& error);
  bool WillRestart(PipelineJob& job, const Error& error) const;
  void FailCheckpoint(const Error& error);
  void CheckMemory(int64_t now);
  // Memory within the budget (pipeline_memory.cc).
  Dataflow::Usage StateUsage() const;
  void KeepBudget();
  bool Settled() const;
  size_t EvictState(size_t bytes, unsigned least_age);
  void EvictByCheckpoint(size_t target);
  // Brings in some of what a restart left in the store; whether there may be more.
  bool WarmState();
  bool WarmQuietly();  // An error restarts the jobs.
  void End(PipelineJob& job, PipelineJob::State state);
  void Publish(std::vector<PipelineJob*> stepped);
  bool PrepareViews(PipelineJob& job);
  void WriteJournal(int64_t now, const std::vector<std::pair<uint32_t, std::string>>& cuts);
  void RestoreJob(PipelineJob* job);
  void BeginReplay();
  // The journal's next steps; false when one has to wait for its source.
  bool ContinueReplay();
  bool ReplayRecord(const std::string& payload);
  bool TakeReplayed(PipelineJob& job, const std::string& cut);
  void FinishReplay();
  void OpenJournal(uint64_t epoch);
  void RemoveOldJournals() const;
  std::string JournalPath(uint64_t epoch) const;
  std::vector<uint64_t> JournalEpochs() const;

  bool BeginCheckpoint();
  void ContinueCheckpoint(int64_t budget_micros);
  void CommitLoop();
  void PollCommit();
  void CommitJob(PipelineJob* job);
  void FinishRunningCheckpoint();
  std::string EncodeMetadata();

  PipelineOptions options_;
  Store* store_;
  WorkerPool* pool_;
  std::shared_mutex view_lock_;

  // Driver thread only.
  std::vector<std::unique_ptr<PipelineJob>> jobs_;  // Upstream before downstream.
  uint64_t step_ = 0;
  uint64_t epoch_ = 0;  // Of the last begun checkpoint.
  std::unique_ptr<RecordLog> journal_;
  std::unique_ptr<JournalReplay> replay_;
  std::unique_ptr<RunningCheckpoint> checkpoint_;
  bool committing_ = false;
  int64_t next_checkpoint_ = 0;
  int64_t checkpoint_began_ = 0;
  uint64_t checkpoints_ = 0;
  int64_t last_checkpoint_ = 0;
  size_t longest_gap_ = 0;
  int64_t next_memory_check_ = 0;
  size_t committing_bytes_ = 0;  // Of the checkpoint that is being committed.
  bool commit_failed_ = false;   // What counts as copied by the last checkpoint is not in the store.
  bool pressed_ = false;         // The state is near its budget.
  unsigned evicted_age_ = 0;     // At which the last eviction found enough.
  int64_t next_forced_checkpoint_ = 0;
  bool warming_ = false;
  std::optional<int64_t> rebuild_micros_;  // When all jobs are to be made anew; no step until then.
  std::optional<Error> checkpoint_error_;  // Of the last one.

  std::mutex mutex_;  // Guards what follows.
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool ready_ = true;
  bool stop_ = false;
  std::thread thread_;

  std::mutex commit_mutex_;  // Guards what follows.
  std::condition_variable commit_wake_;
  std::unique_ptr<RunningCheckpoint> to_commit_;
  bool commit_stop_ = false;
  uint64_t committed_epoch_ = 0;
  std::exception_ptr commit_error_;
  std::thread committer_;
};

}  // namespace millrace
