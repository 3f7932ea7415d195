#include "planner/catalog.h"

#include <algorithm>
#include <cassert>

#include "planner/names.h"
#include "planner/plan.h"

namespace millrace {
namespace {

constexpr std::string_view kDefaultCatalog = "default_catalog";
constexpr std::string_view kDefaultDatabase = "default_database";

std::string Text(const ast::QualifiedName& name) {
  std::string text;
  for (const ast::Name& part : name.parts) {
    if (!text.empty()) text += '.';
    text += part.text;
  }
  return text;
}

bool IsDefault(std::string_view word, std::string_view name) { return SameWithoutCase(word, name); }

std::string Join(std::string_view database, std::string_view name) {
  if (IsDefault(database, kDefaultDatabase)) return std::string(name);
  return std::string(database) + '.' + std::string(name);
}

// The name under which an object would be stored; nothing when it names another catalog.
std::optional<std::string> StoredName(const ast::QualifiedName& name, const Session& session) {
  const std::vector<ast::Name>& parts = name.parts;
  assert(!parts.empty());
  if (parts.size() > 3) return std::nullopt;
  if (parts.size() == 3 && !IsDefault(parts[0].text, kDefaultCatalog)) return std::nullopt;
  const std::string& database = parts.size() == 1 ? session.database : parts[parts.size() - 2].text;
  return Join(database, parts.back().text);
}

// The one entry of a map whose key is `key` but for case; end() when there is none or several.
template <class Map>
auto FindWithoutCase(const Map& map, std::string_view key) {
  auto found = map.end();
  for (auto it = map.begin(); it != map.end(); ++it) {
    if (!SameWithoutCase(it->first, key)) continue;
    if (found != map.end()) return map.end();
    found = it;
  }
  return found;
}

std::string Quoted(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += '"' + name + '"';
  }
  return text;
}

std::string_view KindOf(const Relation& relation) {
  switch (relation.kind) {
    case Relation::Kind::kTable:
      return "table";
    case Relation::Kind::kView:
      return "view";
    case Relation::Kind::kMaterializedView:
      return "materialized view";
  }
  return "object";
}

}  // namespace

Schema Relation::schema() const {
  Schema schema;
  schema.reserve(columns.size());
  for (const TableColumn& column : columns) schema.push_back({column.name, column.type});
  return schema;
}

Schema Relation::physical_schema() const {
  Schema schema;
  for (const TableColumn& column : columns) {
    if (column.kind == TableColumn::Kind::kPhysical) schema.push_back({column.name, column.type});
  }
  return schema;
}

size_t Relation::PhysicalIndex(size_t column) const {
  return static_cast<size_t>(std::count_if(
      columns.begin(), columns.begin() + static_cast<ptrdiff_t>(column),
      [](const TableColumn& c) { return c.kind == TableColumn::Kind::kPhysical; }));
}

std::string Session::zone() const {
  const auto it = settings.find("table.local-time-zone");
  return it == settings.end() || it->second.empty() || it->second == "default" ? "UTC" : it->second;
}

Catalog::Catalog() : databases_{std::string(kDefaultDatabase)} {}

const Relation* Catalog::Find(const ast::QualifiedName& name, const Session& session) const {
  const std::optional<std::string> stored = StoredName(name, session);
  return stored ? Find(*stored) : nullptr;
}

const Relation* Catalog::Find(std::string_view qualified) const {
  auto it = relations_.find(qualified);
  if (it == relations_.end()) it = FindWithoutCase(relations_, qualified);
  return it == relations_.end() ? nullptr : it->second.get();
}

const Relation& Catalog::Get(const ast::QualifiedName& name, const Session& session) const {
  if (const Relation* relation = Find(name, session)) return *relation;
  const std::optional<std::string> stored = StoredName(name, session);
  std::vector<std::string_view> names;
  std::vector<std::string> same;  // Those that differ in case only.
  for (const auto& [key, relation] : relations_) {
    names.push_back(key);
    if (stored && SameWithoutCase(key, *stored)) same.push_back(key);
  }
  std::string hint = same.empty() ? DidYouMean(stored.value_or(Text(name)), names)
                                  : "names that differ in case only: " + Quoted(same);
  throw Error(ErrorCode::kTableNotFound, "table or view \"" + Text(name) + "\" does not exist",
              name.range, std::move(hint));
}

std::vector<const Relation*> Catalog::List() const {
  std::vector<const Relation*> list;
  list.reserve(relations_.size());
  for (const auto& [name, relation] : relations_) list.push_back(relation.get());
  return list;
}

const Relation& Catalog::Add(Relation relation, SourceRange range) {
  if (const auto it = relations_.find(relation.name); it != relations_.end()) {
    throw Error(ErrorCode::kDuplicateObject,
                std::string(KindOf(*it->second)) + " \"" + relation.name + "\" exists already",
                range, "drop it first, or use IF NOT EXISTS");
  }
  std::string name = relation.name;
  auto stored = std::make_unique<Relation>(std::move(relation));
  return *relations_.emplace(std::move(name), std::move(stored)).first->second;
}

void Catalog::Drop(std::string_view qualified, SourceRange range) {
  const auto it = relations_.find(qualified);
  if (it == relations_.end()) {
    throw Error(ErrorCode::kTableNotFound,
                "table or view \"" + std::string(qualified) + "\" does not exist", range);
  }
  const std::vector<std::string> readers = Dependents(qualified);
  if (!readers.empty()) {
    throw Error(ErrorCode::kDependentObjects,
                "cannot drop \"" + std::string(qualified) + "\": it is read by " + Quoted(readers),
                range, "drop what reads it first, or use CASCADE");
  }
  relations_.erase(it);
}

std::vector<std::string> Catalog::Dependents(std::string_view qualified) const {
  const auto reads = [](const Relation& relation, std::string_view name) {
    return std::ranges::find(relation.reads, name) != relation.reads.end();
  };
  // `reads` holds what is read through views, too: those views are the dependents then.
  const auto through_view = [&](const Relation& relation) {
    return std::ranges::any_of(relation.reads, [&](const std::string& name) {
      const auto it = relations_.find(name);
      return name != qualified && it != relations_.end() && reads(*it->second, qualified);
    });
  };
  std::vector<std::string> names;
  for (const auto& [name, relation] : relations_) {
    if (reads(*relation, qualified) && !through_view(*relation)) names.push_back(name);
  }
  return names;
}

const SqlFunction* Catalog::FindFunction(std::string_view name) const {
  const auto it = functions_.find(Lower(name));
  return it == functions_.end() ? nullptr : &it->second;
}

void Catalog::AddFunction(SqlFunction function, bool or_replace, SourceRange range) {
  std::string key = Lower(function.name);
  if (!or_replace && functions_.contains(key)) {
    throw Error(ErrorCode::kDuplicateObject, "function \"" + function.name + "\" exists already",
                range, "use CREATE OR REPLACE FUNCTION");
  }
  functions_.insert_or_assign(std::move(key), std::move(function));
}

void Catalog::DropFunction(std::string_view name, SourceRange range) {
  if (functions_.erase(Lower(name)) > 0) return;
  std::vector<std::string_view> names;
  for (const auto& [key, function] : functions_) names.push_back(function.name);
  throw Error(ErrorCode::kFunctionNotFound, "function \"" + std::string(name) + "\" does not exist",
              range, DidYouMean(name, names));
}

std::vector<const SqlFunction*> Catalog::ListFunctions() const {
  std::vector<const SqlFunction*> list;
  list.reserve(functions_.size());
  for (const auto& [name, function] : functions_) list.push_back(&function);
  return list;
}

void Catalog::AddDatabase(const std::string& name, SourceRange range) {
  if (HasDatabase(name)) {
    throw Error(ErrorCode::kDuplicateObject, "database \"" + name + "\" exists already", range);
  }
  if (name.find('.') != std::string::npos) {
    throw Error(ErrorCode::kUnsupportedFeature, "a database's name may not contain a dot", range);
  }
  databases_.push_back(name);
  std::ranges::sort(databases_);
}

void Catalog::DropDatabase(const std::string& name, SourceRange range) {
  if (IsDefault(name, kDefaultDatabase)) {
    throw Error(ErrorCode::kBadRequest, "the default database cannot be dropped", range);
  }
  const auto it = std::ranges::find(databases_, name);
  if (it == databases_.end()) {
    throw Error(
        ErrorCode::kNotFound, "database \"" + name + "\" does not exist", range,
        DidYouMean(name, std::vector<std::string_view>(databases_.begin(), databases_.end())));
  }
  std::vector<std::string> objects;
  for (const auto& [key, relation] : relations_) {
    if (key.starts_with(name + '.')) objects.push_back(key);
  }
  if (!objects.empty()) {
    throw Error(ErrorCode::kDependentObjects,
                "cannot drop database \"" + name + "\": it holds " + Quoted(objects), range);
  }
  databases_.erase(it);
}

bool Catalog::HasDatabase(std::string_view name) const {
  return std::ranges::find(databases_, name) != databases_.end();
}

std::vector<std::string> Catalog::Databases() const { return databases_; }

std::string Catalog::Qualify(const ast::QualifiedName& name, const Session& session) const {
  const std::vector<ast::Name>& parts = name.parts;
  const std::optional<std::string> stored = StoredName(name, session);
  if (!stored) {
    throw Error(ErrorCode::kNotFound, "catalog \"" + parts[0].text + "\" does not exist",
                parts[0].range, "the only catalog is \"default_catalog\"");
  }
  if (parts.back().text.find('.') != std::string::npos) {
    throw Error(ErrorCode::kUnsupportedFeature, "a name may not contain a dot", parts.back().range,
                "write `database`.`table` with each part in its own quotes");
  }
  if (parts.size() > 1 && !HasDatabase(parts[parts.size() - 2].text) &&
      !IsDefault(parts[parts.size() - 2].text, kDefaultDatabase)) {
    const ast::Name& database = parts[parts.size() - 2];
    throw Error(ErrorCode::kNotFound, "database \"" + database.text + "\" does not exist",
                database.range,
                DidYouMean(database.text,
                           std::vector<std::string_view>(databases_.begin(), databases_.end())));
  }
  return *stored;
}

}  // namespace millrace
