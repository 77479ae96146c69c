#include <fmt/format.h>

#include <algorithm>

#include "gonka/ledger/queries.h"
#include "gonka/testing/sim_world.h"
#include "testing/strategies/all.h"

namespace gonka::testing {
namespace {

using namespace strategies;

constexpr StrategyInfo kStrategies[] = {
    {"honest", "keeps to the rules", MakeHonest},
    {"odd_hardware",
     "honest, on a machine whose arithmetic differs a little, and a lot for prompts that begin "
     "with ~",
     MakeOddHardware},
    {"other_model", "runs another model, to answer and to check", MakeOtherModel},
    {"cheats", "answers with a cheap model at a rate, while its reputation is at least so high",
     MakeCheats},
    {"prefills",
     "answers with a cheap model at a rate, and makes the artifact by a forced pass of the right "
     "one",
     MakePrefills},
    {"tampers", "sends the developer another output than it commits to, and signs both",
     MakeTampers},
    {"refuses", "refuses every request, with its signature", MakeRefuses},
    {"goes_silent", "accepts, at a rate, and then sends nothing", MakeGoesSilent},
    {"withholds_payload", "executes, but shows nobody the payload", MakeWithholdsPayload},
    {"never_checks", "does no assigned check", MakeNeverChecks},
    {"approves_unseen", "lazy: passes whatever it should check, without looking",
     MakeApprovesUnseen},
    {"approves_friends", "passes the work of friends unseen, for friendship or for a bribe",
     MakeApprovesFriends},
    {"accuses", "fails the work of its victims at a rate, whatever it is worth", MakeAccuses},
    {"cartel", "in checks and in committees, friends are right and all others wrong", MakeCartel},
    {"frames", "as transfer agent: never asks its victims and says that they were silent",
     MakeFrames},
    {"steers", "as transfer agent: asks nobody but friends and says that the others were silent",
     MakeSteers},
    {"names_friend", "as transfer agent: puts a friend into the place of the drawn executor",
     MakeNamesFriend},
    {"withholds_start", "as transfer agent: records Start only once it knows who will check",
     MakeWithholdsStart},
    {"never_delivers", "as transfer agent: never records what it delivered", MakeNeverDelivers},
    {"delivers_other", "as transfer agent: records another output than the executor's",
     MakeDeliversOther},
    {"takes_and_denies",
     "as transfer agent: takes its victims' output and says that they were silent",
     MakeTakesAndDenies},
    {"replays", "says its own events again, at a rate, when they have had their effect",
     MakeReplays},
    {"judges_unasked", "commits to a verdict about every record of its victims, drawn or not",
     MakeJudgesUnasked},
    {"flips_verdicts", "reveals, at a rate, another verdict than it committed to",
     MakeFlipsVerdicts},
    {"floods", "sends events about records that do not exist, in every block, at a rate",
     MakeFloods},
    {"withholds_links", "as sequencer: reveals no beacon link, at a rate", MakeWithholdsLinks},
    {"sprint_free_rider", "in a Sprint: computes its inputs with a model that is ten times cheaper",
     MakeSprintFreeRider},
    {"sprint_overclaims", "in a Sprint: commits to ten times as many results as it has",
     MakeSprintOverclaims},
    {"sprint_copies", "in a Sprint: commits to what another has committed to", MakeSprintCopies},
    {"sprint_approves", "in a Sprint: passes all that it checks, whatever it found",
     MakeSprintApproves},
};

constexpr HabitInfo kHabits[] = {
    {"disputes_everything", "challenges every answer that it gets, at a rate",
     MakeDisputesEverything},
    {"spends_everywhere",
     "allows its whole balance to every transfer agent, and asks all of them at once for more than "
     "it has",
     MakeSpendsEverywhere},
    {"searches_odd_prompts",
     "asks, at a rate, nothing but prompts on which odd hardware errs, wherever its victims are "
     "drawn",
     MakeSearchesOddPrompts},
    {"wash_trader",
     "asks, at a rate, only where a friend is drawn: developer, transfer agent and executor are "
     "one",
     MakeWashTrader},
};

class Honest final : public Strategy {
  bool IsHonest() const override { return true; }
};

}  // namespace

std::unique_ptr<Strategy> strategies::MakeHonest() {
  return std::make_unique<Honest>();
}

std::span<const StrategyInfo> Strategies() {
  return kStrategies;
}

absl::StatusOr<std::unique_ptr<Strategy>> MakeStrategy(const std::string& name) {
  std::string known;
  for (const StrategyInfo& info : kStrategies) {
    if (name == info.name) return info.make();
    known += fmt::format("{}{}", known.empty() ? "" : ", ", info.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("there is no strategy '{}'; there are: {}", name, known));
}

std::span<const HabitInfo> Habits() {
  return kHabits;
}

absl::StatusOr<std::unique_ptr<Habit>> MakeHabit(const std::string& name) {
  std::string known;
  for (const HabitInfo& info : kHabits) {
    if (name == info.name) return info.make();
    known += fmt::format("{}{}", known.empty() ? "" : ", ", info.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("there is no habit '{}'; there are: {}", name, known));
}

bool Habit::Acts() {
  const uint64_t height = world_->height();
  if (height < conduct_.from_block || height >= conduct_.until_block) return false;
  return dice_->Chance(conduct_.rate);
}

bool Strategy::Acts() {
  const auto view = insider_->snapshot();
  const uint64_t height = ledger::ReadChain(*view).height;
  if (height < conduct_.from_block || height >= conduct_.until_block) return false;
  if (conduct_.reputation.value > 0) {
    const auto participant = ledger::FindParticipant(*view, insider_->self);
    if (!participant || participant->reputation < conduct_.reputation) return false;
  }
  return insider_->dice.Chance(conduct_.rate);
}

bool Strategy::IsFriend(const AccountId& who) const {
  const auto& friends = insider_->friends;
  return std::find(friends.begin(), friends.end(), who) != friends.end();
}

bool Strategy::IsVictim(const AccountId& who) const {
  const auto& victims = insider_->victims;
  if (victims.empty()) return !IsFriend(who);
  return std::find(victims.begin(), victims.end(), who) != victims.end();
}

}  // namespace gonka::testing
