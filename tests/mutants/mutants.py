"""Seeded faults, each a small edit of the source that the SQL tests must notice.

A mutant is (name, [(file, text, replacement), …]); the text must occur exactly once in the file.
"""

MUTANTS = [
    # Weights and retraction.
    ("retraction_with_plus_one", [(
        "executor/aggregate.cc",
        "if (before && (!exists || retract)) add(before, group, -1);",
        "if (before && (!exists || retract)) add(before, group, +1);")]),
    ("rows_counted_without_weight", [(
        "executor/aggregate.cc",
        "Rows(rows_[i]) += weights ? weights[i] : 1;",
        "Rows(rows_[i]) += weights ? 1 : 1;")]),
    ("exchange_drops_retractions", [(
        "executor/exchange.cc",
        "  for (uint32_t i = 0; i < batch.size; ++i) {\n",
        "  for (uint32_t i = 0; i < batch.size; ++i) {\n    if (batch.weight(i) < 0) continue;\n")]),
    ("view_forgets_replaced_rows", [(
        "executor/materialize.cc",
        "if (std::optional<Batch> replaced = parts_[p]->Replaced(all)) {",
        "if (std::optional<Batch> replaced; replaced) {")]),
    ("view_removes_after_inserting", [(
        "executor/view.cc",
        "for (const bool insert : {false, true}) {",
        "for (const bool insert : {true, false}) {")]),
    ("distinct_counts_every_row", [(
        "executor/value_table.cc",
        "const bool before = count > 0;",
        "const bool before = false;")]),
    ("distinct_counts_nulls", [(
        "executor/aggregate.cc",
        "(argument.IsNull(i) && !call.takes_nulls)",
        "false")]),
    ("distinct_calls_share_a_filter", [(
        "executor/value_table.cc",
        "if (rows.skips[c][i]) continue;",
        "if (rows.skips[0][i]) continue;")]),
    ("distinct_value_leaves_all_calls", [(
        "executor/value_table.cc",
        "if (!IsThere(found_[k])) Erase",
        "Erase")]),
    ("shared_counts_not_restored", [(
        "executor/value_table.cc",
        "value.data() + sizeof(int64_t) + sizeof(uint32_t),\n                    (counts_ - 1) * sizeof(int64_t));",
        "value.data() + sizeof(int64_t) + sizeof(uint32_t),\n                    0);")]),
    ("rows_in_no_pair_once_more", [(
        "planner/bind_join.cc",
        "NewJoin(JoinKind::kAnti)",
        "NewJoin(JoinKind::kSemi)")]),
    ("outer_aggregates_are_the_subquerys", [(
        "planner/scope.cc",
        "if (own || blocks.empty()) return nullptr;",
        "return nullptr;")]),
    ("names_around_a_subquery_count", [(
        "planner/scope.cc",
        "    if (own) return false;\n",
        "")]),
    ("partial_groups_count_rows_once", [(
        "executor/partial_aggregate.cc",
        "+= weights ? weights[i] : 1;",
        "+= 1;")]),
    ("partial_groups_by_hash_alone", [(
        "executor/partial_aggregate.cc",
        "slots_[slot] = static_cast<uint32_t>(firsts_.size());",
        "slots_[slot] = 1;")]),
    ("partial_groups_take_late_rows", [(
        "executor/partial_aggregate.cc",
        "if (AnyLate(batch, time)) return batch;",
        "")]),
    ("partial_states_replace", [(
        "executor/aggregate.cc",
        "Rows(rows_[i]) += Rows(from[i]);",
        "Rows(rows_[i]) = Rows(from[i]);")]),
    ("extremes_swapped", [(
        "executor/aggregate.cc",
        "Extreme(groups[i], call.extreme > 0)",
        "Extreme(groups[i], call.extreme < 0)")]),
    ("last_value_takes_the_first", [(
        "functions/aggregate_ordered.cc",
        "(kFirst ? row < state->row.view() : row > state->row.view())",
        "row < state->row.view()")]),
    ("arrival_counts_from_each_step", [(
        "executor/scan.cc",
        "arrivals.taken += batch.size();",
        "arrivals.taken = 0;")]),
    ("arrival_forgotten_at_restart", [(
        "executor/dataflow_publish.cc",
        "node.scan->SetArrivals(std::move(arrivals));",
        "")]),
    ("weight_ignored", [(
        "executor/aggregate.cc",
        "call.weight ? weighted.data() : weights",
        "weights")]),
    ("fold_counts_values_once", [(
        "executor/aggregate.cc",
        "counts.push_back(call.distinct ? 1 : count);",
        "counts.push_back(1);")]),
    ("fold_values_not_restored", [(
        "executor/value_table.cc",
        "std::memcpy(&NodeOf(row).count, value.data(), sizeof(int64_t));",
        "NodeOf(row).count = 1;")]),
    ("percentile_without_interpolation", [(
        "functions/aggregate_fold.cc",
        "return low == high ? low : (upper - place) * low + (place - lower) * high;",
        "return low;")]),
    ("grouping_set_loses_a_key", [(
        "planner/bind_grouping_sets.cc",
        "for (size_t p = 0; p + s < parts.size(); ++p) AddKeys(parts[p], &sets[s]);",
        "for (size_t p = 0; p + s + 1 < parts.size(); ++p) AddKeys(parts[p], &sets[s]);")]),
    ("no_row_of_the_empty_set", [(
        "executor/aggregate.cc",
        "standing_.push_back(std::move(key));",
        "")]),
    ("empty_set_leaves", [(
        "executor/aggregate.cc",
        "return std::ranges::find(options_.plan.empty_sets, set) != options_.plan.empty_sets.end();",
        "return set < 0;")]),
    ("having_below_the_empty_set", [(
        "planner/rewrite_push_filters.cc",
        "if (!std::get<Aggregate>(node->op).empty_sets.empty()) {",
        "if (false) {")]),
    ("ttl_never_ends", [(
        "executor/aggregate_ttl.cc",
        "return ChangedAt(group) + ttl_ <= context_->eval.now.micros &&",
        "return false &&")]),
    ("ttl_from_the_first_row", [(
        "executor/aggregate_ttl.cc",
        "    ChangedAt(group) = now;\n",
        "    if (Rows(group) == 0) ChangedAt(group) = now;\n")]),
    ("ttl_time_not_restored", [(
        "executor/aggregate_checkpoint.cc",
        "if (ttl_ > 0) std::memcpy(&ChangedAt(group), value.data(), sizeof(int64_t));",
        "")]),
    ("expired_values_stay", [(
        "executor/aggregate_ttl.cc",
        "if (call.values) call.values->DropGroup(group);",
        "")]),
    ("deletion_from_a_new_group", [(
        "executor/aggregate_ttl.cc",
        "const bool gone = batch.weight(i) < 0 && Rows(rows_[i]) == 0;",
        "const bool gone = false;")]),
    ("unnest_drops_rows_without_elements", [(
        "executor/unnest.cc",
        "if (parts[i].none && plan_.outer) {",
        "if (false) {")]),
    ("unnest_counts_from_zero", [(
        "executor/unnest.cc",
        "static_cast<int32_t>(places[i] + 1);",
        "static_cast<int32_t>(places[i]);")]),
    ("unnest_takes_the_first_length", [(
        "executor/unnest.cc",
        "parts[i].end = std::max(parts[i].end, LengthOf(collection, i));",
        "parts[i].end = LengthOf(collections[0], i);")]),
    ("unnest_of_multiset_gives_each_once", [(
        "executor/unnest.cc",
        "static_cast<size_t>(std::max(0, count)), k);",
        "static_cast<size_t>(std::min(1, count)), k);")]),
    ("unnest_errors_stay_in_the_batch", [(
        "executor/unnest.cc",
        "for (Column& collection : collections) collection = collection.Take(good);",
        "")]),
    ("failing_condition_below_unnest", [(
        "planner/rewrite_push_filters.cc",
        "return NeverFails(term) && AllColumnsOf(term, [&](size_t column) { return column < columns; });",
        "return AllColumnsOf(term, [&](size_t column) { return column < columns; });")]),
    ("variance_in_double_precision", [(
        "functions/wide_sum.h",
        "value = (part - (sum - back)) + (value - back);",
        "value = 0 * back;")]),
    ("variance_of_a_sample_over_n", [(
        "functions/aggregates.cc",
        "(sample ? n - 1 : n)",
        "n")]),
    ("map_keeps_the_first_value", [(
        "functions/array.cc",
        "known->second = entry;",
        "")]),
    ("nulls_last_ignored", [(
        "planner/bind_aggregate_call.cc",
        "if (key->type.nullable && nulls_first == item.descending) {",
        "if (false) {")]),
    ("single_value_takes_the_first_row", [(
        "functions/aggregate_fold.cc",
        "if (end - begin == 1 && values.counts[begin] == 1) {",
        "if (end - begin >= 1) {")]),
    ("fold_skips_nulls", [(
        "executor/aggregate.cc",
        "(argument.IsNull(i) && !call.takes_nulls)",
        "argument.IsNull(i)")]),
    ("filter_takes_unknown", [(
        "executor/partial_aggregate.cc",
        "passes[i] = !keep.IsNull(i) && keep.at<bool>(i);",
        "passes[i] = keep.IsNull(i) || keep.at<bool>(i);")]),
    ("no_row_over_no_input", [(
        "executor/aggregate.cc",
        "if (global_) standing_.emplace_back();",
        "")]),

    # Subqueries.
    ("not_in_without_nulls", [(
        "planner/subquery_values.cc",
        "if (negated && unknown) return RestrictNotIn(subquery);",
        "")]),
    ("exists_negated", [(
        "planner/subquery_values.cc",
        "NewJoin(anti ? JoinKind::kAnti : JoinKind::kSemi)",
        "NewJoin(anti ? JoinKind::kSemi : JoinKind::kAnti)")]),
    ("single_row_takes_two", [(
        "planner/subquery_values.cc",
        "{{Call(\">\", {rows, MakeInteger(1, range)}, range),",
        "{{Call(\">\", {rows, MakeInteger(2, range)}, range),")]),
    ("any_by_the_other_extreme", [(
        "planner/subquery_values.cc",
        "extreme = compared_with(rising == all ? 2 : 3);",
        "extreme = compared_with(rising == all ? 3 : 2);")]),
    ("lateral_of_no_row_keeps_values", [(
        "planner/subquery_values.cc",
        "[&](const ExprPtr& output) { return IsColumnFrom(columns, *output); });",
        "[&](const ExprPtr& output) { return IsColumnFrom(0, *output); });")]),
    ("count_of_no_rows_is_null", [(
        "planner/decorrelate.cc",
        "if (value.is_null()) return column;",
        "if (value.is_null() || true) return column;")]),
    ("limit_over_all_enclosing_rows", [(
        "planner/decorrelate_nodes.cc",
        "AddColumns(rows.keys, &partitioned.partition);",
        "")]),
    ("enclosing_null_has_no_rows", [(
        "planner/decorrelate.cc",
        "rows.keys[number] = {places.size(), true};",
        "rows.keys[number] = {places.size(), false};")]),
    ("no_such_rank_is_a_bound", [(
        "planner/rewrite_top_n.cc",
        "if (ranks.last && *ranks.last < ranks.first) ranks = {1, 0};",
        "")]),

    # Set operations.
    ("set_counts_without_weight", [(
        "executor/set_minus.cc",
        "counts.side[port] += batch.weight(i);",
        "counts.side[port] += 1;")]),
    ("set_sides_swapped", [(
        "executor/build_set.cc",
        "Connect(right, at, 1, row);",
        "Connect(right, at, 0, row);")]),
    ("set_emits_a_row_once", [(
        "executor/set_minus.cc",
        "weights.push_back(change);",
        "weights.push_back(change > 0 ? 1 : -1);")]),
    ("except_counts_down_to_one", [(
        "executor/set_minus.cc",
        "left > 0 && right == 0;",
        "left > 0 && right <= 1;")]),
    ("set_forgets_rows_of_one_side", [(
        "executor/set_minus.cc",
        "counts.side[0] == 0 && counts.side[1] == 0",
        "counts.side[0] == 0 || counts.side[1] == 0")]),
    ("set_restores_nothing", [(
        "executor/set_minus.cc",
        "std::memcpy(&CountsOf(row), value.data(), sizeof(Counts));",
        "")]),
    ("set_rows_stay_touched", [(
        "executor/set_minus.cc",
        "GroupTable::header(t.row).touched = false;",
        "")]),

    # Window functions.
    ("over_adds_what_it_takes_back", [(
        "executor/over.cc",
        "if (was) add(*was, -1);",
        "if (was) add(*was, +1);")]),
    ("over_results_not_restored", [(
        "executor/over.cc",
        "stored = {results_.Allocate(value.size()), static_cast<uint32_t>(value.size())};",
        "stored = {results_.Allocate(value.size()), 0};")]),
    ("over_deletion_moves_no_numbers", [(
        "executor/over.cc",
        "functions_.numbers() && moved != 0",
        "functions_.numbers() && moved > 0")]),
    ("over_whole_partition_stays", [(
        "executor/over.cc",
        "return was != is;",
        "return false;")]),
    ("frame_ends_before_its_row", [(
        "executor/over_frame.cc",
        "begin + i + is_end",
        "begin + i")]),
    ("frame_without_the_peers_behind", [(
        "executor/over_frame.cc",
        "return is_end ? peers->ends : peers->begins;",
        "return peers->begins;")]),
    ("range_reach_one_way", [(
        "executor/over_frame.cc",
        "EdgeFinder(rows, !bound.following, !is_end)",
        "EdgeFinder(rows, !bound.following, is_end)")]),
    ("ntile_without_remainder", [(
        "executor/over_functions.cc",
        "large = rows % buckets",
        "large = 0")]),
    ("percent_rank_over_all_rows", [(
        "executor/over_functions.cc",
        "/ (rows - 1)",
        "/ rows")]),
    ("lag_forgets_its_default", [(
        "executor/over_functions.cc",
        "i + static_cast<uint32_t>(rows.size()) : i",
        "i : i")]),
    ("distinct_frames_count_all", [(
        "executor/over_sliding.cc",
        "seen.insert(keys[i]).second;",
        "true;")]),
    ("sliding_frames_without_their_end", [(
        "executor/over_sliding.cc",
        "behind[frames.ends[i] - pivot]",
        "behind[0]")]),
    ("over_grace_ignored", [(
        "executor/over_time.cc",
        ": watermark - options_.plan.grace",
        ": watermark")]),
    ("carry_not_restored", [(
        "executor/over_functions.cc",
        "std::memcpy(&carry->rows, bytes.data(), sizeof carry->rows);",
        "carry->rows = 0;")]),
    ("carry_counts_no_rows", [(
        "executor/over_functions.cc",
        "carry->rows += static_cast<int64_t>(count);",
        "")]),
    ("last_value_forgets_its_row", [(
        "executor/over_functions.cc",
        "frame.lags() && here > 0) --here;",
        "frame.lags() && here > 0) here += 0;")]),
    ("proctime_steps_from_the_start", [(
        "executor/over_time.cc",
        "step_ = std::max(step_, TimeOfKey(table_.Key(last).substr(at, kTimeBytes)) + 1);",
        "")]),
    # Ranking.
    ("top_n_counts_a_row_once", [(
        "executor/ranked_rows.h",
        "return unit_ == Unit::kCopies ? n.weight : n.first_peer; }",
        "return unit_ == Unit::kCopies ? n.weight > 0 : n.first_peer; }")]),
    ("top_n_evicts_one_too_many", [(
        "executor/top_n.cc",
        "if (rows_.UnitsBefore(row) < last) break;",
        "if (rows_.UnitsBefore(row) < last - 1) break;")]),
    ("top_n_drops_ties", [(
        "executor/top_n.cc",
        "if (order > rows_.order(worst)) continue;",
        "if (order >= rows_.order(worst)) continue;")]),
    ("top_n_keeps_what_left", [(
        "executor/top_n.cc",
        "if (group.first_shown != nullptr) walk(group.first_shown, group.last_shown);",
        "")]),
    ("top_n_forgets_the_far_edge", [(
        "executor/top_n.cc",
        "  walk(third, fourth);\n",
        "")]),
    ("top_n_leaves_old_ranks", [(
        "executor/top_n.cc",
        "    if (node(row).weight <= 0) Show(row, kNoRank, 0);\n",
        "")]),
    ("rank_restarts_at_the_change", [(
        "executor/top_n.cc",
        "rank = 1 + rows_.UnitsBefore(rows_.FirstPeer(group.root, from));",
        "rank = 1 + rows_.UnitsBefore(from);")]),
    ("dense_rank_skips", [(
        "executor/top_n.cc",
        "        rank += n.first_peer;",
        "        rank += 1;")]),
    ("peers_not_told_apart_again", [(
        "executor/ranked_rows.cc",
        "    if (char* behind = Next(row)) SetFirstPeer(behind, !ArePeers(row, behind));\n",
        "")]),
    ("top_n_adopts_nothing", [(
        "executor/top_n.cc",
        "    if (IsVisible(row, time)) Settle(GroupOf(row));\n    if (bounded_)",
        "    if (bounded_)")]),
    ("top_n_forgets_before_change", [(
        "executor/ranked_rows.cc",
        "  table_.BeforeChange(row);\n",
        "")]),
    ("top_n_upsert_keeps_vanished_ranks", [(
        "executor/top_n.cc",
        "std::max(rank, options_.plan.first) <= top_rank_) return;",
        "true) return;")]),
    ("window_ranks_close_a_millisecond_late", [(
        "executor/top_n.cc",
        "return LastInstantBefore(TimeOfKey(groups_.key(group)), options_.zone);",
        "return TimeOfKey(groups_.key(group));")]),
    ("window_ranks_close_by_universal_time", [(
        "executor/top_n.cc",
        "return LastInstantBefore(TimeOfKey(groups_.key(group)), options_.zone);",
        "return TimeOfKey(groups_.key(group)) - kMicrosPerMilli;")]),
    ("window_ranks_take_late_rows", [(
        "executor/top_n.cc",
        "  if (options_.plan.decides_late) DropLate(time, &batch);\n",
        "")]),
    ("window_ranks_emit_early", [(
        "executor/top_n.cc",
        "  return !options_.plan.emit_on_close ||\n         CloseTimeOf",
        "  return CloseTimeOf")]),
    ("ranks_never_expire", [(
        "executor/expiry.h",
        "heap_.front().at <= now - ttl_ &&",
        "heap_.front().at <= now - 2 * ttl_ &&")]),
    ("ranks_forget_their_age", [(
        "executor/top_n.cc",
        "GroupOf(group).changed_at = changed_at;",
        "GroupOf(group).changed_at = context_->eval.now.micros;")]),
    ("deduplicate_keeps_the_worse", [(
        "executor/deduplicate.cc",
        "return (order < 0) != c.descending;",
        "return (order < 0) == c.descending;")]),
    ("deduplicate_prefers_what_is_kept", [(
        "executor/deduplicate.cc",
        "return replaces || IsBetterThanKept(batch, i, group);",
        "return replaces;")]),
    ("deduplicate_ignores_ties_with_the_kept", [(
        "executor/deduplicate.cc",
        "return keys[0].substr(keys.ends(0).partition) < kept;",
        "return false;")]),
    ("deduplicate_never_retracts", [(
        "executor/deduplicate.cc",
        "const bool retracts = !options_.upsert && !in_time()",
        "const bool retracts = options_.upsert && !in_time()")]),
    ("deduplicate_gives_twice", [(
        "executor/deduplicate.cc",
        "    group.given = true;\n    group.changed_at",
        "    group.changed_at")]),
    ("deduplicate_forgets_what_was_given", [(
        "executor/deduplicate.cc",
        "                 group.given = value.front() != 0;\n",
        "")]),
    ("deduplicate_gives_early", [(
        "executor/deduplicate.cc",
        "SaturatingAdd(timers_.front().time, grace) <= time.watermark",
        "timers_.front().time - 1000000 + grace <= time.watermark")]),
    ("arrival_ignored", [(
        "planner/rewrite_top_n.cc",
        "  if (!over.arrival.empty()) OrderByArrival(over.arrival, &top);\n",
        "")]),
    ("rank_bound_is_off_by_one", [(
        "planner/rewrite_top_n.cc",
        "ranks->AtMost(rank - 1);",
        "ranks->AtMost(rank);")]),
    ("rank_condition_dropped", [(
        "planner/rewrite_top_n.cc",
        "if (others.empty()) return ranked;",
        "return ranked;")]),
    ("limit_ignores_offset", [(
        "planner/bind_query.cc",
        "top.first = std::min(offset, kMost) + 1;",
        "top.first = 1;")]),

    # Time and windows.
    ("window_closes_a_millisecond_late", [(
        "executor/windows.h",
        "return SaturatingAdd(window_time, plan.grace);",
        "return SaturatingAdd(window_time + kMicrosPerMilli, plan.grace);")]),
    ("early_fire_holds_closed_windows", [(
        "executor/early_fire.cc",
        "(fires || windows_.begin()->first <= time.watermark)",
        "fires")]),
    ("early_fire_adds_what_goes", [(
        "executor/early_fire.cc",
        "HeldOf(found_[i]).weight += batch.weight(i);",
        "HeldOf(found_[i]).weight += std::abs(batch.weight(i));")]),
    ("early_fire_forgets_when", [(
        "executor/early_fire.cc",
        "    Hold(row, ClosesAt(one, 0));\n",
        "    HeldOf(row).since = 0;\n")]),
    ("future_times_are_taken", [(
        "executor/watermark.cc",
        "    if (options_.max_future > 0) FindAhead(batch, &errors);\n",
        "")]),
    ("aligned_scans_wait_for_ever", [(
        "executor/dataflow.cc",
        "if (scan.finished(i) || (scan.caught_up(i) && !unread)) continue;",
        "(void)unread;")]),
    ("lookups_wait_once_too_often", [(
        "executor/lookup_join.cc",
        "Probe(batch, std::max(last, tries + 1), emit);",
        "Probe(batch, std::max(last, tries), emit);")]),
    ("lookups_that_wait_are_lost", [(
        "executor/lookup_join.cc",
        "  waiting_.Restore(options_.id + 1, store, partition, partitions);\n",
        "")]),
    ("sets_share_sessions", [(
        "planner/bind_grouping_sets.cc",
        "    (*set_keys_)[key] = place++;\n",
        "    place++;\n")]),
    ("late_only_behind_the_watermark", [(
        "executor/windows.cc",
        "rule.after) <= time.before;",
        "rule.after) < time.before;")]),
    ("late_by_the_new_watermark", [
        ("executor/windows.cc",
         "rule.after) <= time.before;",
         "rule.after) <= time.watermark;"),
        ("executor/windows.cc",
         "  if (time.before == kMinWatermark) return;\n",
         ""),
        ("executor/dataflow.cc",
         "    pool->ForEach(options_.partitions, [&](size_t p) { RunStage(stage, p); });\n"
         "    AdvanceWatermarks(stage);\n",
         "    AdvanceWatermarks(stage);\n"
         "    pool->ForEach(options_.partitions, [&](size_t p) { RunStage(stage, p); });\n"
         "    AdvanceWatermarks(stage);\n")]),
    ("late_retractions_vanish", [(
        "executor/windows.cc",
        "std::abs(weight), time, watermark};",
        "weight, time, watermark};")]),
    ("allowed_lateness_ignored", [(
        "executor/windows.h",
        "return SaturatingAdd(CloseTimeOf(plan, window_time), plan.allowed_lateness);",
        "return CloseTimeOf(plan, window_time);")]),
    ("derived_rows_are_late", [(
        "planner/rewrite.cc",
        "const bool decides = !deciders.Behind(*node);",
        "const bool decides = true;")]),
    ("windows_before_1970_round_up", [(
        "executor/windows.h",
        "return time - (rest < 0 ? rest + step : rest);",
        "return time - rest;")]),
    ("hop_has_a_window_too_many", [(
        "executor/stateless.cc",
        "start > t - spec_.size;",
        "start >= t - spec_.size;")]),
    ("union_follows_the_fastest_input", [
        ("executor/dataflow.cc",
         "int64_t active = kMaxWatermark, furthest",
         "int64_t active = kMinWatermark, furthest"),
        ("executor/dataflow.cc",
         "active = std::min(active, from.watermark);",
         "active = std::max(active, from.watermark);")]),
    ("null_times_have_a_window", [(
        "executor/windows.cc",
        "if (!times.may_have_nulls()) return;",
        "return;")]),

    # Checkpoints, journal, restore.
    ("aggregate_forgets_before_change", [(
        "executor/aggregate.cc",
        "  for (char* group : groups) {\n    groups_.BeforeChange(group);\n",
        "  for (char* group : groups) {\n")]),
    ("values_forget_before_change", [(
        "executor/value_table.cc",
        "    values_.BeforeChange(row);\n",
        "")]),
    ("view_forgets_before_change", [(
        "executor/view.cc",
        "      index_.BeforeChange(row);\n      uint32_t& slot",
        "      uint32_t& slot")]),
    ("vnode_from_the_whole_key", [(
        "executor/aggregate.cc",
        "const uint64_t hash = HashBytes(key.substr(window_prefix_));",
        "const uint64_t hash = HashBytes(key);")]),
    ("values_not_restored", [(
        "executor/aggregate_checkpoint.cc",
        "    if (!calls_[c].values) continue;\n    const OperatorId id",
        "    continue;\n    const OperatorId id")]),
    ("journal_not_replayed", [(
        "executor/checkpoint.cc",
        "if (!ReplayRecord(record->payload)) return false;",
        "")]),
    ("journal_ignores_watermarks", [(
        "executor/dataflow_publish.cc",
        "    node.tracker->Force(effective, in.Number() != 0);\n",
        "    static_cast<void>(in.Number() + static_cast<uint64_t>(effective));\n")]),
    ("sink_writes_not_numbered", [(
        "executor/pipeline.cc",
        "job->flow->WriteSinks(job->steps);",
        "job->flow->WriteSinks(1);")]),
    ("watermark_not_restored", [(
        "executor/dataflow_publish.cc",
        "node.time.before = node.time.watermark = static_cast<int64_t>(in.Number());",
        "static_cast<void>(in.Number());")]),
    ("table_read_again_from_its_start", [(
        "executor/scan.cc",
        "    source_->Seek(i, it->second);\n    positions_[i] = it->second;\n    resume_",
        "    positions_[i] = it->second;\n    resume_")]),
    ("sink_rows_written_twice", [(
        "connectors/table_log.cc",
        "if (last != state_->writers.end() && sequence <= last->second) return false;",
        "if (last != state_->writers.end() && sequence < 0 * last->second) return false;")]),
    ("log_is_cut_before_its_readers", [(
        "connectors/table_log.cc",
        "first_row = std::min(first_row, position->base ? position->segment : position->row);",
        "")]),
    ("base_begins_a_row_late", [(
        "executor/embedded_table.cc",
        "log_.WriteBase(next_row, rows);",
        "log_.WriteBase(next_row, {rows.begin() + !rows.empty(), rows.end()});")]),
    ("elements_that_moved_keep_their_ordinals", [(
        "executor/unnest.cc",
        "if (plan_.with_ordinality && old_part.end != new_part.end) return;",
        "")]),
    ("unread_collections_are_given", [(
        "executor/unnest.cc",
        "batch->columns[column] = MakeNullColumn(input_[column].type, batch->size);",
        "")]),
    ("carried_values_are_not_dropped", [(
        "executor/over_nulls.cc",
        "const size_t most = from_end_ ? nth_ : 1;",
        "const size_t most = from_end_ ? nth_ + 1 : 1;")]),
    ("a_change_reaches_a_value_too_few", [(
        "executor/over_functions.cc",
        "*last = std::min(*last, behind.back() + lag);",
        "*last = std::min(*last, behind.back());")]),
    ("failed_groups_forgotten", [(
        "executor/aggregate_checkpoint.cc",
        "had_errors_ = options_.upsert && AnyGroupFails();",
        "had_errors_ = false;")]),

    # Sessions.
    ("sessions_a_gap_apart_stay_apart", [(
        "executor/session_aggregate.cc",
        "if (found == nullptr || time > EndOf(SessionOf(found))) {",
        "if (found == nullptr || time >= EndOf(SessionOf(found))) {")]),
    ("merged_session_stays_in_the_result", [(
        "executor/session_aggregate.cc",
        "if (other.before != nullptr) ended_.push_back(other.before);",
        "")]),
    ("merged_session_loses_its_rows", [(
        "executor/session_aggregate.cc",
        "call.kernel.merge(std::span(&into, 1), std::span(&source, 1), call.offset, heap_.get());",
        "static_cast<void>(source);")]),
    ("old_rows_are_late_at_once", [(
        "executor/session_aggregate.cc",
        "    if (TouchesSession(row, 0)) {",
        "    if (time.before == kMinWatermark && TouchesSession(row, 0)) {")]),
    ("restored_sessions_are_in_no_list", [(
        "executor/session_aggregate.cc",
        "session.next = std::exchange(*link, row);",
        "session.next = nullptr;")]),
    ("session_restored_as_given", [(
        "executor/session_aggregate.cc",
        "session.fired = value[0] != 0;",
        "session.fired = true;")]),
    ("session_rows_are_not_moved", [(
        "executor/assign_sessions.cc",
        "given.start != session.start || given.end != session.end",
        "given.end != session.end")]),
    ("removed_session_rows_stay", [(
        "executor/assign_sessions.cc",
        "if (given.count > 0) Push(change.row, given.start, given.end, -given.count);",
        "")]),
    ("sessions_close_a_gap_early", [(
        "executor/assign_sessions.cc",
        "return SaturatingAdd(end - kMicrosPerMilli, options_.plan.late_after);",
        "return SaturatingAdd(end - options_.plan.size, options_.plan.late_after);")]),
    ("sessions_filtered_first", [(
        "planner/rewrite_push_filters.cc",
        "if (windows.kind != AssignWindows::Kind::kSession) {",
        "if (true) {")]),
    ("clock_windows_close_a_millisecond_early", [(
        "executor/dataflow.cc",
        "const int64_t passed = FloorTo(now_, kMicrosPerMilli, 0) - kMicrosPerMilli;",
        "const int64_t passed = FloorTo(now_, kMicrosPerMilli, 0);")]),
    ("double_hour_closes_at_its_first_end", [(
        "executor/windows.cc",
        "return second > first && LocalMicros(second, zone) == local ? second : first;",
        "return first;")]),

    # Expressions.
    ("division_by_zero_is_zero", [(
        "functions/arithmetic.cc",
        "      if (b == 0) return Checked<T>{0, \"division by zero\"};\n      if (b == -1) {",
        "      if (b == 0) return Checked<T>{0};\n      if (b == -1) {")]),
    ("nulls_sort_high", [(
        "planner/bind_query.cc",
        "item.nulls_first.value_or(!item.descending)",
        "item.nulls_first.value_or(item.descending)")]),

    # Joins by time.
    ("interval_bound_off_by_one", [(
        "planner/time_bounds.cc",
        "op == \">\" ? at + 1 : at",
        "at")]),
    ("interval_bounds_turned", [(
        "planner/time_bounds.cc",
        "turned ? Reversed(op) : op",
        "op")]),
    ("interval_rows_go_early", [(
        "executor/interval_join.cc",
        "const int64_t last = Plus(times_[i], side.last);",
        "const int64_t last = Plus(times_[i], side.first);")]),
    ("interval_outer_rows_in_spite_of_partners", [(
        "executor/interval_join.cc",
        "    if (row.state & kMatched) continue;\n",
        "")]),
    ("interval_partners_forgotten_at_restart", [(
        "executor/interval_join.cc",
        "if (side.rows->counted() && side.rows->count(ref) > 0) side.rows->row(ref).state |= kMatched;",
        "")]),
    ("interval_rows_kept_for_ever_after_restart", [(
        "executor/interval_join.cc",
        "      side.queue.Add(Plus(side.rows->time_of(ref), side.last), ref);\n",
        "")]),
    ("interval_watermark_not_held", [(
        "executor/build_interval_join.cc",
        "  flow_.nodes_[at].hold = IntervalJoinOperator::Hold(op);\n",
        "")]),
    ("interval_late_rows_as_outer_ones", [(
        "executor/interval_join.cc",
        "if (side.decides_late && std::max(last, side.rows",
        "if (false && std::max(last, side.rows")]),
    ("window_join_takes_late_rows", [(
        "executor/join_window.cc",
        "  DropLateRows(rule, sides_[s].schema, time, context_, batch);\n",
        "  (void)time, (void)batch, (void)rule;\n")]),
    ("window_join_keeps_windows", [(
        "executor/join_window.cc",
        "if (it->first - kMicrosPerMilli > time.watermark) break;",
        "break;")]),
    ("temporal_versions_from_behind_their_time", [(
        "state/keyed_rows.h",
        "const bool in_reach = time(ref) <= until;",
        "const bool in_reach = time(ref) < until;")]),
    ("temporal_last_version_dropped", [(
        "executor/temporal_join.cc",
        "if (ref != last || ends) gone.push_back(ref);",
        "gone.push_back(ref);")]),
    ("temporal_deletions_ignored", [(
        "executor/temporal_join.cc",
        "if (net < 0 && rows.row(lost).weight <= 0)",
        "if (net > 9 && rows.row(lost).weight <= 0)")]),
    ("temporal_replaced_version_is_valid_again", [(
        "executor/temporal_join.cc",
        "if (rows.row(other).weight <= 0) Mark(other, kReplaced);",
        "if (rows.row(other).weight < 0) Mark(other, kReplaced);")]),
    ("temporal_late_rows_taken", [(
        "executor/temporal_join.cc",
        "if (port == 0) DropLate(time, &batch);",
        "")]),
    ("temporal_rows_do_not_wait", [(
        "executor/temporal_join.cc",
        "left_.queue.TakeUntil(time.watermark, &passed_);",
        "left_.queue.TakeUntil(kMaxWatermark, &passed_);")]),
    # MATCH_RECOGNIZE.
    ("match_greedy_is_reluctant", [(
        "executor/match_pattern.cc",
        "if (may_take && !v.reluctant) Add(variable, out);\n  if (may_pass",
        "if (may_pass")]),
    ("match_one_row_too_many", [(
        "executor/match_pattern.cc",
        "counts_[variable] < v.max;",
        "counts_[variable] <= v.max;")]),
    ("match_within_excludes_its_end", [(
        "executor/match.cc",
        "return options_.plan.within && time > Expiry(attempt);",
        "return options_.plan.within && time >= Expiry(attempt);")]),
    ("match_waits_for_ever", [(
        "executor/match.cc",
        "if (attempt->start < attempt->fed) due = std::min(due, Expiry(*attempt));",
        "")]),
    ("match_skips_a_row_more", [(
        "executor/match.cc",
        "if (plan.skip == MatchRecognize::Skip::kToLast) rows += counts[plan.skip_to] - 1;",
        "if (plan.skip == MatchRecognize::Skip::kToLast) rows += counts[plan.skip_to];")]),
    ("match_takes_late_rows", [(
        "executor/match.cc",
        "    DropLate(time, &batch);\n",
        "")]),
    ("match_forgets_open_matches_at_restart", [(
        "executor/match.cc",
        "table_.Restore(options_.id, store, partition, partitions);\n  restored_ = true;",
        "table_.Restore(options_.id, store, partition, partitions);")]),
    ("match_keeps_matched_rows", [(
        "executor/match.cc",
        "for (char* row : rows) table_.Drop(partition, row);",
        "")]),
    ("match_equal_rows_are_one", [(
        "executor/match.cc",
        "mutable_data<int64_t>()[i] = number_++;",
        "mutable_data<int64_t>()[i] = number_;")]),
    ("match_always_memoryless", [(
        "executor/match.cc",
        "memoryless = memoryless && SeesOneRow(",
        "memoryless = memoryless || SeesOneRow(")]),
    ("match_numbers_come_again_after_restart", [(
        "executor/match.cc",
        "NumberIn(key.substr(key.size() - kNumberBytes)) + 1);",
        "NumberIn(key.substr(key.size() - kNumberBytes)));")]),
    ("match_expires_a_microsecond_late", [(
        "executor/match.cc",
        "passed < Expiry(*attempt)) return false;",
        "passed <= Expiry(*attempt)) return false;")]),
    ("match_last_counts_from_the_first", [(
        "executor/match_values.cc",
        "return slot.first ? rows.begin + offset : rows.end - 1 - offset;",
        "return rows.begin + offset;")]),
    ("match_rowtime_not_held", [(
        "executor/build_match.cc",
        "op.proctime ? 0 : HoldOf(op).value_or(0)",
        "0")]),
    # Change formats.
    ("changes_never_go", [(
        "connectors/change_decoder.cc",
        "batch.weights.push_back(row.old ? -1 : 1);",
        "batch.weights.push_back(1);")]),
    ("old_nulls_always_unchanged", [(
        "connectors/change_decoder.cc",
        "!old_rows.field(c).IsNull(change.goes) || Names(change, fields_[c].name);",
        "!old_rows.field(c).IsNull(change.goes);")]),
    ("old_nulls_always_values", [(
        "connectors/change_decoder.cc",
        "if (change.names == kNone) return false;",
        "return true;")]),
    ("changes_of_other_tables_taken", [(
        "connectors/change_decoder.cc",
        "if (name.IsNull(i) || !pattern.Matches(Text(name, i))) return true;",
        "if (name.IsNull(i)) return true;")]),
    ("pull_queries_read_every_change", [(
        "executor/net.cc",
        "for (int64_t n = net.weight(i); n > 0; --n) rows.push_back(i);",
        "rows.push_back(i);")]),
    ("tables_of_changes_append_only", [(
        "planner/bind_table.cc",
        "relation_.changes = HasChangeFormat(*relation_.connector, relation_.options);",
        "relation_.changes = false;")]),
    # State in the store alone.
    ("cold_groups_not_fetched", [(
        "executor/aggregate.cc",
        "if (groups_.cold()) FetchGroups(keys);",
        "")]),
    ("cold_view_rows_not_shown", [(
        "executor/view.cc",
        "if (!cold) return ForEachInMemory(f);",
        "return ForEachInMemory(f);")]),
    ("cold_view_rows_not_read", [(
        "executor/materialize.cc",
        "if (parts_[p]->cold()) parts_[p]->ReadCold(pending_[p]);",
        "")]),
    ("rows_come_back_from_the_store", [(
        "state/group_table.cc",
        "if (cold() && (header(row).state & kStored)) cold_.Bury(key(row));",
        "")]),
]
