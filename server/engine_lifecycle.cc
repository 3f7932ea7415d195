// The life cycle of jobs: paused, resumed, stopped, drained, restarted.
//
// A job is made anew together with all jobs of its pipeline, from the last checkpoint and the
// journal, as the server's start does it: what readers saw comes back, and nothing is counted twice.
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "base/log.h"
#include "server/engine_state.h"

namespace millrace {
namespace {

constexpr int64_t kWaitMicros = 30'000'000;  // For what a statement waits.
constexpr auto kLook = std::chrono::milliseconds(2);

// Calls `done` until it says so; false when the time is over.
template <class F>
bool AwaitUntil(int64_t wait_micros, const std::atomic<bool>& stop, F done) {
  const int64_t deadline = NowMicros() + wait_micros;
  while (!done()) {
    if (NowMicros() >= deadline || stop) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace

JobRecord& Engine::State::GetJob(std::string_view id_or_name, std::optional<SourceRange> range) {
  JobRecord* record = FindJob(id_or_name);
  if (record) return *record;
  throw Error(ErrorCode::kNotFound, "job \"" + std::string(id_or_name) + "\" does not exist", range);
}

PipelineJob::State Engine::State::StateOf(const JobRecord& record) {
  Pipeline& pipeline = PipelineOf(record);
  return pipeline.Between([&] { return pipeline.FindJob(record.number)->state; });
}

// A job that reads a view gets that view's changes step by step: it cannot miss some.
void Engine::State::CheckUpstream(const JobRecord& record, std::string_view what) {
  for (const std::string& name : record.reads) {
    const JobRecord* upstream = FindViewJob(name);
    if (!upstream || StateOf(*upstream) != PipelineJob::State::kRunning) continue;
    throw Error(ErrorCode::kConflict, "job \"" + record.name + "\" cannot be " + std::string(what) +
                                          ": it follows the view \"" + name + "\", which runs",
                {}, "pause \"" + name + "\"; what reads it then stands still");
  }
}

void Engine::State::PauseJob(JobRecord& record) {
  const PipelineJob::State state = StateOf(record);
  if (state == PipelineJob::State::kPaused) return;
  if (state != PipelineJob::State::kRunning) {
    throw Error(ErrorCode::kConflict, "job \"" + record.name + "\" does not run");
  }
  CheckUpstream(record, "paused");
  Pipeline& pipeline = PipelineOf(record);
  pipeline.Between([&] { pipeline.PauseJob(record.number); });
  pipeline.Checkpoint();
  // Behind the checkpoint: until then a crash finds it running, with nothing lost.
  try {
    PutMeta(pipeline.Between([&] { return StateNote(*pipeline.FindJob(record.number)); }));
  } catch (const Error&) {
    pipeline.Between([&] { pipeline.ResumeJob(record.number); });
    throw;
  }
}

void Engine::State::ResumeJob(JobRecord& record) {
  const PipelineJob::State state = StateOf(record);
  if (state == PipelineJob::State::kRunning) return;
  const bool stands = state == PipelineJob::State::kPaused || state == PipelineJob::State::kStopped;
  if (!stands) {
    throw Error(ErrorCode::kConflict, "job \"" + record.name + "\" is neither paused nor stopped");
  }
  if (state == PipelineJob::State::kStopped) CheckUpstream(record, "resumed");
  for (const auto& [number, other] : jobs) {
    if (std::ranges::find(other.reads, record.name) == other.reads.end()) continue;
    const PipelineJob::State below = StateOf(other);
    if (below != PipelineJob::State::kPaused) continue;
    throw Error(ErrorCode::kConflict,
                "job \"" + other.name + "\" reads it and is paused: it would miss changes", {},
                "resume \"" + other.name + "\" first");
  }
  ForgetState(record.number);
  Pipeline& pipeline = PipelineOf(record);
  pipeline.Between([&] { pipeline.ResumeJob(record.number); });
}

bool Engine::State::RestartJob(JobRecord& record) {
  const PipelineJob::State state = StateOf(record);
  if (state == PipelineJob::State::kFinished) {
    throw Error(ErrorCode::kConflict, "job \"" + record.name + "\" is finished");
  }
  if (!store) {
    throw Error(ErrorCode::kConflict, "this server keeps no checkpoints to restart from");
  }
  if (state == PipelineJob::State::kFailed) {
    // Others went on without it, and what it gave since its last checkpoint is not known any more.
    const bool read = std::ranges::any_of(jobs, [&](const auto& job) {
      return std::ranges::find(job.second.reads, record.name) != job.second.reads.end();
    });
    if (read) return true;
    if (record.flow->writes_embedded()) {
      throw Error(ErrorCode::kConflict,
                  "job \"" + record.name + "\" has failed, and what it wrote into a table since its "
                  "last checkpoint cannot be taken back",
                  {}, "drop it and create it again");
    }
    ForgetState(record.number);
  } else {
    PipelineOf(record).Checkpoint();
  }
  RestartPipeline(record.pipeline);
  return false;
}

std::vector<std::unique_ptr<PipelineJob>> Engine::State::MakeJobs(uint32_t pipeline) {
  std::vector<std::unique_ptr<PipelineJob>> made;
  std::map<uint32_t, Dataflow*> before;
  try {
    for (auto& [number, record] : jobs) {
      if (record.pipeline != pipeline) continue;
      const Plan& plan =
          record.insert_plan ? *record.insert_plan
          : record.view_plan ? *record.view_plan
                             : *catalog.Find(record.name)->plan;
      before[number] = record.flow;
      const Session session = record.session;
      made.push_back(MakeJob(record, plan, session));
    }
  } catch (...) {
    for (const auto& [number, flow] : before) jobs.at(number).flow = flow;
    throw;
  }
  return made;
}

void Engine::State::ProbeDisk() {
  store->TryAgain();
  PutMeta({});
  const std::string path = store->directory() + "/journal/probe";
  {
    const FileDescriptor file = OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC);
    WriteAt(file, 0, std::string(4096, 'x'), {}, path);
    SyncFile(file, path);
  }
  std::error_code ignored;  // It is in nobody's way.
  std::filesystem::remove(path, ignored);
}

void Engine::State::RestartPipeline(uint32_t id) {
  Pipeline& old = *pipelines.at(id);
  std::vector<std::unique_ptr<PipelineJob>> made;
  try {
    // Until that works, readers have what the old jobs show.
    ProbeDisk();
    made = MakeJobs(id);
  } catch (const std::exception& error) {
    millrace::Log(LogLevel::kWarning, "engine", "cannot restart a pipeline",
                  {{"error", error.what()}});
    old.Between([&] { old.PostponeRestarts(Error(ErrorCode::kIo, error.what())); });
    return;
  }
  old.Between([&] {
    for (auto& job : made) {
      PipelineJob& before = *old.FindJob(job->number);
      job->restarts = before.restarts;
      before.flow->CloseSources();  // The new sources hold all until they know where they are.
    }
  });
  {
    std::unique_lock views_lock(views_mutex);
    for (auto& [name, open] : views) {
      if (open.pipeline == &old) open.view = nullptr;
    }
  }
  pipelines.erase(id);
  Pipeline& pipeline = OpenPipeline(id);
  try {
    pipeline.Recover(std::move(made));
    RestoreEndedStates(pipeline);
  } catch (const std::exception& error) {
    pipeline.RestartAll(Error(ErrorCode::kIo, error.what()));
  }
  {
    std::unique_lock views_lock(views_mutex);
    for (const auto& job : pipeline.jobs()) {
      const bool readable = job->state != PipelineJob::State::kRestarting;
      View* view = job->flow->view();
      if (view && jobs.at(job->number).replacement == 0) views[job->name] = {readable ? view : nullptr, &pipeline};
    }
  }
  pipeline.Start();
}

int64_t Engine::State::RestartDue() {
  constexpr int64_t kLongest = 3'600'000'000;
  std::lock_guard lock(mutex);
  const int64_t now = options.clock();
  int64_t next = now + kLongest;
  std::vector<uint32_t> due;
  for (auto& [id, pipeline] : pipelines) {
    const std::optional<int64_t> when =
        pipeline->Between([&p = *pipeline] { return p.NextRestart(); });
    if (!when) continue;
    *when <= now ? due.push_back(id) : void(next = std::min(next, *when));
  }
  for (uint32_t id : due) RestartPipeline(id);
  return due.empty() ? next : now;
}

void Engine::State::Supervise() {
  while (supervising) {
    const int64_t next = shutting_down ? INT64_MAX : RestartDue();
    const int64_t wait = std::clamp<int64_t>(next - NowMicros(), 1'000, 3'600'000'000);
    restarts_wanted.WaitFor(std::chrono::microseconds(wait));
  }
}

bool Engine::State::AwaitDrained(uint32_t job, int64_t wait_micros) {
  return AwaitUntil(wait_micros, shutting_down, [&] {
    std::lock_guard lock(mutex);
    const auto it = jobs.find(job);
    if (it == jobs.end() || options.manual) return true;
    Pipeline& pipeline = PipelineOf(it->second);
    return pipeline.Between([&] {
      const PipelineJob& running = *pipeline.FindJob(job);
      return running.state == PipelineJob::State::kFailed || running.flow->SinksDrained();
    });
  });
}

bool Engine::State::AwaitEnd(uint32_t job, int64_t wait_micros) {
  return AwaitUntil(wait_micros, shutting_down, [&] {
    std::lock_guard lock(mutex);
    const auto it = jobs.find(job);
    if (it == jobs.end()) return true;
    if (options.manual) PipelineOf(it->second).StepOnce();
    return StateOf(it->second) != PipelineJob::State::kRunning;
  });
}

JobInfo Engine::State::ControlJob(std::string_view id_or_name, JobCommand command,
                                  std::optional<SourceRange> range) {
  uint32_t number = 0;
  {
    std::unique_lock lock(mutex);
    JobRecord& record = GetJob(id_or_name, range);
    number = record.number;
    if (record.replacement != 0) CheckNotReplacing();
    const PipelineJob::State state = StateOf(record);
    Pipeline& pipeline = PipelineOf(record);
    switch (command) {
      case JobCommand::kPause:
        PauseJob(record);
        break;
      case JobCommand::kResume:
        ResumeJob(record);
        break;
      case JobCommand::kRestart:
        if (!RestartJob(record)) break;
        {
          const std::string name = record.name;
          RebuildFailed(name, std::move(lock));
          std::lock_guard again(mutex);
          const JobRecord* made = FindViewJob(name);
          if (!made) throw Error(ErrorCode::kNotFound, "the job was dropped", range);
          return InfoOf(*made);
        }
      case JobCommand::kCheckpoint:
        pipeline.Checkpoint();
        break;
      case JobCommand::kStop:
        if (state == PipelineJob::State::kRestarting) {
          throw Error(ErrorCode::kConflict, "job \"" + record.name + "\" is being restarted", range,
                      "DROP it, or stop it when it runs again");
        }
        StopJob(record);
        break;
      case JobCommand::kDrain:
        if (state != PipelineJob::State::kRunning) {
          throw Error(ErrorCode::kConflict, "job \"" + record.name + "\" does not run", range);
        }
        CheckUpstream(record, "drained");
        pipeline.Between([&] { pipeline.DrainJob(number); });
        break;
    }
  }
  if (command == JobCommand::kDrain) {
    AwaitEnd(number, kWaitMicros);
    std::lock_guard lock(mutex);
    if (const auto it = jobs.find(number); it != jobs.end()) PipelineOf(it->second).Checkpoint();
  }
  if (command == JobCommand::kDrain || command == JobCommand::kStop) {
    AwaitDrained(number, kWaitMicros);
  }
  std::lock_guard lock(mutex);
  const auto it = jobs.find(number);
  if (it == jobs.end()) throw Error(ErrorCode::kNotFound, "the job was dropped", range);
  return InfoOf(it->second);
}

// A view goes before what reads it when they are halted, and behind it when they go on.
std::string Engine::State::ControlJobs(JobCommand command) {
  std::vector<uint32_t> numbers;
  {
    std::lock_guard lock(mutex);
    for (const auto& [number, record] : jobs) {
      if (record.replacement == 0) numbers.push_back(number);
    }
  }
  if (command == JobCommand::kResume) std::ranges::reverse(numbers);
  size_t done = 0;
  for (uint32_t number : numbers) {
    const std::string id = "job_" + std::to_string(number);
    try {
      {
        std::lock_guard lock(mutex);
        const PipelineJob::State state = StateOf(GetJob(id));
        const bool stands =
            state == PipelineJob::State::kPaused || state == PipelineJob::State::kStopped;
        if (command == JobCommand::kResume ? !stands : state != PipelineJob::State::kRunning) {
          continue;
        }
      }
      ControlJob(id, command);
      ++done;
    } catch (const Error& error) {
      if (error.code != ErrorCode::kNotFound) throw;  // Dropped meanwhile.
    }
  }
  return std::to_string(done) + (done == 1 ? " job." : " jobs.");
}

}  // namespace millrace
