#include "common/ml_node.h"

#include <cstdlib>

#include "common/program.h"
#include "gonka/host/log.h"
#include "gonka/host/system.h"
#include "gonka/model/manifest.h"
#include "gonka/net/ml_server.h"

namespace gonka::apps {
namespace {

absl::StatusOr<engine::TorchOptions> TorchOptionsFrom(const MlNodeOptions& options) {
  engine::TorchOptions torch{.threads = options.threads,
                             .context_max = options.context_max,
                             .kv_bytes_max = options.kv_megabytes << 20,
                             .running_max = options.running_max};
  if (options.precision == "fp32") {
    torch.precision = engine::Precision::kFp32;
  } else if (options.precision != "bf16") {
    return absl::InvalidArgumentError(
        fmt::format("--precision must be fp32 or bf16, is '{}'", options.precision));
  }
  return torch;
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
  GONKA_ASSIGN_OR_RETURN(engine::TorchOptions torch, TorchOptionsFrom(options));
  GONKA_ASSIGN_OR_RETURN(auto checkpoint, model::Checkpoint::Open(options.model));
  GONKA_ASSIGN_OR_RETURN(
      torch.manifest,
      model::ManifestHash(
          *checkpoint, {.threads = options.threads, .cache_directory = options.cache_directory}));
  GONKA_ASSIGN_OR_RETURN(const auto engine, make_engine(std::move(checkpoint), torch));
  http::Server server({.address = listen->first, .port = listen->second});
  net::ServeEngine(server, *engine);
  GONKA_RETURN_IF_ERROR(server.Start());
  const engine::EngineInfo info = engine->Info();
  log->Write(LogLevel::kInfo,
             fmt::format("listening on {}:{}, serving {} (manifest {}, {})", listen->first,
                         server.port(), info.model, ShortHex(info.manifest), info.kernel_class));
  signal.Wait();
  log->Write(LogLevel::kInfo, "stopping");
  server.Stop();
  return absl::OkStatus();
}

}  // namespace

int RunMlNode(const MlNodeOptions& options, const MakeEngine& make_engine) {
  UntilSignal signal;
  const absl::Status status = Serve(options, make_engine, signal);
  return status.ok() ? EXIT_SUCCESS : Fail(status);
}

}  // namespace gonka::apps
