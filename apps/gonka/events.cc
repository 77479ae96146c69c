#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <thread>

#include "gonka/commands.h"
#include "gonka/host/files.h"

namespace gonka::cli {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(100);

struct EventFlags {
  bool follow = false;
  std::string kinds;
  std::string api_key;
  uint64_t from_height = 1;
  std::string post;
  std::string post_token;
  std::string state;
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

std::string StreamUrl(const Context& context, const EventFlags& flags, uint64_t from_height) {
  std::string url =
      context.node + (flags.api_key.empty() ? "/gonka/v1/events" : "/v1/gonka/notices");
  url += fmt::format("?from_height={}", from_height);
  if (!flags.kinds.empty()) url += "&kinds=" + flags.kinds;
  return url;
}

// The last event that a webhook has taken, in a file.
struct Position {
  uint64_t height = 0;
  uint64_t index = 0;
  auto operator<=>(const Position&) const = default;
};

absl::StatusOr<Position> ReadPosition(const std::string& path) {
  const auto text = host::ReadFile(path, 64);
  if (absl::IsNotFound(text.status())) return Position();
  if (!text.ok()) return text.status();
  Position position;
  int length = 0;
  if (std::sscanf(text->c_str(), "%" SCNu64 ".%" SCNu64 "\n%n", &position.height, &position.index,
                  &length) != 2 ||
      static_cast<size_t>(length) != text->size()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' must hold HEIGHT.INDEX of an event, holds '{}'", path, *text));
  }
  return position;
}

// Tries again, slower and slower, until the receiver answers with 2xx: events come in order, none
// is left out, and one may come twice after a crash. False where a signal came first.
bool PostUntilTaken(const Context& context, const EventFlags& flags, const Json& event,
                    const std::string& id) {
  constexpr auto kFirstPause = std::chrono::seconds(1);
  constexpr auto kLongestPause = std::chrono::seconds(60);
  http::ClientRequest request{.method = "POST",
                              .url = flags.post,
                              .body = event.dump(),
                              .headers = {{"X-Gonka-Event", id}},
                              .timeout_us = 20'000'000,
                              .repeatable = true};
  if (!flags.post_token.empty()) {
    request.headers.Add("Authorization", "Bearer " + flags.post_token);
  }
  for (auto pause = kFirstPause; !context.signal->HasCome();
       pause = std::min(2 * pause, kLongestPause)) {
    const auto response = context.client->Send(request);
    if (response.ok() && response->status / 100 == 2) return true;
    fmt::print(
        stderr, "event {} was not taken: {}; again in {} s\n", id,
        response.ok() ? fmt::format("status {}", response->status) : Message(response.status()),
        pause.count());
    for (auto waited = std::chrono::milliseconds(0); waited < pause && !context.signal->HasCome();
         waited += kPoll) {
      std::this_thread::sleep_for(kPoll);
    }
  }
  return false;
}

// A webhook: every event is posted to a URL, until a signal comes.
absl::Status PostEvents(const Context& context, const EventFlags& flags) {
  Position last;
  if (!flags.state.empty()) {
    GONKA_ASSIGN_OR_RETURN(last, ReadPosition(flags.state));
  }
  apps::EventLog log(*context.client,
                     StreamUrl(context, flags, std::max(flags.from_height, last.height)),
                     flags.api_key);
  while (!context.signal->HasCome()) {
    std::this_thread::sleep_for(kPoll);
    for (const Json& event : log.Take()) {
      const Position position{.height = event.value("height", uint64_t{0}),
                              .index = event.value("index", uint64_t{0})};
      if (position <= last && last.height > 0) continue;
      const std::string id = fmt::format("{}.{}", position.height, position.index);
      if (!PostUntilTaken(context, flags, event, id)) break;
      last = position;
      if (flags.state.empty()) continue;
      GONKA_RETURN_IF_ERROR(host::WriteFileAtomic(flags.state, AsBytes(id + "\n")));
    }
  }
  return absl::OkStatus();
}

absl::Status Events(const Context& context, const EventFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const Json status, context.Api().Get("/gonka/v1/status"));
  const uint64_t height = status.value("height", uint64_t{0});
  const std::string url = StreamUrl(context, flags, flags.from_height);
  apps::EventLog log(*context.client, url, flags.api_key);
  // Without --follow: what there is. The stream has no end, so silence must do.
  constexpr int kSilentPolls = 10;
  for (int silent = 0; flags.follow || silent < kSilentPolls; ++silent) {
    std::this_thread::sleep_for(kPoll);
    for (const Json& event : log.Take()) {
      silent = 0;
      if (!flags.follow && event.value("height", uint64_t{0}) > height) return absl::OkStatus();
      Print(context, event);
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
  CLI::Option* post = command->add_option(
      "--post", flags->post, "a webhook: post each event to this URL as JSON, until Ctrl-C");
  command->add_option("--post-token", flags->post_token, "sent along as a bearer token")
      ->needs(post);
  command
      ->add_option("--state", flags->state,
                   "file that remembers the last event taken, so that a later run goes on there")
      ->needs(post);
  command->callback([flags, &context] {
    context.stays = !flags->post.empty();
    context.run = [flags, &context] {
      return flags->post.empty() ? Events(context, *flags) : PostEvents(context, *flags);
    };
  });
}

}  // namespace gonka::cli
