// Those who say what the ledger should refuse: again, unasked, otherwise than committed, too often.

#include <deque>

#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

class Replays final : public Strategy {
  bool OnEvent(Event& event) override {
    if (!again_ && said_.size() < kKeptMax) said_.push_back(event);
    return true;
  }
  // The oldest ones first: some are of epochs that are settled, or forgotten.
  void OnBlock(node::BlockFacts& block) override {
    if (block.header.height % kEveryBlocks != 0) return;
    again_ = true;
    for (size_t i = 0; i < kAtOnce && i < said_.size(); ++i) {
      if (Acts()) insider().say(said_[i]);
      said_.push_back(std::move(said_.front()));
      said_.pop_front();
    }
    again_ = false;
  }

  static constexpr size_t kKeptMax = 200;
  static constexpr uint64_t kEveryBlocks = 8;
  static constexpr size_t kAtOnce = 16;
  std::deque<Event> said_;
  bool again_ = false;
};

class JudgesUnasked final : public Strategy {
  void OnBlock(node::BlockFacts& block) override {
    for (const Notice& notice : block.notices) {
      if (const auto* opened = std::get_if<RecordOpened>(&notice)) {
        if (opened->executor == insider().self || !IsVictim(opened->executor) || !Acts()) continue;
        insider().say(ValidateCommit{.inference = opened->inference,
                                     .commitment = TaggedHash("gonka/sim/1", opened->inference)});
      }
    }
  }
};

class FlipsVerdicts final : public Strategy {
  bool OnEvent(Event& event) override {
    auto* reveal = std::get_if<ValidateReveal>(&event);
    if (reveal == nullptr || !Acts()) return true;
    reveal->verdict = reveal->verdict == Verdict::kPass ? Verdict::kFail : Verdict::kPass;
    return true;
  }
};

class Floods final : public Strategy {
  void OnBlock(node::BlockFacts& block) override {
    if (!Acts()) return;
    for (uint64_t i = 0; i < kEventsABlock; ++i) {
      const Hash nothing = TaggedHash("gonka/sim-flood/1", block.header.height, i);
      insider().say(Delivered{.inference = InferenceId{nothing},
                              .output_digest = nothing,
                              .output_tokens = 1,
                              .executor_signature = {}});
    }
  }
  static constexpr uint64_t kEventsABlock = 64;
};

}  // namespace

std::unique_ptr<Strategy> MakeReplays() {
  return std::make_unique<Replays>();
}
std::unique_ptr<Strategy> MakeJudgesUnasked() {
  return std::make_unique<JudgesUnasked>();
}
std::unique_ptr<Strategy> MakeFlipsVerdicts() {
  return std::make_unique<FlipsVerdicts>();
}
std::unique_ptr<Strategy> MakeFloods() {
  return std::make_unique<Floods>();
}

}  // namespace gonka::testing::strategies
