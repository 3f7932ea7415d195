// The environment through which LevelDB reads its files.
#pragma once

#include <leveldb/env.h>

#include <memory>

namespace millrace {

// As the system's, but tables are read, not mapped: mapped pages would count as memory of the
// process for as long as a table is open, however little of it is asked for.
std::unique_ptr<leveldb::Env> MakeReadEnv();

}  // namespace millrace
