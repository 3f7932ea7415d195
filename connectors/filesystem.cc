// The filesystem connector's definition: options, metadata, checks.
#include <filesystem>

#include "connectors/builtin.h"
#include "connectors/filesystem_files.h"
#include "connectors/name_pattern.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using Kind = OptionDef::Kind;

std::vector<OptionDef> FilesystemOptions() {
  return {
      {"path", Kind::kString, "", "File or directory; relative to the server's directory.", true},
      {"source.monitor-interval", Kind::kDuration, "",
       "How often to look for new files and growth; without it the source ends."},
      {"source.path.regex-pattern", Kind::kString, "",
       "Only files whose absolute path matches are read."},
      {"partition.default-name", Kind::kString, "__DEFAULT_PARTITION__",
       "The directory value that stands for NULL."},
      {"sink.rolling-policy.file-size", Kind::kSize, "128MB", "Begins a new file at this size."},
      {"sink.rolling-policy.rollover-interval", Kind::kDuration, "30 min",
       "Begins a new file at this age."},
      Ignored("sink.rolling-policy.check-interval"),
      Ignored("sink.rolling-policy.inactivity-interval"),
      Ignored("sink.shuffle-by-partition.enable"),
      {"sink.partition-commit.trigger", Kind::kString, "process-time",
       "By which time a partition is complete.", false, {"process-time", "partition-time"}},
      {"sink.partition-commit.delay", Kind::kDuration, "0 s",
       "How long after its first file a partition is complete."},
      Ignored("sink.partition-commit.watermark-time-zone"),
      {"sink.partition-commit.policy.kind", Kind::kString, "",
       "success-file: a complete partition gets an empty file that says so."},
      Ignored("sink.partition-commit.policy.class"),
      {"sink.partition-commit.success-file.name", Kind::kString, "_SUCCESS", "Its name."},
      Ignored("partition.time-extractor.kind"),
      Ignored("partition.time-extractor.class"),
      Ignored("partition.time-extractor.timestamp-pattern"),
      Ignored("partition.time-extractor.timestamp-formatter"),
      Ignored("auto-compaction"),
      Ignored("compaction.file-size"),
      Ignored("source.report-statistics"),
  };
}

// The sibling of a path that does not exist which was probably meant.
std::string SiblingHint(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path.parent_path(), error); !error && it != fs::end(it);
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  if (!fs::exists(path.parent_path(), error)) {
    return "there is no directory " + path.parent_path().string() + " either";
  }
  return DidYouMean(path.filename().string(), candidates);
}

void CheckPartitionCommit(const ConnectorContext& context) {
  const Option* kind = FindOption(context.options, "sink.partition-commit.policy.kind");
  const Option* trigger = FindOption(context.options, "sink.partition-commit.trigger");
  const Option* name = FindOption(context.options, "sink.partition-commit.success-file.name");
  if (kind != nullptr && kind->value != "success-file") {
    throw Error(ErrorCode::kUnsupportedFeature,
                "option 'sink.partition-commit.policy.kind': only success-file is supported",
                kind->value_range);
  }
  if (kind != nullptr && context.partitioned_by.empty()) {
    throw Error(ErrorCode::kInvalidOption, "a table without PARTITIONED BY has no partitions",
                kind->key_range);
  }
  if (trigger != nullptr && trigger->value == "partition-time") {
    throw Error(ErrorCode::kUnsupportedFeature,
                "option 'sink.partition-commit.trigger': partition-time is not supported yet",
                trigger->value_range);
  }
  const bool plain = name == nullptr || (!name->value.empty() &&
                                         name->value.find('/') == std::string::npos);
  if (!plain) {
    throw Error(ErrorCode::kInvalidOption, "'" + name->value + "' is no name of a file",
                name->value_range);
  }
}

void ValidateFilesystem(const ConnectorContext& context, bool as_sink) {
  const Option* option = FindOption(context.options, "path");
  if (option == nullptr) return;  // ValidateOptions has its say.
  if (as_sink) CheckPartitionCommit(context);
  const fs::path path = ResolvePath(context.base_directory, option->value);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (as_sink && fs::exists(status) && !fs::is_directory(status)) {
    throw Error(
        ErrorCode::kInvalidOption,
        "option 'path': a sink writes into a directory, but '" + option->value + "' is a file",
        option->value_range);
  }
  if (!as_sink && !fs::exists(status)) {
    throw Error(ErrorCode::kInvalidOption,
                "option 'path': no such file or directory: '" + path.string() + "'",
                option->value_range, SiblingHint(path));
  }
  if (const Option* pattern = FindOption(context.options, "source.path.regex-pattern")) {
    NamePattern{"source.path.regex-pattern", *pattern};
  }
}

bool IsBounded(const Options& options) {
  return FindOption(options, "source.monitor-interval") == nullptr;
}

ConnectorDef MakeDef() {
  ConnectorDef def;
  def.name = "filesystem";
  def.options = FilesystemOptions();
  def.metadata = {{"file.path", Type(TypeId::kString, false)},
                  {"file.name", Type(TypeId::kString, false)},
                  {"file.size", Type(TypeId::kBigInt, false)},
                  {"file.modification-time", Type::MakeTimestampLtz(3).AsNullable(false)}};
  def.needs_format = true;
  def.source = MakeFilesystemSource;
  def.sink = MakeFilesystemSink;
  def.bounded = IsBounded;
  def.validate = ValidateFilesystem;
  return def;
}

}  // namespace

const ConnectorDef& FilesystemConnector() {
  static const ConnectorDef def = MakeDef();
  return def;
}

}  // namespace millrace
