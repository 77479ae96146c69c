#pragma once

// The OpenAI dialect in front of a transfer agent, or of a developer's own agent (doc/http_api.md,
// section 1): GET /v1/models,
// POST /v1/chat/completions, POST /v1/completions, so that stock clients work with a base URL and a
// key.
//
// Requests are checked, rendered and tokenised on the HTTP server's threads; the agent is spoken
// to on the loop, and tokens go from there straight into the client's stream.

#include <functional>
#include <map>
#include <memory>

#include "gonka/base/loop.h"
#include "gonka/http/server.h"
#include "gonka/model/tokenizer.h"
#include "gonka/net/api_key.h"
#include "gonka/net/metrics.h"
#include "gonka/node/agent.h"
#include "gonka/node/environment.h"

namespace gonka::net {

// A model as the API needs it.
struct ApiModel {
  std::shared_ptr<const node::TextModel> text;
  std::shared_ptr<const model::Tokenizer> tokenizer;
};

// All must outlive the OpenAiServer.
struct OpenAiEnvironment {
  Loop& loop;
  WallClock& clock;
  Entropy& entropy;
  node::Agent& agent;
  Metrics& metrics;
  std::function<std::shared_ptr<const ledger::View>()> snapshot;  // Any thread.
  AccountId self;
  std::map<ModelId, ApiModel> models;
  int64_t models_created_s = 0;  // "created" of models: when the network began.
  // Who calls, or why it is refused. Nothing: whoever has an API key for an allowance with `self`.
  std::function<std::variant<Caller, ApiError>(const http::Request&)> authenticate = {};
};

struct OpenAiOptions {
  uint32_t tokens_max_default =
      1'024;  // Where the client names none; or what the context has left.
};

class OpenAiServer {
 public:
  // Adds its routes; before server.Start.
  OpenAiServer(http::Server& server, OpenAiEnvironment env, OpenAiOptions options = {});
  ~OpenAiServer();  // On the loop, after the server's Stop and before the agent's end.

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace gonka::net
