#include "gonka/engine/wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace gonka::engine {
namespace {

uint32_t Bits(float value) {
  return std::bit_cast<uint32_t>(value);
}
float FromBits(uint32_t bits) {
  return std::bit_cast<float>(bits);
}

WireSampler ToWire(const SamplerOptions& options) {
  WireSampler wire{.temperature_ppm = options.temperature_ppm,
                   .top_p_ppm = options.top_p_ppm,
                   .top_k = options.top_k,
                   .min_p_ppm = options.min_p_ppm,
                   .repetition_penalty_ppm = options.repetition_penalty_ppm,
                   .presence_penalty_ppm = options.presence_penalty_ppm,
                   .frequency_penalty_ppm = options.frequency_penalty_ppm,
                   .logit_bias = {}};
  for (const LogitBias& bias : options.logit_bias) {
    wire.logit_bias.push_back({.id = bias.id, .bias_ppm = bias.bias_ppm});
  }
  return wire;
}

SamplerOptions FromWire(const WireSampler& wire) {
  SamplerOptions options{.temperature_ppm = wire.temperature_ppm,
                         .top_p_ppm = wire.top_p_ppm,
                         .top_k = wire.top_k,
                         .min_p_ppm = wire.min_p_ppm,
                         .repetition_penalty_ppm = wire.repetition_penalty_ppm,
                         .presence_penalty_ppm = wire.presence_penalty_ppm,
                         .frequency_penalty_ppm = wire.frequency_penalty_ppm,
                         .logit_bias = {}};
  for (const WireBias& bias : wire.logit_bias) {
    options.logit_bias.push_back({.id = bias.id, .bias_ppm = bias.bias_ppm});
  }
  return options;
}

}  // namespace

WireInfo ToWire(const EngineInfo& info) {
  return {.model = Text<256>(info.model.substr(0, 256)),
          .manifest = info.manifest,
          .kernel_class = Text<64>(info.kernel_class.substr(0, 64)),
          .vocabulary = info.vocabulary,
          .context = info.context};
}

EngineInfo FromWire(const WireInfo& info) {
  return {.model = info.model,
          .manifest = info.manifest,
          .kernel_class = info.kernel_class,
          .vocabulary = info.vocabulary,
          .context = info.context};
}

WireGenerate ToWire(const GenerateRequest& request) {
  return {.prompt = WireTokens(request.prompt),
          .tokens_max = request.tokens_max,
          .top_k_facts = request.top_k_facts,
          .sampler = ToWire(request.sampler),
          .sampling_seed = request.sampling_seed,
          .stop_ids = {request.stop_ids}};
}

GenerateRequest FromWire(const WireGenerate& request) {
  return {.prompt = request.prompt,
          .tokens_max = request.tokens_max,
          .top_k_facts = request.top_k_facts,
          .sampler = FromWire(request.sampler),
          .sampling_seed = request.sampling_seed,
          .stop_ids = request.stop_ids};
}

WireToken ToWire(const TokenFacts& facts) {
  WireToken token{.id = facts.id, .logprob_bits = Bits(facts.logprob), .top = {}};
  for (const TopEntry& entry : facts.top) {
    token.top.push_back({.id = entry.id, .logprob_bits = Bits(entry.logprob)});
  }
  return token;
}

TokenFacts FromWire(const WireToken& token) {
  TokenFacts facts{.id = token.id, .logprob = FromBits(token.logprob_bits), .top = {}};
  for (const WireTop& entry : token.top) {
    facts.top.push_back({.id = entry.id, .logprob = FromBits(entry.logprob_bits)});
  }
  return facts;
}

WireScore ToWire(const ScoreRequest& request) {
  return {.tokens = WireTokens(request.tokens),
          .output_begin = request.output_begin,
          .top_k_facts = request.top_k_facts,
          .sampler = ToWire(request.sampler),
          .sampling_seed = request.sampling_seed};
}

ScoreRequest FromWire(const WireScore& request) {
  return {.tokens = request.tokens,
          .output_begin = request.output_begin,
          .top_k_facts = request.top_k_facts,
          .sampler = FromWire(request.sampler),
          .sampling_seed = request.sampling_seed};
}

WireScoredToken ToWire(const ScoredToken& token) {
  return {.facts = ToWire(token.facts),
          .entropy_bits = Bits(token.entropy),
          .drawn_id = token.drawn_id,
          .margin_bits = Bits(token.margin)};
}

ScoredToken FromWire(const WireScoredToken& token) {
  return {.facts = FromWire(token.facts),
          .entropy = FromBits(token.entropy_bits),
          .drawn_id = token.drawn_id,
          .margin = FromBits(token.margin_bits)};
}

WireEnd EndOf(const absl::StatusOr<FinishReason>& reason) {
  if (reason.ok()) return {.code = 0, .message = {}, .finish = static_cast<uint8_t>(*reason)};
  return {.code = static_cast<uint8_t>(reason.status().code()),
          .message = Text<4'096>(Message(reason.status()).substr(0, 4'096)),
          .finish = 0};
}

absl::StatusOr<FinishReason> ReasonOf(const WireEnd& end) {
  if (end.code > static_cast<uint8_t>(absl::StatusCode::kUnauthenticated) ||
      end.finish > static_cast<uint8_t>(FinishReason::kCancelled)) {
    return absl::DataLossError(
        fmt::format("the ML node ended with unknown code {} / {}", end.code, end.finish));
  }
  if (end.code == 0) return static_cast<FinishReason>(end.finish);
  return absl::Status(static_cast<absl::StatusCode>(end.code),
                      static_cast<const std::string&>(end.message));
}

}  // namespace gonka::engine
