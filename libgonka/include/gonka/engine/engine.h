#pragma once

// Runs a language model. Two verbs: Generate draws tokens one after another; Score takes tokens
// that somebody else drew and reports, from one forced pass, the same facts about each of them.
//
// Implementations: engine/torch (libtorch, in this process), engine/remote (our own ML nodes over
// HTTP), engine/scripted (deterministic, for simulation).
//
// Threads: Generate, Score and Cancel may be called from any thread and return at once. Events come
// from the engine's own thread, in order for one request, and must return quickly; on_done is the
// last one and comes exactly once, after Cancel too.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gonka/base/amount.h"
#include "gonka/base/bytes.h"
#include "gonka/base/status.h"
#include "gonka/engine/sampler.h"

namespace gonka::engine {

struct TopEntry {
  uint32_t id = 0;
  float logprob =
      0;  // Natural log of the softmax of the raw logits: before temperature or filters.

  bool operator==(const TopEntry&) const = default;
};

// What is known about one output token, before any processing of the logits.
struct TokenFacts {
  uint32_t id = 0;
  float logprob = 0;               // Of id, raw.
  std::vector<TopEntry> top = {};  // The k likeliest, descending; equal ones by ascending id.

  bool operator==(const TokenFacts&) const = default;
};

// What only Score reports, per output token, all from the same pass.
struct ScoredToken {
  TokenFacts facts = {};
  float entropy = 0;  // Of the raw distribution, in nats.
  // The sampler's own draw at this position given the tokens before it (doc/sampler.md), and how
  // far the given token's score lies below it, in nats: 0 where the given token is the draw,
  // infinity where the sampler's filters exclude it.
  uint32_t drawn_id = 0;
  float margin = 0;

  bool operator==(const ScoredToken&) const = default;
};

enum class FinishReason : uint8_t { kStop, kLength, kCancelled };

struct GenerateRequest {
  std::vector<uint32_t> prompt = {};  // At least one token.
  uint32_t tokens_max = 0;            // At least one; prompt + tokens_max must fit the context.
  uint32_t top_k_facts = 0;           // Length of TokenFacts::top, at most kTopFactsMax.
  SamplerOptions sampler = {};
  Hash sampling_seed = {};
  // Drawing one of these ends the answer; it is part of the output. At most kStopIdsMax.
  std::vector<uint32_t> stop_ids = {};
};

struct GenerateEvents {
  std::function<void(const TokenFacts&)> on_token = {};
  std::function<void(absl::StatusOr<FinishReason>)> on_done = {};
};

struct ScoreRequest {
  std::vector<uint32_t> tokens = {};  // Prompt and output.
  uint32_t output_begin = 0;          // Index of the first output token; at least 1.
  uint32_t top_k_facts = 0;
  SamplerOptions sampler = {};
  Hash sampling_seed = {};
};

struct ScoreEvents {
  // One element per output token, in order.
  std::function<void(absl::StatusOr<std::vector<ScoredToken>>)> on_done = {};
};

struct EngineInfo {
  std::string model = {};         // As in the checkpoint: "SmolLM2 135M Instruct".
  Hash manifest = {};             // model::Manifest hash of the checkpoint.
  std::string kernel_class = {};  // The arithmetic, e.g. "torch-cpu-fp32/1".
  uint32_t vocabulary = 0;
  uint32_t context = 0;  // Tokens, prompt and output together.
};

// Requests that can never be served (empty prompt, id beyond the vocabulary, too long) finish with
// InvalidArgument before any work starts; a full queue finishes with ResourceExhausted.
class Engine {
 public:
  using RequestId = uint64_t;

  virtual ~Engine() = default;
  virtual EngineInfo Info() const = 0;
  virtual RequestId Generate(GenerateRequest request, GenerateEvents events) = 0;
  virtual RequestId Score(ScoreRequest request, ScoreEvents events) = 0;
  // Generate then ends with kCancelled, Score with Cancelled. Unknown requests are ignored.
  virtual void Cancel(RequestId request) = 0;
};

constexpr uint32_t kTopFactsMax = 20;
constexpr size_t kStopIdsMax = 64;

// What every engine refuses before any work: InvalidArgument naming the value and its bound.
absl::Status CheckRequest(const GenerateRequest& request, const EngineInfo& info);
absl::Status CheckRequest(const ScoreRequest& request, const EngineInfo& info);

}  // namespace gonka::engine
