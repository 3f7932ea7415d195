// Rows per partition in SQL order, each with how often it is there: the state of OVER and of top-N.
//
// A step: Add() takes changes as they come, in any order (a -1 may precede its +1); Settle() brings
// the order up to date with what they net to and tells what changed. Rows that ended can still be
// read until Finish(), which the owner calls when it has used the changes. From Settle() to the
// next one the order stands still, and positions are right.
//
// State rows: key   := as in state/ordered_row.h
//             value := count:fixed64 partition_end:fixed32 order_end:fixed32, then the owner's
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "state/group_table.h"
#include "state/ordered_partition.h"
#include "state/ordered_row.h"
#include "state/store.h"

namespace millrace {

class OrderedTable {
 public:
  struct Options {
    bool copies = false;      // A row stands in the order as often as it is there; else once.
    size_t payload_size = 0;  // Of a row, for the owner; zeroed when the row is made.
    bool tracked = false;     // Rows are checkpointed.
  };
  // How often a row was and is there; neither is negative.
  struct Change {
    char* row;
    int64_t before, after;
  };
  struct PartitionChanges {
    OrderedPartition* partition;   // May have become empty.
    std::span<const Change> rows;  // In SQL order. Some may be as often there as before.
  };

  explicit OrderedTable(Options options);
  ~OrderedTable();
  OrderedTable(const OrderedTable&) = delete;
  OrderedTable& operator=(const OrderedTable&) = delete;

  // Adds the weights (null: 1 each) to the counts of the rows.
  void Add(const OrderedKeys& keys, const int64_t* weights);
  // How often the row has been taken back without being there; it is forgotten. Before Settle().
  int64_t TakeMissing(std::string_view key, uint64_t hash);
  // What changed since the last Finish(), by partition, in the order of their keys; valid until
  // Finish(). Counts that come out negative, of rows that are not there, become 0.
  std::span<const PartitionChanges> Settle();
  // Forgets the rows that ended, and partitions without rows.
  void Finish();
  // Takes a row out with all its copies, or a partition with all its rows, between Settle() and
  // Finish(), for owners that need them no more; its memory stays readable until Finish().
  // Positions are right again after the partition's Renumber().
  void Drop(OrderedPartition* partition, char* row);
  void DropAll(OrderedPartition* partition);

  int64_t Count(const char* row) const { return HeadOf(row).count; }
  std::string_view Key(const char* row) const { return rows_.key(row); }
  // The key as far as PARTITION BY, and ORDER BY behind it, reach; equal for peers.
  std::string_view PartitionKey(const char* row) const {
    return Key(row).substr(0, HeadOf(row).ends.partition);
  }
  std::string_view PeerKey(const char* row) const {
    return Key(row).substr(0, HeadOf(row).ends.order);
  }
  size_t OrderBegin(const char* row) const { return HeadOf(row).ends.partition; }
  OrderedPartition* PartitionOf(const char* row) const { return HeadOf(row).partition; }
  char* Payload(char* row) const { return row + kPayload; }
  const char* Payload(const char* row) const { return row + kPayload; }
  // To be called before the owner changes a payload.
  void BeforeChange(char* row) { rows_.BeforeChange(row); }

  // Null when there is none.
  OrderedPartition* FindPartition(std::string_view key) const;
  template <class F>
  void ForEachPartition(F f) const {  // In no order.
    partitions_.ForEach([&](char* row) { f(PartitionAt(row)); });
  }

  // Appends a row's payload to its stored value / reads it back, for payloads that are more than
  // their bytes. Without them the bytes are stored.
  struct Codec {
    std::function<void(const char* payload, std::string* value)> encode;
    std::function<void(std::string_view value, char* payload)> decode;
  };
  void SetCodec(Codec codec) { codec_ = std::move(codec); }

  // As of GroupTable. REQUIRES: Finish() was called.
  void BeginCheckpoint(OperatorId op, StateWriter* writer);
  bool CopySlice(size_t max_rows) { return rows_.CopySlice(max_rows); }
  void Restore(OperatorId op, const Store& store, size_t partition, size_t partitions);

  size_t rows() const { return rows_.size(); }
  size_t bytes() const;  // Roughly.

 private:
  struct Head {
    int64_t count;
    OrderedPartition* partition;
    OrderedKeyEnds ends;
  };
  static constexpr size_t kPayload = GroupTable::kPayload + sizeof(Head);
  static Head& HeadOf(char* row) { return *reinterpret_cast<Head*>(row + GroupTable::kPayload); }
  static const Head& HeadOf(const char* row) {
    return *reinterpret_cast<const Head*>(row + GroupTable::kPayload);
  }
  // Of a row of partitions_.
  static OrderedPartition*& PartitionAt(char* row) {
    return *reinterpret_cast<OrderedPartition**>(row + GroupTable::kPayload);
  }
  OrderedPartition* FindOrMakePartition(std::string_view key, uint64_t hash);
  void Forget(char* row);
  size_t Places(int64_t count) const;

  Options options_;
  GroupTable rows_;
  GroupTable partitions_;  // By their keys; they are owned here.
  Codec codec_;
  // Of the running step.
  std::vector<Change> touched_;
  std::vector<PartitionChanges> changes_;
  std::vector<char*> dropped_;
  std::vector<OrderedPartition*> emptied_;  // Perhaps, and perhaps twice.
  std::vector<char*> found_;                // Scratch.
};

}  // namespace millrace
