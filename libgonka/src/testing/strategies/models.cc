// Executors that run something else than the model of the ledger.

#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

constexpr uint64_t kOtherModelSeed = 2;
constexpr int64_t kTimesCheaper = 4;
// A machine of another make: far below what calibration allows for, and on some prompts far above.
constexpr float kSmallNoise = 1e-3F;
constexpr float kLargeNoise = 1.0F;

engine::ScriptedOptions Other(engine::ScriptedOptions model) {
  model.model_seed += kOtherModelSeed;
  model.us_per_token /= kTimesCheaper;
  model.us_per_prompt_token /= kTimesCheaper;
  return model;
}

class OtherModel final : public Strategy {
  engine::ScriptedOptions Model(std::span<const uint32_t>, bool,
                                const engine::ScriptedOptions& honest) override {
    return Acts() ? Other(honest) : honest;
  }
};

class Cheats final : public Strategy {
  engine::ScriptedOptions Model(std::span<const uint32_t>, bool executes,
                                const engine::ScriptedOptions& honest) override {
    return executes && Acts() ? Other(honest) : honest;
  }
};

// A cheap model writes, and one forced pass of the right one makes numbers that fit the text.
class Prefill final : public Strategy {
  engine::ScriptedOptions Model(std::span<const uint32_t>, bool executes,
                                const engine::ScriptedOptions& honest) override {
    acts_ = executes && Acts();
    return acts_ ? Other(honest) : honest;
  }
  bool Prefills(std::span<const uint32_t>) override { return acts_; }
  bool acts_ = false;  // Asked first which model.
};

// The same prompt makes it err whoever runs it and however often: that is what a developer would
// search for.
class OddHardware final : public Strategy {
  bool IsHonest() const override { return true; }
  engine::ScriptedOptions Model(std::span<const uint32_t> tokens, bool,
                                const engine::ScriptedOptions& honest) override {
    engine::ScriptedOptions model = honest;
    const bool odd = !tokens.empty() && tokens.front() == '~';
    model.noise = odd ? kLargeNoise : kSmallNoise;
    model.noise_seed = insider().self.value.bytes[0] + 2;
    return model;
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeOtherModel() {
  return std::make_unique<OtherModel>();
}
std::unique_ptr<Strategy> MakeCheats() {
  return std::make_unique<Cheats>();
}
std::unique_ptr<Strategy> MakePrefills() {
  return std::make_unique<Prefill>();
}
std::unique_ptr<Strategy> MakeOddHardware() {
  return std::make_unique<OddHardware>();
}

}  // namespace gonka::testing::strategies
