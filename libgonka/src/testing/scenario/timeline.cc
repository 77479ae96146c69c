// The timeline: each entry has its time and one action; an entry that repeats becomes several.

#include <algorithm>

#include "testing/scenario/values.h"

namespace gonka::testing {
namespace {

constexpr size_t kStepsMax = 20'000;
constexpr uint64_t kEpochsMax = 1'000;

void ReadAsk(Fields& fields, AskStep& out) {
  fields.Read("as", out.label);
  fields.Read("count", out.count);
  if (out.count < 1 || out.count > 100) {
    fields.context().Complain(fields.Path("count"),
                              fmt::format("must be in 1..100, is {}", out.count));
  }
  if (fields.Find("developer") != nullptr)
    ReadDeveloper(fields, "developer", out.developer.emplace());
  fields.Read("ta", out.ta);
  fields.Read("executor", out.executor);
  out.prompt = "tell me more";
  fields.Read("prompt", out.prompt);
  fields.Read("tokens_max", out.tokens_max);
  fields.Read("seed", out.seed);
  if (!out.label.empty()) fields.context().labels.insert(out.label);
}

void ReadPace(Fields& fields, PaceStep& out) {
  fields.Require("who", out.who);
  fields.Read("skew_us", out.pace.skew_us);
  fields.Read("drift_ppm", out.pace.drift_ppm);
  fields.Read("lag_us", out.pace.lag_us);
  fields.Read("slowness_percent", out.pace.slowness_percent);
  if (out.pace.drift_ppm <= -int32_t{Ppm::kOne} || out.pace.slowness_percent < 1) {
    fields.context().Complain(fields.path(), "must leave time to pass");
  }
}

void ReadConductOf(Fields& fields, BehaveStep& out) {
  fields.Require("who", out.who);
  fields.Require("conduct", out.conduct);
  for (const Conduct& one : out.conduct) {
    const absl::Status known = MakeStrategy(one.strategy).status();
    if (!known.ok()) {
      fields.context().Complain(fields.Path("conduct"), fmt::format(": {}", Message(known)));
    }
  }
}

void ReadProposal(Fields& fields, ProposeStep& out) {
  ReadParticipant(fields, "participant", out.participant);
  fields.Require("param", out.param);
  fields.Require("value", out.value);
  fields.Require("activate_epoch", out.activate_epoch);
  Params params;
  const absl::Status status =
      SetParam(params, {.name = out.param.substr(0, 64), .value = out.value});
  if (!status.ok()) fields.context().Complain(fields.path(), fmt::format(": {}", Message(status)));
}

void ReadWithdrawal(Fields& fields, WithdrawStep& out) {
  fields.Require("who", out.who);
  fields.Require("amount", out.amount);
}

void ReadVote(Fields& fields, VoteStep& out) {
  ReadParticipants(fields, "participants", out.participants);
  fields.Read("proposal", out.proposal);
  fields.Read("approve", out.approve);
}

void ReadAllow(Fields& fields, AllowStep& out) {
  ReadDeveloper(fields, "developer", out.developer);
  ReadParticipant(fields, "ta", out.ta);
  fields.Require("amount", out.amount);
  ReadCode(fields, "code", out.code);
}

void ReadLoss(Fields& fields, LoseTxsStep& out) {
  fields.Require("who", out.who);
  fields.Read("count", out.count);
}

// Reads the object under this name into a new action, where there is one.
template <class T, class Read>
void TryObject(Fields& entry, const std::string& name, std::vector<Action>& actions,
               const Read& read) {
  const Json* json = entry.Find(name);
  if (json == nullptr) return;
  T out;
  Fields fields(entry.context(), entry.Path(name), *json);
  read(fields, out);
  actions.emplace_back(std::move(out));
}

void TryTroubles(Fields& entry, std::vector<Action>& actions) {
  using Kind = TroubleStep::Kind;
  for (const auto& [name, kind] :
       {std::pair("crash", Kind::kCrash), std::pair("restart", Kind::kRestart),
        std::pair("lose_power", Kind::kLosePower), std::pair("cut", Kind::kCut),
        std::pair("heal", Kind::kHeal), std::pair("fill_disk", Kind::kFillDisk),
        std::pair("free_disk", Kind::kFreeDisk), std::pair("go_warm", Kind::kGoWarm),
        std::pair("leave", Kind::kLeave)}) {
    TroubleStep trouble{.kind = kind, .who = {}};
    if (entry.Read(name, trouble.who)) actions.emplace_back(std::move(trouble));
  }
}

std::vector<Action> ReadActions(Fields& entry) {
  std::vector<Action> actions;
  TryTroubles(entry, actions);
  TryObject<AskStep>(entry, "ask", actions, ReadAsk);
  TryObject<LoseTxsStep>(entry, "lose_txs", actions, ReadLoss);
  TryObject<PaceStep>(entry, "pace", actions, ReadPace);
  TryObject<BehaveStep>(entry, "behave", actions, ReadConductOf);
  TryObject<ProposeStep>(entry, "propose", actions, ReadProposal);
  TryObject<WithdrawStep>(entry, "withdraw", actions, ReadWithdrawal);
  TryObject<VoteStep>(entry, "vote", actions, ReadVote);
  TryObject<AllowStep>(entry, "allow", actions, ReadAllow);
  if (PartitionStep step; entry.Read("partition", step.groups)) {
    for (const auto& group : step.groups) {
      for (const size_t place : group) {
        if (place < entry.context().participants) continue;
        entry.context().Complain(entry.Path("partition"),
                                 fmt::format("names participant {}", place));
      }
    }
    actions.emplace_back(std::move(step));
  }
  if (LinksStep step; entry.Read("links", step.links)) actions.emplace_back(step);
  if (bool join = false; entry.Read("join", join)) actions.emplace_back(JoinStep{});
  if (entry.Find("hang_up") != nullptr) {
    HangUpStep step;
    ReadLabel(entry, "hang_up", step.request);
    actions.emplace_back(std::move(step));
  }
  if (entry.Find("challenge") != nullptr) {
    ChallengeStep step;
    ReadLabel(entry, "challenge", step.request);
    actions.emplace_back(std::move(step));
  }
  return actions;
}

void ReadEntry(ReadContext& context, const std::string& path, const Json& json,
               Scenario& scenario) {
  Fields entry(context, path, json);
  uint64_t epoch = 0;
  uint64_t block = 0;
  uint64_t every = 1;
  uint64_t times = 1;
  TimedStep step;
  entry.Read("epoch", epoch);
  entry.Read("block", block);
  entry.Read("ms", step.ms);
  entry.Read("every", every);
  entry.Read("times", times);
  const uint64_t epoch_blocks = scenario.network.params.time.epoch_blocks;
  if (epoch > kEpochsMax || block > kEpochsMax * epoch_blocks || every > kStepsMax ||
      times > kStepsMax || step.ms > 3'600'000) {
    return context.Complain(path, "is too late, or repeats too often");
  }
  std::vector<Action> actions = ReadActions(entry);
  if (actions.size() != 1) {
    return context.Complain(path, fmt::format("must have one action, has {}", actions.size()));
  }
  step.action = std::move(actions[0]);
  step.height = 1 + epoch * epoch_blocks + block;
  for (uint64_t i = 0; i < times; ++i, step.height += every) {
    if (scenario.timeline.size() == kStepsMax) {
      return context.Complain(path, fmt::format("is beyond {} steps", kStepsMax));
    }
    scenario.timeline.push_back(step);
  }
}

}  // namespace

void ReadTimeline(Fields& fields, const Json& json, Scenario& scenario) {
  ReadContext& context = fields.context();
  if (!json.is_array()) return context.Refuse("timeline", "a list", json);
  for (size_t i = 0; i < json.size() && context.status.ok(); ++i) {
    ReadEntry(context, fmt::format("timeline[{}]", i), json[i], scenario);
  }
  std::stable_sort(scenario.timeline.begin(), scenario.timeline.end(),
                   [](const TimedStep& a, const TimedStep& b) {
                     return std::pair(a.height, a.ms) < std::pair(b.height, b.ms);
                   });
}

}  // namespace gonka::testing
