#include "common/ml_node.h"

#include <cstdlib>

#include "common/precision.h"
#include "common/program.h"
#include "gonka/engine/exact.h"
#include "gonka/host/log.h"
#include "gonka/host/system.h"
#include "gonka/model/manifest.h"
#include "gonka/net/ml_server.h"
#ifdef GONKA_WITH_TORCH
#include "gonka/engine/torch.h"
#endif

namespace gonka::apps {
namespace {

// What the kernels run on: "avx512", or nothing that we know.
std::string Machine(const MlNodeOptions& options) {
  return options.kernels == "exact" ? engine::InstructionSets().front() : options.kernels;
}

absl::Status Serve(const MlNodeOptions& options, const MakeEngine& make_engine,
                   UntilSignal& signal) {
  const auto listen = ParseListen(options.listen);
  if (!listen) {
    return absl::InvalidArgumentError(
        fmt::format("--listen must be address:port, is '{}'", options.listen));
  }
  GONKA_ASSIGN_OR_RETURN(const LogLevel level, host::ParseLogLevel(options.log_level));
  GONKA_ASSIGN_OR_RETURN(const auto log,
                         host::OpenLog({.level = level, .file = "", .name = "mlnode"}));
  engine::LocalOptions local{.threads = options.threads,
                             .context_max = options.context_max,
                             .kv_bytes_max = options.kv_megabytes << 20,
                             .running_max = options.running_max};
  GONKA_ASSIGN_OR_RETURN(local.precision, ParsePrecision(options.precision));
  GONKA_ASSIGN_OR_RETURN(auto checkpoint, model::Checkpoint::Open(options.model));
  GONKA_ASSIGN_OR_RETURN(
      local.manifest,
      model::ManifestHash(
          *checkpoint, {.threads = options.threads, .cache_directory = options.cache_directory}));
  GONKA_ASSIGN_OR_RETURN(const auto engine, make_engine(std::move(checkpoint), local));
  http::Server server({.address = listen->first, .port = listen->second});
  net::ServeEngine(server, *engine);
  GONKA_RETURN_IF_ERROR(server.Start());
  const engine::EngineInfo info = engine->Info();
  log->Write(
      LogLevel::kInfo,
      fmt::format("listening on {}:{}, serving {} (manifest {}, {} on {}, {})", listen->first,
                  server.port(), info.model, ShortHex(info.manifest), info.kernel_class,
                  Machine(options),
                  options.threads == 1 ? "1 thread" : fmt::format("{} threads", options.threads)));
  signal.Wait();
  log->Write(LogLevel::kInfo, "stopping");
  server.Stop();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<engine::Engine>> MakeLocalEngine(
    const MlNodeOptions& options, std::shared_ptr<const model::Checkpoint> checkpoint,
    const engine::LocalOptions& local) {
  if (options.kernels == "exact") return engine::MakeExactEngine(std::move(checkpoint), local);
#ifdef GONKA_WITH_TORCH
  if (options.kernels == "torch") return engine::MakeTorchEngine(std::move(checkpoint), local);
#endif
  return absl::InvalidArgumentError(
      fmt::format("this program has no kernels '{}'", options.kernels));
}

int RunMlNode(const MlNodeOptions& options, const MakeEngine& make_engine) {
  UntilSignal signal;
  const absl::Status status = Serve(options, make_engine, signal);
  return status.ok() ? EXIT_SUCCESS : Fail(status);
}

}  // namespace gonka::apps
