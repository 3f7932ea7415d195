// Columns that a table has in its directories' names, not in its files.
#pragma once

#include <memory>

#include "connectors/connector.h"

namespace millrace {

// The decoder that `make` gives for the columns in the files, with the PARTITIONED BY columns of
// filesystem tables put in from RecordBlock::partition.
std::unique_ptr<Decoder> WithPartitionColumns(
    const ConnectorContext& context, std::unique_ptr<Decoder> (*make)(const ConnectorContext&));

// The context without the PARTITIONED BY columns; `columns` keeps those that stay.
ConnectorContext WithoutPartitionColumns(const ConnectorContext& context);

bool IsPartitionColumn(const ConnectorContext& context, const std::string& name);

}  // namespace millrace
