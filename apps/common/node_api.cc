#include "common/node_api.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <utility>

#include "gonka/http/frames.h"
#include "gonka/http/sse.h"

namespace gonka::apps {
namespace {

constexpr int64_t kTimeoutUs = 180'000'000;

// A call of the client, waited for: the story is told one thing at a time.
class Waiter {
 public:
  void Done(absl::Status status) {
    const std::lock_guard lock(mutex_);
    status_ = std::move(status);
    done_ = true;
    signal_.notify_all();
  }
  absl::Status Wait() {
    std::unique_lock lock(mutex_);
    signal_.wait(lock, [&] { return done_; });
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable signal_;
  bool done_ = false;
  absl::Status status_;
};

std::string ErrorText(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (json.is_object() && json.contains("error")) {
    const Json& error = json["error"];
    return error.is_object() ? error.value("message", error.dump()) : error.dump();
  }
  return body.substr(0, 300);
}

// Takes one chunk of a streamed chat completion.
absl::Status TakeChunk(const std::string& data, double started_ms, ChatAnswer& answer) {
  if (data == "[DONE]") return absl::OkStatus();
  const Json chunk = Json::parse(data, nullptr, false);
  if (!chunk.is_object()) return absl::DataLossError("a chunk is not JSON: " + data.substr(0, 200));
  if (chunk.contains("error")) return absl::UnavailableError(ErrorText(data));
  if (chunk.contains("gonka") && chunk["gonka"].is_object()) answer.receipt = chunk["gonka"];
  if (chunk.contains("usage") && chunk["usage"].is_object()) {
    answer.prompt_tokens = chunk["usage"].value("prompt_tokens", 0u);
    answer.timing.tokens = chunk["usage"].value("completion_tokens", 0u);
  }
  for (const Json& choice : chunk.value("choices", Json::array())) {
    const Json delta = choice.value("delta", Json::object());
    if (answer.timing.first_token_ms == 0) answer.timing.first_token_ms = NowMs() - started_ms;
    if (delta.contains("content") && delta["content"].is_string()) {
      answer.text += delta["content"].get<std::string>();
    }
    if (choice.contains("finish_reason") && choice["finish_reason"].is_string()) {
      answer.finish_reason = choice["finish_reason"].get<std::string>();
    }
  }
  return absl::OkStatus();
}

}  // namespace

double NowMs() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

double Timing::Rate() const {
  const double seconds = (total_ms - first_token_ms) / 1'000;
  return tokens < 2 || seconds <= 0 ? 0 : (tokens - 1) / seconds;
}

Json ChatBody(const ChatRequest& request) {
  Json body = {{"model", request.model},
               {"messages", {{{"role", "user"}, {"content", request.question}}}},
               {"max_tokens", request.max_tokens},
               {"temperature", request.temperature},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}}};
  if (request.seed) body["seed"] = *request.seed;
  return body;
}

absl::StatusOr<Json> NodeApi::Get(const std::string& path) const {
  const auto response =
      client_->Send({.url = url_ + path, .timeout_us = 20'000'000, .repeatable = true});
  if (!response.ok()) return response.status();
  if (response->status != 200) {
    return absl::Status(
        response->status == 404 ? absl::StatusCode::kNotFound : absl::StatusCode::kUnavailable,
        fmt::format("{}{} answered {}: {}", url_, path, response->status,
                    ErrorText(response->body)));
  }
  Json json = Json::parse(response->body, nullptr, false);
  if (json.is_discarded()) return absl::DataLossError(url_ + path + " answered no JSON");
  return json;
}

absl::StatusOr<ChatAnswer> NodeApi::Chat(const std::string& api_key,
                                         const ChatRequest& request) const {
  ChatAnswer answer;
  Waiter waiter;
  http::SseParser parser;
  absl::Status broken;
  int http_status = 0;
  std::string refusal;
  const double started_ms = NowMs();
  client_->Start({.method = "POST",
                  .url = url_ + "/v1/chat/completions",
                  .body = ChatBody(request).dump(),
                  .headers = {{"Authorization", "Bearer " + api_key}},
                  .timeout_us = kTimeoutUs},
                 {.on_head = [&](int status, const http::Headers&) { http_status = status; },
                  .on_data =
                      [&](std::string_view data) {
                        if (http_status != 200) {
                          refusal += data;
                          return;
                        }
                        const absl::Status parsed =
                            parser.Push(data, [&](const http::SseEvent& event) {
                              if (broken.ok()) broken = TakeChunk(event.data, started_ms, answer);
                            });
                        if (broken.ok()) broken = parsed;
                      },
                  .on_done = [&](absl::Status status) { waiter.Done(std::move(status)); }});
  const absl::Status status = waiter.Wait();
  answer.timing.total_ms = NowMs() - started_ms;
  if (!status.ok()) return status;
  if (http_status != 200) {
    return absl::UnavailableError(
        fmt::format("{} answered {}: {}", url_, http_status, ErrorText(refusal)));
  }
  if (!broken.ok()) return broken;
  if (!answer.receipt.is_object()) return absl::DataLossError("the answer carries no receipt");
  return answer;
}

absl::StatusOr<uint64_t> NodeApi::NextSequence(const AccountId& account) const {
  GONKA_ASSIGN_OR_RETURN(const Json json, Get("/gonka/v1/accounts/" + Hex(account)));
  return json.value("sequence", uint64_t{0});
}

absl::Status NodeApi::Submit(const SignedTx& tx) const {
  const auto response = client_->Send({.method = "POST",
                                       .url = url_ + "/gonka/v1/tx",
                                       .content_type = http::kFramesContentType,
                                       .body = std::string(AsText(Encode(tx))),
                                       .repeatable = true});
  if (!response.ok()) return response.status();
  if (response->status == 200) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("{} did not take the transaction: {}", url_, response->body));
}

absl::StatusOr<InclusionProof> NodeApi::Prove(const std::string& query) const {
  GONKA_ASSIGN_OR_RETURN(const Json json, Get("/gonka/v1/proof/" + query));
  const auto bytes = FromHex(json.value("proof", ""));
  if (!bytes) return absl::DataLossError("the proof is not hex");
  return Decode<InclusionProof>(*bytes);
}

EventLog::EventLog(http::Client& client, std::string url, std::string api_key)
    : client_(client),
      url_(std::move(url)),
      api_key_(std::move(api_key)),
      thread_([this] { Run(); }) {}

EventLog::~EventLog() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (call_) call_->Cancel();
  }
  thread_.join();
}

std::vector<Json> EventLog::All() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<Json> EventLog::OfKind(const std::string& kind) const {
  std::vector<Json> found;
  for (const Json& event : All()) {
    if (event.value("/notice/kind"_json_pointer, "") == kind) found.push_back(event);
  }
  return found;
}

std::vector<Json> EventLog::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

void EventLog::Run() {
  std::string last_id;
  while (!stop_) {
    Waiter waiter;
    http::SseParser parser;
    http::Headers headers;
    if (!api_key_.empty()) headers.Add("Authorization", "Bearer " + api_key_);
    if (!last_id.empty()) headers.Add("Last-Event-ID", last_id);
    auto call =
        client_.Start({.url = url_,
                       .headers = headers,
                       .timeout_us = 3'600'000'000,
                       .answer_max = size_t{1} << 32},
                      {.on_data =
                           [&](std::string_view data) {
                             (void)parser.Push(data, [&](const http::SseEvent& event) {
                               Json json = Json::parse(event.data, nullptr, false);
                               if (!json.is_object()) return;
                               const std::lock_guard lock(mutex_);
                               events_.push_back(std::move(json));
                               last_id = event.id;
                             });
                           },
                       .on_done = [&](absl::Status status) { waiter.Done(std::move(status)); }});
    {
      const std::lock_guard lock(mutex_);
      call_ = call;
      if (stop_) call_->Cancel();
    }
    (void)waiter.Wait();
    for (int i = 0; i < 10 && !stop_; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
}

}  // namespace gonka::apps
