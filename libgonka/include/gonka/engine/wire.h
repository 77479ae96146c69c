#pragma once

// What a network node and its ML node say to each other (doc/ml_node.md). An ML node sees token ids
// only: no text, no accounts, no ledger.
//
//   GET  /ml/v1/info      -> one WireInfo
//   POST /ml/v1/generate  WireGenerate -> frames (http/frames.h), each a WireGenerated
//   POST /ml/v1/score     WireScore    -> one frame, a WireScored
//
// Closing the connection cancels the request. Bodies are records in the codec's encoding; floats
// travel as their IEEE bits.

#include "gonka/base/codec.h"
#include "gonka/engine/engine.h"

namespace gonka::engine {

struct WireBias {
  uint32_t id = 0;
  int32_t bias_ppm = 0;
  GONKA_FIELDS(WireBias, id, bias_ppm)
};
struct WireSampler {
  uint32_t temperature_ppm = 0;
  uint32_t top_p_ppm = 0;
  uint32_t top_k = 0;
  uint32_t min_p_ppm = 0;
  uint32_t repetition_penalty_ppm = 0;
  int32_t presence_penalty_ppm = 0;
  int32_t frequency_penalty_ppm = 0;
  List<WireBias, 1024> logit_bias;
  GONKA_FIELDS(WireSampler, temperature_ppm, top_p_ppm, top_k, min_p_ppm, repetition_penalty_ppm,
               presence_penalty_ppm, frequency_penalty_ppm, logit_bias)
};

struct WireInfo {
  static constexpr RecordKind kKind{300, 1};
  Text<256> model;
  Hash manifest;
  Text<64> kernel_class;
  uint32_t vocabulary = 0;
  uint32_t context = 0;
  GONKA_FIELDS(WireInfo, model, manifest, kernel_class, vocabulary, context)
};

using WireTokens = List<uint32_t, 262'144>;

struct WireGenerate {
  static constexpr RecordKind kKind{301, 1};
  WireTokens prompt;
  uint32_t tokens_max = 0;
  uint32_t top_k_facts = 0;
  WireSampler sampler;
  Hash sampling_seed;
  List<uint32_t, 64> stop_ids;
  GONKA_FIELDS(WireGenerate, prompt, tokens_max, top_k_facts, sampler, sampling_seed, stop_ids)
};

struct WireTop {
  uint32_t id = 0;
  uint32_t logprob_bits = 0;
  GONKA_FIELDS(WireTop, id, logprob_bits)
};
struct WireToken {
  static constexpr const char* kName = "token";
  uint32_t id = 0;
  uint32_t logprob_bits = 0;
  List<WireTop, 20> top;
  GONKA_FIELDS(WireToken, id, logprob_bits, top)
};
// How it ended: code 0 with a finish reason, or an absl::StatusCode with a message.
struct WireEnd {
  static constexpr const char* kName = "end";
  uint8_t code = 0;
  Text<4'096> message;
  uint8_t finish = 0;  // FinishReason.
  GONKA_FIELDS(WireEnd, code, message, finish)
};
struct WireGenerated {
  std::variant<WireToken, WireEnd> event;
  GONKA_FIELDS(WireGenerated, event)
};

struct WireScore {
  static constexpr RecordKind kKind{302, 1};
  WireTokens tokens;
  uint32_t output_begin = 0;
  uint32_t top_k_facts = 0;
  WireSampler sampler;
  Hash sampling_seed;
  GONKA_FIELDS(WireScore, tokens, output_begin, top_k_facts, sampler, sampling_seed)
};
struct WireScoredToken {
  WireToken facts;
  uint32_t entropy_bits = 0;
  uint32_t drawn_id = 0;
  uint32_t margin_bits = 0;
  GONKA_FIELDS(WireScoredToken, facts, entropy_bits, drawn_id, margin_bits)
};
struct WireScored {
  uint8_t code = 0;
  Text<4'096> message;
  List<WireScoredToken, 131'072> tokens;
  GONKA_FIELDS(WireScored, code, message, tokens)
};
inline constexpr size_t kWireFrameMax = 64 << 20;

WireInfo ToWire(const EngineInfo& info);
EngineInfo FromWire(const WireInfo& info);
WireGenerate ToWire(const GenerateRequest& request);
GenerateRequest FromWire(const WireGenerate& request);
WireToken ToWire(const TokenFacts& facts);
TokenFacts FromWire(const WireToken& token);
WireScore ToWire(const ScoreRequest& request);
ScoreRequest FromWire(const WireScore& request);
WireScoredToken ToWire(const ScoredToken& token);
ScoredToken FromWire(const WireScoredToken& token);
WireEnd EndOf(const absl::StatusOr<FinishReason>& reason);
// DataLoss where code or reason are unknown.
absl::StatusOr<FinishReason> ReasonOf(const WireEnd& end);

}  // namespace gonka::engine
