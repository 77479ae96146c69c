// gonka-devnet-cheat-mlnode: an ML node that lies about its model, for the devnet's story. The
// programs that are installed have no such switch.

#include "common/ml_node_flags.h"
#include "gonka/engine/transform.h"

namespace gonka::apps {
namespace {

absl::StatusOr<std::unique_ptr<engine::Engine>> MakeCheat(
    const std::string& cheat, std::shared_ptr<const model::Checkpoint> checkpoint,
    engine::TorchOptions options) {
  if (cheat == "int4") {
    options.weight_hook = engine::QuantizeInt4(128);
    return engine::TorchEngine::Create(std::move(checkpoint), options);
  }
  engine::TorchOptions small = options;
  small.layer_filter = engine::DropEveryThirdLayer();
  if (cheat == "small") return engine::TorchEngine::Create(std::move(checkpoint), small);
  GONKA_ASSIGN_OR_RETURN(auto writer, engine::TorchEngine::Create(checkpoint, small));
  GONKA_ASSIGN_OR_RETURN(auto right, engine::TorchEngine::Create(std::move(checkpoint), options));
  return std::make_unique<engine::ForgingEngine>(std::move(writer), std::move(right));
}

}  // namespace
}  // namespace gonka::apps

int main(int argc, char** argv) {
  gonka::apps::WaitPassively(argv);
  CLI::App app("gonka-devnet-cheat-mlnode: an ML node that lies, for the devnet");
  gonka::apps::MlNodeOptions options;
  std::string cheat;
  gonka::apps::AddMlNodeFlags(app, options);
  app.add_option("--cheat", cheat, "int4, small or forge")
      ->required()
      ->check(CLI::IsMember({"int4", "small", "forge"}));
  CLI11_PARSE(app, argc, argv);
  return gonka::apps::RunMlNode(
      options, [&](auto checkpoint, const gonka::engine::TorchOptions& torch) {
        return gonka::apps::MakeCheat(cheat, std::move(checkpoint), torch);
      });
}
