#include "bench/memory_job.h"

#include <filesystem>

#include "parser/parse.h"
#include "types/datetime.h"

namespace millrace::bench {
namespace {

// Hands out batches that exist; its position is the number of batches taken.
class MemorySource final : public Source {
 public:
  MemorySource(std::shared_ptr<const MemoryInput> input, std::vector<size_t> columns)
      : input_(std::move(input)), columns_(std::move(columns)) {}

  std::vector<std::string> Partitions() override { return {"memory"}; }
  void Seek(size_t, const SourcePosition& position) override { next_ = std::stoull(position); }
  SourceBatch Poll(size_t, size_t) override {
    SourceBatch out;
    const size_t total =
        input_->make ? input_->made : input_->batches.size() * input_->passes;
    // An answer without rows ends the step's reading.
    const bool pause = input_->step_batches > 0 && step_ == input_->step_batches;
    step_ = pause ? 0 : step_ + 1;
    if (next_ < total && !pause) {
      const Batch batch = input_->make ? input_->make(next_)
                                       : input_->batches[next_ % input_->batches.size()];
      ++next_;
      out.rows.emplace();
      out.rows->size = batch.size;
      for (size_t c : columns_) out.rows->columns.push_back(batch.columns[c]);
      out.rows->weights = batch.weights;
    }
    out.next = std::to_string(next_);
    out.end = next_ == total && !input_->endless;
    return out;
  }
  void OnReady(std::function<void()>) override {}
  bool bounded() const override { return !input_->endless; }

 private:
  std::shared_ptr<const MemoryInput> input_;
  std::vector<size_t> columns_;
  size_t next_ = 0;
  size_t step_ = 0;  // Batches of the running step.
};

}  // namespace

MemoryInput MakeInput(std::span<const int64_t> keys, std::span<const int64_t> values,
                      size_t batch_rows) {
  MemoryInput input;
  input.rows = keys.size();
  for (size_t begin = 0; begin < keys.size(); begin += batch_rows) {
    Batch batch;
    batch.size = std::min(batch_rows, keys.size() - begin);
    for (std::span<const int64_t> in : {keys, values}) {
      Column column(TypeId::kBigInt, batch.size);
      std::memcpy(column.mutable_data<int64_t>(), in.data() + begin, batch.size * sizeof(int64_t));
      batch.columns.push_back(std::move(column));
    }
    input.batches.push_back(std::move(batch));
  }
  return input;
}

void AddColumn(MemoryInput* input, std::span<const int64_t> values) {
  for (Batch& batch : input->batches) {
    Column column(TypeId::kBigInt, batch.size);
    std::memcpy(column.mutable_data<int64_t>(), values.data(), batch.size * sizeof(int64_t));
    values = values.subspan(batch.size);
    batch.columns.push_back(std::move(column));
  }
}

void AddTimes(MemoryInput* input, int64_t rate) {
  int64_t row = 0;
  for (Batch& batch : input->batches) {
    Column column(TypeId::kTimestamp, batch.size);
    for (size_t i = 0; i < batch.size; ++i, ++row) {
      const int64_t millis = row * 1000 / rate;
      column.mutable_data<int64_t>()[i] = millis * kMicrosPerMilli;
    }
    batch.columns.push_back(std::move(column));
  }
}

PlanContext MemoryJob::Context() { return {&catalog_, &session_, ".", {}}; }

void MemoryJob::Bind() {
  std::vector<Notice> notices;
  for (const ast::Statement& statement : Parse(options_.tables)) {
    const auto& create = std::get<ast::CreateTable>(statement.node);
    std::string text = options_.tables.substr(statement.range.offset, statement.range.length);
    catalog_.Add(BindCreateTable(create, std::move(text), Context(), &notices));
  }
  const std::vector<ast::Statement> statements = Parse(options_.query);
  const auto& node = statements.at(0).node;
  if (const auto* insert = std::get_if<ast::Insert>(&node)) {
    plan_ = std::make_shared<Plan>(PlanInsert(*insert, QueryMode::kContinuous, Context()));
    return;
  }
  const auto& view = std::get<ast::CreateMaterializedView>(node);
  plan_ = BindCreateMaterializedView(view, options_.query, Context(), &notices).plan;
}

MemoryJob::MemoryJob(const MemoryJobOptions& options, MemoryInputs inputs)
    : options_(options), inputs_(std::move(inputs)) {
  Bind();
  PipelineOptions pipeline_options;
  pipeline_options.id = 1;
  pipeline_options.manual = true;
  if (!options.directory.empty()) {
    if (!options.resume) std::filesystem::remove_all(options.directory);
    store_ = std::make_unique<Store>(options.directory, StoreOptions{});
    pipeline_options.checkpoint_interval_micros = options.checkpoint_interval_micros;
    pipeline_options.journal_directory = options.directory + "/journal";
    pipeline_options.manual = false;
  }
  if (options.memory_budget > 0) budget_ = std::make_unique<MemoryBudget>(options.memory_budget);
  pipeline_options.budget = budget_.get();
  pool_ = std::make_unique<WorkerPool>(options.partitions);
  pipeline_ = std::make_unique<Pipeline>(pipeline_options, store_.get(), pool_.get());
  DataflowOptions flow_options;
  flow_options.job = 1;
  flow_options.name = "bench";
  flow_options.partitions = options.partitions;
  flow_options.tracked = store_ != nullptr;
  DataflowEnvironment environment;
  environment.open_embedded = [this](const Relation& table, std::vector<size_t> columns) {
    return std::make_unique<MemorySource>(inputs_.at(table.name), std::move(columns));
  };
  environment.collect = [](Batch) { return true; };
  auto job = std::make_unique<PipelineJob>();
  job->number = 1;
  job->name = "bench";
  job->flow = std::make_unique<Dataflow>(*plan_, flow_options, std::move(environment));
  if (store_) job->flow->OpenStore(*store_);
  if (options.resume) {
    std::vector<std::unique_ptr<PipelineJob>> jobs;
    jobs.push_back(std::move(job));
    pipeline_->Recover(std::move(jobs));
  } else {
    pipeline_->AddJob(std::move(job));
  }
}

MemoryJob::~MemoryJob() {
  pipeline_.reset();
  if (store_) {
    store_.reset();
    if (!options_.keep) std::filesystem::remove_all(options_.directory);
  }
}

size_t MemoryJob::state_bytes() const { return pipeline_->FindJob(1)->flow->state_bytes(); }

void MemoryJob::Run() {
  pipeline_->Start();
  const auto running = [this] {
    const PipelineJob& job = *pipeline_->FindJob(1);
    if (job.error) throw *job.error;
    return job.state == PipelineJob::State::kRunning;
  };
  if (!store_) {
    while (running()) pipeline_->StepOnce();
    return;
  }
  while (pipeline_->Between(running)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void MemoryJob::RunTo(uint64_t rows) {
  pipeline_->Start();
  const auto read = [this] {
    const PipelineJob& job = *pipeline_->FindJob(1);
    if (job.error) throw *job.error;
    return job.flow->rows_in();
  };
  while (pipeline_->Between(read) < rows) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  pipeline_->Checkpoint();
}

}  // namespace millrace::bench
