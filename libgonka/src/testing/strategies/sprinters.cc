// Those who want weight in a Sprint without its work.

#include <set>

#include "gonka/protocol/sprint.h"
#include "testing/sim_parts.h"
#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

constexpr uint64_t kCheapModelSeed = 3;
constexpr uint32_t kTimesCheaper = 10;

// Recognises its own inputs by how they begin, so that it checks others like anybody else.
class SprintFreeRider final : public Strategy {
  void OnBlock(node::BlockFacts& block) override {
    for (const Notice& notice : block.notices) {
      if (const auto* opened = std::get_if<SprintOpened>(&notice)) Expect(opened->seed);
    }
  }
  engine::ScriptedOptions Model(std::span<const uint32_t> tokens, bool executes,
                                const engine::ScriptedOptions& honest) override {
    if (executes || tokens.size() < kBeginning || !Acts()) return honest;
    if (!own_.contains({tokens.begin(), tokens.begin() + kBeginning})) return honest;
    engine::ScriptedOptions cheap = honest;
    cheap.model_seed += kCheapModelSeed;
    cheap.us_per_prompt_token /= kTimesCheaper;
    return cheap;
  }
  void Expect(const Hash& seed) {
    own_.clear();
    const auto self = ledger::FindParticipant(*insider().snapshot(), insider().self);
    for (const ModelId& model : self->models) {
      for (uint32_t index = 0; index < kInputs; ++index) {
        own_.insert(SprintTokens(
            {.seed = seed, .participant = insider().self, .model = model, .index = index},
            kBeginning, kByteVocabulary));
      }
    }
  }

  static constexpr uint32_t kBeginning = 8;
  static constexpr uint32_t kInputs = 8'192;
  std::set<std::vector<uint32_t>> own_;
};

class SprintOverclaims final : public Strategy {
  bool OnEvent(Event& event) override {
    if (auto* commit = std::get_if<SprintCommit>(&event); commit != nullptr && Acts()) {
      commit->count *= kTimesCheaper;
    }
    return true;
  }
};

class SprintCopies final : public Strategy {
  bool OnEvent(Event& event) override {
    const auto* commit = std::get_if<SprintCommit>(&event);
    if (commit == nullptr || copied_ == commit->epoch || !Acts()) return true;
    waits_ = true;
    return false;
  }
  void OnBlock(node::BlockFacts& block) override {
    for (const Notice& notice : block.notices) {
      const auto* other = std::get_if<SprintCommitted>(&notice);
      if (other == nullptr || !waits_) continue;
      const auto entry = ledger::FindSprintEntry(*insider().snapshot(), other->epoch,
                                                 other->participant, other->model);
      waits_ = false;
      copied_ = other->epoch;
      insider().say(SprintCommit{.epoch = other->epoch,
                                 .model = other->model,
                                 .count = other->count,
                                 .root = entry->root});
    }
  }
  bool waits_ = false;
  std::optional<uint64_t> copied_;
};

// Commits to another verdict than its node, which therefore does not reveal it: it does so itself.
class SprintApproves final : public Strategy {
  bool OnEvent(Event& event) override {
    auto* commit = std::get_if<SprintVerdictCommit>(&event);
    if (commit == nullptr) return true;
    const SprintVerdictReveal passing = Passing(commit->epoch, commit->participant, commit->model);
    commit->commitment = SprintVerdictCommitment(insider().self, passing);
    committed_.push_back(passing);
    return true;
  }
  void OnBlock(node::BlockFacts&) override {
    if (committed_.empty()) return;
    const auto sprint = ledger::FindSprint(*insider().snapshot(), committed_.back().epoch);
    const bool reveals = sprint && (sprint->phase == ledger::SprintPhase::kReveal ||
                                    sprint->phase == ledger::SprintPhase::kAppealReveal);
    if (!reveals) return;
    for (const SprintVerdictReveal& passing : committed_) insider().say(passing);
    committed_.clear();
  }
  SprintVerdictReveal Passing(uint64_t epoch, const AccountId& participant,
                              const ModelId& model) const {
    const auto samples = ledger::SprintSamples(*insider().snapshot(), epoch, participant, model);
    return {.epoch = epoch,
            .participant = participant,
            .model = model,
            .verdict = Verdict::kPass,
            .proven = static_cast<uint32_t>(samples.size()),
            .salt = {}};
  }
  std::vector<SprintVerdictReveal> committed_;
};

}  // namespace

std::unique_ptr<Strategy> MakeSprintFreeRider() {
  return std::make_unique<SprintFreeRider>();
}
std::unique_ptr<Strategy> MakeSprintOverclaims() {
  return std::make_unique<SprintOverclaims>();
}
std::unique_ptr<Strategy> MakeSprintCopies() {
  return std::make_unique<SprintCopies>();
}
std::unique_ptr<Strategy> MakeSprintApproves() {
  return std::make_unique<SprintApproves>();
}

}  // namespace gonka::testing::strategies
