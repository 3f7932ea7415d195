// Checkpoints, the step journal, and recovery of a pipeline.
//
//   journal record := step now jobs:count (job cut)*        (base/codec.h)
//   epoch metadata := step jobs:count (job steps metadata)*
//                     tables:count (job table partitions:count (partition position)*)*
// The second line is for people who look at a data directory (executor/sealed_jobs.h).
//
// The journal of epoch E holds the steps after E's cut. Recovery loads the last sealed epoch and
// runs the recorded steps again with the recorded clock, reading exactly what they read: readers
// get the very rows they saw.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/codec.h"
#include "base/log.h"
#include "executor/pipeline.h"

namespace millrace {
namespace {

constexpr size_t kSliceRows = 512;
constexpr int64_t kReplayWaitMicros = 5'000'000;  // For a source that does not answer.

std::string NumberedName(uint32_t pipeline, uint64_t epoch) {
  return std::to_string(pipeline) + "-" + std::to_string(epoch) + ".log";
}

}  // namespace

std::string Pipeline::JournalPath(uint64_t epoch) const {
  return options_.journal_directory + "/" + NumberedName(options_.id, epoch);
}

std::vector<uint64_t> Pipeline::JournalEpochs() const {
  std::vector<uint64_t> epochs;
  const std::string prefix = std::to_string(options_.id) + "-";
  std::error_code error;
  const std::filesystem::directory_iterator entries(options_.journal_directory, error);
  if (error) {
    throw Error(ErrorCode::kIo,
                "cannot read '" + options_.journal_directory + "': " + error.message());
  }
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix)) epochs.push_back(std::stoull(name.substr(prefix.size())));
  }
  std::ranges::sort(epochs);
  return epochs;
}

// What cannot be removed is by a later checkpoint.
void Pipeline::RemoveOldJournals() const {
  try {
    for (const uint64_t epoch : JournalEpochs()) {
      std::error_code ignored;
      if (epoch < epoch_) std::filesystem::remove(JournalPath(epoch), ignored);
    }
  } catch (const Error& error) {
    Log(LogLevel::kWarning, "pipeline", error.message);
  }
}

void Pipeline::OpenJournal(uint64_t epoch) {
  std::error_code ignored;  // Then the file cannot be opened.
  std::filesystem::create_directories(options_.journal_directory, ignored);
  journal_ = std::make_unique<RecordLog>(JournalPath(epoch));
}

void Pipeline::WriteJournal(int64_t now,
                            const std::vector<std::pair<uint32_t, std::string>>& cuts) {
  if (!journal_) return;
  Encoder64 out;
  out.Put(step_).Put(static_cast<uint64_t>(now)).Put(static_cast<uint64_t>(cuts.size()));
  for (const auto& [job, cut] : cuts) out.Put(static_cast<uint64_t>(job)).Put(cut);
  journal_->Append(out.bytes());
}

// Whether the job's sources have given all that the cut names; a job that fails has nothing to wait
// for.
bool Pipeline::TakeReplayed(PipelineJob& job, const std::string& cut) {
  try {
    return job.flow->Replay(cut);
  } catch (const Error& error) {
    Fail(job, error);
  } catch (const std::exception& error) {
    Fail(job, Error(ErrorCode::kInternal, error.what()));
  }
  return true;
}

// False when a source is away. What others have given by then stays with them until the next try.
bool Pipeline::ReplayRecord(const std::string& payload) {
  Decoder64 in(payload);
  const uint64_t step = in.Number();
  const int64_t now = static_cast<int64_t>(in.Number());
  std::vector<PipelineJob*> jobs;
  bool taken = true;
  for (uint64_t n = in.Number(); n > 0; --n) {
    const auto number = static_cast<uint32_t>(in.Number());
    const std::string cut = in.String();
    PipelineJob* job = FindJob(number);
    if (job == nullptr || job->state != PipelineJob::State::kRunning) continue;  // Or dropped since.
    taken &= TakeReplayed(*job, cut);
    jobs.push_back(job);
  }
  if (!taken) return false;
  step_ = step;
  std::vector<PipelineJob*> stepped;
  for (PipelineJob* job : jobs) {
    if (job->state != PipelineJob::State::kRunning || !StepJob(*job, now)) continue;
    job->flow->TakeCut();
    stepped.push_back(job);
  }
  Publish(stepped);
  return true;
}

void Pipeline::BeginReplay() {
  auto replay = std::make_unique<JournalReplay>();
  RemoveOldJournals();
  for (const uint64_t epoch : JournalEpochs()) {
    if (epoch >= epoch_) replay->epochs.push_back(epoch);
  }
  replay_ = std::move(replay);
}

bool Pipeline::ContinueReplay() {
  while (!replay_->epochs.empty()) {
    const uint64_t epoch = replay_->epochs.front();
    if (!replay_->reader) {
      replay_->reader = std::make_unique<RecordLogReader>(JournalPath(epoch));
      replay_->at = 0;
      replay_->end = replay_->reader->FindValidEnd();
    }
    if (replay_->at < replay_->end) {
      const auto record = replay_->reader->Read(replay_->at);
      if (!ReplayRecord(record->payload)) return false;
      replay_->at = record->next;
      return true;
    }
    epoch_ = epoch;
    replay_->reader.reset();
    replay_->epochs.pop_front();
  }
  replay_.reset();
  OpenJournal(epoch_);
  return true;
}

// What is near is replayed before anybody reads; a source that does not answer must not keep the
// server from starting.
void Pipeline::FinishReplay() {
  const int64_t deadline = NowMicros() + kReplayWaitMicros;
  while (replay_ && NowMicros() < deadline) {
    if (ContinueReplay()) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void Pipeline::RestoreJob(PipelineJob* job) {
  try {
    job->flow->Restore(*store_, job->metadata, pool_);
  } catch (const Error& error) {
    Fail(*job, error);
  } catch (const std::exception& error) {
    Fail(*job, Error(ErrorCode::kInternal, error.what()));
  }
}

void Pipeline::Recover(std::vector<std::unique_ptr<PipelineJob>> jobs) {
  jobs_ = std::move(jobs);
  commit_failed_ = false;
  warming_ = store_ != nullptr;
  for (auto& job : jobs_) job->flow->OnReady([this] { Wake(); });
  if (store_ == nullptr) return;
  std::error_code ignored;  // Then there are no journals.
  std::filesystem::create_directories(options_.journal_directory, ignored);
  store_->WaitApplied();
  if (const std::optional<SealedEpoch> sealed = store_->LastEpoch(options_.id)) {
    epoch_ = sealed->epoch;
    Decoder64 in(sealed->metadata);
    step_ = in.Number();
    for (uint64_t n = in.Number(); n > 0; --n) {
      const auto number = static_cast<uint32_t>(in.Number());
      const uint64_t steps = in.Number();
      const std::string metadata = in.String();
      PipelineJob* job = FindJob(number);
      if (job == nullptr || metadata.empty()) continue;  // Dropped, or failed before any epoch.
      job->steps = steps;
      job->metadata = metadata;
      RestoreJob(job);
      if (job->state == PipelineJob::State::kRunning && job->flow->finished()) {
        job->state = PipelineJob::State::kFinished;
      }
    }
  }
  BeginReplay();
  FinishReplay();
}

std::string Pipeline::EncodeMetadata() {
  Encoder64 out;
  out.Put(step_).Put(static_cast<uint64_t>(jobs_.size()));
  size_t tables = 0;
  for (const auto& job : jobs_) {
    out.Put(static_cast<uint64_t>(job->number)).Put(job->steps).Put(job->metadata);
    tables += job->flow->Positions().size();
  }
  out.Put(static_cast<uint64_t>(tables));
  for (const auto& job : jobs_) {
    for (const auto& [table, positions] : job->flow->Positions()) {
      out.Put(static_cast<uint64_t>(job->number)).Put(table);
      out.Put(static_cast<uint64_t>(positions.size()));
      for (const auto& [partition, position] : positions) out.Put(partition).Put(position);
    }
  }
  return out.bytes();
}

// Fixes the cut: what the jobs hold now is what the epoch stores, though it is copied in slices
// later.
bool Pipeline::BeginCheckpoint() {
  if (store_ == nullptr || checkpoint_ || committing_ || replay_ || jobs_.empty()) return false;
  // A job that restarts runs the journal's steps again, so the journal stays.
  if (NextRestart()) {
    next_checkpoint_ = NowMicros() + options_.checkpoint_interval_micros;
    return false;
  }
  checkpoint_error_.reset();
  checkpoint_began_ = NowMicros();
  next_checkpoint_ = checkpoint_began_ + options_.checkpoint_interval_micros;
  try {
    if (journal_) journal_->Sync();
    OpenJournal(epoch_ + 1);
  } catch (const Error& error) {
    FailCheckpoint(error);
    return false;
  }
  checkpoint_ = std::make_unique<RunningCheckpoint>();
  checkpoint_->writers.resize(jobs_[0]->flow->options().partitions);
  checkpoint_->epoch.epoch = ++epoch_;
  std::vector<std::pair<PipelineJob*, Error>> failed;
  for (auto& job : jobs_) {
    if (job->state == PipelineJob::State::kFailed) continue;  // Keeps its last good state.
    try {
      job->flow->BeginCheckpoint(epoch_, &checkpoint_->writers);
      job->metadata = job->flow->EncodeMetadata();
    } catch (const Error& error) {
      failed.emplace_back(job.get(), error);
    }
  }
  checkpoint_->epoch.metadata = EncodeMetadata();
  longest_gap_ = std::max<size_t>(longest_gap_, NowMicros() - checkpoint_began_);
  for (const auto& [job, error] : failed) Fail(*job, error);
  return true;
}

void Pipeline::ContinueCheckpoint(int64_t budget_micros) {
  const int64_t began = NowMicros();
  for (auto& job : jobs_) {
    if (job->state == PipelineJob::State::kFailed) continue;
    while (!job->flow->CopySlice(kSliceRows)) {
      if (NowMicros() - began > budget_micros) {
        longest_gap_ = std::max<size_t>(longest_gap_, NowMicros() - began);
        return;
      }
    }
  }
  committing_ = true;
  committing_bytes_ = 0;
  for (const StateWriter& writer : checkpoint_->writers) committing_bytes_ += writer.memory();
  {
    std::lock_guard lock(commit_mutex_);
    to_commit_ = std::move(checkpoint_);
    if (!committer_.joinable()) committer_ = std::thread([this] { CommitLoop(); });
  }
  commit_wake_.notify_all();
}

void Pipeline::CommitLoop() {
  std::unique_lock lock(commit_mutex_);
  while (true) {
    commit_wake_.wait(lock, [this] { return commit_stop_ || to_commit_; });
    if (!to_commit_) return;
    std::unique_ptr<RunningCheckpoint> checkpoint = std::move(to_commit_);
    lock.unlock();
    std::exception_ptr error;
    try {
      if (options_.before_seal) options_.before_seal();
      store_->Commit(options_.id, checkpoint->epoch, std::move(checkpoint->writers));
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    commit_error_ = error;
    committed_epoch_ = checkpoint->epoch.epoch;
    commit_wake_.notify_all();
    Wake();
  }
}

// The epoch is sealed: what cannot be shown now is, when the job is restored.
void Pipeline::CommitJob(PipelineJob* job) {
  try {
    job->flow->Commit(epoch_);
  } catch (const Error& error) {
    if (job->state == PipelineJob::State::kRunning) Fail(*job, error);
  } catch (const std::exception& error) {
    if (job->state == PipelineJob::State::kRunning) {
      Fail(*job, Error(ErrorCode::kInternal, error.what()));
    }
  }
}

// What it was to store is in no job's changed rows any more, those that stand still included.
void Pipeline::FailCheckpoint(const Error& error) {
  checkpoint_error_ = error;
  RestartAll(error);
}

// What follows from a commit that has come back.
void Pipeline::PollCommit() {
  if (!committing_) return;
  std::exception_ptr error;
  {
    std::lock_guard lock(commit_mutex_);
    if (committed_epoch_ != epoch_) return;
    error = std::exchange(commit_error_, nullptr);
  }
  committing_ = false;
  commit_failed_ = error != nullptr;
  if (error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      FailCheckpoint(Error(ErrorCode::kIo, std::string("the checkpoint failed: ") + e.what()));
    }
    return;
  }
  for (auto& job : jobs_) {
    if (job->state != PipelineJob::State::kFailed) CommitJob(job.get());
  }
  RemoveOldJournals();
  ++checkpoints_;
  last_checkpoint_ = NowMicros();
  // A store that is slow to take checkpoints gets them less often.
  next_checkpoint_ = std::max(next_checkpoint_, 2 * last_checkpoint_ - checkpoint_began_);
}

void Pipeline::FinishRunningCheckpoint() {
  if (checkpoint_) ContinueCheckpoint(kMaxWatermark);
  if (!committing_) return;
  {
    std::unique_lock lock(commit_mutex_);
    commit_wake_.wait(lock, [this] { return committed_epoch_ == epoch_; });
  }
  PollCommit();
}

bool Pipeline::Checkpoint() {
  return Between([this] {
    checkpoint_error_.reset();
    FinishRunningCheckpoint();
    const bool begun = BeginCheckpoint();
    if (begun) FinishRunningCheckpoint();
    if (checkpoint_error_) throw *checkpoint_error_;
    return begun;
  });
}

}  // namespace millrace
