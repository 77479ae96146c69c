#include "devnet/story.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <set>
#include <thread>

#include "devnet/questions.h"
#include "gonka/host/files.h"
#include "gonka/host/system.h"

namespace gonka::devnet {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);

std::string Short(const std::string& hex) {
  return hex.substr(0, 8);
}

std::string OneLine(std::string text, size_t bytes_max) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80)
    --end;  // Not inside a character.
  return text.substr(0, end) + " ...";
}

std::string KindOf(const Json& event) {
  return event.value("/notice/kind"_json_pointer, "");
}

}  // namespace

Story::Story(Network& network, http::Client& client, StoryOptions options)
    : network_(network), client_(client), options_(std::move(options)) {
  for (const ParticipantPlan& plan : network_.participants()) names_[Hex(plan.id())] = plan.name;
  for (const DeveloperPlan& plan : network_.developers()) names_[Hex(plan.id())] = plan.name;
  report_["cheat"] = CheatName(options_.cheat);
  report_["model"] = options_.model_name;
}

Story::~Story() = default;

void Story::Say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void Story::Chapter(const std::string& title) {
  Say();
  Say(fmt::format("=== {} ===   [{:.1f} s]", title, (NowMs() - started_ms_) / 1'000));
}

void Story::Promise(bool kept, const std::string& what) {
  report_["promises"].push_back({{"what", what}, {"kept", kept}});
  if (!kept) {
    broken_.push_back(what);
    Say("  !! NOT KEPT: " + what);
  }
}

std::string Story::NameOf(const std::string& id) const {
  const auto found = names_.find(id);
  return found == names_.end() ? Short(id) : found->second;
}

NodeApi Story::Api(size_t participant) const {
  return NodeApi(client_, network_.participants()[participant].url());
}

double Story::SecondsOf(uint64_t blocks) const {
  return static_cast<double>(blocks) * network_.genesis().params.block_interval_ms / 1'000;
}

absl::Status Story::WaitFor(const std::string& what, double seconds,
                            const std::function<absl::StatusOr<bool>()>& done) {
  const double deadline = NowMs() + seconds * 1'000;
  absl::Status last;
  while (NowMs() < deadline) {
    if (options_.interrupted()) return absl::CancelledError("interrupted");
    GONKA_RETURN_IF_ERROR(network_.CheckAlive());
    const auto is_done = done();
    if (is_done.ok() && *is_done) return absl::OkStatus();
    last = is_done.status();
    std::this_thread::sleep_for(kPoll);
  }
  return absl::DeadlineExceededError(
      fmt::format("waited {:.0f} s for {}{}", seconds, what,
                  last.ok() ? "" : "; the last error: " + ToString(last)));
}

absl::Status Story::Tell(double started_ms) {
  started_ms_ = started_ms;
  GONKA_RETURN_IF_ERROR(WaitUntilReady());
  GONKA_RETURN_IF_ERROR(FundDevelopers());
  TellProcesses();
  GONKA_RETURN_IF_ERROR(Ask());
  GONKA_RETURN_IF_ERROR(TellLives());
  GONKA_RETURN_IF_ERROR(TellCheat());
  GONKA_RETURN_IF_ERROR(TellEpoch());
  GONKA_RETURN_IF_ERROR(TellProofs());
  GONKA_RETURN_IF_ERROR(Measure());
  report_["broken_promises"] = broken_;
  return absl::OkStatus();
}

absl::Status Story::WaitUntilReady() {
  Say(fmt::format("starting {} network nodes and {} ML nodes ...", network_.participants().size(),
                  network_.processes().size() - network_.participants().size()));
  for (size_t i = 0; i < network_.participants().size(); ++i) {
    GONKA_RETURN_IF_ERROR(WaitFor(network_.participants()[i].name, 180,
                                  [&] { return absl::StatusOr<bool>(Api(i).Get("/ready").ok()); }));
  }
  events_ = std::make_unique<EventLog>(
      client_, network_.participants()[0].url() + "/gonka/v1/events?from_height=1", "");
  return absl::OkStatus();
}

// Each developer sets coins aside for the transfer agent of its choice; the API key is the secret
// whose digest stands in that Allow.
absl::Status Story::FundDevelopers() {
  host::SystemEntropy entropy;
  for (const DeveloperPlan& plan : network_.developers()) {
    FixedBytes<24> secret;
    entropy.Fill(secret.bytes);
    const std::string api_key = "gk-" + Hex(secret);
    api_keys_.push_back(api_key);
    GONKA_RETURN_IF_ERROR(
        host::WriteFileAtomic(plan.key_path + ".api", AsBytes(api_key + "\n"), 0600));
    GONKA_ASSIGN_OR_RETURN(const uint64_t sequence, Sequencer().NextSequence(plan.id()));
    const Allow allow{.ta = network_.participants()[plan.ta].id(),
                      .amount = Amount(plan.balance.units() / 2),
                      .expires_epoch = 1'000'000,
                      .key_digest = ApiKeyDigest(AsBytes(api_key))};
    GONKA_RETURN_IF_ERROR(
        Sequencer().Submit(SignTx(plan.key, NetworkIdOf(network_.genesis()), sequence, {allow})));
    notices_.push_back(std::make_unique<EventLog>(
        client_, Api(plan.ta).url() + "/v1/gonka/notices?from_height=1", api_key));
  }
  for (const DeveloperPlan& plan : network_.developers()) {
    GONKA_RETURN_IF_ERROR(WaitFor(plan.name + "'s allowance", 60, [&]() -> absl::StatusOr<bool> {
      GONKA_ASSIGN_OR_RETURN(const Json account,
                             Api(plan.ta).Get("/gonka/v1/accounts/" + Hex(plan.id())));
      const Json allowances = account.value("allowances", Json::array());
      return !allowances.empty() && allowances[0].value("ready", false);
    }));
  }
  return absl::OkStatus();
}

void Story::TellProcesses() {
  Chapter("1. Who is here");
  for (const auto& process : network_.processes()) {
    Say(fmt::format("  {:<24} pid {:<7} log {}", process->name(), process->pid(),
                    process->log_path()));
    report_["processes"].push_back({{"name", process->name()},
                                    {"pid", process->pid()},
                                    {"argv", process->argv()},
                                    {"log", process->log_path()}});
  }
  for (const ParticipantPlan& plan : network_.participants()) {
    Say(fmt::format(
        "  {:<15} {}  weight {:<4} account {}{}", plan.name, plan.url(), plan.weight,
        ShortHex(plan.id()),
        plan.cheat == Cheat::kNone
            ? ""
            : fmt::format("   <- cheats ({}): {}", CheatName(plan.cheat), CheatStory(plan.cheat))));
    report_["participants"].push_back({{"name", plan.name},
                                       {"id", Hex(plan.id())},
                                       {"url", plan.url()},
                                       {"weight", plan.weight}});
  }
  const DeveloperPlan& developer = network_.developers()[0];
  const std::string url = network_.participants()[developer.ta].url();
  Say();
  for (size_t i = 0; i < network_.developers().size(); ++i) {
    const DeveloperPlan& plan = network_.developers()[i];
    Say(fmt::format("  {:<6} asks {} ({}), balance {}, half of it allowed; API key {}", plan.name,
                    network_.participants()[plan.ta].name, network_.participants()[plan.ta].url(),
                    plan.balance.units(), api_keys_[i]));
    report_["developers"].push_back({{"name", plan.name},
                                     {"id", Hex(plan.id())},
                                     {"key_file", plan.key_path},
                                     {"api_key", api_keys_[i]},
                                     {"node", network_.participants()[plan.ta].url()}});
  }
  Say();
  Say(fmt::format("  curl {}/v1/chat/completions -H 'Authorization: Bearer {}' \\", url,
                  api_keys_[0]));
  Say(
      fmt::format("    -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", \"messages\": "
                  "[{{\"role\": \"user\", \"content\": \"What is the capital of France?\"}}]}}'",
                  options_.model_name));
  Say();
  Say("  from openai import OpenAI");
  Say(fmt::format("  client = OpenAI(base_url=\"{}/v1\", api_key=\"{}\")", url, api_keys_[0]));
  Say(
      fmt::format("  print(client.chat.completions.create(model=\"{}\", messages=[{{\"role\": "
                  "\"user\", \"content\": \"Hello!\"}}]).choices[0].message.content)",
                  options_.model_name));
  Say();
  Say(fmt::format("  look for yourself: gonka --node {} status | participants | balance {}", url,
                  ShortHex(developer.id())));
  report_["base_url"] = url + "/v1";
  report_["api_key"] = api_keys_[0];
  report_["ready_seconds"] = (NowMs() - started_ms_) / 1'000;
}

void Story::TellAnswer(const Asked& asked) {
  if (!asked.status.ok()) {
    Say(fmt::format("  {:<6} \"{}\"  FAILED: {}", network_.developers()[asked.developer].name,
                    OneLine(asked.request.question, 40), ToString(asked.status)));
    return;
  }
  const ChatAnswer& answer = asked.answer;
  const std::string id = answer.receipt.value("inference_id", "");
  const std::string executor = NameOf(answer.receipt.value("executor", ""));
  const std::string ta = NameOf(answer.receipt.value("transfer_agent", ""));
  Say(fmt::format("  {:<6} \"{}\"", network_.developers()[asked.developer].name,
                  asked.request.question));
  Say(fmt::format("         \"{}\"", OneLine(answer.text, 110)));
  Say(fmt::format("         {} -> {}   first token {:.0f} ms, {} tokens in {:.0f} ms   {}", ta,
                  executor, answer.timing.first_token_ms, answer.timing.tokens,
                  answer.timing.total_ms, Short(id)));
  if (!report_.contains("first_answer_seconds")) {
    report_["first_answer_seconds"] = (NowMs() - started_ms_) / 1'000;
  }
  report_["answers"].push_back({{"developer", network_.developers()[asked.developer].name},
                                {"question", asked.request.question},
                                {"answer", answer.text},
                                {"transfer_agent", ta},
                                {"executor", executor},
                                {"first_token_ms", answer.timing.first_token_ms},
                                {"total_ms", answer.timing.total_ms},
                                {"tokens", answer.timing.tokens},
                                {"inference_id", id}});
}

// Until the cheater has enough records for a hearing in one epoch.
bool Story::EnoughAsked(size_t asked) const {
  if (asked >= options_.requests_max) return true;
  if (asked < options_.requests_min) return false;
  const auto cheater = network_.cheater();
  if (!cheater || options_.cheat == Cheat::kTamper) return true;
  const std::string id = Hex(network_.participants()[*cheater].id());
  return std::count_if(asked_.begin(), asked_.end(), [&](const Asked& one) {
           return one.status.ok() && one.answer.receipt.value("executor", "") == id;
         }) > options_.cheater_records_min;
}

absl::Status Story::Ask() {
  // A fresh epoch, so that what is told fits into one.
  GONKA_RETURN_IF_ERROR(WaitFor("room in the epoch", 600, [&]() -> absl::StatusOr<bool> {
    GONKA_ASSIGN_OR_RETURN(const Json status, Sequencer().Get("/gonka/v1/status"));
    epoch_ = status.value("epoch", uint64_t{0});
    return SecondsOf(status.value("blocks_until_epoch_end", uint64_t{0})) > 40;
  }));
  Chapter("2. Three developers ask, through three transfer agents");
  std::vector<std::thread> threads;
  std::atomic<bool> stop{false};
  std::atomic<size_t> next{0};
  for (size_t d = 0; d < network_.developers().size(); ++d) {
    threads.emplace_back([&, d] {
      const NodeApi api = Api(network_.developers()[d].ta);
      while (!stop && !options_.interrupted()) {
        Asked asked{.developer = d, .request = {}, .answer = {}, .status = {}};
        asked.request = {.model = options_.model_name,
                         .question = Question(next++),
                         .max_tokens = options_.answer_tokens,
                         .temperature = 0.7,
                         .seed = std::nullopt};
        auto answer = api.Chat(api_keys_[d], asked.request);
        asked.status = answer.status();
        if (answer.ok()) asked.answer = *std::move(answer);
        const std::lock_guard lock(asked_mutex_);
        TellAnswer(asked);
        asked_.push_back(std::move(asked));
        if (EnoughAsked(asked_.size())) stop = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto failed = std::count_if(asked_.begin(), asked_.end(),
                                    [](const Asked& asked) { return !asked.status.ok(); });
  Say(fmt::format("  {} requests, {} failed", asked_.size(), failed));
  Promise(failed == 0, "every request is answered");
  return network_.CheckAlive();
}

bool Story::WasRemoved(const std::string& participant) const {
  const auto convictions = events_->OfKind("convicted");
  return std::any_of(convictions.begin(), convictions.end(), [&](const Json& event) {
    return event["notice"].value("accused", "") == participant &&
           event["notice"].value("removed", false);
  });
}

absl::Status Story::TellLives() {
  Chapter("3. The life of a record, as the ledger sees it");
  size_t told = 0;
  size_t reached = 0;
  size_t unrecorded = 0;  // Answered while the ledger was removing the executor: never charged.
  for (const Asked& asked : asked_) {
    if (!asked.status.ok()) continue;
    const std::string id = asked.answer.receipt.value("inference_id", "");
    const std::string executor = asked.answer.receipt.value("executor", "");
    Json inference;
    const absl::Status status =
        WaitFor("a verdict on " + Short(id), 60, [&]() -> absl::StatusOr<bool> {
          const auto found = Sequencer().Get("/gonka/v1/inferences/" + id);
          if (absl::IsNotFound(found.status()) && WasRemoved(executor)) return true;
          if (!found.ok()) return found.status();
          inference = *found;
          const std::string state = inference.value("status", "");
          return state != "started" && state != "finished";
        });
    if (!status.ok()) {
      Promise(false, fmt::format("record {} is checked: {}", Short(id), ToString(status)));
      continue;
    }
    if (inference.is_null()) {
      ++unrecorded;
      continue;
    }
    ++reached;
    if (told++ >= 3) continue;
    Say(fmt::format("  {}   now {}", id, inference.value("status", "")));
    bool finished = false;
    for (const Json& event : inference.value("notices", Json::array())) {
      Json facts = event.value("notice", Json::object());
      finished = finished || KindOf(event) == "record_finished";
      if (!finished) facts.erase("matches");  // Delivered came first: nothing to compare with yet.
      facts.erase("kind");
      facts.erase("inference");
      std::string text;
      for (const auto& [key, value] : facts.items()) {
        const bool account = value.is_string() && names_.contains(value.get<std::string>());
        text +=
            fmt::format("  {} {}", key,
                        account ? NameOf(value.get<std::string>())
                                : (value.is_string() ? value.get<std::string>() : value.dump()));
      }
      Say(fmt::format("    height {:<5} {:<17}{}", event.value("height", uint64_t{0}),
                      KindOf(event), OneLine(text, 150)));
    }
    report_["lives"].push_back(inference);
  }
  Say(fmt::format("  {} of {} records have a verdict; one of them: gonka inference ID", reached,
                  asked_.size()));
  TellSpeed();
  if (unrecorded > 0) {
    Say(fmt::format("  {} answers have no record and cost nothing: their executor had been removed",
                    unrecorded));
  }
  Promise(reached > 0, "records are checked and have verdicts");
  return absl::OkStatus();
}

// The verdict's time is its block's, which is a little later than the verdict.
void Story::TellSpeed() {
  const double now_s = static_cast<double>(host::SystemClock().UnixUs()) / 1e6;
  const double started_s = now_s - (NowMs() - started_ms_) / 1'000;
  for (const Json& event : events_->OfKind("verdict_revealed")) {
    if (event.value("/notice/verdict"_json_pointer, "") != "pass") continue;
    const double seconds = event.value("time_us", 0.0) / 1e6 - started_s;
    report_["first_verified_seconds"] = seconds;
    Say(fmt::format(
        "  after the start: the first answer at {:.1f} s, the first verified one at {:.1f} s",
        report_.value("first_answer_seconds", 0.0), seconds));
    return;
  }
}

absl::Status Story::TellCheat() {
  const auto cheater = network_.cheater();
  if (!cheater) {
    Chapter("4. Nobody cheats");
    Promise(events_->OfKind("dispute_opened").empty(), "no honest answer is disputed");
    Promise(events_->OfKind("convicted").empty(), "nobody is convicted");
    return absl::OkStatus();
  }
  const ParticipantPlan& plan = network_.participants()[*cheater];
  const std::string id = Hex(plan.id());
  Chapter(fmt::format("4. {} cheats: it {}", plan.name, CheatStory(plan.cheat)));
  const TimeParams& time = network_.genesis().params.time;
  const double patience = SecondsOf(time.epoch_blocks + time.settle_blocks) + 60;
  const absl::Status convicted =
      WaitFor("the conviction of " + plan.name, patience, [&]() -> absl::StatusOr<bool> {
        const auto found = events_->OfKind("convicted");
        return std::any_of(found.begin(), found.end(), [&](const Json& event) {
          return event.value("/notice/accused"_json_pointer, "") == id;
        });
      });
  TellCases(id);
  Promise(convicted.ok(), plan.name + " is convicted: " + ToString(convicted));
  for (const Json& event : events_->OfKind("convicted")) {
    Promise(event.value("/notice/accused"_json_pointer, "") == id,
            "nobody but " + plan.name + " is convicted");
  }
  report_["cheat_events"] = Json::array();
  for (const Json& event : events_->All()) {
    const std::string kind = KindOf(event);
    if (kind.starts_with("dispute") || kind.starts_with("hearing") || kind == "convicted" ||
        kind == "vote_revealed") {
      report_["cheat_events"].push_back(event);
    }
  }
  return TellRefunds();
}

// Two disputes about the cheater and one that it raised itself, if it did; the hearing; the rest in
// numbers.
void Story::TellCases(const std::string& cheater) {
  std::set<std::string> told;  // Inferences and cases.
  size_t about = 0;
  size_t by = 0;
  std::map<std::string, size_t> outcomes;
  for (const Json& event : events_->All()) {
    const Json& notice = event["notice"];
    const std::string kind = KindOf(event);
    const std::string inference = notice.value("inference", "");
    if (kind == "dispute_opened" && notice.value("accused", "") == cheater && about++ < 2) {
      told.insert(inference);
    }
    if (kind == "dispute_opened" && notice.value("accuser", "") == cheater && by++ < 1) {
      told.insert(inference);
    }
    if (kind == "committee_drawn" && told.contains(inference)) {
      told.insert(notice.value("case_id", ""));
    }
    if (kind == "hearing_opened") told.insert(notice.value("case_id", ""));
    if (kind == "dispute_decided") ++outcomes[notice.value("outcome", "")];
  }
  for (const Json& event : events_->All()) {
    const Json& notice = event["notice"];
    const bool is_told = told.contains(notice.value("inference", "")) ||
                         told.contains(notice.value("case_id", "")) || KindOf(event) == "convicted";
    if (!is_told) continue;
    const std::string line = TellCaseEvent(event);
    if (!line.empty())
      Say(fmt::format("  height {:<5} {}", event.value("height", uint64_t{0}), line));
  }
  Say(fmt::format(
      "  in all {} disputes about {}, {} raised by it; {} upheld, {} rejected, {} "
      "undecided; gonka events --kinds dispute_decided,vote_revealed,convicted",
      about, NameOf(cheater), by, outcomes["upheld"], outcomes["rejected"], outcomes["undecided"]));
}

std::string Story::TellCaseEvent(const Json& event) const {
  const std::string kind = KindOf(event);
  const Json& notice = event["notice"];
  const double nats = notice.value("evidence_millinats", 0) / 1'000.0;
  const auto name = [&](const char* field) { return NameOf(notice.value(field, "")); };
  const auto brief = [&](const char* field) { return Short(notice.value(field, "")); };
  if (kind == "verdict_revealed") {
    return fmt::format("{} checked {}: {}, evidence {:.1f} nats", name("validator"),
                       brief("inference"), notice.value("verdict", ""), nats);
  }
  if (kind == "dispute_opened") {
    return fmt::format("{} accuses {} over {} ({})", name("accuser"), name("accused"),
                       brief("inference"), notice.value("cause", ""));
  }
  if (kind == "vote_revealed") {
    return fmt::format("{} votes {} with {} ({}), evidence {:.1f} nats", name("voter"),
                       notice.value("verdict", ""), notice.value("votes", uint64_t{0}),
                       brief("case_id"), nats);
  }
  if (kind == "dispute_decided") {
    return fmt::format("dispute about {}: {}, {} seats for fail, {} for pass", brief("inference"),
                       notice.value("outcome", ""), notice.value("fail_seats", 0),
                       notice.value("pass_seats", 0));
  }
  if (kind == "hearing_sample_drawn") {
    return fmt::format("hearing about {} ({}): {} further answers are drawn", name("accused"),
                       brief("case_id"), notice.value("sample", Json::array()).size());
  }
  if (kind == "hearing_decided") {
    return fmt::format("hearing about {}: {}, weight {} of {} confirms", name("accused"),
                       notice.value("convicted", false) ? "convicted" : "acquitted",
                       notice.value("confirming_weight", uint64_t{0}),
                       notice.value("eligible_weight", uint64_t{0}));
  }
  if (kind == "convicted") {
    return fmt::format("{} is CONVICTED ({}), {} of its collateral slashed{}", name("accused"),
                       notice.value("cause", ""), notice.value("slashed", uint64_t{0}),
                       notice.value("removed", false) ? ", removed" : "");
  }
  return "";
}

// From what the developers were sent over their own streams, not from reading the state.
absl::Status Story::TellRefunds() {
  size_t told = 0;
  size_t convictions_told = 0;
  uint64_t total = 0;
  Say();
  (void)WaitFor("notices to the developers", 10, [&]() -> absl::StatusOr<bool> {
    return std::any_of(notices_.begin(), notices_.end(),
                       [](const auto& log) { return !log->OfKind("convicted").empty(); });
  });
  for (size_t d = 0; d < notices_.size(); ++d) {
    for (const Json& event : notices_[d]->All()) {
      const std::string kind = KindOf(event);
      const Json& notice = event["notice"];
      const std::string reason = notice.value("reason", "");
      const bool refund = kind == "refunded" && reason != "unused_escrow";
      if (kind == "convicted") ++convictions_told;
      if (!refund && kind != "convicted") continue;
      if (refund) {
        ++told;
        total += notice.value("amount", uint64_t{0});
        report_["refunds"].push_back(event);
      }
      if (told <= 6 || kind == "convicted") {
        Say(fmt::format("  {} is told: {}", network_.developers()[d].name,
                        event.value("text", notice.dump())));
      }
    }
  }
  Say(fmt::format("  {} refunds, {} units in all; the stream: /v1/gonka/notices", told, total));
  Promise(told > 0, "developers are refunded and told over their own event streams");
  Promise(convictions_told > 0, "developers are told of the conviction");
  return absl::OkStatus();
}

absl::Status Story::TellEpoch() {
  Chapter(fmt::format("5. The end of epoch {}", epoch_));
  const TimeParams& time = network_.genesis().params.time;
  const std::string path = fmt::format("/gonka/v1/epochs/{}", epoch_);
  Json epoch;
  Say("  waiting for its settlement ...");
  GONKA_RETURN_IF_ERROR(WaitFor("the settlement",
                                SecondsOf(time.epoch_blocks + time.settle_blocks) + 60,
                                [&]() -> absl::StatusOr<bool> {
                                  GONKA_ASSIGN_OR_RETURN(epoch, Sequencer().Get(path));
                                  return !epoch["settlement"].is_null();
                                }));
  GONKA_ASSIGN_OR_RETURN(const Json participants, Sequencer().Get("/gonka/v1/participants"));
  std::map<std::string, uint64_t> reputation;
  for (const Json& one : participants.value("participants", Json::array())) {
    reputation[one.value("id", "")] = one.value("reputation", uint64_t{0});
  }
  Say(fmt::format("  {:<15} {:>6} {:>8} {:>7} {:>7} {:>10} {:>10}   {}", "participant", "weight",
                  "answers", "checks", "passes", "reputation", "pay", "withheld"));
  const auto cheater = network_.cheater();
  for (const Json& member : epoch.value("members", Json::array())) {
    const std::string id = member.value("id", "");
    const Json standing = member.value("standing", Json::object());
    uint64_t pay = 0;
    for (const Json& paid : member.value("paid", Json::array())) {
      const Json& notice = paid.contains("notice") ? paid["notice"] : paid;
      for (const char* part : {"executor_fees", "ta_fees", "validator_fees", "emission"}) {
        pay += notice.value(part, uint64_t{0});
      }
    }
    std::string withheld;
    for (const Json& row : member.value("withheld", Json::array())) {
      const Json& notice = row.contains("notice") ? row["notice"] : row;
      withheld +=
          fmt::format("{} ({})  ", notice.value("amount", uint64_t{0}), notice.value("reason", ""));
    }
    const auto number = [&](const char* name) {
      return standing.is_object() ? standing.value(name, uint64_t{0}) : 0;
    };
    Say(fmt::format("  {:<15} {:>6} {:>8} {:>7} {:>7} {:>9.2f}% {:>10}   {}", NameOf(id),
                    member.value("weight", uint64_t{0}), number("executed"), number("checks"),
                    number("passes"), static_cast<double>(reputation[id]) / 10'000, pay, withheld));
    if (cheater && id == Hex(network_.participants()[*cheater].id())) {
      Promise(pay == 0, "the convict is paid nothing for the epoch");
      Promise(!withheld.empty(), "what is withheld from the convict has a reason");
    }
  }
  GONKA_ASSIGN_OR_RETURN(const Json status, Sequencer().Get("/gonka/v1/status"));
  const Json sum = status.value("conservation", Json::object());
  Say(fmt::format("  conservation: {} created = {} accounted for ({})",
                  sum.value("created", uint64_t{0}), sum.value("accounted", uint64_t{0}),
                  status.value("totals", Json::object()).dump()));
  Say(fmt::format("  gonka epoch {}", epoch_));
  Promise(sum.value("holds", false), "no coin is created or lost");
  report_["epoch"] = epoch;
  report_["totals"] = status.value("totals", Json::object());
  return absl::OkStatus();
}

// The proof comes from one node, the block hash that it must lead to from another.
absl::Status Story::Prove(const std::string& what, const std::string& query) {
  InclusionProof proof;
  // A header carries the app hash after the block before it, so the newest block waits for the
  // next.
  GONKA_RETURN_IF_ERROR(WaitFor("a block that covers " + what, 10, [&]() -> absl::StatusOr<bool> {
    GONKA_ASSIGN_OR_RETURN(proof, Sequencer().Prove(query));
    return true;
  }));
  const size_t other = network_.participants().size() > 2 ? 2 : 1;
  Json block;
  GONKA_RETURN_IF_ERROR(WaitFor("the block at another node", 10, [&]() -> absl::StatusOr<bool> {
    GONKA_ASSIGN_OR_RETURN(block,
                           Api(other).Get(fmt::format("/gonka/v1/block/{}", proof.header.height)));
    return true;
  }));
  const auto hash = FixedFromHex<32>(block.value("hash", ""));
  if (!hash) return absl::DataLossError("the block has no hash");
  const absl::Status status = VerifyProof(proof, BlockHash{*hash});
  Say(fmt::format(
      "  {}: {} of block {}, {} + {} hashes up to block {} with hash {} (asked of {}): {}", what,
      proof.leaf.index() == 0 ? "a state entry" : "a notice", proof.block.height,
      proof.leaf_path.size(), proof.history_path.size(), proof.header.height, ShortHex(*hash),
      network_.participants()[other].name, ToString(status)));
  report_["proofs"].push_back({{"what", what}, {"query", query}, {"status", ToString(status)}});
  Promise(status.ok(), what + " is proven from the block hash alone");
  // The smallest change must break it.
  InclusionProof forged = proof;
  forged.leaf_index ^= 1;
  Promise(!VerifyProof(forged, BlockHash{*hash}).ok(), "a forged proof of " + what + " is refused");
  return absl::OkStatus();
}

absl::Status Story::TellProofs() {
  Chapter("6. Proofs for somebody who trusts only a block hash");
  const auto first = std::find_if(asked_.begin(), asked_.end(),
                                  [](const Asked& asked) { return asked.status.ok(); });
  if (first == asked_.end()) return absl::UnavailableError("nothing was answered");
  GONKA_RETURN_IF_ERROR(
      Prove("a record", "state?inference=" + first->answer.receipt.value("inference_id", "")));
  const auto prove_notice = [&](const std::string& what, const Json& event) {
    return Prove(what, fmt::format("notice?height={}&index={}", event.value("height", uint64_t{0}),
                                   event.value("index", uint64_t{0})));
  };
  const auto refunds = events_->OfKind("refunded");
  if (!refunds.empty()) GONKA_RETURN_IF_ERROR(prove_notice("a refund", refunds.back()));
  const auto paid = events_->OfKind("paid");
  // Where nobody cheats there is nothing to refund.
  if (network_.cheater()) Promise(!refunds.empty(), "there is a refund to prove");
  Promise(!paid.empty(), "there is a payout to prove");
  if (!paid.empty()) GONKA_RETURN_IF_ERROR(prove_notice("a payout", paid.front()));
  Say("  gonka prove record ID -o FILE; gonka verify FILE --block HASH");
  return absl::OkStatus();
}

}  // namespace gonka::devnet
