#include "executor/expand.h"

#include "types/row_key.h"

namespace millrace {

void ExpandOperator::OnBatch(size_t, Batch batch, const StepTime&, const Emit& emit) {
  const size_t inputs = batch.columns.size();
  for (size_t s = 0; s < plan_.sets.size(); ++s) {
    Batch out = batch;  // Columns are shared, not copied.
    for (size_t k = 0; k < plan_.keys.size(); ++k) {
      out.columns.push_back(plan_.sets[s][k]
                                ? batch.columns[plan_.keys[k]]
                                : MakeNullColumn(output_[inputs + k].type, batch.size));
    }
    out.columns.push_back(Column::Constant(static_cast<int32_t>(s), batch.size));
    emit(std::move(out));
  }
}

}  // namespace millrace
