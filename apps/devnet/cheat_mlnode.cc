// gonka-devnet-cheat-mlnode: an ML node that lies about its model, for the devnet's story. The
// programs that are installed have no such switch.

#include "common/ml_node_flags.h"
#include "gonka/engine/transform.h"

namespace gonka::apps {
namespace {

// Keeps both engines for as long as the one that forges.
class OwningForger final : public engine::Engine {
 public:
  OwningForger(std::unique_ptr<engine::Engine> writer, std::unique_ptr<engine::Engine> right)
      : writer_(std::move(writer)), right_(std::move(right)), forger_(*writer_, *right_) {}

  engine::EngineInfo Info() const override { return forger_.Info(); }
  RequestId Generate(engine::GenerateRequest request, engine::GenerateEvents events) override {
    return forger_.Generate(std::move(request), std::move(events));
  }
  RequestId Score(engine::ScoreRequest request, engine::ScoreEvents events) override {
    return forger_.Score(std::move(request), std::move(events));
  }
  void Cancel(RequestId request) override { forger_.Cancel(request); }

 private:
  const std::unique_ptr<engine::Engine> writer_;
  const std::unique_ptr<engine::Engine> right_;
  engine::ForgingEngine forger_;
};

absl::StatusOr<std::unique_ptr<engine::Engine>> MakeCheat(
    const std::string& cheat, std::shared_ptr<const model::Checkpoint> checkpoint,
    engine::TorchOptions options) {
  if (cheat == "int4") {
    options.weight_hook = engine::QuantizeInt4(128);
    return engine::TorchEngine::Create(std::move(checkpoint), options);
  }
  engine::TorchOptions small = options;
  small.layer_filter = engine::DropEveryThirdLayer;
  if (cheat == "small") return engine::TorchEngine::Create(std::move(checkpoint), small);
  GONKA_ASSIGN_OR_RETURN(auto writer, engine::TorchEngine::Create(checkpoint, small));
  GONKA_ASSIGN_OR_RETURN(auto right, engine::TorchEngine::Create(std::move(checkpoint), options));
  return std::make_unique<OwningForger>(std::move(writer), std::move(right));
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
