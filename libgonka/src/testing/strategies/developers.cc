// Developers who want more than answers.

#include <algorithm>
#include <set>

#include "gonka/testing/sim_world.h"
#include "testing/strategies/all.h"

namespace gonka::testing::strategies {
namespace {

bool Names(const std::vector<size_t>& places, size_t place) {
  return std::find(places.begin(), places.end(), place) != places.end();
}

class DisputesEverything final : public Habit {
  void OnBlock(std::span<const Notice> told) override {
    for (const Notice& notice : told) {
      if (const auto* opened = std::get_if<RecordOpened>(&notice)) {
        if (opened->developer == world().developer(developer())) mine_.insert(opened->inference);
      }
      const auto* finished = std::get_if<RecordFinished>(&notice);
      if (finished == nullptr || mine_.erase(finished->inference) == 0 || !Acts()) continue;
      world().Submit(developer(), Challenge{.inference = finished->inference});
    }
  }
  std::set<InferenceId> mine_;  // Not finished yet.
};

class SpendsEverywhere final : public Habit {
  void OnBlock(std::span<const Notice>) override {
    if (!Acts()) return;
    for (size_t ta = 0; ta < world().participants(); ++ta) {
      if (!world().IsRunning(ta)) continue;
      if (!allowed_) {
        world().Submit(developer(), world().AllowOf(developer(), ta, world().initial_balance()));
      }
      for (int i = 0; i < 4; ++i) {
        world().Post("all of it, please", {.developer = developer(), .ta = ta});
      }
    }
    allowed_ = true;
  }
  bool allowed_ = false;
};

// Long requests where a participant that it wants is drawn next, and one token elsewhere, to move
// on. As in SimWorld::Ask: what the ledger draws is known once the numbers before are on it.
class PicksExecutors : public Habit {
 public:
  void OnBlock(std::span<const Notice>) override {
    for (size_t ta = 0; ta < world().participants(); ++ta) {
      if (world().height() % kBlocksBetween != ta % kBlocksBetween) continue;
      if (!world().IsRunning(ta) || !AsksThrough(ta)) continue;
      const auto next = world().NextExecutor(developer(), ta);
      if (!next || !Acts()) continue;
      const bool wanted = Wants(*next);
      world().Post(wanted ? prompt() : "next",
                   {.developer = developer(), .ta = ta, .tokens_max = wanted ? 24u : 1u});
    }
  }

 protected:
  virtual bool AsksThrough(size_t ta) const = 0;
  virtual bool Wants(size_t executor) const = 0;
  virtual std::string prompt() const = 0;

 private:
  static constexpr uint64_t kBlocksBetween = 3;
};

// An honest executor with odd hardware errs on a prompt that begins so, whoever asks it.
class SearchesOddPrompts final : public PicksExecutors {
  bool AsksThrough(size_t) const override { return true; }
  bool Wants(size_t executor) const override {
    return conduct().victims.empty() || Names(conduct().victims, executor);
  }
  std::string prompt() const override { return "~ does this one differ?"; }
};

class WashTrader final : public PicksExecutors {
  bool AsksThrough(size_t ta) const override { return Names(conduct().friends, ta); }
  bool Wants(size_t executor) const override { return Names(conduct().friends, executor); }
  std::string prompt() const override { return "for ourselves"; }
};

}  // namespace

std::unique_ptr<Habit> MakeDisputesEverything() {
  return std::make_unique<DisputesEverything>();
}
std::unique_ptr<Habit> MakeSpendsEverywhere() {
  return std::make_unique<SpendsEverywhere>();
}
std::unique_ptr<Habit> MakeSearchesOddPrompts() {
  return std::make_unique<SearchesOddPrompts>();
}
std::unique_ptr<Habit> MakeWashTrader() {
  return std::make_unique<WashTrader>();
}

}  // namespace gonka::testing::strategies
