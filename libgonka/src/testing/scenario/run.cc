// Goes through the timeline, then to the settlement that the scenario waits for.

#include <fmt/format.h>

#include <algorithm>

#include "testing/scenario/judge.h"

namespace gonka::testing {
namespace {

constexpr int64_t kCatchUpUs = 2 * SimWorld::kMinuteUs;

class Run {
 public:
  Run(const Scenario& scenario, const SimOptions& options, const StoryLine& tell)
      : scenario_(scenario), world_(options), chronicle_(world_, options, tell) {}

  void Live();
  SimWorld& world() { return world_; }
  const Chronicle& chronicle() const { return chronicle_; }
  const std::map<std::string, size_t>& labels() const { return labels_; }
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  void RunTo(uint64_t height);
  void WaitFor(const TimedStep& step);
  void CatchUp();
  void Fail(std::string why) { failures_.push_back(std::move(why)); }
  // Nothing where the scenario is wrong about it; said as a failure.
  std::optional<size_t> Find(const Place& place);
  std::optional<InferenceId> Accepted(const std::string& label);

  void Do(const AskStep& step);
  void Do(const HangUpStep& step);
  void Do(const TroubleStep& step);
  void Do(const LoseTxsStep& step);
  void Do(const PaceStep& step);
  void Do(const BehaveStep& step);
  void Do(const PartitionStep& step) { world_.Partition(step.groups); }
  void Do(const LinksStep& step) { world_.SetLinks(step.links); }
  void Do(const JoinStep&);
  void Do(const ProposeStep& step);
  void Do(const WithdrawStep& step);
  void Do(const VoteStep& step);
  void Do(const ChallengeStep& step);
  void Do(const AllowStep& step);

  const Scenario& scenario_;
  SimWorld world_;
  Chronicle chronicle_;
  std::map<std::string, size_t> labels_;  // Number of the request.
  std::vector<std::string> failures_;
  size_t next_developer_ = 0;
  uint64_t waited_height_ = 0;  // Of the last step, and when it was reached.
  int64_t waited_us_ = 0;
};

void Run::RunTo(uint64_t height) {
  while (world_.height() < height) {
    world_.RunBlocks(1);
    chronicle_.Look();
  }
}

void Run::WaitFor(const TimedStep& step) {
  if (step.height != waited_height_) {
    RunTo(step.height);
    waited_height_ = step.height;
    waited_us_ = world_.now_us();
  }
  const int64_t at_us = waited_us_ + static_cast<int64_t>(step.ms) * 1'000;
  if (at_us > world_.now_us()) world_.RunFor(at_us - world_.now_us());
  chronicle_.Look();
}

void Run::Live() {
  for (const TimedStep& step : scenario_.timeline) {
    WaitFor(step);
    std::visit([this](const auto& action) { Do(action); }, step.action);
  }
  while (ledger::ReadChain(*world_.Ledger()).epoch_settled <= scenario_.settled) {
    RunTo(world_.height() + 1);
  }
  chronicle_.Look();
  CatchUp();
  world_.CheckInvariants();
}

// All who are up have the same history in the end.
void Run::CatchUp() {
  const auto behind = [this](size_t place) {
    const auto& apart = scenario_.expect.apart;
    if (std::find(apart.begin(), apart.end(), place) != apart.end()) return false;
    return world_.IsRunning(place) &&
           ledger::ReadChain(*world_.LedgerOf(place)).height < world_.height();
  };
  for (size_t place = 0; place < world_.participants(); ++place) {
    if (!world_.RunUntil([&] { return !behind(place); }, kCatchUpUs)) {
      Fail(fmt::format("participant {} does not catch up with the others", place));
    }
  }
}

std::optional<InferenceId> Run::Accepted(const std::string& label) {
  const auto found = labels_.find(label);
  if (found == labels_.end()) {
    Fail(fmt::format("'{}' is not asked yet at height {}", label, world_.height()));
    return std::nullopt;
  }
  const auto& request = [&]() -> const SimRequest& { return world_.request(found->second); };
  world_.RunUntil([&] { return request().accepted || request().answer; });
  if (!request().accepted) Fail(fmt::format("'{}' was accepted by nobody", label));
  return request().accepted;
}

std::optional<size_t> Run::Find(const Place& place) {
  if (place.of == Place::Of::kNumber) {
    if (place.number < world_.participants()) return place.number;
    Fail(fmt::format("participant {} has not joined at height {}", place.number, world_.height()));
    return std::nullopt;
  }
  const auto id = Accepted(place.request);
  if (!id) return std::nullopt;
  if (place.of == Place::Of::kExecutor) return world_.ExecutorOf(*id);
  if (place.of == Place::Of::kTransferAgent) return world_.TransferAgentOf(*id);
  if (world_.RunUntil([&] { return !world_.ValidatorsOf(*id).empty(); })) {
    return world_.ValidatorsOf(*id)[0];
  }
  Fail(fmt::format("nobody is drawn to check '{}'", place.request));
  return std::nullopt;
}

void Run::Do(const AskStep& step) {
  std::optional<size_t> ta;
  if (step.ta) ta = Find(*step.ta);
  if (step.ta && (!ta || !world_.IsRunning(*ta))) {
    return Fail(fmt::format("height {}: asks through a participant that is down", world_.height()));
  }
  std::optional<size_t> executor;
  if (step.executor && !(executor = Find(*step.executor))) return;
  for (size_t i = 0; i < step.count; ++i) {
    const AskOptions options{
        .developer = step.developer.value_or(next_developer_++ % scenario_.network.developers),
        .ta = ta,
        .executor = executor,
        .tokens_max = step.tokens_max,
        .stop = {},
        .seed = step.seed};
    size_t number = world_.requests();
    if (executor) {
      const InferenceId id = world_.Ask(step.prompt, options);
      while (world_.request(number).accepted != id) ++number;
    } else {
      number = world_.Post(step.prompt, options);
    }
    if (!step.label.empty()) labels_[step.label] = number;
  }
}

void Run::Do(const HangUpStep& step) {
  if (const auto id = Accepted(step.request)) world_.HangUp(*id);
}

void Run::Do(const TroubleStep& step) {
  using Kind = TroubleStep::Kind;
  const auto found = Find(step.who);
  if (!found) return;
  const size_t who = *found;
  const bool needs_up = step.kind == Kind::kCrash || step.kind == Kind::kLosePower ||
                        step.kind == Kind::kGoWarm || step.kind == Kind::kLeave;
  if (needs_up != world_.IsRunning(who) && (needs_up || step.kind == Kind::kRestart)) {
    return Fail(fmt::format("height {}: participant {} is {}", world_.height(), who,
                            needs_up ? "down already" : "up already"));
  }
  switch (step.kind) {
    case Kind::kCrash:
      return world_.Crash(who);
    case Kind::kRestart:
      return world_.Restart(who);
    case Kind::kLosePower:
      return world_.LosePower(who);
    case Kind::kCut:
      return world_.Cut(who);
    case Kind::kHeal:
      return world_.Heal(who);
    case Kind::kFillDisk:
      return world_.FillDisk(who);
    case Kind::kFreeDisk:
      return world_.FreeDisk(who);
    case Kind::kGoWarm:
      world_.GoWarm(who);
      return;
    case Kind::kLeave:
      return world_.Speak(who, Leave{});
  }
}

void Run::Do(const LoseTxsStep& step) {
  if (const auto who = Find(step.who)) world_.LoseTxs(*who, step.count);
}
void Run::Do(const PaceStep& step) {
  if (const auto who = Find(step.who)) world_.SetPace(*who, step.pace);
}
void Run::Do(const BehaveStep& step) {
  if (const auto who = Find(step.who)) world_.SetConduct(*who, step.conduct);
}

void Run::Do(const JoinStep&) {
  if (world_.participants() == chronicle_.participants())
    return Fail("no newcomer is left to join");
  world_.Join();
}

void Run::Do(const ProposeStep& step) {
  ChangeParams change;
  change.changes.push_back({.name = step.param, .value = step.value});
  const uint64_t epoch_blocks = scenario_.network.params.time.epoch_blocks;
  world_.Speak(step.participant, Propose{.change = std::move(change),
                                         .activate_height = step.activate_epoch * epoch_blocks,
                                         .reason = std::string("a scenario")});
}

void Run::Do(const WithdrawStep& step) {
  const auto who = Find(step.who);
  if (who) world_.Speak(*who, WithdrawCollateral{.amount = step.amount});
}

void Run::Do(const VoteStep& step) {
  for (const size_t place : step.participants) {
    if (!world_.IsRunning(place)) continue;
    world_.Speak(place, VoteProposal{.proposal = step.proposal, .approve = step.approve});
  }
}

void Run::Do(const ChallengeStep& step) {
  const auto id = Accepted(step.request);
  if (!id) return;
  const AccountId asked = world_.Record(*id).assignment.request.developer;
  for (size_t i = 0; i < scenario_.network.developers; ++i) {
    if (world_.developer(i) == asked) world_.Say(i, Challenge{.inference = *id});
  }
}

void Run::Do(const AllowStep& step) {
  const TxCode code =
      world_.Say(step.developer, world_.AllowOf(step.developer, step.ta, step.amount));
  if (code == step.code) return;
  Fail(fmt::format("developer {}'s allowance of {} is answered with {}, not with {}",
                   step.developer, step.amount.units(), TxCodeName(code), TxCodeName(step.code)));
}

int64_t GainOf(Run& run, const HonestCheck& actors) {
  int64_t gain = 0;
  for (const size_t place : actors.participants) {
    gain += run.chronicle().GainOf(run.world().participant(place));
  }
  for (const size_t place : actors.developers) {
    gain += run.chronicle().GainOf(run.world().developer(place));
  }
  return gain;
}

// The same world in which these keep to the rules.
SimOptions Reformed(SimOptions options, const HonestCheck& actors) {
  for (const size_t place : actors.participants) options.conduct.erase(place);
  for (const size_t place : actors.developers) options.habits.erase(place);
  return options;
}

void CompareWithHonest(const Scenario& scenario, const SimOptions& options, Run& run,
                       const StoryLine& tell, std::vector<std::string>& failures) {
  const HonestCheck& actors = *scenario.expect.against_honest;
  Run honest(scenario, Reformed(options, actors), [](const std::string&) {});
  honest.Live();
  const int64_t gain = GainOf(run, actors);
  const int64_t honest_gain = GainOf(honest, actors);
  const std::string both =
      fmt::format("they gained {}, and would have gained {} honestly", gain, honest_gain);
  tell(both);
  if (!actors.gain.Contains(gain - honest_gain)) failures.push_back(both);
}

}  // namespace

ScenarioReport RunScenario(const Scenario& scenario, uint64_t sim_seed, const StoryLine& tell) {
  SimOptions options = scenario.network;
  options.sim_seed = sim_seed;
  Run run(scenario, options, tell);
  run.Live();
  ScenarioReport report{.sim_seed = sim_seed,
                        .height = run.world().height(),
                        .transcript = run.world().Transcript(),
                        .failures = run.failures()};
  Judge(scenario.expect, run.world(), run.chronicle(), run.labels(), report.failures);
  if (scenario.expect.replays) {
    Run again(scenario, options, [](const std::string&) {});
    again.Live();
    if (again.world().Transcript() != report.transcript) {
      report.failures.push_back("a second run has another transcript");
    }
  }
  if (scenario.expect.against_honest) {
    CompareWithHonest(scenario, options, run, tell, report.failures);
  }
  return report;
}

}  // namespace gonka::testing
