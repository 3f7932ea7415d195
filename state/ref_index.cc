#include "state/ref_index.h"

namespace millrace {

void RefIndex::Grow() {
  std::vector<Slot> old(slots_.size() + slots_.size() / 2);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.ref != kNoRow) slots_[EmptyFor(slot.hash)] = slot;
  }
}

void RefIndex::Erase(uint64_t hash, RowRef ref) {
  size_t s = Home(Tag(hash));
  while (slots_[s].ref != ref) s = Next(s);
  // Backward shift: no tombstones.
  for (size_t next = Next(s); slots_[next].ref != kNoRow; next = Next(next)) {
    const size_t home = Home(slots_[next].hash);
    const bool stays = s <= next ? (s < home && home <= next) : (s < home || home <= next);
    if (stays) continue;
    slots_[s] = slots_[next];
    s = next;
  }
  slots_[s] = {0, kNoRow};
  --size_;
}

}  // namespace millrace
