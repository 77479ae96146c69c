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
    const std::string& cheat, const MlNodeOptions& options,
    std::shared_ptr<const model::Checkpoint> checkpoint, engine::LocalOptions local) {
  if (cheat == "int4") {
    local.weight_hook = engine::QuantizeInt4(128);
    return MakeLocalEngine(options, std::move(checkpoint), local);
  }
  engine::LocalOptions small = local;
  small.layer_filter = engine::DropEveryThirdLayer;
  if (cheat == "small") return MakeLocalEngine(options, std::move(checkpoint), small);
  GONKA_ASSIGN_OR_RETURN(auto writer, MakeLocalEngine(options, checkpoint, small));
  GONKA_ASSIGN_OR_RETURN(auto right, MakeLocalEngine(options, std::move(checkpoint), local));
  return std::make_unique<OwningForger>(std::move(writer), std::move(right));
}

}  // namespace
}  // namespace gonka::apps

int main(int argc, char** argv) {
  CLI::App app("gonka-devnet-cheat-mlnode: an ML node that lies, for the devnet");
  gonka::apps::MlNodeOptions options;
  std::string cheat;
  gonka::apps::AddMlNodeFlags(app, options);
  app.add_option("--cheat", cheat, "int4, small or forge")
      ->required()
      ->check(CLI::IsMember({"int4", "small", "forge"}));
  CLI11_PARSE(app, argc, argv);
  gonka::apps::WaitPassively(options, argv);
  return gonka::apps::RunMlNode(options, [&](auto checkpoint, const auto& local) {
    return gonka::apps::MakeCheat(cheat, options, std::move(checkpoint), local);
  });
}
