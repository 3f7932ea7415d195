// The sink that drops everything.
#include "connectors/builtin.h"

namespace millrace {
namespace {

class BlackholeSink : public Sink {
 public:
  void Write(const Batch&) override {}
};

std::unique_ptr<Sink> MakeBlackholeSink(const ConnectorContext&) {
  return std::make_unique<BlackholeSink>();
}

}  // namespace

const ConnectorDef& BlackholeConnector() {
  static const ConnectorDef def{
      .name = "blackhole", .append_only_sink = false, .sink = MakeBlackholeSink};
  return def;
}

}  // namespace millrace
