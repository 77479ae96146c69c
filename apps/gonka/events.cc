#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "gonka/commands.h"

namespace gonka::cli {
namespace {

struct EventFlags {
  bool follow = false;
  std::string kinds;
  std::string api_key;
  uint64_t from_height = 1;
};

void Print(const Context& context, const Json& event) {
  if (context.json) {
    fmt::print("{}\n", event.dump());
  } else if (event.contains("text")) {
    fmt::print("{:>7}  {}\n", event.value("height", uint64_t{0}), event.value("text", ""));
  } else {
    Json facts = event.value("notice", Json::object());
    const std::string kind = facts.value("kind", "");
    facts.erase("kind");
    fmt::print("{:>7}  {:<20} {}\n", event.value("height", uint64_t{0}), kind, facts.dump());
  }
  std::fflush(stdout);
}

absl::Status Events(const Context& context, const EventFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const Json status, context.Api().Get("/gonka/v1/status"));
  const uint64_t height = status.value("height", uint64_t{0});
  std::string url =
      context.node + (flags.api_key.empty() ? "/gonka/v1/events" : "/v1/gonka/notices");
  url += fmt::format("?from_height={}", flags.from_height);
  if (!flags.kinds.empty()) url += "&kinds=" + flags.kinds;
  const apps::EventLog log(*context.client, url, flags.api_key);
  // Without --follow: what there is. The stream has no end, so silence must do.
  constexpr auto kPoll = std::chrono::milliseconds(100);
  constexpr int kSilentPolls = 10;
  size_t printed = 0;
  for (int silent = 0; flags.follow || silent < kSilentPolls; ++silent) {
    std::this_thread::sleep_for(kPoll);
    const std::vector<Json> events = log.All();
    if (events.size() > printed) silent = 0;
    for (; printed < events.size(); ++printed) {
      if (!flags.follow && events[printed].value("height", uint64_t{0}) > height) {
        return absl::OkStatus();
      }
      Print(context, events[printed]);
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddEventCommands(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("events", "what the ledger tells the world");
  auto flags = std::make_shared<EventFlags>();
  command->add_flag("--follow", flags->follow, "keep on, until Ctrl-C");
  command->add_option("--kinds", flags->kinds, "only these, such as refunded,convicted");
  command->add_option("--api-key", flags->api_key, "only what concerns this developer");
  command->add_option("--from-height", flags->from_height)->capture_default_str();
  command->callback(
      [flags, &context] { context.run = [flags, &context] { return Events(context, *flags); }; });
}

}  // namespace gonka::cli
