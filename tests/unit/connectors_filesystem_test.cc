#define BOOST_TEST_MODULE connectors_filesystem
#include <zlib.h>
#include <zstd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "tests/unit/connectors_records.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using OptionTexts = std::map<std::string, std::string>;
using Texts = std::vector<std::string>;

struct Directory {
  Directory() {
    std::string name = (fs::temp_directory_path() / "millrace_XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Directory() { fs::remove_all(path); }
  void Put(const std::string& name, std::string_view text, bool append = false) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, append ? std::ios::app : std::ios::trunc) << text;
  }
  std::string Get(const std::string& name) const {
    std::ifstream in(path / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // All files below, hidden ones too.
  Texts Files() const {
    Texts files;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(fs::relative(entry, path).string());
    }
    std::ranges::sort(files);
    return files;
  }
  fs::path path;
};

ConnectorContext FileContext(const Directory& directory, OptionTexts options = {},
                             Schema schema = {{"line", TypeId::kString}}) {
  options.emplace("format", "raw");
  options.emplace("path", ".");
  ConnectorContext context = MakeContext(std::move(schema), options);
  context.base_directory = directory.path.string();
  return context;
}

std::unique_ptr<Source> Open(const ConnectorContext& context) {
  return FilesystemConnector().source(context);
}

void AppendRecords(const SourceBatch& batch, Texts* records) {
  if (!batch.block) return;
  for (const auto& [offset, size] : batch.block->records) {
    records->emplace_back(batch.block->data + offset, size);
  }
}

// Everything there is now, `max_rows` at a time; the positions behind each batch.
Texts ReadAll(Source* source, size_t max_rows = 1000, std::vector<SourcePosition>* positions = {}) {
  Texts records;
  for (;;) {
    const SourceBatch batch = source->Poll(0, max_rows);
    BOOST_TEST(batch.size() <= max_rows);
    AppendRecords(batch, &records);
    if (positions != nullptr && batch.size() > 0) positions->push_back(batch.next);
    if (batch.size() == 0) return records;
  }
}

Texts ReplayTo(Source* source, const SourcePosition& end, size_t max_rows) {
  Texts records;
  for (;;) {
    const SourceBatch batch = source->PollUntil(0, end, max_rows);
    AppendRecords(batch, &records);
    if (batch.next == end) return records;
  }
}

Texts Slice(const Texts& all, size_t begin, size_t end) {
  return {all.begin() + static_cast<ptrdiff_t>(begin), all.begin() + static_cast<ptrdiff_t>(end)};
}

void Check(const Texts& got, const Texts& wanted) {
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  BOOST_TEST(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  BOOST_TEST(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

BOOST_AUTO_TEST_CASE(ReadsFilesInTheOrderOfTheirNames) {
  Directory directory;
  directory.Put("b.txt", "b1\nb2");
  directory.Put("a.txt",
                "\xEF\xBB\xBF"
                "a1\r\na2\n");
  directory.Put("c/d.txt", "d1\n");
  directory.Put("empty.txt", "");
  directory.Put(".hidden", "x\n");
  directory.Put("_SUCCESS", "x\n");
  const auto source = Open(FileContext(directory));
  BOOST_TEST(source->bounded());
  BOOST_TEST(source->Partitions().size() == 1u);
  Check(ReadAll(source.get()), {"a1", "a2", "b1", "b2", "d1"});
  const SourceBatch end = source->Poll(0, 10);
  BOOST_TEST(end.end);
  BOOST_TEST(end.next == "3:1:c/d.txt");
}

BOOST_AUTO_TEST_CASE(OneFileAndPattern) {
  Directory directory;
  directory.Put("a.csv", "a\n");
  directory.Put("b.txt", "b\n");
  Check(ReadAll(Open(FileContext(directory, {{"path", "b.txt"}})).get()), {"b"});
  Check(ReadAll(Open(FileContext(directory, {{"source.path.regex-pattern", ".*\\.csv"}})).get()),
        {"a"});
  BOOST_CHECK_THROW(ReadAll(Open(FileContext(directory, {{"path", "nosuch"}})).get()), Error);
}

BOOST_AUTO_TEST_CASE(SeekAndReplayAtEveryRecord) {
  Directory directory;
  directory.Put("a.csv", "h\n1,\"x\ny\"\n2,b\n\n");
  directory.Put("b.csv", "h\n");
  directory.Put("c%\n.csv", "h\n3,c\n4,\"d\"");
  directory.Put("d.csv.gz", Gzip("h\n5,e\n6,f\n"));
  directory.Put("e.csv.zst", Zstd("h\n7,g\n8,h"));
  const ConnectorContext context =
      FileContext(directory, {{"format", "csv"}, {"csv.header", "true"}});
  std::vector<SourcePosition> positions = {""};
  const Texts all = ReadAll(Open(context).get(), 1, &positions);
  Check(all, {"1,\"x\ny\"", "2,b", "", "3,c", "4,\"d\"", "5,e", "6,f", "7,g", "8,h"});
  for (size_t begin = 0; begin < positions.size(); ++begin) {
    auto source = Open(context);
    source->Seek(0, positions[begin]);
    Check(ReadAll(source.get()), Slice(all, begin, all.size()));
    for (size_t end = begin; end < positions.size(); ++end) {
      for (size_t max_rows : {1, 100}) {
        source = Open(context);
        source->Seek(0, positions[begin]);
        Check(ReplayTo(source.get(), positions[end], max_rows), Slice(all, begin, end));
        Check(ReadAll(source.get(), max_rows), Slice(all, end, all.size()));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(LinesAndHeadersGoWithBlocks) {
  Directory directory;
  directory.Put("a.csv", "k,v\n1,\"x\ny\"\n2,b\n3,c\n");
  const auto source = Open(FileContext(directory, {{"format", "csv"}, {"csv.header", "true"}}));
  SourceBatch batch = source->Poll(0, 2);
  BOOST_TEST(*batch.block->header == "k,v");
  BOOST_TEST(*batch.block->origin == "a.csv");
  BOOST_TEST(batch.block->PositionOf(0) == 2u);
  BOOST_TEST(batch.block->PositionOf(1) == 4u);
  batch = source->Poll(0, 2);
  BOOST_TEST(batch.block->PositionOf(0) == 5u);
  BOOST_TEST(batch.block->data[batch.block->records[0].first + 3 + 64] == '\0');
}

BOOST_AUTO_TEST_CASE(LargeFilesAndLongRecords) {
  Directory directory;
  std::string text;
  Texts wanted;
  std::mt19937 random(7);
  for (int i = 0; i < 60'000; ++i) {
    wanted.push_back(std::to_string(i) + std::string(random() % 60, 'x'));
    if (i % 20'000 == 0) wanted.back() += std::string(3 << 20, 'y');
    text += wanted.back() + "\n";
  }
  directory.Put("a.txt", text);
  directory.Put("b.txt.gz", Gzip(text) + Gzip("second member\n"));
  directory.Put("c.txt.zst", Zstd(text) + Zstd("second frame\n"));
  const auto source = Open(FileContext(directory));
  std::vector<SourcePosition> positions;
  const Texts all = ReadAll(source.get(), 777, &positions);
  BOOST_TEST_REQUIRE(all.size() == 3 * wanted.size() + 2);
  BOOST_TEST(std::equal(wanted.begin(), wanted.end(), all.begin()));
  BOOST_TEST(std::equal(wanted.begin(), wanted.end(), all.begin() + 60'000));
  BOOST_TEST(std::equal(wanted.begin(), wanted.end(), all.begin() + 120'001));
  BOOST_TEST(all[120'000] == "second member");
  BOOST_TEST(all.back() == "second frame");
  for (size_t i : {size_t{3}, positions.size() / 2, positions.size() - 3}) {
    const auto again = Open(FileContext(directory));
    again->Seek(0, positions[i]);
    const Texts rest = ReadAll(again.get());
    BOOST_TEST((rest == Slice(all, all.size() - rest.size(), all.size())));
    BOOST_TEST(rest.size() > 0u);
  }
}

// A step of a bounded source ends behind a batch, so a restarted run must see the same batches.
BOOST_AUTO_TEST_CASE(BatchesAreTheSameAfterARestart) {
  Directory directory;
  std::string text;
  std::mt19937 random(11);
  for (int i = 0; i < 80'000; ++i) {
    text += std::string(random() % 90, 'x') + "\n";
    if (i == 30'000) text += std::string(5 << 20, 'y') + "\n";
  }
  directory.Put("a.txt", "\xEF\xBB\xBF" + text);
  directory.Put("b.txt.gz", Gzip(text));
  const auto sizes_from = [&](const SourcePosition& position, std::vector<SourcePosition>* behind) {
    const auto source = Open(FileContext(directory));
    if (!position.empty()) source->Seek(0, position);
    std::vector<size_t> sizes;
    for (;;) {
      const SourceBatch batch = source->Poll(0, 4096);
      if (batch.size() == 0) return sizes;
      sizes.push_back(batch.size());
      if (behind != nullptr) behind->push_back(batch.next);
    }
  };
  std::vector<SourcePosition> behind;
  const std::vector<size_t> sizes = sizes_from("", &behind);
  BOOST_TEST_REQUIRE(sizes.size() > 40u);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const std::vector<size_t> rest(sizes.begin() + static_cast<ptrdiff_t>(i) + 1, sizes.end());
    BOOST_TEST(sizes_from(behind[i], nullptr) == rest, boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(BrokenCompressedFilesAreErrors) {
  Directory directory;
  const std::string whole = Gzip("one\ntwo\n");
  directory.Put("a.gz", whole.substr(0, whole.size() - 9));
  BOOST_CHECK_THROW(ReadAll(Open(FileContext(directory)).get()), Error);
  directory.Put("a.gz", "not gzip at all");
  BOOST_CHECK_THROW(ReadAll(Open(FileContext(directory)).get()), Error);
}

// Polls until `count` records are there or five seconds are over.
Texts Await(Source* source, size_t count, std::vector<SourcePosition>* positions = {}) {
  Texts records;
  for (int i = 0; i < 500 && records.size() < count; ++i) {
    const SourceBatch batch = source->Poll(0, 100);
    AppendRecords(batch, &records);
    if (positions != nullptr && batch.size() > 0) positions->push_back(batch.next);
    if (batch.size() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    BOOST_TEST(!batch.end);
  }
  return records;
}

BOOST_AUTO_TEST_CASE(FollowsNewFilesAndGrowth) {
  Directory directory;
  directory.Put("b.txt", "b1\nb2\npart");
  const ConnectorContext context = FileContext(directory, {{"source.monitor-interval", "5 ms"}});
  const auto source = Open(context);
  BOOST_TEST(!source->bounded());
  std::atomic<int> calls = 0;
  source->OnReady([&] { ++calls; });
  std::vector<SourcePosition> positions = {""};
  Texts all = Await(source.get(), 2, &positions);
  Check(all, {"b1", "b2"});
  directory.Put("b.txt", "ial\nb4\n", true);
  Check(Await(source.get(), 2, &positions), {"partial", "b4"});
  directory.Put("a.txt", "a1\n");
  Check(Await(source.get(), 1, &positions), {"a1"});
  directory.Put("b.txt", "b5\n", true);
  directory.Put("c.txt.gz", Gzip("c1\nc2"));
  Check(Await(source.get(), 3, &positions), {"b5", "c1", "c2"});
  fs::remove(directory.path / "b.txt");
  directory.Put("a.txt", "a2\n", true);
  Check(Await(source.get(), 1, &positions), {"a2"});
  BOOST_TEST(calls > 0);
  BOOST_TEST(positions.back() == "20:5:b.txt\n5:2:c.txt.gz\n6:2:a.txt");

  const auto again = Open(context);
  again->Seek(0, positions.back());
  BOOST_TEST(ReadAll(again.get()).empty());
  directory.Put("a.txt", "a3\n", true);
  again->Seek(0, positions.back());
  Check(ReadAll(again.get()), {"a3"});
}

BOOST_AUTO_TEST_CASE(ReplayOfAWatchedDirectory) {
  Directory directory;
  const ConnectorContext context = FileContext(directory, {{"source.monitor-interval", "1 ms"}});
  const auto source = Open(context);
  source->OnReady([] {});
  std::vector<SourcePosition> positions = {""};
  std::vector<size_t> counts = {0};
  Texts all;
  std::mt19937 random(11);
  for (int step = 0; step < 12; ++step) {
    size_t added = 0;
    for (int n = 0; n < 3; ++n) {
      const std::string name(1, static_cast<char>('a' + random() % 5));
      for (size_t k = random() % 3 + 1; k > 0; --k, ++added) {
        directory.Put(name, name + std::to_string(step) + std::to_string(n) + "\n", true);
      }
    }
    std::vector<SourcePosition> step_positions;
    const Texts records = Await(source.get(), added, &step_positions);
    BOOST_TEST_REQUIRE(records.size() == added);
    all.insert(all.end(), records.begin(), records.end());
    positions.push_back(step_positions.back());
    counts.push_back(all.size());
  }
  for (size_t begin = 0; begin < positions.size(); ++begin) {
    const auto again = Open(context);
    again->Seek(0, positions[begin]);
    for (size_t i = begin + 1; i < positions.size(); ++i) {
      Check(ReplayTo(again.get(), positions[i], 1 + i % 3), Slice(all, counts[i - 1], counts[i]));
    }
    BOOST_TEST(ReadAll(again.get()).empty());
  }
}

BOOST_AUTO_TEST_CASE(MetadataAndPartitionColumns) {
  Directory directory;
  directory.Put("day=2026-03-01/kind=a%2Fb/x.csv", "1\n2\n");
  directory.Put("day=__DEFAULT_PARTITION__/kind=c/y.csv", "3\n");
  directory.Put("day=never/kind=c/z.csv", "4\n");
  ConnectorContext context =
      FileContext(directory, {{"format", "csv"}},
                  {{"day", TypeId::kDate}, {"n", TypeId::kInteger}, {"kind", TypeId::kString}});
  context.partitioned_by = {"day", "kind"};
  context.metadata = {"file.name", "file.path", "file.size", "file.modification-time"};
  const auto source = Open(context);
  const auto decoder = CsvFormat().decoder(context);
  Texts rows;
  std::string rejected;
  for (;;) {
    const SourceBatch batch = source->Poll(0, 100);
    if (!batch.block) break;
    BOOST_TEST(batch.block->metadata.size() == 4u);
    const std::string name(batch.block->metadata[0].at<StringRef>(0).view());
    BOOST_TEST(batch.block->metadata[1].at<StringRef>(0).view() ==
               directory.path.string() + "/" + *batch.block->origin);
    BOOST_TEST(batch.block->metadata[2].at<int64_t>(0) == (name == "x.csv" ? 4 : 2));
    BOOST_TEST(batch.block->metadata[3].at<TimestampLtz>(0).micros > 1'600'000'000'000'000);
    const Decoded decoded = DecodeBlock(context, decoder.get(), *batch.block);
    for (const std::string& row : Show(decoded, context)) rows.push_back(name + "|" + row);
    if (!decoded.rejects.empty()) rejected = decoded.reason();
  }
  Check(rows, {"x.csv|2026-03-01|1|a/b", "x.csv|2026-03-01|2|a/b", "y.csv|NULL|3|c"});
  BOOST_TEST(rejected == "partition column day: cannot read 'never' as DATE");
}

// --- The sink.

Batch MakeBatch(const ConnectorContext& context, const std::vector<Values>& rows) {
  Batch batch;
  batch.size = rows.size();
  for (size_t c = 0; c < context.schema.size(); ++c) {
    auto heap = std::make_shared<Arena>();
    const Type& type = context.schema[c].type;
    Column column(type.id, rows.size());
    for (size_t i = 0; i < rows.size(); ++i) SetValue(rows[i][c], type, &column, i, heap.get());
    column.KeepAlive(heap);
    batch.columns.push_back(std::move(column));
  }
  return batch;
}

Schema SinkSchema() { return {{"id", TypeId::kInteger}, {"kind", TypeId::kString}}; }

std::unique_ptr<Sink> OpenSink(const ConnectorContext& context) {
  return FilesystemConnector().sink(context);
}

// The visible files' lines.
Texts Lines(const ConnectorContext& context) {
  ConnectorContext raw = context;
  raw.options["format"].value = "raw";
  Texts lines = ReadAll(Open(raw).get());
  std::ranges::sort(lines);
  return lines;
}

BOOST_AUTO_TEST_CASE(SinkShowsFilesWhenComplete) {
  Directory directory;
  const ConnectorContext context = FileContext(directory, {{"format", "csv"}}, SinkSchema());
  const auto sink = OpenSink(context);
  Batch batch = MakeBatch(context, {{{int64_t{1}}, {std::string("a,b")}}, {{int64_t{2}}, {}}});
  batch.weights = {2, 1};
  sink->Write(batch);
  sink->PreCommit(1);
  sink->Commit(1);
  BOOST_TEST(Lines(context).empty());
  BOOST_TEST(directory.Files().size() == 1u);
  BOOST_TEST(directory.Files()[0].ends_with(".csv.inprogress"));
  sink->Close();
  Check(Lines(context), {"1,\"a,b\"", "1,\"a,b\"", "2,"});
  BOOST_TEST(directory.Files()[0].starts_with("part-"));
}

BOOST_AUTO_TEST_CASE(SinkRollsBySizeAndPublishesOnCommit) {
  Directory directory;
  const ConnectorContext context = FileContext(
      directory, {{"format", "json"}, {"sink.rolling-policy.file-size", "20 b"}}, SinkSchema());
  const auto sink = OpenSink(context);
  sink->Write(MakeBatch(context, {{{int64_t{1}}, {std::string("x")}}}));
  sink->PreCommit(1);
  sink->Write(MakeBatch(context, {{{int64_t{2}}, {std::string("y")}}}));
  sink->Commit(1);
  Check(Lines(context), {"{\"id\":1,\"kind\":\"x\"}"});
  sink->PreCommit(2);
  sink->Commit(2);
  BOOST_TEST(Lines(context).size() == 2u);
}

BOOST_AUTO_TEST_CASE(SinkRestoresToItsPosition) {
  for (const bool closed : {false, true}) {
    Directory directory;
    ConnectorContext context = FileContext(
        directory,
        {{"format", "csv"}, {"csv.header", "true"}, {"sink.rolling-policy.file-size", "40 b"}},
        SinkSchema());
    context.partitioned_by = {"kind"};
    const auto write = [&](Sink* sink, int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i) {
        sink->Write(MakeBatch(context, {{{i}, {std::string(i % 2 == 0 ? "even/4" : "odd")}}}));
      }
    };
    std::string position;
    {
      const auto sink = OpenSink(context);
      write(sink.get(), 100, 150);
      position = sink->PreCommit(1);
      sink->Commit(1);
      write(sink.get(), 150, 190);
      if (closed) {
        sink->Close();
      } else {
        sink->PreCommit(2);  // Crash before it counts.
      }
    }
    const auto sink = OpenSink(context);
    sink->Restore(position);
    write(sink.get(), 150, 200);
    sink->Close();
    Texts wanted;
    for (int i = 100; i < 200; ++i) wanted.push_back(std::to_string(i));
    context.options["source.path.regex-pattern"].value = ".*csv";
    ConnectorContext files = context;
    const auto source = Open(files);
    Texts got = ReadAll(source.get());
    std::ranges::sort(got);
    Check(got, wanted);
    for (const std::string& file : directory.Files()) {
      BOOST_TEST((file.starts_with("kind=odd/part-") || file.starts_with("kind=even%2F4/part-")),
                 file);
      BOOST_TEST(directory.Get(file).starts_with("id\n"));
    }
  }
}

BOOST_AUTO_TEST_CASE(SinkMarksCompletePartitions) {
  Directory directory;
  ConnectorContext context =
      FileContext(directory,
                  {{"format", "csv"},
                   {"sink.rolling-policy.file-size", "1 b"},
                   {"sink.partition-commit.policy.kind", "success-file"}},
                  SinkSchema());
  context.partitioned_by = {"kind"};
  const auto write = [&](Sink* sink, int64_t id, const char* kind) {
    sink->Write(MakeBatch(context, {{{id}, {std::string(kind)}}}));
  };
  const auto marks = [&] {
    Texts marked;
    for (const std::string& file : directory.Files()) {
      if (file.ends_with("_SUCCESS")) marked.push_back(file);
    }
    return marked;
  };
  std::string position;
  {
    const auto sink = OpenSink(context);
    write(sink.get(), 1, "a");
    position = sink->PreCommit(1);
    write(sink.get(), 2, "b");
    Check(marks(), {});
    sink->Commit(1);
    // b has a file that no checkpoint covers.
    Check(marks(), {"kind=a/_SUCCESS"});
    fs::remove(directory.path / "kind=a/_SUCCESS");
  }
  // The crash was before the mark was written.
  context.options["sink.partition-commit.delay"].value = "1 h";
  {
    const auto sink = OpenSink(context);
    sink->Restore(position);
    sink->PreCommit(2);
    sink->Commit(2);
    Check(marks(), {});
    position = sink->PreCommit(3);
  }
  context.options["sink.partition-commit.delay"].value = "0 s";
  context.options["sink.partition-commit.success-file.name"].value = "done_SUCCESS";
  const auto sink = OpenSink(context);
  sink->Restore(position);
  sink->Commit(3);
  Check(marks(), {"kind=a/done_SUCCESS"});
  write(sink.get(), 3, "c");
  sink->Close();
  Check(marks(), {"kind=a/done_SUCCESS", "kind=c/done_SUCCESS"});
}

BOOST_AUTO_TEST_CASE(SinksShareADirectory) {
  Directory directory;
  const ConnectorContext context = FileContext(directory, {{"format", "csv"}}, SinkSchema());
  const auto a = OpenSink(context), b = OpenSink(context);
  a->Write(MakeBatch(context, {{{int64_t{1}}, {}}}));
  const std::string position = a->PreCommit(1);
  b->Write(MakeBatch(context, {{{int64_t{2}}, {}}}));
  b->Close();
  OpenSink(context)->Restore(position);
  Check(Lines(context), {"2,"});
  a->Close();
  Check(Lines(context), {"1,", "2,"});
}

}  // namespace
}  // namespace millrace
