#pragma once

// One API call on the loop: its choices are requests of the transfer agent, and their answers
// become one JSON object or one stream.

#include <memory>
#include <string>
#include <vector>

#include "gonka/http/server.h"
#include "gonka/net/answer_text.h"
#include "gonka/net/metrics.h"
#include "gonka/net/openai_request.h"
#include "gonka/node/agent.h"
#include "net/openai_format.h"

namespace gonka::net {

struct CallPlan {
  std::vector<node::ClientRequest> requests;  // One a choice.
  std::vector<std::string> echo;              // What stands before each answer; empty without echo.
  size_t prompts = 1;                         // The choices are `prompts` equal groups.
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  uint8_t top_logprobs = 0;
  std::shared_ptr<const model::Tokenizer> tokenizer;
  ReplyHead head;  // id is filled in by the call.
  std::string request_id;
  int64_t arrived_us = 0;  // By the loop's clock.
};

// What calls share. agent is null once the node goes down; loop thread only.
struct CallContext {
  Loop& loop;
  Metrics& metrics;
  node::Agent* agent = nullptr;
};

class OpenAiCall : public std::enable_shared_from_this<OpenAiCall> {
 public:
  OpenAiCall(std::shared_ptr<CallContext> context, CallPlan plan,
             std::shared_ptr<http::Responder> responder);
  ~OpenAiCall();

  void Start();     // On the loop, once.
  void OnHangUp();  // On the loop.

 private:
  struct Choice {
    explicit Choice(AnswerText answer_text) : text(std::move(answer_text)) {}
    AnswerText text;
    node::Agent::Ticket ticket = 0;
    InferenceId inference;
    bool introduced = false;  // Streams: its role, or the echo, was sent.
    bool done = false;
    std::optional<node::Answer> answer;
    TextPiece whole;  // Not for streams.
  };

  void OnTokens(size_t index, std::span<const node::ProducedToken> tokens);
  void OnDone(size_t index, absl::StatusOr<node::Answer> answer);
  void Fail(const ApiError& error);
  void CancelAll();
  bool AllDone() const;
  void FinishWhole();
  Usage UsageOf() const;

  void StreamPiece(size_t index, const TextPiece& piece, std::string& out);
  void StreamFinish(size_t index, std::string& out);
  void AppendChunk(const std::string& choice, const std::string& extra, std::string& out);
  void Introduce(size_t index, std::string& out);
  void Send(std::string out);
  std::string InferenceIds() const;
  http::Headers HeadersWith(const std::string& inferences) const;

  const std::shared_ptr<CallContext> context_;
  CallPlan plan_;
  std::shared_ptr<http::Responder> responder_;
  std::shared_ptr<http::StreamWriter> writer_;
  std::vector<Choice> choices_;
  size_t speaker_ = 0;       // The choice whose inference names the stream.
  std::string chunk_begin_;  // "data: {...,": what every chunk begins with.
  bool first_token_seen_ = false;
  bool over_ = false;
};

}  // namespace gonka::net
