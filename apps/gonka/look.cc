#include <fmt/format.h>

#include "gonka/commands.h"

namespace gonka::cli {
namespace {

uint64_t Number(const Json& json, const char* name) {
  return json.is_object() ? json.value(name, uint64_t{0}) : 0;
}

double Percent(uint64_t ppm) {
  return static_cast<double>(ppm) / 10'000;
}

// Notices appear bare or wrapped with their height.
const Json& NoticeOf(const Json& row) {
  return row.contains("notice") ? row["notice"] : row;
}

void PrintStatus(const Json& json) {
  const Json sum = json.value("conservation", Json::object());
  fmt::print("network      {} ({})\n", json.value("name", ""), json.value("network", ""));
  fmt::print("participant  {}\n", json.value("participant", ""));
  fmt::print("height       {}   block {}\n", Number(json, "height"), json.value("block_hash", ""));
  fmt::print("app hash     {}\n", json.value("app_hash", ""));
  fmt::print("epoch        {}   {} blocks to go; settled below {}\n", Number(json, "epoch"),
             Number(json, "blocks_until_epoch_end"), Number(json, "epoch_settled"));
  fmt::print("coins        {} created, {} accounted for: {}\n", Number(sum, "created"),
             Number(sum, "accounted"), sum.value("holds", false) ? "conserved" : "NOT CONSERVED");
  fmt::print("caught up    {}\n", json.value("caught_up", false));
}

std::string LeavingText(const Json& participant) {
  std::string text;
  const Json last = participant.value("last_epoch", Json());
  if (last.is_number()) text += fmt::format("  leaves after epoch {}", last.get<uint64_t>());
  for (const Json& entry : participant.value("unbonding", Json::array())) {
    text += fmt::format("  {} unbond until epoch {} is settled", Number(entry, "amount"),
                        Number(entry, "release_epoch"));
  }
  const Json away = participant.value("maintenance", Json());
  if (away.is_object()) {
    text += fmt::format("  away in blocks {} to {}", Number(away, "from_height"),
                        Number(away, "until_height"));
  }
  return text;
}

// Results that it has committed to in this epoch, and what has become of them.
std::string SprintText(const Json& participant) {
  std::string text;
  for (const Json& one : participant.value("sprint", Json::array())) {
    const Json outcome = one.value("outcome", Json());
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", Number(one, "count"),
                        outcome.is_string() ? outcome.get<std::string>() : "unchecked");
  }
  return text.empty() ? "-" : text;
}

void PrintParticipants(const Json& json) {
  fmt::print("{:<64}  {:>8} {:>11} {:>12} {:>11} {:>16}  {}\n", "account", "weight", "reputation",
             "collateral", "convictions", "sprint", "endpoint");
  for (const Json& one : json.value("participants", Json::array())) {
    fmt::print("{:<64}  {:>8} {:>10.2f}% {:>12} {:>11} {:>16}  {}{}{}\n", one.value("id", ""),
               Number(one, "weight"), Percent(Number(one, "reputation")), Number(one, "collateral"),
               Number(one, "convictions"), SprintText(one), one.value("endpoint", ""),
               one.value("removed", false) ? "  REMOVED" : "", LeavingText(one));
  }
}

std::string WithheldText(const Json& member) {
  std::string text;
  for (const Json& row : member.value("withheld", Json::array())) {
    text += fmt::format("{} ({})  ", Number(NoticeOf(row), "amount"),
                        NoticeOf(row).value("reason", ""));
  }
  return text;
}

uint64_t PayOf(const Json& member) {
  uint64_t pay = 0;
  for (const Json& row : member.value("paid", Json::array())) {
    for (const char* part : {"executor_fees", "ta_fees", "validator_fees", "emission"}) {
      pay += Number(NoticeOf(row), part);
    }
  }
  return pay;
}

void PrintEpoch(const Json& json) {
  fmt::print("epoch {} from height {}, {}\n", Number(json, "epoch"), Number(json, "first_height"),
             json.value("settled", false) ? "settled" : "not settled");
  fmt::print("{:<10} {:>8} {:>8} {:>7} {:>7} {:>6} {:>12}  {}\n", "account", "weight", "answers",
             "checks", "passes", "fails", "pay", "withheld");
  for (const Json& member : json.value("members", Json::array())) {
    const Json standing = member.value("standing", Json());
    fmt::print("{:<10} {:>8} {:>8} {:>7} {:>7} {:>6} {:>12}  {}\n",
               member.value("id", "").substr(0, 8), Number(member, "weight"),
               Number(standing, "executed"), Number(standing, "checks"), Number(standing, "passes"),
               Number(standing, "fails"), PayOf(member), WithheldText(member));
  }
}

void PrintInference(const Json& json) {
  fmt::print("inference   {}\nstatus      {}{}\n", json.value("id", ""), json.value("status", ""),
             json.value("settled", false) ? ", settled" : "");
  for (const char* field : {"developer", "transfer_agent", "executor"}) {
    fmt::print("{:<11} {}\n", field, json.value(field, ""));
  }
  fmt::print("tokens      {} + {}\npaid        {}   refunded {}\n", Number(json, "prompt_tokens"),
             Number(json, "output_tokens"), Number(json, "paid"), Number(json, "refunded"));
  for (const Json& event : json.value("notices", Json::array())) {
    Json facts = NoticeOf(event);
    const std::string kind = facts.value("kind", "");
    facts.erase("kind");
    facts.erase("inference");
    fmt::print("  height {:<6} {:<18} {}\n", Number(event, "height"), kind, facts.dump());
  }
}

void AddLook(CLI::App& app, Context& context, const std::string& name, const std::string& help,
             std::function<std::string()> path, void (*print)(const Json&)) {
  CLI::App* command = app.get_subcommand(name);
  command->description(help);
  command->callback([&context, path, print] {
    context.run = [&context, path, print]() -> absl::Status {
      GONKA_ASSIGN_OR_RETURN(const Json json, context.Api().Get(path()));
      if (context.json) {
        fmt::print("{}\n", json.dump(2));
      } else {
        print(json);
      }
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddLookCommands(CLI::App& app, Context& context) {
  app.add_subcommand("status");
  AddLook(
      app, context, "status", "where the network stands",
      [] { return std::string("/gonka/v1/status"); }, PrintStatus);
  app.add_subcommand("participants");
  AddLook(
      app, context, "participants", "who takes part, with what weight and reputation",
      [] { return std::string("/gonka/v1/participants"); }, PrintParticipants);

  auto epoch = std::make_shared<std::string>("current");
  app.add_subcommand("epoch")->add_option("NUMBER", *epoch, "default: the current one");
  AddLook(
      app, context, "epoch", "an epoch: members, work, pay, what was withheld and why",
      [epoch] { return "/gonka/v1/epochs/" + *epoch; }, PrintEpoch);

  auto id = std::make_shared<std::string>();
  app.add_subcommand("inference")->add_option("ID", *id, "64 hex digits")->required();
  AddLook(
      app, context, "inference", "one record and everything that happened to it",
      [id] { return "/gonka/v1/inferences/" + *id; }, PrintInference);
}

}  // namespace gonka::cli
