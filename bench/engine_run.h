// SQL through an engine of its own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "bench/measure.h"
#include "server/engine.h"

namespace millrace::bench {

std::string ReadFile(const std::filesystem::path& path);
// Every `name` in the text by `value`.
std::string Replace(std::string text, std::string_view name, const std::string& value);

// Runs `sql`, whose jobs read bounded sources, to their end, after `tables`.
Cost RunSql(const EngineOptions& options, const std::string& tables, const std::string& sql);

}  // namespace millrace::bench
