#include "executor/build.h"

#include <algorithm>
#include <numeric>

#include "connectors/watermark_options.h"
#include "executor/aggregate.h"
#include "executor/net.h"
#include "executor/slice_aggregate.h"
#include "executor/sort.h"
#include "executor/stateless.h"
#include "planner/aggregate_form.h"
#include "planner/planner.h"
#include "types/row_key.h"

namespace millrace {
namespace {

// Operator ids: the job above, the node in its job (and room for its tables) below.
constexpr OperatorId kIdsPerJob = 1 << 16;
constexpr OperatorId kIdsPerNode = 64;
constexpr OperatorId kSystemIds = kIdsPerJob - 256;
constexpr size_t kSystemViewRows = 100'000;

Batch RowsToBatch(const std::vector<std::vector<Value>>& rows, const Schema& schema) {
  Batch batch;
  batch.size = rows.size();
  auto heap = std::make_shared<Arena>();
  for (size_t c = 0; c < schema.size(); ++c) {
    Column column = MakeColumn(schema[c].type, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      SetValue(rows[i][c], schema[c].type, &column, i, heap.get());
    }
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

// The table whose rows a Watermark sees.
const ScanTable* ScannedBy(const Node& watermark) {
  const Node* node = &watermark;
  while (true) {
    if (auto* common = std::get_if<ScanCommon>(&node->op)) {
      node = common->common->root.get();
    } else if (!node->inputs.empty()) {
      node = node->inputs[0].get();
    } else {
      return std::get_if<ScanTable>(&node->op);
    }
  }
}

// Keys that choose a group's partition: not its window, unless there is nothing else, so that a
// key's windows stay together.
std::vector<size_t> ExchangeKeys(const Aggregate& op) {
  std::vector<size_t> keys;
  for (size_t k = 0; k < op.keys.size(); ++k) {
    if (k == op.window_end || k == op.window_start) continue;
    keys.push_back(op.keys[k]);
  }
  return keys.empty() ? op.keys : keys;
}

}  // namespace

ViewSpec ViewSpecOf(const Materialize& op, const Node& input) {
  ViewSpec spec;
  spec.schema = input.schema;
  spec.key = input.properties.key;
  spec.retention = op.retention;
  if (op.retention > 0) {
    const Properties& p = input.properties;
    spec.retention_column = p.window.local ? p.window.time : p.window.end;
    if (!spec.retention_column && !p.event_times.empty()) spec.retention_column = p.event_times[0];
  }
  if (input.properties.has_key) {
    spec.kind = ViewSpec::Kind::kKeyed;
  } else if (input.properties.append_only && op.retention == 0) {
    spec.kind = ViewSpec::Kind::kAppend;
  } else {
    spec.kind = ViewSpec::Kind::kBag;
  }
  return spec;
}

std::optional<std::vector<size_t>> ViewExchangeKey(const ViewSpec& spec) {
  if (spec.kind == ViewSpec::Kind::kKeyed) return spec.key;
  if (spec.kind != ViewSpec::Kind::kBag) return std::nullopt;
  std::vector<size_t> row(spec.schema.size());
  std::iota(row.begin(), row.end(), size_t{0});
  return row;
}

void DataflowBuilder::Build(const Plan& plan) {
  early_fire_ = plan.early_fire_micros;
  const size_t root = Add(*plan.root);
  const bool has_output = std::holds_alternative<Materialize>(plan.root->op) ||
                          std::holds_alternative<WriteSink>(plan.root->op);
  if (!has_output) AddCollector(root);
  for (Dataflow::OpNode& node : flow_.nodes_)
    flow_.stages_ = std::max(flow_.stages_, node.stage + 1);
  for (size_t at = 0; at < flow_.nodes_.size(); ++at) {
    for (Dataflow::Edge& edge : flow_.nodes_[at].outputs) {
      const bool waits = !edge.exchange && flow_.nodes_[edge.to].stage != flow_.nodes_[at].stage;
      if (waits) edge.queue.resize(flow_.options_.partitions);
    }
    for (size_t p = 0; p < flow_.options_.partitions; ++p) {
      flow_.nodes_[at].emits.push_back(
          [flow = &flow_, at, p](Batch batch) { flow->EmitFrom(at, p, std::move(batch)); });
    }
  }
  if (!flow_.options_.bounded_run) AddSystemViews();
}

size_t DataflowBuilder::Add(const Node& node) {
  const size_t at = std::visit([&](const auto& op) { return AddOp(node, op); }, node.op);
  output_by_.resize(flow_.nodes_.size());
  input_by_.resize(flow_.nodes_.size());
  output_by_[at] = PartitioningOf(node, input_by_[at]);
  return early_fire_ > 0 && WaitsForInterval(node) ? AddEarlyFire(node, at) : at;
}

size_t DataflowBuilder::AddNode(std::string name, std::vector<size_t> inputs) {
  const size_t at = flow_.nodes_.size();
  Dataflow::OpNode node;
  node.name = std::move(name);
  node.inputs = std::move(inputs);
  node.id = flow_.options_.job * kIdsPerJob + static_cast<OperatorId>(at) * kIdsPerNode;
  flow_.nodes_.push_back(std::move(node));
  return at;
}

// `key`: rows with equal values of these columns must meet in one partition, that of the key's hash.
void DataflowBuilder::Connect(size_t from, size_t to, size_t port,
                              std::optional<std::vector<size_t>> key) {
  const size_t partitions = flow_.options_.partitions;
  Dataflow::Edge edge{.to = to, .port = port, .exchange = nullptr, .queue = {}};
  size_t stage = flow_.nodes_[from].stage;
  input_by_.resize(flow_.nodes_.size());
  output_by_.resize(flow_.nodes_.size());
  input_by_[to].resize(std::max(input_by_[to].size(), port + 1));
  const bool there = key && IsPartitionedBy(output_by_[from], *key);
  input_by_[to][port] = key && !there ? PartitionedBy(*key) : output_by_[from];
  if (key && !there && partitions > 1) {
    edge.exchange = std::make_unique<Exchange>(partitions, std::move(*key));
    ++stage;
  }
  flow_.nodes_[to].stage = std::max(flow_.nodes_[to].stage, stage);
  flow_.nodes_[from].outputs.push_back(std::move(edge));
}

std::unique_ptr<TableScan> DataflowBuilder::OpenScan(const ScanTable& op) {
  const Relation& table = *op.table;
  const DataflowOptions& options = flow_.options_;
  ScanOptions scan_options{options.partitions, options.batch_rows, options.step_rows,
                           emits_changes_, op.arrival};
  const Options& own = op.options.empty() ? table.options : op.options;
  if (!options.bounded_run) scan_options.max_drift = GetDurationMicros(own, kMaxDriftOption, 0);
  if (table.connector == nullptr) {
    auto source = flow_.environment_.open_embedded(table, op.columns);
    return std::make_unique<TableScan>(std::move(source), nullptr, scan_options);
  }
  ConnectorContext context;
  context.table = table.name;
  for (const TableColumn& c : table.columns) {
    if (c.kind == TableColumn::Kind::kPhysical) context.schema.push_back({c.name, c.type});
  }
  for (size_t k : table.primary_key) context.primary_key.push_back(table.columns[k].name);
  context.partitioned_by = table.partitioned_by;
  context.columns = op.columns;
  context.metadata = op.metadata;
  context.fields = op.fields;
  context.options = own;
  context.base_directory = options.base_directory;
  context.zone = options.zone;
  std::function<std::unique_ptr<Decoder>()> make_decoder;
  if (table.connector->needs_format) {
    make_decoder = [connector = table.connector, context] {
      return MakeDecoder(*connector, context);
    };
  }
  return std::make_unique<TableScan>(table.connector->source(context), std::move(make_decoder),
                                     scan_options);
}

size_t DataflowBuilder::AddOp(const Node&, const ScanTable& op) {
  const size_t at = AddNode("Scan " + op.table->name, {});
  const bool embedded = op.table->connector == nullptr;
  if (embedded && op.table->changes && op.snapshot) {
    AddRows(flow_.environment_.read_table(*op.table), op.columns, at);
    return at;
  }
  flow_.nodes_[at].scan = OpenScan(op);
  flow_.nodes_[at].scanned_table = op.table->name;
  flow_.nodes_[at].embedded_scan = embedded;
  if (!op.table->changes || !op.snapshot) return at;
  const size_t net = AddNode("Net " + op.table->name, {at});
  Connect(at, net, 0, std::vector<size_t>{});
  Instantiate(net, [](PartitionContext*, size_t) { return std::make_unique<NetOperator>(); });
  return net;
}

void DataflowBuilder::AddRows(std::vector<Batch> rows, const std::vector<size_t>& columns,
                              size_t at) {
  for (Batch& batch : rows) {
    Batch out;
    out.size = batch.size;
    out.weights = std::move(batch.weights);
    for (size_t c : columns) out.columns.push_back(batch.columns[c]);
    flow_.nodes_[at].rows.push_back(std::move(out));
  }
}

size_t DataflowBuilder::AddOp(const Node&, const ScanView& op) {
  const size_t at = AddNode("Scan view " + op.view->name, {});
  if (flow_.options_.bounded_run) {
    AddRows(flow_.environment_.read_view(op.view->name), op.columns, at);
    return at;
  }
  View* view = flow_.environment_.find_view(op.view->name);
  if (view == nullptr) {
    throw Error(ErrorCode::kConflict, "view " + op.view->name + " is not running");
  }
  flow_.nodes_[at].upstream = view;
  flow_.nodes_[at].upstream_columns = op.columns;
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const ScanSystem& op) {
  if (!flow_.options_.bounded_run) {
    throw Error(ErrorCode::kUnsupportedFeature,
                "continuous queries over " + op.name + " are not supported yet", node.range);
  }
  const size_t at = AddNode("Scan " + op.name, {});
  AddRows(flow_.environment_.read_view(op.name), op.columns, at);
  return at;
}

// The first reader builds the subplan; the others connect to it.
size_t DataflowBuilder::AddOp(const Node& node, const ScanCommon& op) {
  const Node& root = *op.common->root;
  auto built = commons_.find(op.common.get());
  if (built == commons_.end()) built = commons_.emplace(op.common.get(), Add(root)).first;
  const size_t input = built->second;
  std::vector<size_t> all(root.schema.size());
  std::iota(all.begin(), all.end(), size_t{0});
  if (op.columns == all) return input;
  std::vector<ExprPtr> exprs;
  for (size_t column : op.columns) {
    exprs.push_back(MakeColumnExpr(column, root.schema[column].type, node.range));
  }
  const size_t at = AddNode("Project", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<ProjectOperator>(exprs, root.schema, context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const ValuesRows& op) {
  const size_t at = AddNode("Values", {});
  flow_.nodes_[at].rows.push_back(RowsToBatch(op.rows, node.schema));
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const Watermark& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Watermark", {input});
  Connect(input, at, 0, {});
  size_t scan = input;
  while (!flow_.nodes_[scan].scan && !flow_.nodes_[scan].inputs.empty()) {
    scan = flow_.nodes_[scan].inputs[0];
  }
  if (flow_.nodes_[scan].scan) {  // Else a snapshot's rows, which have no watermark.
    flow_.nodes_[at].tracker = std::make_unique<WatermarkTracker>(op.idle_timeout_micros);
    flow_.nodes_[at].tracked_scan = scan;
  }
  WatermarkOptions options{op.expr, node.inputs[0]->schema, op.column};
  const ScanTable* table = ScannedBy(node);
  if (table != nullptr && !flow_.options_.bounded_run) {
    options.max_future = GetDurationMicros(table->options, kMaxFutureOption, 0);
  }
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<WatermarkOperator>(options, context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const Filter& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Filter", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<FilterOperator>(op.predicate, node.inputs[0]->schema, context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const Project& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Project", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<ProjectOperator>(op.exprs, node.inputs[0]->schema, context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const AssignWindows& op) {
  if (op.kind == AssignWindows::Kind::kSession) return AddSessions(node, op);
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Window", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext* context, size_t) {
    const auto late = late_after_.find(&node);
    const auto late_after = late == late_after_.end() ? std::nullopt : std::optional(late->second);
    const AssignWindows windows = sliced_.contains(&node) ? SliceAggregateOperator::Slices(op) : op;
    return std::make_unique<AssignWindowsOperator>(windows, late_after, node.inputs[0]->schema,
                                                   context);
  });
  return at;
}

// `node` decides what is late and takes rows for so long after a window's end. Gives what is below
// its stateless operators: mostly the AssignWindows.
const Node& DataflowBuilder::NoteLateness(const Node& node, int64_t late_after) {
  const Node* below = node.inputs[0].get();
  while (std::holds_alternative<Project>(below->op) || std::holds_alternative<Filter>(below->op) ||
         std::holds_alternative<Expand>(below->op)) {
    below = below->inputs[0].get();
  }
  if (std::holds_alternative<AssignWindows>(below->op)) late_after_[below] = late_after;
  return *below;
}

size_t DataflowBuilder::AddOp(const Node& node, const Aggregate& op) {
  if (op.decides_late && op.window_end) {
    const Node& window = NoteLateness(node, op.grace + op.allowed_lateness);
    if (RunsOverSlices(op, *node.inputs[0])) return AddSliced(node, op, window);
  }
  emits_changes_ |= !op.emit_on_close;
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Aggregate", {input});
  Connect(input, at, 0, ExchangeKeys(op));
  Exchange* exchange = flow_.nodes_[input].outputs.back().exchange.get();
  if (exchange && HasTwoPhases(op, node.inputs[0]->properties.append_only)) {
    exchange->CombineFor(op, node.inputs[0]->schema);
  }
  flow_.nodes_[at].by_clock = op.window_end && node.inputs[0]->properties.window.proctime;
  Instantiate(at, [&](PartitionContext* context, size_t) {
    AggregateOptions options;
    options.plan = op;
    options.input = node.inputs[0]->schema;
    options.output = node.schema;
    options.upsert = node.properties.upsert;
    options.append_only = node.inputs[0]->properties.append_only;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<AggregateOperator>(std::move(options), context);
  });
  return at;
}

// `windows` is the AssignWindows below.
size_t DataflowBuilder::AddSliced(const Node& node, const Aggregate& op, const Node& windows) {
  sliced_.insert(&windows);
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Aggregate", {input});
  // All slices of a key meet, so their windows are no part of it.
  std::vector<size_t> keys(op.keys.begin() + 1 + op.window_start.has_value(), op.keys.end());
  Connect(input, at, 0, std::move(keys));
  Instantiate(at, [&](PartitionContext* context, size_t) {
    SliceAggregateOptions options;
    options.plan = op;
    options.windows = std::get<AssignWindows>(windows.op);
    options.input_windows = node.inputs[0]->properties.window;
    options.input = node.inputs[0]->schema;
    options.output = node.schema;
    options.tracked = flow_.options_.tracked;
    options.id = flow_.nodes_[at].id;
    return std::make_unique<SliceAggregateOperator>(std::move(options), context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const UnionAll&) {
  std::vector<size_t> inputs;
  for (const NodePtr& input : node.inputs) inputs.push_back(Add(*input));
  const size_t at = AddNode("Union", inputs);
  for (size_t port = 0; port < inputs.size(); ++port) Connect(inputs[port], at, port, {});
  Instantiate(at, [](PartitionContext*, size_t) { return std::make_unique<UnionOperator>(); });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const Sort& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Sort", {input});
  Connect(input, at, 0, std::vector<size_t>{});
  Instantiate(at, [&](PartitionContext*, size_t) { return std::make_unique<SortOperator>(op); });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const Materialize& op) {
  const size_t input = Add(*node.inputs[0]);
  const size_t at = AddNode("Materialize", {input});
  ViewSpec spec = ViewSpecOf(op, *node.inputs[0]);
  spec.schema = node.schema;
  Connect(input, at, 0, ViewExchangeKey(spec));
  flow_.view_ = std::make_unique<View>(op.view, std::move(spec), flow_.options_.partitions,
                                       flow_.options_.tracked);
  Instantiate(at, [&](PartitionContext*, size_t p) {
    return std::make_unique<MaterializeOperator>(flow_.view_.get(), p, flow_.nodes_[at].id);
  });
  return at;
}

// A statement's own rows are checked where they are written.
size_t DataflowBuilder::AddNotNull(const Node& node, const Relation& table, size_t input) {
  const Schema schema = table.physical_schema();
  std::vector<size_t> columns;
  for (size_t c = 0; c < schema.size(); ++c) {
    if (!schema[c].type.nullable) columns.push_back(c);
  }
  if (columns.empty() || table.connector != nullptr || flow_.options_.bounded_run) return input;
  const size_t at = AddNode("Not null", {input});
  Connect(input, at, 0, {});
  Instantiate(at, [&](PartitionContext* context, size_t) {
    return std::make_unique<NotNullOperator>(columns, node.inputs[0]->schema, context);
  });
  return at;
}

size_t DataflowBuilder::AddOp(const Node& node, const WriteSink& op) {
  const size_t input = AddNotNull(node, *op.table, Add(*node.inputs[0]));
  const size_t at = AddNode("Sink " + op.table->name, {input});
  Connect(input, at, 0, {});
  Dataflow::OpNode& sink = flow_.nodes_[at];
  sink.sink_rows.resize(flow_.options_.partitions);
  const Relation& table = *op.table;
  if (table.connector == nullptr) {
    sink.embedded_sink = &table;
    return at;
  }
  ConnectorContext context;
  context.table = table.name;
  for (const TableColumn& c : table.columns) {
    if (c.kind == TableColumn::Kind::kPhysical) context.schema.push_back({c.name, c.type});
    if (c.kind != TableColumn::Kind::kMetadata || c.is_virtual) continue;
    context.metadata.push_back(c.metadata_key);
    context.metadata_types.push_back(c.type);
  }
  for (size_t k : table.primary_key) context.primary_key.push_back(table.columns[k].name);
  context.partitioned_by = table.partitioned_by;
  context.options = op.options.empty() ? table.options : op.options;
  context.base_directory = flow_.options_.base_directory;
  context.zone = flow_.options_.zone;
  context.writer = flow_.options_.name;
  if (!flow_.options_.state_directory.empty()) {
    context.state_directory = flow_.options_.state_directory + "/" + std::to_string(at);
  }
  sink.written_table = table.name;
  sink.sink = table.connector->sink(context);
  return at;
}

void DataflowBuilder::AddCollector(size_t input) {
  const size_t at = AddNode("Collect", {input});
  Connect(input, at, 0, {});
  flow_.nodes_[at].sink_rows.resize(flow_.options_.partitions);
}

void DataflowBuilder::AddSystemViews() {
  const DataflowOptions& options = flow_.options_;
  OperatorId id = options.job * kIdsPerJob + kSystemIds;
  auto add = [&](const std::string& name, Schema schema, std::vector<size_t> key) {
    ViewSpec spec;
    spec.schema = std::move(schema);
    spec.key = key;
    spec.kind = key.empty() ? ViewSpec::Kind::kBag : ViewSpec::Kind::kKeyed;
    spec.max_rows = kSystemViewRows;
    auto view = std::make_unique<View>(name, std::move(spec), 1, options.tracked);
    flow_.system_operators_.push_back(std::make_unique<MaterializeOperator>(view.get(), 0, id++));
    return view;
  };
  flow_.errors_ = add(options.name + "$errors", ErrorsSchemaOfJob(), {});
  flow_.late_ = add(options.name + "$late", LateSchema(), {});
  for (const Dataflow::OpNode& node : flow_.nodes_) {
    if (!node.scan) continue;
    // A record is named by its partition and position, so one that is read twice counts once.
    flow_.rejects_.emplace_back(node.scanned_table,
                                add(node.scanned_table + "$errors", ErrorsSchemaOfTable(), {0, 1}));
  }
}

}  // namespace millrace
