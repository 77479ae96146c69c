// Chapter 7: what the network adds to the same ML node called directly.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "devnet/questions.h"
#include "devnet/story.h"
#include "gonka/engine/remote.h"
#include "gonka/model/checkpoint.h"

namespace gonka::devnet {
namespace {

constexpr uint32_t kMeasuredTokens = 48;
constexpr double kCheckSeconds = 30;  // Until the check of a measured answer counts as stuck.

// Between neighbours in proportion, so that the median of an even number is the middle.
double Percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

// The same tokens under the same seed, asked of the ML node itself.
absl::StatusOr<Timing> AskDirectly(engine::Engine& engine, engine::GenerateRequest request) {
  std::promise<absl::Status> done;
  Timing timing;
  const double started = NowMs();
  engine.Generate(std::move(request), {.on_token =
                                           [&](const engine::TokenFacts&) {
                                             if (timing.tokens++ == 0)
                                               timing.first_token_ms = NowMs() - started;
                                           },
                                       .on_done =
                                           [&](absl::StatusOr<engine::FinishReason> reason) {
                                             timing.total_ms = NowMs() - started;
                                             done.set_value(reason.status());
                                           }});
  const absl::Status status = done.get_future().get();
  if (!status.ok()) return status;
  return timing;
}

}  // namespace

// Pairs: one request through the network, then, with its check done, the same one to the executor's
// own ML node, which therefore has nothing else to do either time. An honest executor only: a
// cheat's answers are not the model's. The first pair warms caches and connections up and does not
// count.
absl::Status Story::Measure() {
  Chapter("7. What the network adds to the same ML node called directly");
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(options_.model_path));
  GONKA_ASSIGN_OR_RETURN(const auto text, net::CheckpointText::Create(*checkpoint));
  const DeveloperPlan& developer = network_.developers()[0];
  const NodeApi api = Api(developer.ta);
  std::vector<double> added_ms;
  double network_ms = 0;
  double direct_ms = 0;
  uint64_t network_tokens = 0;
  uint64_t direct_tokens = 0;
  uint32_t pairs = 0;
  bool warm = false;
  for (uint32_t i = 0; pairs < options_.measured_pairs && i < 4 * options_.measured_pairs + 4;
       ++i) {
    const ChatRequest request{.model = options_.model_name,
                              .question = Question(i),
                              .max_tokens = kMeasuredTokens,
                              .temperature = 0.7,
                              .seed = i};
    const auto answer = api.Chat(api_keys_[0], request);
    if (!answer.ok()) return answer.status();
    const std::string inference = answer->receipt.value("inference_id", "");
    GONKA_RETURN_IF_ERROR(
        WaitFor("the check of " + inference, kCheckSeconds, [&]() -> absl::StatusOr<bool> {
          GONKA_ASSIGN_OR_RETURN(const Json record, api.Get("/gonka/v1/inferences/" + inference));
          const std::string state = record.value("status", "");
          return state != "started" && state != "finished" && state != "disputed";
        }));
    const std::string executor = answer->receipt.value("executor", "");
    const auto plan = std::find_if(network_.participants().begin(), network_.participants().end(),
                                   [&](const auto& p) { return Hex(p.id()) == executor; });
    // One ML node, so that it is certain which one ran it; and an honest one.
    if (plan == network_.participants().end() || plan->cheat != Cheat::kNone ||
        plan->ml_ports.size() != 1) {
      continue;
    }
    CanonicalRequest canonical;
    canonical.messages.push_back(
        {.role = Text<32>("user"), .content = Text<262'144>(request.question)});
    canonical.seed = i;
    GONKA_ASSIGN_OR_RETURN(std::vector<uint32_t> prompt, text->PromptTokens(canonical));
    GONKA_ASSIGN_OR_RETURN(const auto engine,
                           engine::RemoteEngine::Connect(
                               client_, fmt::format("http://127.0.0.1:{}", plan->ml_ports[0])));
    engine::GenerateRequest direct{
        .prompt = std::move(prompt),
        .tokens_max = kMeasuredTokens,
        .top_k_facts = 4,
        .sampler = {.temperature_ppm = 700'000},
        .sampling_seed = SamplingSeed(canonical, {}, answer->receipt.value("attempt", uint8_t{0})),
        .stop_ids = text->StopIds()};
    GONKA_ASSIGN_OR_RETURN(const Timing timing, AskDirectly(*engine, std::move(direct)));
    if (!std::exchange(warm, true)) continue;
    ++pairs;
    added_ms.push_back(answer->timing.first_token_ms - timing.first_token_ms);
    network_ms += answer->timing.total_ms - answer->timing.first_token_ms;
    direct_ms += timing.total_ms - timing.first_token_ms;
    network_tokens += answer->timing.tokens - 1;
    direct_tokens += timing.tokens - 1;
    Say(fmt::format(
        "  {}: first token {:.1f} ms through the network, {:.1f} ms directly; {} and {} "
        "tokens at {:.1f} and {:.1f} a second",
        plan->name, answer->timing.first_token_ms, timing.first_token_ms, answer->timing.tokens,
        timing.tokens, answer->timing.Rate(), timing.Rate()));
  }
  if (pairs == 0 || network_ms <= 0 || direct_ms <= 0) {
    return absl::UnavailableError("no pair could be measured");
  }
  const double ratio = (static_cast<double>(network_tokens) / network_ms) /
                       (static_cast<double>(direct_tokens) / direct_ms);
  Say(fmt::format(
      "  added time to first token: p50 {:.2f} ms, p99 {:.2f} ms; throughput {:.1f} % of "
      "the bare ML node ({} pairs, one ML node active, checks drained)",
      Percentile(added_ms, 0.5), Percentile(added_ms, 0.99), ratio * 100, pairs));
  report_["overhead"] = {{"pairs", pairs},
                         {"added_first_token_ms_p50", Percentile(added_ms, 0.5)},
                         {"added_first_token_ms_p99", Percentile(added_ms, 0.99)},
                         {"throughput_ratio", ratio}};
  return absl::OkStatus();
}

}  // namespace gonka::devnet
