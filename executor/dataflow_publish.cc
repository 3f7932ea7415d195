// What leaves a job: views, sinks, error and late rows; and what survives it: checkpoints.
#include <algorithm>

#include "base/codec.h"
#include "executor/dataflow.h"
#include "types/row_key.h"

namespace millrace {
namespace {

// A batch from rows of text and 64-bit values.
class RowsBuilder {
 public:
  explicit RowsBuilder(const Schema& schema, size_t rows) {
    batch_.size = rows;
    for (const Field& f : schema) batch_.columns.push_back(MakeColumn(f.type, rows));
  }
  void Text(size_t c, size_t i, std::string_view text) {
    batch_.columns[c].mutable_data<StringRef>()[i] =
        text.size() <= StringRef::kInline ? StringRef(text) : StringRef(heap_->Copy(text));
  }
  void Number(size_t c, size_t i, int64_t value) {
    batch_.columns[c].mutable_data<int64_t>()[i] = value;
  }
  void OptionalText(size_t c, size_t i, const std::optional<std::string>& text) {
    text ? Text(c, i, *text) : batch_.columns[c].SetNull(i);
  }
  void OptionalNumber(size_t c, size_t i, std::optional<int64_t> value) {
    value ? Number(c, i, *value) : batch_.columns[c].SetNull(i);
  }
  Batch Finish(std::vector<int64_t> weights = {}) {
    batch_.weights = std::move(weights);
    for (Column& c : batch_.columns) c.KeepAlive(heap_);
    return std::move(batch_);
  }

 private:
  Batch batch_;
  std::shared_ptr<Arena> heap_ = std::make_shared<Arena>();
};

}  // namespace

void Dataflow::BufferRejects(const std::vector<RejectedRow>& errors,
                             const std::vector<RejectedRow>& late) {
  if (!errors.empty()) {
    RowsBuilder rows(errors_->spec().schema, errors.size());
    std::vector<int64_t> weights;
    for (size_t i = 0; i < errors.size(); ++i) {
      rows.Text(0, i, errors[i].op);
      rows.Text(1, i, errors[i].reason);
      rows.Text(2, i, errors[i].row);
      weights.push_back(errors[i].weight);
    }
    errors_->Buffer(0, rows.Finish(std::move(weights)));
  }
  if (!late.empty()) {
    RowsBuilder rows(late_->spec().schema, late.size());
    std::vector<int64_t> weights;
    for (size_t i = 0; i < late.size(); ++i) {
      rows.Text(0, i, late[i].op);
      rows.Number(1, i, late[i].event_time);
      rows.Number(2, i, late[i].watermark);
      rows.Text(3, i, late[i].reason);
      rows.Text(4, i, late[i].row);
      weights.push_back(late[i].weight);
    }
    late_->Buffer(0, rows.Finish(std::move(weights)));
  }
  size_t next = 0;
  for (OpNode& node : nodes_) {
    if (!node.scan) continue;
    View& view = *rejects_[next++].second;
    const std::vector<TableReject> rejects = node.scan->TakeRejects();
    if (rejects.empty()) continue;
    RowsBuilder rows(view.spec().schema, rejects.size());
    for (size_t i = 0; i < rejects.size(); ++i) {
      rows.Text(0, i, rejects[i].partition);
      rows.Text(1, i, rejects[i].position);
      rows.Number(2, i, rejects[i].arrival_micros);
      rows.Text(3, i, rejects[i].reason);
      rows.Text(4, i, rejects[i].raw);
      rows.OptionalText(5, i, rejects[i].key);
      rows.OptionalNumber(6, i, rejects[i].time);
    }
    view.Buffer(0, rows.Finish());
  }
}

void Dataflow::PrepareViews(WorkerPool* pool) {
  if (!view_ || !view_->cold() || !view_->changed()) return;
  pool->ForEach(options_.partitions, [&](size_t p) { view_->Prepare(p); });
}

void Dataflow::PublishViews(WorkerPool* pool, uint64_t step) {
  if (view_) {
    const int64_t watermark = nodes_.back().time.watermark;
    view_->set_published(step, watermark);
    if (view_->changed()) {
      pool->ForEach(options_.partitions, [&](size_t p) { view_->Publish(p); });
    }
  }
  for (View* view : SystemViews()) view->Publish(0);
}

std::vector<View*> Dataflow::SystemViews() const {
  std::vector<View*> views;
  if (errors_) views.push_back(errors_.get());
  if (late_) views.push_back(late_.get());
  for (const auto& [name, view] : rejects_) views.push_back(view.get());
  return views;
}

void Dataflow::WriteSinks(uint64_t step) {
  for (OpNode& node : nodes_) {
    if (node.sink_rows.empty()) continue;
    std::vector<Batch> batches;
    for (auto& part : node.sink_rows) {
      std::ranges::move(part, std::back_inserter(batches));
      part.clear();
    }
    for (const Batch& batch : batches) rows_out_ += batch.size;
    if (node.embedded_sink) {
      if (batches.empty()) continue;
      // One record a step, so that a step is in the log as a whole or not at all.
      const std::string writer = "job_" + std::to_string(options_.job);
      environment_.append_embedded(*node.embedded_sink, writer, step, Concat(batches));
    } else if (node.sink) {
      for (const Batch& batch : batches) node.sink->Write(batch);
      node.sink->Flush();
    } else {
      for (Batch& batch : batches) environment_.collect(std::move(batch));
    }
  }
}

void Dataflow::CloseSinks() {
  for (OpNode& node : nodes_) {
    if (node.sink) node.sink->Close();
  }
}

std::string Dataflow::TakeCut() {
  Encoder64 out;
  for (OpNode& node : nodes_) {
    if (!node.scan) continue;
    const ScanCut cut = node.scan->TakeCut();
    out.Put(static_cast<uint64_t>(cut.ended)).Put(static_cast<uint64_t>(cut.positions.size()));
    for (const auto& [name, position] : cut.positions) out.Put(name).Put(position);
  }
  for (OpNode& node : nodes_) {
    if (!node.tracker) continue;
    out.Put(static_cast<uint64_t>(node.tracker->effective()));
    out.Put(static_cast<uint64_t>(node.tracker->idle()));
  }
  return out.bytes();
}

bool Dataflow::Replay(const std::string& bytes) {
  Decoder64 in(bytes);
  bool taken = true;
  for (OpNode& node : nodes_) {
    if (!node.scan) continue;
    ScanCut cut;
    cut.ended = in.Number() != 0;
    for (uint64_t n = in.Number(); n > 0; --n) {
      const std::string name = in.String();
      cut.positions[name] = in.String();
    }
    taken &= node.scan->Replay(cut);
  }
  if (!taken) return false;
  for (OpNode& node : nodes_) {
    if (!node.tracker) continue;
    const auto effective = static_cast<int64_t>(in.Number());
    node.tracker->Force(effective, in.Number() != 0);
  }
  replaying_ = true;
  return true;
}

void Dataflow::BeginCheckpoint(uint64_t epoch, std::vector<StateWriter>* writers) {
  writers->resize(options_.partitions);
  for (OpNode& node : nodes_) {
    for (size_t p = 0; p < node.instances.size(); ++p) {
      node.instances[p]->BeginCheckpoint(&(*writers)[p]);
    }
    if (node.sink) node.sink_position = node.sink->PreCommit(epoch);
    if (node.scan) node.scan->BeginCheckpoint();
  }
  for (auto& op : system_operators_) op->BeginCheckpoint(&(*writers)[0]);
}

bool Dataflow::CopySlice(size_t max_rows) {
  for (OpNode& node : nodes_) {
    for (auto& instance : node.instances) {
      if (!instance->CopySlice(max_rows)) return false;
    }
  }
  for (auto& op : system_operators_) {
    if (!op->CopySlice(max_rows)) return false;
  }
  return true;
}

void Dataflow::Commit(uint64_t epoch) {
  for (OpNode& node : nodes_) {
    if (node.scan) node.scan->Commit();
    if (node.sink) node.sink->Commit(epoch);
  }
}

void Dataflow::CloseSources() {
  for (OpNode& node : nodes_) {
    if (node.scan) node.scan->Close();
  }
}

std::string Dataflow::EncodeMetadata() const {
  Encoder64 out;
  out.Put(static_cast<uint64_t>(first_step_)).Put(rows_out_).Put(late_rows_).Put(error_rows_);
  out.Put(expired_rows_).Put(dropped_rows_);
  for (const OpNode& node : nodes_) {
    out.Put(static_cast<uint64_t>(node.time.before)).Put(static_cast<uint64_t>(node.watermark));
    out.Put(static_cast<uint64_t>(node.time.finished));
    if (node.scan) {
      const auto positions = node.scan->Positions();
      out.Put(static_cast<uint64_t>(node.scan->ended()));
      out.Put(node.scan->rows_in()).Put(node.scan->rejected());
      out.Put(static_cast<uint64_t>(positions.size()));
      for (const auto& [name, position] : positions) out.Put(name).Put(position);
      out.Put(static_cast<uint64_t>(node.scan->arrivals().size()));
      for (const auto& [name, arrivals] : node.scan->arrivals()) {
        out.Put(name).Put(arrivals.number).Put(arrivals.taken);
      }
    }
    if (node.sink) out.Put(node.sink_position);
    if (node.tracker) node.tracker->Encode(*nodes_[node.tracked_scan].scan, &out);
  }
  out.Put(static_cast<uint64_t>(view_ ? view_->rows() : 0));
  return out.bytes();
}

void Dataflow::Restore(const Store& store, const std::string& metadata, WorkerPool* pool) {
  Decoder64 in(metadata);
  first_step_ = in.Number() != 0;
  rows_out_ = in.Number();
  late_rows_ = in.Number();
  error_rows_ = in.Number();
  expired_rows_ = in.Number();
  dropped_rows_ = in.Number();
  for (OpNode& node : nodes_) {
    node.time.before = node.time.watermark = static_cast<int64_t>(in.Number());
    node.watermark = static_cast<int64_t>(in.Number());
    node.time.finished = in.Number() != 0;
    node.rows_sent = node.backfilled = !first_step_;
    if (node.scan) {
      const bool ended = in.Number() != 0;
      const uint64_t rows_in = in.Number(), rejected = in.Number();
      std::map<std::string, SourcePosition> positions;
      for (uint64_t n = in.Number(); n > 0; --n) {
        const std::string name = in.String();
        positions[name] = in.String();
      }
      std::map<std::string, TableScan::Arrivals> arrivals;
      for (uint64_t n = in.Number(); n > 0; --n) {
        const std::string name = in.String();
        arrivals[name].number = in.Number();
        arrivals[name].taken = in.Number();
      }
      node.scan->SetArrivals(std::move(arrivals));
      node.scan->Seek(positions, ended);
      node.scan->SetCounts(rows_in, rejected);
    }
    if (node.sink) node.sink->Restore(in.String());
    if (node.tracker) node.tracker->Decode(*nodes_[node.tracked_scan].scan, &in);
  }
  const size_t view_rows = in.empty() ? 0 : in.Number();  // Older directories do not say.
  pool->ForEach(options_.partitions, [&](size_t p) {
    for (OpNode& node : nodes_) {
      if (!node.instances.empty()) node.instances[p]->Restore(store, p, options_.partitions);
    }
  });
  for (auto& op : system_operators_) op->Restore(store, 0, 1);
  if (view_ && view_->cold()) view_->part(0).AddUnread(view_rows);
  if (view_) {
    view_->set_watermark(nodes_.back().time.watermark);
    view_->set_published(0, nodes_.back().time.watermark);
  }
}

std::vector<OperatorId> Dataflow::operator_ids() const {
  std::vector<OperatorId> ids;
  const OperatorId first = options_.job << 16;
  for (OperatorId i = 0; i < nodes_.size() * 64; ++i) ids.push_back(first + i);
  for (OperatorId i = (1 << 16) - 256; i < (1 << 16); ++i) ids.push_back(first + i);
  return ids;
}

}  // namespace millrace
