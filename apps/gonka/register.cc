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

absl::Status RegisterParticipant(const Context& context, const RegisterFlags& flags) {
  Register event{.endpoint = Text<256>(flags.endpoint), .models = {}};
  for (const std::string& model : flags.models) {
    GONKA_ASSIGN_OR_RETURN(const auto id, ParseHash("--model", model));
    event.models.push_back(ModelId{id});
  }
  std::sort(event.models.begin(), event.models.end());
  // Registering deposits the least that the ledger asks for; only a participant may add to it.
  std::vector<Event> events = {std::move(event)};
  if (flags.collateral > 0) {
    events.push_back(DepositCollateral{.amount = Amount(flags.collateral)});
  }
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key, std::move(events)));
  fmt::print("registered; it acts from the next epoch\n");
  return absl::OkStatus();
}

}  // namespace

void AddNodeCommands(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("register", "become a participant, or change endpoint and models");
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

}  // namespace gonka::cli
