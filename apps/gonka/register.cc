#include <fmt/format.h>

#include <algorithm>

#include "gonka/commands.h"

namespace gonka::cli {
namespace {

struct RegisterFlags {
  std::string key;
  std::string endpoint;
  std::vector<std::string> models;
  uint64_t collateral = 0;
};

absl::StatusOr<List<ModelId, 16>> ParseModels(const std::vector<std::string>& models) {
  List<ModelId, 16> ids;
  for (const std::string& model : models) {
    GONKA_ASSIGN_OR_RETURN(const auto id, ParseHash("--model", model));
    ids.push_back(ModelId{id});
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::Status RegisterParticipant(const Context& context, const RegisterFlags& flags) {
  Register event{.endpoint = Text<256>(flags.endpoint), .models = {}};
  GONKA_ASSIGN_OR_RETURN(event.models, ParseModels(flags.models));
  // Registering deposits the least that the ledger asks for; only a participant may add to it.
  std::vector<Event> events = {std::move(event)};
  if (flags.collateral > 0) {
    events.push_back(DepositCollateral{.amount = Amount(flags.collateral)});
  }
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key, std::move(events)));
  fmt::print("registered; it acts from the next epoch\n");
  return absl::OkStatus();
}

void AddRegister(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("register", "become a participant, or one again after leaving");
  auto flags = std::make_shared<RegisterFlags>();
  command->add_option("--key", flags->key, "the participant's key file")->required();
  command->add_option("--endpoint", flags->endpoint, "URL under which others reach its node")
      ->required();
  command
      ->add_option("--model", flags->models, "manifest of a model that it serves; may be repeated")
      ->required();
  command
      ->add_option("--collateral", flags->collateral,
                   "coins to deposit beyond the least that the ledger asks for")
      ->capture_default_str();
  command->callback([flags, &context] {
    context.run = [flags, &context] { return RegisterParticipant(context, *flags); };
  });
}

absl::Status UpdateParticipant(const Context& context, const RegisterFlags& flags) {
  Update event;
  if (!flags.endpoint.empty()) event.endpoint = Text<256>(flags.endpoint);
  if (!flags.models.empty()) {
    GONKA_ASSIGN_OR_RETURN(event.models, ParseModels(flags.models));
  }
  if (!event.endpoint && !event.models) {
    return absl::InvalidArgumentError("nothing to change: give --endpoint or --model");
  }
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key, {std::move(event)}));
  fmt::print("updated; it acts from the next epoch\n");
  return absl::OkStatus();
}

void AddUpdate(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("update", "change a participant's endpoint or models from the next epoch");
  auto flags = std::make_shared<RegisterFlags>();
  command->add_option("--key", flags->key, "the participant's key file")->required();
  command->add_option("--endpoint", flags->endpoint, "URL under which others reach its node");
  command->add_option("--model", flags->models,
                      "manifest of a model that it serves; all that it shall serve");
  command->callback([flags, &context] {
    context.run = [flags, &context] { return UpdateParticipant(context, *flags); };
  });
}

void AddLeave(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "leave",
      "take part to the end of this epoch; the collateral comes home after its settlement");
  auto flags = std::make_shared<RegisterFlags>();
  command->add_option("--key", flags->key, "the participant's key file")->required();
  command->callback([flags, &context] {
    context.run = [flags, &context]() -> absl::Status {
      GONKA_RETURN_IF_ERROR(SendEvents(context, flags->key, {Leave{}}));
      fmt::print("leaving; keep the node running until this epoch is settled\n");
      return absl::OkStatus();
    };
  });
}

void AddWithdraw(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("withdraw", "take back a part of a participant's collateral");
  auto flags = std::make_shared<RegisterFlags>();
  command->add_option("--key", flags->key, "the participant's key file")->required();
  command->add_option("AMOUNT", flags->collateral, "in base units")
      ->required()
      ->check(CLI::Range(uint64_t{1}, Amount::kMax));
  command->callback([flags, &context] {
    context.run = [flags, &context]() -> absl::Status {
      GONKA_RETURN_IF_ERROR(SendEvents(context, flags->key,
                                       {WithdrawCollateral{.amount = Amount(flags->collateral)}}));
      fmt::print("withdrawn; `gonka participants` says when it comes home\n");
      return absl::OkStatus();
    };
  });
}

struct MaintainFlags {
  std::string key;
  uint64_t from = 0;
  uint32_t blocks = 0;
};

void AddMaintain(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "maintain", "announce blocks in which a participant is away, without blame and emission");
  auto flags = std::make_shared<MaintainFlags>();
  command->add_option("--key", flags->key, "the participant's key file")->required();
  command->add_option("--from", flags->from, "the first of these blocks");
  command->add_option("--blocks", flags->blocks, "how many; 0 takes the announcement back")
      ->required();
  command->callback([flags, &context] {
    context.run = [flags, &context]() -> absl::Status {
      GONKA_RETURN_IF_ERROR(SendEvents(
          context, flags->key, {Maintain{.from_height = flags->from, .blocks = flags->blocks}}));
      fmt::print("{}\n", flags->blocks == 0 ? "taken back" : "announced");
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddNodeCommands(CLI::App& app, Context& context) {
  AddRegister(app, context);
  AddUpdate(app, context);
  AddLeave(app, context);
  AddWithdraw(app, context);
  AddMaintain(app, context);
}

}  // namespace gonka::cli
