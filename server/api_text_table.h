// The writers of server/api_text.h that lay out columns.
#pragma once

#include <memory>
#include <string>

#include "server/api_text.h"

namespace millrace {

std::unique_ptr<TextWriter> MakeTableWriter(TextOptions options, std::string* out);
std::unique_ptr<TextWriter> MakeMarkdownWriter(TextOptions options, std::string* out);
std::unique_ptr<TextWriter> MakeVerticalWriter(TextOptions options, std::string* out);

}  // namespace millrace
