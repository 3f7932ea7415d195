#include "executor/pipeline.h"

#include <algorithm>
#include <chrono>

#include "base/memory.h"

namespace millrace {
namespace {

constexpr int64_t kSliceMicros = 2'000;  // Of copying for a checkpoint between two steps.
constexpr int64_t kPressedSliceMicros = 10'000;  // When memory waits for it.
constexpr int64_t kReplayRetryMicros = 50'000;

}  // namespace

Pipeline::Pipeline(PipelineOptions options, Store* store, WorkerPool* pool)
    : options_(std::move(options)), store_(store), pool_(pool) {}

Pipeline::~Pipeline() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  {
    std::lock_guard lock(commit_mutex_);
    commit_stop_ = true;
  }
  commit_wake_.notify_all();
  if (committer_.joinable()) committer_.join();
  if (options_.budget != nullptr) options_.budget->Forget(options_.id);
  jobs_.clear();  // Their sources call Wake() until they are gone.
}

void Pipeline::Start() {
  if (store_ != nullptr && !journal_ && !replay_) OpenJournal(epoch_);
  next_checkpoint_ = NowMicros() + options_.checkpoint_interval_micros;
  if (!options_.manual) thread_ = std::thread([this] { Run(); });
}

void Pipeline::Post(std::function<void()> f) {
  {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(f));
  }
  wake_.notify_one();
}

void Pipeline::Wake() {
  {
    std::lock_guard lock(mutex_);
    ready_ = true;
  }
  wake_.notify_one();
}

void Pipeline::RunTasks() {
  while (true) {
    std::function<void()> task;
    {
      std::lock_guard lock(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void Pipeline::Wait() {
  int64_t until = kMaxWatermark;
  for (const auto& job : jobs_) {
    if (job->state == PipelineJob::State::kRunning) until = std::min(until, job->flow->NextTimer());
  }
  if (store_ != nullptr && options_.checkpoint_interval_micros > 0) {
    until = std::min(until, next_checkpoint_);
  }
  if (replay_) until = NowMicros() + kReplayRetryMicros;
  // Bounded, so that a clock that was set back cannot make it wait for long.
  const int64_t micros = std::clamp<int64_t>(until - NowMicros(), 100, 1'000'000);
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::microseconds(micros),
                 [this] { return ready_ || stop_ || !tasks_.empty(); });
}

void Pipeline::Run() {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (stop_) break;
      ready_ = false;
    }
    RunTasks();
    const bool worked = StepOnce();
    // With a budget one after the other, so that there are moments at which rows can be evicted.
    const bool may_begin = options_.budget == nullptr || store_ == nullptr ||
                           store_->AllApplied() || store_->Failing();
    if (options_.checkpoint_interval_micros > 0 && NowMicros() >= next_checkpoint_ && may_begin) {
      BeginCheckpoint();
    }
    PollCommit();
    const bool warms = WarmQuietly();
    if (checkpoint_) {
      ContinueCheckpoint(pressed_ ? kPressedSliceMicros : kSliceMicros);
    } else if (!worked && !warms) {
      Wait();
    }
  }
  RunTasks();  // Nobody may wait for a task that never runs.
}

void Pipeline::AddJob(std::unique_ptr<PipelineJob> job) {
  job->flow->OnReady([this] { Wake(); });
  jobs_.push_back(std::move(job));
  Wake();
}

PipelineJob* Pipeline::FindJob(uint32_t number) {
  for (auto& job : jobs_) {
    if (job->number == number) return job.get();
  }
  return nullptr;
}

void Pipeline::StopJob(uint32_t number) {
  PipelineJob* job = FindJob(number);
  if (!job) return;
  const bool stops =
      job->state == PipelineJob::State::kRunning || job->state == PipelineJob::State::kPaused;
  if (stops) End(*job, PipelineJob::State::kStopped);
}

void Pipeline::PauseJob(uint32_t number) {
  PipelineJob* job = FindJob(number);
  if (job && job->state == PipelineJob::State::kRunning) job->state = PipelineJob::State::kPaused;
}

void Pipeline::ResumeJob(uint32_t number) {
  PipelineJob* job = FindJob(number);
  if (!job) return;
  job->state = PipelineJob::State::kRunning;
  job->ended_micros = 0;
  Wake();
}

void Pipeline::DrainJob(uint32_t number) {
  PipelineJob* job = FindJob(number);
  if (!job || job->state != PipelineJob::State::kRunning) return;
  job->flow->EndScans();
  Wake();
}

void Pipeline::PostponeRestarts(const Error& error) {
  if (rebuild_micros_) {
    int64_t delay = RestartStrategy().longest_micros;
    for (const auto& job : jobs_) delay = std::min(delay, job->restart.longest_micros);
    rebuild_micros_ = options_.clock() + delay;
  }
  for (auto& job : jobs_) {
    if (job->state != PipelineJob::State::kRestarting) continue;
    job->error = error;
    if (WillRestart(*job, error)) continue;
    End(*job, PipelineJob::State::kFailed);
    job->flow->ReleaseState();
  }
}

void Pipeline::RestartAll(const Error& error) {
  rebuild_micros_ = options_.clock() + RestartStrategy().first_micros;
  for (auto& job : jobs_) {
    if (job->state == PipelineJob::State::kRunning) Fail(*job, error);
  }
  if (options_.on_restarting) options_.on_restarting();
}

std::optional<int64_t> Pipeline::NextRestart() const {
  std::optional<int64_t> next = rebuild_micros_;
  for (const auto& job : jobs_) {
    if (job->state != PipelineJob::State::kRestarting) continue;
    next = std::min(next.value_or(job->restart_micros), job->restart_micros);
  }
  return next;
}

std::unique_ptr<PipelineJob> Pipeline::RemoveJob(uint32_t number) {
  FinishRunningCheckpoint();
  auto it = std::ranges::find_if(jobs_, [&](auto& job) { return job->number == number; });
  if (it == jobs_.end()) return nullptr;
  std::unique_ptr<PipelineJob> job = std::move(*it);
  jobs_.erase(it);
  return job;
}

void Pipeline::End(PipelineJob& job, PipelineJob::State state) {
  job.state = state;
  job.ended_micros = NowMicros();
  // Others may be resumed.
  if (state == PipelineJob::State::kFinished) job.flow->CloseSources();
  next_checkpoint_ = std::min(next_checkpoint_, job.ended_micros);
  if (options_.on_job_ended) options_.on_job_ended(job);
}

// What the outside world did may be over soon: the disk was full, a file could not be read.
bool Pipeline::WillRestart(PipelineJob& job, const Error& error) const {
  constexpr int64_t kGoodMicros = 600'000'000;  // One that ran so long begins to count anew.
  if (error.code != ErrorCode::kIo || store_ == nullptr || !options_.on_restarting) return false;
  const int64_t now = options_.clock();
  if (NowMicros() - job.started_micros > kGoodMicros) job.restarts = 0;
  if (job.restarts >= job.restart.attempts) return false;
  int64_t delay = job.restart.first_micros;
  for (uint64_t n = 0; n < job.restarts && delay < job.restart.longest_micros; ++n) delay *= 2;
  job.restart_micros = now + std::min(delay, job.restart.longest_micros);
  ++job.restarts;
  return true;
}

void Pipeline::Fail(PipelineJob& job, const Error& error) {
  job.flow->DiscardStep();
  job.error = error;
  // The running checkpoint's cut must not lose what it has not copied yet.
  FinishRunningCheckpoint();
  if (WillRestart(job, error)) {
    job.state = PipelineJob::State::kRestarting;
    options_.on_restarting();
    return;
  }
  End(job, PipelineJob::State::kFailed);
  job.flow->ReleaseState();
}

// A query that outgrows its limit fails before the kernel ends the whole server.
void Pipeline::CheckMemory(int64_t now) {
  constexpr int64_t kCheckMicros = 100'000;
  if (now < next_memory_check_) return;
  next_memory_check_ = now + kCheckMicros;
  PipelineJob* largest = nullptr;
  size_t most = 0;
  for (auto& job : jobs_) {
    if (job->state != PipelineJob::State::kRunning) continue;
    const size_t bytes = job->flow->state_bytes();
    const size_t limit = job->flow->options().memory_limit;
    if (limit > 0 && bytes > limit) {
      Fail(*job, Error(ErrorCode::kOutOfMemory, "its state of " + std::to_string(bytes >> 20) +
                                                    " MB is over the query's memory.limit"));
      continue;
    }
    if (bytes >= most) {
      most = bytes;
      largest = job.get();
    }
  }
  const size_t resident = options_.memory_limit > 0 ? ResidentBytes() : 0;
  // Each pipeline answers for its own: one whose jobs are small leaves it to the others.
  if (largest == nullptr || resident <= options_.memory_limit || most < resident / 4) return;
  Fail(*largest,
       Error(ErrorCode::kOutOfMemory, "the process uses " + std::to_string(resident >> 20) +
                                          " MB, over its memory.limit, most of it for this query"));
}

// One job's part of a step; whether it had any.
bool Pipeline::Advance(PipelineJob& job, int64_t now) {
  if (job.state != PipelineJob::State::kRunning) return false;
  try {
    job.last_taken = job.flow->Poll(now);
    if (job.last_taken == 0 && !job.flow->NeedsStep(now)) return false;
  } catch (const Error& error) {
    Fail(job, error);
    return false;
  } catch (const std::exception& error) {
    Fail(job, Error(ErrorCode::kInternal, error.what()));
    return false;
  }
  return StepJob(job, now);
}

bool Pipeline::StepJob(PipelineJob& job, int64_t now) {
  try {
    job.flow->Step(pool_, now);
  } catch (const Error& error) {
    Fail(job, error);
    return false;
  } catch (const std::exception& error) {
    Fail(job, Error(ErrorCode::kInternal, error.what()));
    return false;
  }
  ++job.steps;
  return true;
}

// False when what its views need could not be read.
bool Pipeline::PrepareViews(PipelineJob& job) {
  try {
    job.flow->PrepareViews(pool_);
    return true;
  } catch (const Error& error) {
    Fail(job, error);
  }
  return false;
}

void Pipeline::Publish(std::vector<PipelineJob*> stepped) {
  std::erase_if(stepped, [this](PipelineJob* job) { return !PrepareViews(*job); });
  std::vector<std::shared_ptr<ViewFeed>> fed;
  for (PipelineJob* job : stepped) {
    if (View* view = job->flow->view()) view->Feed(step_, &fed);
  }
  {
    std::unique_lock lock(view_lock_);
    for (PipelineJob* job : stepped) job->flow->PublishViews(pool_, step_);
  }
  for (const auto& feed : fed) feed->FinishStep(step_);
  for (PipelineJob* job : stepped) {
    try {
      job->flow->WriteSinks(job->steps);  // Its own count goes with it to another pipeline.
      if (!job->flow->finished()) continue;
      job->flow->CloseSinks();
      End(*job, PipelineJob::State::kFinished);
    } catch (const Error& error) {
      Fail(*job, error);
    } catch (const std::exception& error) {
      Fail(*job, Error(ErrorCode::kInternal, error.what()));
    }
  }
}

bool Pipeline::WarmQuietly() {
  try {
    return WarmState();
  } catch (const Error& error) {
    RestartAll(Error(ErrorCode::kIo, error.message));
    return false;
  }
}

bool Pipeline::StepOnce(size_t* embedded) {
  if (rebuild_micros_) return false;
  if (replay_) {
    try {
      const bool more = ContinueReplay();
      KeepBudget();
      return more;
    } catch (const std::exception& error) {
      RestartAll(Error(ErrorCode::kIo, error.what()));
      return false;
    }
  }
  if (options_.manual) WarmQuietly();
  std::vector<PipelineJob*> stepped;
  std::vector<std::pair<uint32_t, std::string>> cuts;
  const int64_t now = options_.clock();
  for (auto& job : jobs_) {
    const int64_t began = NowMicros();
    if (!Advance(*job, now)) continue;
    if (embedded) *embedded += job->flow->embedded_taken();
    cuts.emplace_back(job->number, job->flow->TakeCut());
    job->busy_micros += NowMicros() - began;
    stepped.push_back(job.get());
  }
  if (stepped.empty()) return false;
  ++step_;
  try {
    WriteJournal(now, cuts);
    // What a job writes into a table may become durable at any time, and is known by its step: that
    // step must come again, not another one with its number.
    const bool writes = std::ranges::any_of(
        stepped, [](PipelineJob* job) { return job->flow->writes_embedded(); });
    if (writes && journal_ && store_->sync()) journal_->Sync();
  } catch (const Error& error) {
    // Nobody may see a step that a restart would not repeat.
    --step_;
    for (PipelineJob* job : stepped) Fail(*job, error);
    return true;
  }
  const int64_t began = NowMicros();
  Publish(stepped);
  stepped.back()->busy_micros += NowMicros() - began;
  CheckMemory(now);
  try {
    KeepBudget();
  } catch (const Error& error) {
    RestartAll(Error(ErrorCode::kIo, error.message));
  }
  return true;
}

}  // namespace millrace
