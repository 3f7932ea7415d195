#include "types/value.h"

#include "types/cast.h"
#include "types/row_key.h"

namespace millrace {
namespace {

Values GetElements(const Column& column, const Type& type, size_t i) {
  const ListEntry entry = column.at<ListEntry>(i);
  Values values;
  values.reserve(entry.length * type.children->size());
  for (uint32_t row = entry.offset; row < entry.offset + entry.length; ++row) {
    for (size_t k = 0; k < type.children->size(); ++k) {
      values.push_back(GetValue(column.children()[k], (*type.children)[k].type, row));
    }
  }
  return values;
}

Values GetFields(const Column& column, const Type& type, size_t i) {
  Values values;
  values.reserve(type.children->size());
  for (size_t k = 0; k < type.children->size(); ++k) {
    values.push_back(GetValue(column.children()[k], (*type.children)[k].type, i));
  }
  return values;
}

void SetElements(const Values& values, const Type& type, Column* column, size_t i, Arena* heap) {
  const size_t width = type.children->size();
  assert(values.size() % width == 0);
  const size_t length = values.size() / width;
  const size_t offset = column->children()[0].size();
  for (size_t k = 0; k < width; ++k) {
    Column& child = column->mutable_children()[k];
    child.Resize(offset + length);
    for (size_t row = 0; row < length; ++row) {
      SetValue(values[row * width + k], (*type.children)[k].type, &child, offset + row, heap);
    }
  }
  column->mutable_data<ListEntry>()[i] = {static_cast<uint32_t>(offset),
                                          static_cast<uint32_t>(length)};
}

void SetFields(const Values& values, const Type& type, Column* column, size_t i, Arena* heap) {
  assert(values.size() == type.children->size());
  for (size_t k = 0; k < values.size(); ++k) {
    SetValue(values[k], (*type.children)[k].type, &column->mutable_children()[k], i, heap);
  }
}

template <class T>
void SetInteger(const Value& value, Column* column, size_t i) {
  column->mutable_data<T>()[i] = static_cast<T>(std::get<int64_t>(value.data));
}

}  // namespace

Value GetValue(const Column& column, const Type& type, size_t i) {
  assert(column.type() == type.id);
  if (column.IsNull(i)) return {};
  switch (type.id) {
    case TypeId::kNull:
      return {};
    case TypeId::kBoolean:
      return {column.at<bool>(i)};
    case TypeId::kTinyInt:
      return {int64_t{column.at<int8_t>(i)}};
    case TypeId::kSmallInt:
      return {int64_t{column.at<int16_t>(i)}};
    case TypeId::kInteger:
    case TypeId::kDate:
      return {int64_t{column.at<int32_t>(i)}};
    case TypeId::kFloat:
      return {double{column.at<float>(i)}};
    case TypeId::kDouble:
      return {column.at<double>(i)};
    case TypeId::kDecimal:
      return {column.at<int128_t>(i)};
    case TypeId::kString:
    case TypeId::kBytes:
      return {std::string(column.at<StringRef>(i).view())};
    case TypeId::kArray:
    case TypeId::kMap:
      return {GetElements(column, type, i)};
    case TypeId::kRow:
      return {GetFields(column, type, i)};
    default:
      return {column.at<int64_t>(i)};
  }
}

void SetValue(const Value& value, const Type& type, Column* column, size_t i, Arena* heap) {
  assert(column->type() == type.id);
  if (value.is_null()) return ClearValue(column, i);
  column->SetNull(i, false);
  switch (type.id) {
    case TypeId::kBoolean:
      column->mutable_data<bool>()[i] = std::get<bool>(value.data);
      return;
    case TypeId::kTinyInt:
      return SetInteger<int8_t>(value, column, i);
    case TypeId::kSmallInt:
      return SetInteger<int16_t>(value, column, i);
    case TypeId::kInteger:
    case TypeId::kDate:
      return SetInteger<int32_t>(value, column, i);
    case TypeId::kFloat:
      column->mutable_data<float>()[i] = static_cast<float>(std::get<double>(value.data));
      return;
    case TypeId::kDouble:
      column->mutable_data<double>()[i] = std::get<double>(value.data);
      return;
    case TypeId::kDecimal:
      column->mutable_data<int128_t>()[i] = std::get<int128_t>(value.data);
      return;
    case TypeId::kString:
    case TypeId::kBytes: {
      const StringRef ref(std::get<std::string>(value.data));
      column->mutable_data<StringRef>()[i] =
          ref.is_inline() ? ref : StringRef(heap->Copy(ref.view()));
      return;
    }
    case TypeId::kArray:
    case TypeId::kMap:
      return SetElements(std::get<Values>(value.data), type, column, i, heap);
    case TypeId::kRow:
      return SetFields(std::get<Values>(value.data), type, column, i, heap);
    default:
      return SetInteger<int64_t>(value, column, i);
  }
}

Column MakeConstantColumn(const Value& value, const Type& type, size_t size) {
  const auto heap = std::make_shared<Arena>();
  Column column = MakeColumn(type, 1);
  SetValue(value, type, &column, 0, heap.get());
  if (heap->allocated() > 0) column.KeepAlive(heap);
  column.MakeConstant(size);
  return column;
}

std::string ToText(const Value& value, const Type& type) {
  if (value.is_null()) return "NULL";
  std::string text;
  AppendText(MakeConstantColumn(value, type, 1), type, 0, "UTC", &text);
  return text;
}

}  // namespace millrace
