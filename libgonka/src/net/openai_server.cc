#include "gonka/net/openai_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "gonka/base/json.h"
#include "gonka/net/api_key.h"
#include "gonka/net/openai_request.h"
#include "net/model_names.h"
#include "net/openai_call.h"

namespace gonka::net {

using Responder = std::shared_ptr<http::Responder>;
using ViewPtr = std::shared_ptr<const ledger::View>;

struct OpenAiServer::Core : std::enable_shared_from_this<Core> {
  Core(OpenAiEnvironment environment, OpenAiOptions server_options)
      : env(std::move(environment)),
        options(server_options),
        context(std::make_shared<CallContext>(
            CallContext{.loop = env.loop, .metrics = env.metrics, .agent = &env.agent})) {
    env.entropy.Fill(request_prefix.bytes);
  }

  void OnModels(const http::Request& request, http::Responder& responder);
  void OnModel(const http::Request& request, http::Responder& responder);
  void OnCompletion(const http::Request& request, const Responder& responder, bool chat);

  std::string NextRequestId();
  void Send(http::Responder& responder, http::Response response, const std::string& request_id);
  void Refuse(http::Responder& responder, const ApiError& error, const std::string& request_id);

  std::variant<Caller, ApiError> Authenticate(const http::Request& request,
                                              const ledger::View& view) const {
    return env.authenticate ? env.authenticate(request)
                            : AuthenticateCaller(request, view, env.self);
  }

  using ModelList = std::shared_ptr<const std::vector<ModelInfo>>;
  ModelList Models(const ledger::View& view);
  std::variant<ModelInfo, ApiError> FindByName(const ledger::View& view, const std::string& name);
  std::string Describe(const ledger::View& view, const ModelInfo& model) const;

  std::variant<CallPlan, ApiError> Plan(const ledger::View& view, const Caller& caller,
                                        ApiRequest api);
  std::optional<ApiError> Prepare(const ModelInfo& model, const ApiModel& served,
                                  CanonicalRequest& request, std::vector<uint32_t>& prompt) const;

  OpenAiEnvironment env;
  const OpenAiOptions options;
  const std::shared_ptr<CallContext> context;
  FixedBytes<8> request_prefix;
  std::atomic<uint64_t> request_count{0};
  std::mutex models_mutex;
  uint64_t models_height = UINT64_MAX;
  ModelList models;
};

// ---- Requests in general

std::string OpenAiServer::Core::NextRequestId() {
  return fmt::format("req_{}{:08x}", Hex(request_prefix), ++request_count);
}

void OpenAiServer::Core::Send(http::Responder& responder, http::Response response,
                              const std::string& request_id) {
  ++env.metrics.responses[static_cast<size_t>(response.status)];
  response.headers.Add("x-request-id", request_id);
  responder.Send(std::move(response));
}

void OpenAiServer::Core::Refuse(http::Responder& responder, const ApiError& error,
                                const std::string& request_id) {
  Send(responder, ToResponse(error), request_id);
}

// ---- Models

// Read once a block: a model's record carries its calibration, too much to decode for each request.
OpenAiServer::Core::ModelList OpenAiServer::Core::Models(const ledger::View& view) {
  const uint64_t height = ledger::ReadChain(view).height;
  {
    const std::lock_guard lock(models_mutex);
    if (models && models_height == height) return models;
  }
  std::vector<ModelInfo> known = ledger::ListModels(view);
  std::erase_if(known, [&](const ModelInfo& model) { return !env.models.contains(model.id); });
  auto list = std::make_shared<const std::vector<ModelInfo>>(std::move(known));
  const std::lock_guard lock(models_mutex);
  models = list;
  models_height = height;
  return list;
}

std::variant<ModelInfo, ApiError> OpenAiServer::Core::FindByName(const ledger::View& view,
                                                                 const std::string& name) {
  const ModelList list = Models(view);
  std::vector<std::string> names;
  for (const ModelInfo& model : *list) {
    if (static_cast<const std::string&>(model.name) == name) return model;
    names.push_back(model.name);
  }
  const std::string closest = ClosestName(name, names);
  return ApiError{
      .status = 404,
      .code = "model_not_found",
      .param = "model",
      .message = fmt::format("the model '{}' is not served here{}", name,
                             closest.empty() ? "; GET /v1/models lists those that are"
                                             : fmt::format("; did you mean '{}'?", closest))};
}

std::string OpenAiServer::Core::Describe(const ledger::View& view, const ModelInfo& model) const {
  const auto table = ledger::FindEpoch(view, ledger::ReadChain(view).epoch);
  size_t executors = 0;
  if (table) {
    executors = static_cast<size_t>(std::count_if(
        table->members.begin(), table->members.end(), [&](const ledger::Member& member) {
          return member.id != env.self &&
                 std::binary_search(member.models.begin(), member.models.end(), model.id);
        }));
  }
  return fmt::format(
      R"({{"id":{},"object":"model","created":{},"owned_by":"gonka","max_model_len":{},)"
      R"("gonka":{{"model_id":"{}","price":{},"context":{},"artifact_top_k":{},"executors":{}}}}})",
      JsonQuote(model.name), env.models_created_s, model.context, Hex(model.id),
      ledger::FindPrice(view, model.id)->now.units(), model.context, model.top_k, executors);
}

// A wrong key is refused here too, so that a client can try its key.
void OpenAiServer::Core::OnModels(const http::Request& request, http::Responder& responder) {
  ++env.metrics.requests[Metrics::kModels];
  const std::string id = NextRequestId();
  const ViewPtr view = env.snapshot();
  if (BearerKey(request)) {
    const auto caller = Authenticate(request, *view);
    if (const auto* error = std::get_if<ApiError>(&caller)) return Refuse(responder, *error, id);
  }
  std::string body = R"({"object":"list","data":[)";
  const ModelList list = Models(*view);
  for (const ModelInfo& model : *list) {
    if (body.back() != '[') body += ',';
    body += Describe(*view, model);
  }
  Send(responder, {.body = body + "]}"}, id);
}

void OpenAiServer::Core::OnModel(const http::Request& request, http::Responder& responder) {
  ++env.metrics.requests[Metrics::kModels];
  const std::string id = NextRequestId();
  const ViewPtr view = env.snapshot();
  const auto model = FindByName(*view, *request.PathParam("model"));
  if (const auto* error = std::get_if<ApiError>(&model)) return Refuse(responder, *error, id);
  Send(responder, {.body = Describe(*view, std::get<ModelInfo>(model))}, id);
}

// ---- Completions

// Renders the prompt and sees that it fits. The prompt goes along, so that the loop need not render
// it again.
std::optional<ApiError> OpenAiServer::Core::Prepare(const ModelInfo& model, const ApiModel& served,
                                                    CanonicalRequest& request,
                                                    std::vector<uint32_t>& prompt) const {
  const char* param = request.kind == RequestKind::kChat ? "messages" : "prompt";
  for (const TokenBias& bias : request.sampling.logit_bias) {
    if (bias.id < served.tokenizer->vocab()) continue;
    return ApiError{.code = "invalid_value",
                    .param = "logit_bias",
                    .message = fmt::format("logit_bias names token {}, the vocabulary has {}",
                                           bias.id, served.tokenizer->vocab())};
  }
  auto tokens = served.text->PromptTokens(request);
  if (!tokens.ok()) {
    return ApiError{
        .code = "invalid_value", .param = param, .message = gonka::Message(tokens.status())};
  }
  prompt = *std::move(tokens);
  if (prompt.size() >= model.context || prompt.size() + request.tokens_max > model.context) {
    const bool by_length = prompt.size() < model.context;
    return ApiError{
        .code = "context_length_exceeded",
        .param = by_length ? "max_tokens" : param,
        .message = fmt::format("the context of '{}' holds {} tokens, prompt and answer together; "
                               "the prompt has {} tokens and max_tokens is {}",
                               model.name, model.context, prompt.size(), request.tokens_max)};
  }
  if (request.tokens_max == 0) {
    const auto left = static_cast<uint32_t>(model.context - prompt.size());
    request.tokens_max = std::min(options.tokens_max_default, left);
  }
  return std::nullopt;
}

std::variant<CallPlan, ApiError> OpenAiServer::Core::Plan(const ledger::View& view,
                                                          const Caller& caller, ApiRequest api) {
  auto found = FindByName(view, api.model);
  if (auto* error = std::get_if<ApiError>(&found)) return *std::move(error);
  const auto& model = std::get<ModelInfo>(found);
  const ApiModel& served = env.models.at(model.id);
  CallPlan plan;
  plan.prompts = api.prompts.size();
  plan.stream = api.stream;
  plan.include_usage = api.include_usage;
  plan.logprobs = api.logprobs;
  plan.top_logprobs = api.top_logprobs;
  plan.tokenizer = served.tokenizer;
  const int64_t now_s = env.clock.UnixUs() / 1'000'000;
  const bool chat = api.prompts[0].kind == RequestKind::kChat;
  plan.head = {.chat = chat,
               .id = chat ? "chatcmpl-" : "cmpl-",
               .created_s = now_s,
               .model = model.name,
               .fingerprint = "fp_" + Hex(model.id).substr(0, 16)};
  for (CanonicalRequest& request : api.prompts) {
    std::vector<uint32_t> prompt;
    request.render_time = static_cast<uint64_t>(std::max<int64_t>(now_s, 0));
    if (auto problem = Prepare(model, served, request, prompt)) return *std::move(problem);
    std::string echo = request.prompt;
    if (api.echo && !request.prompt_tokens.empty()) {
      echo = served.tokenizer->Decode(prompt, {.at_start = true}).value_or("");
    }
    for (uint8_t i = 0; i < api.n; ++i) {
      if (api.echo) plan.echo.push_back(echo);
      request.choice = i;
      plan.requests.push_back({.developer = caller.developer,
                               .sub_account = caller.sub_account,
                               .model = model.id,
                               .request = request,
                               .top_logprobs = api.top_logprobs,
                               .prompt = prompt});
    }
  }
  return plan;
}

std::optional<ApiError> CheckAllowance(const ledger::View& view, const AccountId& self,
                                       const AccountId& developer) {
  const auto allowance = ledger::FindAllowance(view, self, developer);
  const uint64_t epoch = ledger::ReadChain(view).epoch;
  if (allowance && allowance->expires_epoch >= epoch) return std::nullopt;
  return ApiError{.status = 402,
                  .type = "insufficient_quota",
                  .code = "insufficient_quota",
                  .message = allowance
                                 ? fmt::format("the allowance of account {} was for epochs up to "
                                               "{}, this is epoch {}",
                                               Hex(developer), allowance->expires_epoch, epoch)
                                 : fmt::format("account {} has no allowance at this transfer agent",
                                               Hex(developer))};
}

void OpenAiServer::Core::OnCompletion(const http::Request& request, const Responder& responder,
                                      bool chat) {
  const int64_t arrived_us = env.loop.NowUs();
  ++env.metrics.requests[chat ? Metrics::kChat : Metrics::kCompletions];
  const std::string id = NextRequestId();
  const ViewPtr view = env.snapshot();
  const auto authenticated = Authenticate(request, *view);
  if (const auto* error = std::get_if<ApiError>(&authenticated)) {
    return Refuse(*responder, *error, id);
  }
  const Caller& caller = std::get<Caller>(authenticated);
  auto parsed = chat ? ParseChatRequest(request.body) : ParseCompletionRequest(request.body);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return Refuse(*responder, *error, id);
  if (!env.authenticate) {  // Others know for themselves what they may spend.
    if (const auto problem = CheckAllowance(*view, env.self, caller.developer)) {
      return Refuse(*responder, *problem, id);
    }
  }
  auto planned = Plan(*view, caller, std::get<ApiRequest>(std::move(parsed)));
  if (const auto* error = std::get_if<ApiError>(&planned)) return Refuse(*responder, *error, id);
  auto& plan = std::get<CallPlan>(planned);
  plan.request_id = id;
  plan.arrived_us = arrived_us;
  const auto call = std::make_shared<OpenAiCall>(context, std::move(plan), responder);
  responder->OnHangUp([weak = std::weak_ptr(call), &loop = env.loop] {
    loop.Post([weak] {
      if (const auto hung_up = weak.lock()) hung_up->OnHangUp();
    });
  });
  env.loop.Post([call] { call->Start(); });
}

OpenAiServer::OpenAiServer(http::Server& server, OpenAiEnvironment env, OpenAiOptions options)
    : core_(std::make_shared<Core>(std::move(env), options)) {
  server.Route("GET", "/v1/models", [core = core_](http::Request request, Responder responder) {
    core->OnModels(request, *responder);
  });
  // Names may hold slashes: "org/model".
  server.Route("GET", "/v1/models/{model...}",
               [core = core_](http::Request request, Responder responder) {
                 core->OnModel(request, *responder);
               });
  server.Route("POST", "/v1/chat/completions",
               [core = core_](http::Request request, Responder responder) {
                 core->OnCompletion(request, responder, true);
               });
  server.Route("POST", "/v1/completions",
               [core = core_](http::Request request, Responder responder) {
                 core->OnCompletion(request, responder, false);
               });
}

OpenAiServer::~OpenAiServer() {
  core_->context->agent = nullptr;
}

}  // namespace gonka::net
