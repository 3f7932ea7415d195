#include "executor/unnest.h"

#include <algorithm>

#include "state/group_table.h"
#include "types/row_key.h"

namespace millrace {
namespace {

constexpr uint32_t kNothing = UINT32_MAX;
constexpr size_t kEmitRows = 8192;

// A MULTISET as an array of its elements, each as often as it is there.
Column ExpandMultiset(const Column& multiset) {
  Column out(TypeId::kArray, multiset.size());
  std::vector<uint32_t> elements;
  for (size_t i = 0; i < multiset.size(); ++i) {
    const auto offset = static_cast<uint32_t>(elements.size());
    const ListEntry entry = multiset.IsNull(i) ? ListEntry{} : multiset.at<ListEntry>(i);
    for (uint32_t k = entry.offset; k < entry.offset + entry.length; ++k) {
      const int32_t count = multiset.children()[1].at<int32_t>(k);
      elements.insert(elements.end(), static_cast<size_t>(std::max(0, count)), k);
    }
    out.mutable_data<ListEntry>()[i] = {offset, static_cast<uint32_t>(elements.size()) - offset};
  }
  if (!multiset.children().empty()) {
    out.mutable_children().push_back(multiset.children()[0].Flatten().Take(elements));
  }
  out.KeepAliveOf(multiset);
  return out;
}

uint32_t LengthOf(const Column& collection, size_t i) {
  return collection.IsNull(i) ? 0 : collection.at<ListEntry>(i).length;
}

// The rows in the children of the elements at these places of rows; kNothing behind the last.
std::vector<uint32_t> ElementsAt(const Column& collection, std::span<const uint32_t> rows,
                                 std::span<const uint32_t> places) {
  std::vector<uint32_t> elements(rows.size(), kNothing);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (places[i] >= LengthOf(collection, rows[i])) continue;
    elements[i] = collection.at<ListEntry>(rows[i]).offset + places[i];
  }
  return elements;
}

// The values at `rows` of child `k`, NULL for kNothing.
Column TakeOrNull(const Column& collection, size_t k, const Type& type,
                  std::vector<uint32_t> rows) {
  // A collection that is NULL in every row may have no children.
  const bool known = k < collection.children().size() && collection.children()[k].size() > 0;
  if (!known) return MakeNullColumn(type, rows.size()).Flatten();
  std::vector<uint8_t> nothing(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    nothing[i] = rows[i] == kNothing;
    if (nothing[i]) rows[i] = 0;
  }
  Column out = collection.children()[k].Flatten().Take(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    if (nothing[i]) ClearValue(&out, i);
  }
  out.KeepAliveOf(collection);
  return out;
}

// The fields of ROWs are columns of their own, NULL with the ROW.
void AppendFields(const Column& elements, std::vector<Column>* columns) {
  for (const Column& child : elements.children()) {
    Column field = child.Flatten();
    std::shared_ptr<uint8_t[]> valid(new uint8_t[elements.size()]);
    for (size_t i = 0; i < elements.size(); ++i) {
      valid[i] = !elements.IsNull(i) && !field.IsNull(i);
    }
    if (elements.may_have_nulls()) field.set_valid(std::move(valid));
    field.KeepAliveOf(elements);
    columns->push_back(std::move(field));
  }
}

// Whether two rows' elements at these places are the same.
bool SameElements(std::span<const Column> collections, uint32_t row, uint32_t place, uint32_t other,
                  uint32_t other_place, std::string (&scratch)[2]) {
  for (const Column& collection : collections) {
    const bool none = place >= LengthOf(collection, row);
    if (none != (other_place >= LengthOf(collection, other))) return false;
    if (none) continue;
    const uint32_t at = collection.at<ListEntry>(row).offset + place;
    const uint32_t other_at = collection.at<ListEntry>(other).offset + other_place;
    for (const Column& child : collection.children()) {
      scratch[0].clear();
      scratch[1].clear();
      AppendKeyColumn(child, at, &scratch[0]);
      AppendKeyColumn(child, other_at, &scratch[1]);
      if (scratch[0] != scratch[1]) return false;
    }
  }
  return true;
}

Column Ordinals(std::span<const uint32_t> places) {
  Column column(TypeId::kInteger, places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    column.mutable_data<int32_t>()[i] = static_cast<int32_t>(places[i] + 1);
    if (places[i] == kNothing) column.SetNull(i);
  }
  return column;
}

}  // namespace

// Rows whose collections fail leave the batch.
std::vector<Column> UnnestOperator::Evaluate(Batch* batch) {
  std::vector<Column> collections;
  RowErrors errors;
  context_->eval.errors = &errors;
  for (const ExprPtr& expr : plan_.collections) {
    Column collection = millrace::Evaluate(*expr, *batch, context_->eval);
    if (expr->type.multiset) collection = ExpandMultiset(collection);
    collections.push_back(std::move(collection));
  }
  context_->eval.errors = nullptr;
  if (errors.empty()) return collections;
  std::vector<uint8_t> failed(batch->size);
  for (const RowError& error : errors) failed[error.row] = 1;
  std::vector<uint32_t> good;
  for (uint32_t i = 0; i < batch->size; ++i) {
    if (!failed[i]) good.push_back(i);
  }
  DropFailedRows(errors, "Unnest", input_, context_, batch);
  for (Column& collection : collections) collection = collection.Take(good);
  return collections;
}

void UnnestOperator::EmitElements(const Batch& batch, std::span<const Column> collections,
                                  std::span<const uint32_t> rows, std::span<const uint32_t> places,
                                  const Emit& emit) const {
  if (rows.empty()) return;
  Batch out = batch.Take(rows);
  for (size_t c = 0; c < collections.size(); ++c) {
    const Type& type = plan_.collections[c]->type;
    const std::vector<uint32_t> elements = ElementsAt(collections[c], rows, places);
    const bool map = type.id == TypeId::kMap && !type.multiset;
    for (size_t k = 0; k < (map ? 2 : 1); ++k) {
      Column column = TakeOrNull(collections[c], k, (*type.children)[k].type, elements);
      if (!map && column.type() == TypeId::kRow) {
        AppendFields(column, &out.columns);
      } else {
        out.columns.push_back(std::move(column));
      }
    }
  }
  if (plan_.with_ordinality) out.columns.push_back(Ordinals(places));
  emit(std::move(out));
}

// So that equal elements give equal rows.
void UnnestOperator::ClearUnread(Batch* batch) const {
  for (size_t column : plan_.unread) {
    batch->columns[column] = MakeNullColumn(input_[column].type, batch->size);
  }
}

// Of a row that goes and one that comes, otherwise the same.
void UnnestOperator::LeaveOutCommon(std::span<const Column> collections, uint32_t gone,
                                    uint32_t come, std::vector<Part>* parts) const {
  std::string scratch[2];
  Part &old_part = (*parts)[gone], &new_part = (*parts)[come];
  uint32_t shorter = std::min(old_part.end, new_part.end), begin = 0;
  while (begin < shorter && SameElements(collections, gone, begin, come, begin, scratch)) ++begin;
  old_part.begin = new_part.begin = begin;
  // Elements that have moved have other ordinals.
  if (plan_.with_ordinality && old_part.end != new_part.end) return;
  while (shorter > begin &&
         SameElements(collections, gone, old_part.end - 1, come, new_part.end - 1, scratch)) {
    --shorter, --old_part.end, --new_part.end;
  }
}

std::vector<UnnestOperator::Part> UnnestOperator::PartsOf(
    const Batch& batch, std::span<const Column> collections) const {
  std::vector<Part> parts(batch.size);
  for (uint32_t i = 0; i < batch.size; ++i) {
    for (const Column& collection : collections) {
      parts[i].end = std::max(parts[i].end, LengthOf(collection, i));
    }
    parts[i].none = parts[i].end == 0;
  }
  if (batch.append_only() || plan_.unread.empty()) return parts;
  std::vector<size_t> read;
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    if (!std::ranges::binary_search(plan_.unread, column)) read.push_back(column);
  }
  const RowKeys keys(batch, read);
  GroupTable open(sizeof(uint32_t), false);  // The number, from 1 on, of a row without a partner.
  std::vector<char*> places(batch.size);
  open.FindOrInsert(keys, places, [](char*, size_t) {});
  for (uint32_t i = 0; i < batch.size; ++i) {
    uint32_t& partner = *reinterpret_cast<uint32_t*>(places[i] + GroupTable::kPayload);
    if (partner == 0 || batch.weight(partner - 1) + batch.weight(i) != 0) {
      partner = i + 1;
      continue;
    }
    const bool outer = plan_.outer && (parts[i].none || parts[partner - 1].none);
    if (!outer) LeaveOutCommon(collections, partner - 1, i, &parts);
    partner = 0;
  }
  return parts;
}

void UnnestOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit& emit) {
  const std::vector<Column> collections = Evaluate(&batch);
  const std::vector<Part> parts = PartsOf(batch, collections);
  ClearUnread(&batch);
  std::vector<uint32_t> rows, places;
  for (uint32_t i = 0; i < batch.size; ++i) {
    if (parts[i].none && plan_.outer) {
      rows.push_back(i);
      places.push_back(kNothing);
    }
    for (uint32_t place = parts[i].begin; place < parts[i].end; ++place) {
      rows.push_back(i);
      places.push_back(place);
      if (rows.size() < kEmitRows) continue;
      EmitElements(batch, collections, rows, places, emit);
      rows.clear();
      places.clear();
    }
  }
  EmitElements(batch, collections, rows, places, emit);
}

}  // namespace millrace
