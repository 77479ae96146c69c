// gonka-devnet: a network of participants on this machine, and the story of a cheat that is caught.
// apps/devnet/run.sh installs, builds and starts it.

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "common/program.h"
#include "devnet/network.h"
#include "devnet/story.h"
#include "gonka/host/files.h"

namespace gonka::devnet {
namespace {

struct Flags {
  NetworkOptions network;
  StoryOptions story;
  std::string cheat = "int4";
  std::string report;
  bool exit = false;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.add_option("--programs", flags.network.programs, "folder of the node programs")->required();
  app.add_option("--data", flags.network.data, "folder for keys, ledgers and logs")->required();
  app.add_option("--model", flags.network.model, "checkpoint: a .gguf file")->required();
  app.add_option("--model-name", flags.network.model_name, "what clients call it")->required();
  app.add_option("--calibration", flags.network.calibration, "the model's calibration record");
  app.add_option("--participants", flags.network.participants, "at least 6")
      ->capture_default_str()
      ->check(CLI::Range(6, 64));
  app.add_option("--cheat", flags.cheat, "int4, small, forge, tamper or none")
      ->capture_default_str();
  app.add_option("--port-base", flags.network.port_base, "first of about 200 ports")
      ->capture_default_str()
      ->check(CLI::Range(1'024, 65'000));
  app.add_option("--epoch-blocks", flags.network.epoch_blocks, "blocks of an epoch")
      ->capture_default_str();
  app.add_option("--settle-blocks", flags.network.settle_blocks, "blocks until its payout")
      ->capture_default_str();
  app.add_option("--block-interval-ms", flags.network.block_interval_ms, "time between two blocks")
      ->capture_default_str();
  app.add_flag("--sprint", flags.network.sprint,
               "weight is earned: by computing, at the end of each epoch");
  app.add_option("--ml-threads", flags.network.ml_threads, "compute threads of an ML node")
      ->capture_default_str();
  app.add_option("--pairs", flags.story.measured_pairs, "pairs measured in the last chapter")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000));
  app.add_option("--report", flags.report, "write all that is told to this file, as JSON");
  app.add_flag("--exit", flags.exit, "stop after the story; the status says whether all was kept");
}

absl::Status Run(Flags flags, double started_ms, apps::UntilSignal& signal) {
  const auto cheat = ParseCheat(flags.cheat);
  if (!cheat) {
    return absl::InvalidArgumentError(
        fmt::format("--cheat must be int4, small, forge, tamper or none, is '{}'", flags.cheat));
  }
  flags.network.cheat = flags.story.cheat = *cheat;
  flags.story.model_name = flags.network.model_name;
  flags.story.model_path = flags.network.model;
  flags.story.interrupted = [&signal] { return signal.HasCome(); };
  GONKA_ASSIGN_OR_RETURN(const auto network, Network::Create(flags.network));
  GONKA_RETURN_IF_ERROR(network->StartAll());
  http::Client client({.allow_private_addresses = true});
  Story story(*network, client, flags.story);
  const absl::Status told = story.Tell(started_ms);
  if (!flags.report.empty()) {
    GONKA_RETURN_IF_ERROR(
        host::WriteFileAtomic(flags.report, AsBytes(story.report().dump(2) + "\n")));
  }
  GONKA_RETURN_IF_ERROR(told);
  fmt::print("\n");
  if (!story.broken_promises().empty()) {
    std::string list;
    for (const std::string& promise : story.broken_promises()) list += "\n  - " + promise;
    return absl::FailedPreconditionError("not everything happened that was promised:" + list);
  }
  fmt::print("Everything that was promised happened.\n");
  if (flags.exit) return absl::OkStatus();
  fmt::print("The network keeps running; Ctrl-C stops it.\n");
  std::fflush(stdout);
  signal.Wait();
  fmt::print("\nstopping ...\n");
  return absl::OkStatus();
}

}  // namespace
}  // namespace gonka::devnet

int main(int argc, char** argv) {
  gonka::apps::UntilSignal signal;
  const double started_ms = gonka::devnet::NowMs();
  CLI::App app("gonka-devnet: a network on this machine, and the story of a cheat that is caught");
  gonka::devnet::Flags flags;
  gonka::devnet::AddFlags(app, flags);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = gonka::devnet::Run(flags, started_ms, signal);
  return status.ok() ? EXIT_SUCCESS : gonka::apps::Fail(status);
}
