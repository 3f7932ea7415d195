// CREATE, DROP and ALTER.
#include <string>

#include "parser/sql_writer.h"

namespace millrace {

void SqlWriter::Comment(const std::optional<std::string>& comment) {
  if (!comment) return;
  Add(" COMMENT ");
  String(*comment);
}

void SqlWriter::OptionList(const std::vector<ast::Option>& options) {
  Add("(");
  List(options, [this](const ast::Option& option) {
    String(option.key);
    Add(" = ");
    String(option.value);
  });
  Add(")");
}

void SqlWriter::With(const std::vector<ast::Option>& options) {
  if (options.empty()) return;
  Add(" WITH ");
  OptionList(options);
}

void SqlWriter::Column(const ast::ColumnDef& column) {
  Write(column.name);
  if (column.type) {
    Add(" ");
    Write(*column.type);
  }
  if (column.metadata) {
    Add(" METADATA");
    if (column.metadata_key) {
      Add(" FROM ");
      String(*column.metadata_key);
    }
    AddIf(column.is_virtual, " VIRTUAL");
  }
  if (column.computed != nullptr) {
    Add(" AS ");
    Write(*column.computed);
  }
  Comment(column.comment);
}

void SqlWriter::WatermarkClause(const ast::Watermark& watermark) {
  Add("WATERMARK FOR ");
  Write(watermark.column);
  Add(" AS ");
  Write(*watermark.expr);
}

void SqlWriter::Key(const ast::PrimaryKey& key) {
  if (key.constraint) {
    Add("CONSTRAINT ");
    Write(*key.constraint);
    Add(" ");
  }
  Add("PRIMARY KEY");
  Names(key.columns);
  AddIf(key.not_enforced, " NOT ENFORCED");
}

void SqlWriter::Schema(const ast::TableSchema& schema) {
  if (schema.columns.empty() && !schema.star && !schema.watermark && !schema.primary_key) return;
  std::string_view separator = " (";
  const auto next = [&] {
    Add(separator);
    separator = ", ";
  };
  if (schema.star) {
    next();
    Add("*");
  }
  for (const ast::ColumnDef& column : schema.columns) {
    next();
    Column(column);
  }
  if (schema.watermark) {
    next();
    WatermarkClause(*schema.watermark);
  }
  if (schema.primary_key) {
    next();
    Key(*schema.primary_key);
  }
  Add(")");
}

void SqlWriter::DistributionClause(const ast::Distribution& distribution) {
  constexpr std::string_view kNames[] = {"", " HASH", " RANGE"};
  Add("DISTRIBUTED");
  if (!distribution.columns.empty()) {
    Add(" BY").Add(kNames[static_cast<size_t>(distribution.kind)]);
    Names(distribution.columns);
  }
  if (distribution.buckets)
    Add(" INTO ").Add(std::to_string(*distribution.buckets)).Add(" BUCKETS");
}

void SqlWriter::Placement(const ast::CreateTable& table) {
  if (table.distribution) {
    Add(" ");
    DistributionClause(*table.distribution);
  }
  if (table.partitioned_by.empty()) return;
  Add(" PARTITIONED BY");
  Names(table.partitioned_by);
}

void SqlWriter::LikeTable(const ast::LikeClause& like) {
  Add(" LIKE ");
  Write(like.source);
  if (like.options.empty()) return;
  Add(" (");
  List(
      like.options,
      [this](const ast::LikeOption& option) { Add(option.action).Add(" ").Add(option.feature); },
      " ");
  Add(")");
}

void SqlWriter::Node(const ast::CreateTable& table) {
  Add("CREATE ").AddIf(table.or_replace, "OR REPLACE ").AddIf(table.temporary, "TEMPORARY ");
  Add("TABLE ").AddIf(table.if_not_exists, "IF NOT EXISTS ");
  Write(table.name);
  Schema(table.schema);
  Comment(table.comment);
  Placement(table);
  With(table.options);
  if (table.like) LikeTable(*table.like);
  if (table.query == nullptr) return;
  Add(" AS ");
  Write(*table.query);
}

void SqlWriter::Node(const ast::CreateMaterializedTable& materialized) {
  const ast::CreateTable& table = materialized.table;
  Add("CREATE ").AddIf(materialized.or_alter, "OR ALTER ").Add("MATERIALIZED TABLE ");
  AddIf(table.if_not_exists, "IF NOT EXISTS ");
  Write(table.name);
  Schema(table.schema);
  Comment(table.comment);
  Placement(table);
  With(table.options);
  if (materialized.freshness != nullptr) {
    Add(" FRESHNESS = ");
    Write(*materialized.freshness);
  }
  if (materialized.refresh_mode) Add(" REFRESH_MODE = ").Add(*materialized.refresh_mode);
  Add(" AS ");
  Write(*table.query);
}

void SqlWriter::ViewColumns(const std::vector<ast::ViewColumn>& columns) {
  if (columns.empty()) return;
  Add(" (");
  List(columns, [this](const ast::ViewColumn& column) {
    Write(column.name);
    Comment(column.comment);
  });
  Add(")");
}

void SqlWriter::Node(const ast::CreateView& view) {
  Add("CREATE ").AddIf(view.or_replace, "OR REPLACE ").AddIf(view.temporary, "TEMPORARY ");
  Add("VIEW ").AddIf(view.if_not_exists, "IF NOT EXISTS ");
  Write(view.name);
  ViewColumns(view.columns);
  Comment(view.comment);
  Add(" AS ");
  Write(*view.query);
}

void SqlWriter::Node(const ast::CreateMaterializedView& view) {
  Add("CREATE ").AddIf(view.or_replace, "OR REPLACE ").Add("MATERIALIZED VIEW ");
  AddIf(view.if_not_exists, "IF NOT EXISTS ");
  Write(view.name);
  ViewColumns(view.columns);
  Comment(view.comment);
  With(view.options);
  Add(" AS ");
  Write(*view.query);
}

void SqlWriter::Node(const ast::CreateIndex& index) {
  Add("CREATE INDEX ").AddIf(index.if_not_exists, "IF NOT EXISTS ");
  Write(index.name);
  Add(" ON ");
  Write(index.table);
  Add(" (");
  SqlWriter keys;
  keys.OrderBy("", index.columns);
  Add(std::string_view(keys.text_).substr(std::string_view("ORDER BY ").size())).Add(")");
  if (index.include.empty()) return;
  Add(" INCLUDE");
  Names(index.include);
}

void SqlWriter::Node(const ast::CreateFunction& function) {
  Add("CREATE ").AddIf(function.or_replace, "OR REPLACE ");
  AddIf(function.temporary, "TEMPORARY ").AddIf(function.system, "SYSTEM ");
  Add("FUNCTION ").AddIf(function.if_not_exists, "IF NOT EXISTS ");
  Write(function.name);
  if (function.body != nullptr) {
    Add("(");
    List(function.parameters, [this](const ast::FunctionParameter& parameter) {
      Write(parameter.name);
      Add(" ");
      Write(parameter.type);
    });
    Add(") RETURNS ");
    Write(*function.returns);
    Add(" RETURN ");
    Write(*function.body);
    return;
  }
  Add(" AS ");
  String(*function.identifier);
  if (function.language) {
    Add(" LANGUAGE ").Add(*function.language);
  }
  if (function.resources.empty()) return;
  Add(" USING ");
  List(function.resources, [this](const std::string& resource) {
    Add("JAR ");
    String(resource);
  });
}

void SqlWriter::Node(const ast::CreateCatalog& catalog) {
  Add("CREATE CATALOG ").AddIf(catalog.if_not_exists, "IF NOT EXISTS ");
  Write(catalog.name);
  Comment(catalog.comment);
  With(catalog.options);
}

void SqlWriter::Node(const ast::CreateDatabase& database) {
  Add("CREATE DATABASE ").AddIf(database.if_not_exists, "IF NOT EXISTS ");
  Write(database.name);
  Comment(database.comment);
  With(database.options);
}

void SqlWriter::Format(const std::optional<ast::FormatEncode>& format) {
  if (!format) return;
  Add(" FORMAT ").Add(format->format).Add(" ENCODE ").Add(format->encode);
  if (!format->options.empty()) {
    Add(" ");
    OptionList(format->options);
  }
  if (!format->key_encode) return;
  Add(" KEY ENCODE ").Add(*format->key_encode);
  if (format->key_options.empty()) return;
  Add(" ");
  OptionList(format->key_options);
}

void SqlWriter::Node(const ast::CreateSource& source) {
  Add("CREATE SOURCE ").AddIf(source.if_not_exists, "IF NOT EXISTS ");
  Write(source.name);
  Schema(source.schema);
  for (const ast::IncludeColumn& include : source.include) {
    Add(" INCLUDE ");
    Write(include.what);
    if (include.field) {
      Add(" ");
      String(*include.field);
    }
    if (!include.alias) continue;
    Add(" AS ");
    Write(*include.alias);
  }
  With(source.options);
  Format(source.format);
}

void SqlWriter::Node(const ast::CreateSink& sink) {
  Add("CREATE SINK ").AddIf(sink.if_not_exists, "IF NOT EXISTS ");
  Write(sink.name);
  if (sink.into) {
    Add(" INTO ");
    Write(*sink.into);
    Names(sink.columns);
  }
  if (sink.from) {
    Add(" FROM ");
    Write(*sink.from);
    EmitClause(sink.emit);
  } else {
    Add(" AS ");
    Write(*sink.query);
  }
  With(sink.options);
  Format(sink.format);
}

void SqlWriter::Node(const ast::CreateSubscription& subscription) {
  Add("CREATE SUBSCRIPTION ").AddIf(subscription.if_not_exists, "IF NOT EXISTS ");
  Write(subscription.name);
  Add(" FROM ");
  Write(subscription.from);
  With(subscription.options);
}

void SqlWriter::Node(const ast::Drop& drop) {
  Add("DROP ").AddIf(drop.temporary, "TEMPORARY ").AddIf(drop.system, "SYSTEM ");
  Add(ast::NameOf(drop.kind)).AddIf(drop.if_exists, " IF EXISTS").Add(" ");
  Write(drop.name);
  AddIf(drop.cascade, " CASCADE").AddIf(drop.restrict, " RESTRICT");
}

// ------------------------------------------------------------------------------------------ ALTER

void SqlWriter::Node(const ast::Alter& alter) {
  const auto* function = std::get_if<ast::SetFunction>(&alter.action);
  Add("ALTER ").AddIf(alter.temporary, "TEMPORARY ");
  AddIf(function != nullptr && function->system, "SYSTEM ").Add(ast::NameOf(alter.kind));
  AddIf(alter.if_exists, " IF EXISTS").Add(" ");
  Write(alter.name);
  std::visit([this](const auto& action) { Action(action); }, alter.action);
}

void SqlWriter::Action(const ast::AlterSchema& action) {
  Add(action.modify ? " MODIFY " : " ADD ");
  if (action.distribution) return DistributionClause(*action.distribution);
  std::string_view separator = "(";
  const auto next = [&] {
    Add(separator);
    separator = ", ";
  };
  for (const ast::PositionedColumn& column : action.columns) {
    next();
    Column(column.column);
    AddIf(column.first, " FIRST");
    if (!column.after) continue;
    Add(" AFTER ");
    Write(*column.after);
  }
  if (action.watermark) {
    next();
    WatermarkClause(*action.watermark);
  }
  if (action.primary_key) {
    next();
    Key(*action.primary_key);
  }
  Add(")");
}

void SqlWriter::Action(const ast::DropFromSchema& action) {
  Add(" DROP");
  AddIf(action.primary_key, " PRIMARY KEY").AddIf(action.watermark, " WATERMARK");
  AddIf(action.distribution, " DISTRIBUTION");
  Names(action.columns);
  if (action.constraint) {
    Add(" CONSTRAINT ");
    Write(*action.constraint);
  }
  List(
      action.partitions, [this](const ast::PartitionSpec& spec) { Partition(spec); }, ",");
}

void SqlWriter::Action(const ast::AddPartitions& action) {
  Add(" ADD").AddIf(action.if_not_exists, " IF NOT EXISTS");
  for (const ast::NewPartition& partition : action.partitions) {
    Partition(partition.spec);
    With(partition.options);
  }
}

void SqlWriter::Action(const ast::RenameColumn& action) {
  Add(" RENAME ");
  Write(action.from);
  Add(" TO ");
  Write(action.to);
}

void SqlWriter::Action(const ast::RenameObject& action) {
  Add(" RENAME TO ");
  Write(action.to);
}

void SqlWriter::Action(const ast::SetOptions& action) {
  Add(" SET ");
  OptionList(action.options);
}

void SqlWriter::Action(const ast::ResetOptions& action) {
  Add(" RESET (");
  List(action.keys, [this](const ast::Option& key) { String(key.key); });
  Add(")");
}

void SqlWriter::Action(const ast::SetComment& action) { Comment(action.comment); }

void SqlWriter::Action(const ast::SetQuery& action) {
  Add(" AS ");
  Write(*action.query);
}

void SqlWriter::Action(const ast::SuspendObject&) { Add(" SUSPEND"); }

void SqlWriter::Action(const ast::ResumeObject& action) {
  Add(" RESUME");
  With(action.options);
}

void SqlWriter::Action(const ast::RefreshObject& action) {
  Add(" REFRESH");
  Partition(action.partition);
}

void SqlWriter::Action(const ast::SetFunction& action) {
  Add(" AS ");
  String(action.identifier);
  if (!action.language) return;
  Add(" LANGUAGE ").Add(*action.language);
}

}  // namespace millrace
