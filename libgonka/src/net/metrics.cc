#include "gonka/net/metrics.h"

#include <fmt/format.h>

namespace gonka::net {
namespace {

constexpr std::array<const char*, Metrics::kRoutesEnd> kRouteNames = {"models", "chat",
                                                                      "completions"};

template <size_t... I>
constexpr auto NoticeNames(std::index_sequence<I...>) {
  return std::array{std::variant_alternative_t<I, Notice>::kName...};
}

void AppendHead(std::string& out, const std::string& name, const char* type,
                const std::string& help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void AppendCounter(std::string& out, const char* name, const char* help, uint64_t value) {
  AppendHead(out, name, "counter", help);
  out += fmt::format("{} {}\n", name, value);
}

}  // namespace

const char* NoticeKindName(size_t kind) {
  static constexpr auto kNames =
      NoticeNames(std::make_index_sequence<std::variant_size_v<Notice>>());
  GONKA_CHECK(kind < kNames.size());
  return kNames[kind];
}

void Histogram::Observe(int64_t us) {
  size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() && static_cast<double>(us) > kBoundsSeconds[bucket] * 1e6) {
    ++bucket;
  }
  ++buckets_[bucket];
  sum_us_ += static_cast<uint64_t>(us < 0 ? 0 : us);
}

void Histogram::AppendTo(std::string& out, const std::string& name, const std::string& help) const {
  AppendHead(out, name, "histogram", help);
  uint64_t count = 0;
  for (size_t i = 0; i < kBoundsSeconds.size(); ++i) {
    count += buckets_[i];
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, kBoundsSeconds[i], count);
  }
  count += buckets_.back();
  out += fmt::format("{}_bucket{{le=\"+Inf\"}} {}\n", name, count);
  out += fmt::format("{}_sum {}\n{}_count {}\n", name, static_cast<double>(sum_us_) / 1e6, name,
                     count);
}

std::string Metrics::Text(const std::vector<Gauge>& gauges) const {
  std::string out;
  AppendHead(out, "gonka_api_requests_total", "counter", "Requests of developers, by route");
  for (size_t i = 0; i < kRoutesEnd; ++i) {
    out += fmt::format("gonka_api_requests_total{{route=\"{}\"}} {}\n", kRouteNames[i],
                       requests[i].load());
  }
  AppendHead(out, "gonka_api_responses_total", "counter", "Answers to developers, by status");
  for (size_t status = 0; status < responses.size(); ++status) {
    if (responses[status] == 0) continue;
    out += fmt::format("gonka_api_responses_total{{status=\"{}\"}} {}\n", status,
                       responses[status].load());
  }
  AppendHead(out, "gonka_api_tokens_total", "counter", "Tokens served to developers");
  out += fmt::format("gonka_api_tokens_total{{kind=\"prompt\"}} {}\n", prompt_tokens.load());
  out += fmt::format("gonka_api_tokens_total{{kind=\"output\"}} {}\n", output_tokens.load());
  AppendCounter(out, "gonka_api_cancelled_total", "Requests whose client hung up", cancelled);
  AppendCounter(out, "gonka_api_stream_errors_total", "Streams that ended with an error",
                stream_errors);
  AppendCounter(out, "gonka_blocks_total", "Blocks committed since the start", blocks);
  AppendHead(out, "gonka_notices_total", "counter", "Notices of these blocks, by kind");
  for (size_t kind = 0; kind < notices.size(); ++kind) {
    out += fmt::format("gonka_notices_total{{kind=\"{}\"}} {}\n", NoticeKindName(kind),
                       notices[kind].load());
  }
  AppendCounter(out, "gonka_events_sent_total", "Events sent to listeners", events_sent);
  for (const Gauge& gauge : gauges) {
    AppendHead(out, gauge.name, "gauge", gauge.help);
    out += fmt::format("{} {}\n", gauge.name, gauge.value);
  }
  const int64_t running = in_flight;
  AppendHead(out, "gonka_api_in_flight", "gauge", "Requests of developers being served");
  out += fmt::format("gonka_api_in_flight {}\n", running < 0 ? 0 : running);
  first_token.AppendTo(out, "gonka_api_first_token_seconds",
                       "From a developer's request to its first token");
  return out;
}

}  // namespace gonka::net
