#include <fmt/format.h>

#include <algorithm>

#include "gonka/engine/engine.h"

namespace gonka::engine {
namespace {

absl::Status CheckIds(const char* what, std::span<const uint32_t> ids, uint32_t vocabulary) {
  const auto bad =
      std::find_if(ids.begin(), ids.end(), [&](uint32_t id) { return id >= vocabulary; });
  if (bad == ids.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}[{}] is token {}, the vocabulary has {}", what,
                                                bad - ids.begin(), *bad, vocabulary));
}

absl::Status CheckTopFacts(uint32_t top_k_facts) {
  if (top_k_facts <= kTopFactsMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("top_k_facts is {}, at most {}", top_k_facts, kTopFactsMax));
}

}  // namespace

absl::Status CheckRequest(const GenerateRequest& request, const EngineInfo& info) {
  if (request.prompt.empty()) return absl::InvalidArgumentError("the prompt has no token");
  if (request.tokens_max == 0) return absl::InvalidArgumentError("tokens_max is 0");
  if (request.prompt.size() + uint64_t{request.tokens_max} > info.context) {
    return absl::InvalidArgumentError(
        fmt::format("a prompt of {} tokens and tokens_max {} do not fit the context of {} tokens",
                    request.prompt.size(), request.tokens_max, info.context));
  }
  if (request.stop_ids.size() > kStopIdsMax) {
    return absl::InvalidArgumentError(
        fmt::format("there are {} stop_ids, at most {}", request.stop_ids.size(), kStopIdsMax));
  }
  GONKA_RETURN_IF_ERROR(CheckTopFacts(request.top_k_facts));
  GONKA_RETURN_IF_ERROR(CheckIds("prompt", request.prompt, info.vocabulary));
  GONKA_RETURN_IF_ERROR(CheckIds("stop_ids", request.stop_ids, info.vocabulary));
  return CheckSamplerOptions(request.sampler, info.vocabulary);
}

absl::Status CheckRequest(const ScoreRequest& request, const EngineInfo& info) {
  if (request.tokens.size() > info.context) {
    return absl::InvalidArgumentError(fmt::format("{} tokens do not fit the context of {} tokens",
                                                  request.tokens.size(), info.context));
  }
  if (request.output_begin == 0 || request.output_begin >= request.tokens.size()) {
    return absl::InvalidArgumentError(fmt::format(
        "output_begin is {}, which is not in 1 .. {} for {} tokens", request.output_begin,
        static_cast<int64_t>(request.tokens.size()) - 1, request.tokens.size()));
  }
  GONKA_RETURN_IF_ERROR(CheckTopFacts(request.top_k_facts));
  GONKA_RETURN_IF_ERROR(CheckIds("tokens", request.tokens, info.vocabulary));
  return CheckSamplerOptions(request.sampler, info.vocabulary);
}

}  // namespace gonka::engine
