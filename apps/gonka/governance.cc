// params, proposals, propose, vote: what the network decides by weight.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "gonka/commands.h"
#include "gonka/host/files.h"

namespace gonka::cli {
namespace {

absl::Status ShowParams(const Context& context) {
  GONKA_ASSIGN_OR_RETURN(const Json json, context.Api().Get("/gonka/v1/params"));
  if (context.json) {
    fmt::print("{}\n", json.dump(2));
    return absl::OkStatus();
  }
  fmt::print("{:<40} {}\n", "rules", json["rules"].dump());
  for (const auto& [name, value] : json["params"].items()) {
    fmt::print("{:<40} {}\n", name, value.dump());
  }
  return absl::OkStatus();
}

// Votes while they are cast, weights once they have been counted.
std::string StandingOf(const Json& entry) {
  const Json& proposal = entry["proposal"];
  const auto weight = [&](const char* name) { return proposal.value(name, uint64_t{0}); };
  if (proposal.value("status", "") != "voting") {
    return fmt::format("weight {} for and {} against, of {}", weight("approving_weight"),
                       weight("rejecting_weight"), weight("total_weight"));
  }
  const auto approving =
      std::count_if(entry["votes"].begin(), entry["votes"].end(),
                    [](const Json& vote) { return vote.value("approve", false); });
  return fmt::format("{} of {} votes approve", approving, entry["votes"].size());
}

absl::Status ShowProposals(const Context& context) {
  GONKA_ASSIGN_OR_RETURN(const Json json, context.Api().Get("/gonka/v1/proposals"));
  if (context.json) {
    fmt::print("{}\n", json.dump(2));
    return absl::OkStatus();
  }
  for (const Json& one : json.value("proposals", Json::array())) {
    Json proposal = one["proposal"];
    Json change = proposal["change"];
    if (change.contains("model")) change["model"].erase("calibration");
    fmt::print("{:>4}  {:<8} vote until {}, acts from {}; {}; {}  {}\n", one["number"].dump(),
               proposal.value("status", ""), proposal["vote_until"].dump(),
               proposal["activate_height"].dump(), StandingOf(one), change.dump(),
               proposal.value("reason", ""));
  }
  return absl::OkStatus();
}

struct ProposeFlags {
  std::string key;
  std::string acts_for;
  std::string reason;
  uint64_t at = 0;
  std::vector<std::string> set;
  std::string model;
  std::string name;
  uint64_t price = 0;
  uint64_t price_floor = 1;
  uint64_t price_ceiling = uint64_t{1} << 40;
  uint64_t capacity = 0;
  uint32_t context = 0;
  uint32_t top_k = 5;
  std::string calibration;
  uint32_t version = 0;
};

absl::StatusOr<std::optional<AccountId>> ActsFor(const std::string& text) {
  if (text.empty()) return std::optional<AccountId>();
  GONKA_ASSIGN_OR_RETURN(const AccountId account, ParseAccount(text));
  return std::optional(account);
}

// The earliest height at which it can act, where none is given.
absl::StatusOr<uint64_t> ActivationOf(const Context& context, uint64_t wanted) {
  if (wanted > 0) return wanted;
  constexpr uint64_t kSlackBlocks = 50;  // Until it is in a block.
  GONKA_ASSIGN_OR_RETURN(const Json json, context.Api().Get("/gonka/v1/params"));
  const Json params = json.value("params", Json::object());
  return json.value("height", uint64_t{0}) + params.value("governance.vote_blocks", uint64_t{0}) +
         params.value("governance.notice_blocks", uint64_t{0}) + kSlackBlocks;
}

absl::StatusOr<Change> ParamsOf(const ProposeFlags& flags) {
  ChangeParams change;
  Params trial;
  for (const std::string& text : flags.set) {
    const size_t equals = text.find('=');
    int64_t value = 0;
    const char* end = text.data() + text.size();
    const char* begin = equals == text.npos ? end : text.data() + equals + 1;
    const auto [stop, error] = std::from_chars(begin, end, value);
    if (equals == text.npos || equals > 64 || error != std::errc() || stop != end) {
      return absl::InvalidArgumentError(
          fmt::format("--set needs NAME=NUMBER, such as check.rate_floor=20000; is '{}'", text));
    }
    change.changes.push_back({.name = Text<64>(text.substr(0, equals)), .value = value});
    GONKA_RETURN_IF_ERROR(SetParam(trial, change.changes.back()));
  }
  return Change(change);
}

absl::StatusOr<Change> ModelOf(const ProposeFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const auto id, ParseHash("--model", flags.model));
  ModelInfo model;
  model.id = ModelId{id};
  model.name = Text<128>(flags.name);
  model.price = Amount(flags.price);
  model.context = flags.context;
  model.top_k = flags.top_k;
  model.capacity_tokens = flags.capacity;
  model.price_floor = Amount(flags.price_floor);
  model.price_ceiling = Amount(flags.price_ceiling);
  if (!flags.calibration.empty()) {
    GONKA_ASSIGN_OR_RETURN(const std::string bytes, host::ReadFile(flags.calibration));
    if (bytes.size() > decltype(ModelInfo::calibration)::kMax) {
      return absl::InvalidArgumentError(fmt::format("'{}' has {} bytes, at most {} fit",
                                                    flags.calibration, bytes.size(),
                                                    decltype(ModelInfo::calibration)::kMax));
    }
    model.calibration = Blob<65'536>(ToBytes(AsBytes(bytes)));
  }
  GONKA_RETURN_IF_ERROR(CheckBounds(model));
  return Change(RegisterModel{.model = std::move(model)});
}

using MakeChange = std::function<absl::StatusOr<Change>(const ProposeFlags&)>;

absl::Status SendProposal(const Context& context, const ProposeFlags& flags,
                          const MakeChange& make) {
  GONKA_ASSIGN_OR_RETURN(Change change, make(flags));
  GONKA_ASSIGN_OR_RETURN(const uint64_t height, ActivationOf(context, flags.at));
  GONKA_ASSIGN_OR_RETURN(const auto acts_for, ActsFor(flags.acts_for));
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key,
                                   {Propose{.change = std::move(change),
                                            .activate_height = height,
                                            .reason = Text<1'024>(flags.reason)}},
                                   acts_for));
  fmt::print(
      "proposed; where it passes, it acts from the first epoch that begins at block {} or "
      "later\n",
      height);
  return absl::OkStatus();
}

CLI::App* AddProposal(CLI::App& propose, Context& context, const char* name, const char* what,
                      const std::shared_ptr<ProposeFlags>& flags, const MakeChange& make) {
  CLI::App* command = propose.add_subcommand(name, what);
  command->add_option("--key", flags->key, "key file of whoever pays the deposit")->required();
  command->add_option("--for", flags->acts_for, "the account that --key is a warm key of");
  command->add_option("--reason", flags->reason, "for those who vote, at most 1,024 bytes")
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.size() <= 1'024 ? "" : "is longer than 1,024 bytes";
          },
          ""));
  command->add_option("--at", flags->at, "height; the earliest possible one by default");
  command->callback([flags, make, &context] {
    context.run = [flags, make, &context] { return SendProposal(context, *flags, make); };
  });
  return command;
}

void AddPropose(CLI::App& app, Context& context) {
  CLI::App* propose = app.add_subcommand("propose", "propose a change, against a deposit");
  propose->require_subcommand(1);
  auto flags = std::make_shared<ProposeFlags>();
  CLI::App* params = AddProposal(*propose, context, "params", "other parameters", flags, ParamsOf);
  params->add_option("--set", flags->set, "NAME=NUMBER as `gonka params` shows it; repeatable")
      ->required();
  CLI::App* model =
      AddProposal(*propose, context, "model", "a new model, or new terms", flags, ModelOf);
  model->add_option("--model", flags->model, "hash of its manifest")->required();
  model->add_option("--name", flags->name, "what clients call it")
      ->required()
      ->check(CLI::Validator(
          [](const std::string& text) {
            return text.size() <= 128 ? "" : "is longer than 128 bytes";
          },
          ""));
  model->add_option("--price", flags->price, "per token")
      ->required()
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 43));
  model->add_option("--price-floor", flags->price_floor)
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 43));
  model->add_option("--price-ceiling", flags->price_ceiling)
      ->capture_default_str()
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 43));
  model->add_option("--capacity", flags->capacity,
                    "tokens a block that count as full use; 0: the price stays");
  model->add_option("--context", flags->context, "tokens, prompt and output together")->required();
  model->add_option("--top-k", flags->top_k, "of the artifact")->capture_default_str();
  model->add_option("--calibration", flags->calibration, "file");
  CLI::App* rules = AddProposal(*propose, context, "rules", "another version of the rules", flags,
                                [](const ProposeFlags& given) -> absl::StatusOr<Change> {
                                  return Change(ChangeRules{.version = given.version});
                                });
  rules->add_option("VERSION", flags->version)->required();
}

struct VoteFlags {
  std::string key;
  std::string acts_for;
  uint64_t proposal = 0;
  std::string word;
};

absl::Status Vote(const Context& context, const VoteFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const auto acts_for, ActsFor(flags.acts_for));
  const bool approve = flags.word == "approve";
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key,
                                   {VoteProposal{.proposal = flags.proposal, .approve = approve}},
                                   acts_for));
  fmt::print("voted; the last word until the vote ends counts\n");
  return absl::OkStatus();
}

void AddVote(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("vote", "vote on a proposal, as a participant");
  auto flags = std::make_shared<VoteFlags>();
  command->add_option("PROPOSAL", flags->proposal, "its number")->required();
  command->add_option("WORD", flags->word)->required()->check(CLI::IsMember({"approve", "reject"}));
  command->add_option("--key", flags->key, "the participant's key file, or a warm one")->required();
  command->add_option("--for", flags->acts_for, "the participant that --key is a warm key of");
  command->callback(
      [flags, &context] { context.run = [flags, &context] { return Vote(context, *flags); }; });
}

}  // namespace

void AddGovernanceCommands(CLI::App& app, Context& context) {
  app.add_subcommand("params", "the parameters in force")->callback([&context] {
    context.run = [&context] { return ShowParams(context); };
  });
  app.add_subcommand("proposals", "what is voted on, or was of late")->callback([&context] {
    context.run = [&context] { return ShowProposals(context); };
  });
  AddPropose(app, context);
  AddVote(app, context);
}

}  // namespace gonka::cli
