#include "net/openai_call.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/http/sse.h"

namespace gonka::net {
namespace {

void Add(TextPiece& whole, TextPiece piece) {
  whole.text += piece.text;
  std::move(piece.tokens.begin(), piece.tokens.end(), std::back_inserter(whole.tokens));
}

}  // namespace

OpenAiCall::OpenAiCall(std::shared_ptr<CallContext> context, CallPlan plan,
                       std::shared_ptr<http::Responder> responder)
    : context_(std::move(context)), plan_(std::move(plan)), responder_(std::move(responder)) {
  ++context_->metrics.in_flight;
  for (const node::ClientRequest& request : plan_.requests) {
    const std::vector<std::string> stop(request.request.stop.begin(), request.request.stop.end());
    choices_.emplace_back(AnswerText(plan_.tokenizer, stop, plan_.logprobs));
  }
}

OpenAiCall::~OpenAiCall() {
  --context_->metrics.in_flight;
}

void OpenAiCall::Start() {
  if (context_->agent == nullptr) {
    return Fail(FromTransferAgent(absl::UnavailableError("the node is going down")));
  }
  const auto self = shared_from_this();
  for (size_t i = 0; i < choices_.size(); ++i) {
    choices_[i].ticket = context_->agent->OnRequest(
        std::move(plan_.requests[i]),
        {.on_accepted = [self, i](const InferenceId& inference, const AccountId&, uint8_t,
                                  uint32_t) { self->choices_[i].inference = inference; },
         .on_tokens =
             [self, i](std::span<const node::ProducedToken> tokens) { self->OnTokens(i, tokens); },
         .on_done =
             [self, i](absl::StatusOr<node::Answer> answer) {
               self->OnDone(i, std::move(answer));
             }});
  }
}

void OpenAiCall::OnHangUp() {
  if (over_) return;
  over_ = true;
  ++context_->metrics.cancelled;
  CancelAll();
}

// Not at once: the transfer agent may be in the middle of telling this call something.
void OpenAiCall::CancelAll() {
  std::vector<node::Agent::Ticket> tickets;
  for (const Choice& choice : choices_) {
    if (!choice.done && choice.ticket != 0) tickets.push_back(choice.ticket);
  }
  context_->loop.Post([context = context_, tickets = std::move(tickets)] {
    if (context->agent == nullptr) return;
    for (const auto ticket : tickets) context->agent->Cancel(ticket);
  });
}

void OpenAiCall::OnTokens(size_t index, std::span<const node::ProducedToken> tokens) {
  if (over_) return;
  if (!first_token_seen_) {
    first_token_seen_ = true;
    context_->metrics.first_token.Observe(context_->loop.NowUs() - plan_.arrived_us);
  }
  Choice& choice = choices_[index];
  for (const node::ProducedToken& token : tokens) {
    const absl::Status status = choice.text.Push(token);
    if (!status.ok()) {
      return Fail(FromTransferAgent(
          absl::DataLossError("the executor's answer: " + gonka::Message(status))));
    }
  }
  TextPiece piece = choice.text.Take();
  if (!plan_.stream) return Add(choice.whole, std::move(piece));
  std::string out;
  StreamPiece(index, piece, out);
  Send(std::move(out));
}

void OpenAiCall::OnDone(size_t index, absl::StatusOr<node::Answer> answer) {
  if (over_) return;
  Choice& choice = choices_[index];
  choice.done = true;
  if (!answer.ok()) return Fail(FromTransferAgent(answer.status()));
  if (answer->finish == FinishCode::kCancelled) {
    return Fail(FromTransferAgent(absl::UnavailableError("the executor gave up its answer")));
  }
  context_->metrics.output_tokens += answer->output_tokens;
  context_->metrics.prompt_tokens += answer->prompt_tokens;
  choice.inference = answer->inference;
  const bool by_token = answer->finish == FinishCode::kStop && choice.text.ends_with_stop_token();
  choice.answer = *std::move(answer);
  TextPiece rest = choice.text.Finish(by_token);
  if (!plan_.stream) {
    Add(choice.whole, std::move(rest));
    if (AllDone()) FinishWhole();
    return;
  }
  std::string out;
  StreamPiece(index, rest, out);
  StreamFinish(index, out);
  Send(std::move(out));
  if (AllDone() && !over_) {
    over_ = true;
    ++context_->metrics.responses[200];
    writer_->Finish();
  }
}

bool OpenAiCall::AllDone() const {
  return std::all_of(choices_.begin(), choices_.end(),
                     [](const Choice& choice) { return choice.answer.has_value(); });
}

// Before the first byte an error is an HTTP answer; after it, the stream's last event.
void OpenAiCall::Fail(const ApiError& error) {
  if (over_) return;
  over_ = true;
  CancelAll();
  if (writer_) {
    ++context_->metrics.stream_errors;
    ++context_->metrics.responses[200];
    writer_->Write(http::FormatSseData(ToJson(error)));
    writer_->Finish();
    return;
  }
  ++context_->metrics.responses[static_cast<size_t>(error.status)];
  http::Response response = ToResponse(error);
  response.headers.Add("x-request-id", plan_.request_id);
  responder_->Send(std::move(response));
}

// Prompts count once, however many choices were asked for, as clients expect. (On the ledger every
// choice is a request of its own.)
Usage OpenAiCall::UsageOf() const {
  Usage usage;
  const size_t group = choices_.size() / plan_.prompts;
  for (size_t i = 0; i < choices_.size(); ++i) {
    if (i % group == 0) usage.prompt_tokens += choices_[i].answer->prompt_tokens;
    usage.output_tokens += choices_[i].answer->output_tokens;
  }
  return usage;
}

std::string OpenAiCall::InferenceIds() const {
  std::string ids;
  for (const Choice& choice : choices_) {
    if (!ids.empty()) ids += ',';
    ids += Hex(choice.inference);
  }
  return ids;
}

http::Headers OpenAiCall::HeadersWith(const std::string& inferences) const {
  return {{"x-request-id", plan_.request_id}, {"X-Gonka-Inference", inferences}};
}

void OpenAiCall::FinishWhole() {
  over_ = true;
  plan_.head.id += Hex(choices_[0].inference);
  const bool chat = plan_.head.chat;
  std::string body = OpenObject(plan_.head, false) + R"(,"choices":[)";
  for (size_t i = 0; i < choices_.size(); ++i) {
    const Choice& choice = choices_[i];
    const std::string logprobs =
        plan_.logprobs
            ? LogprobsJson(chat, *plan_.tokenizer, choice.whole.tokens, plan_.top_logprobs)
            : "null";
    std::string receipt;
    if (choices_.size() > 1) {
      receipt = R"(,"gonka":)" + ReceiptJson(i, *choice.answer);
    }
    if (i > 0) body += ',';
    const std::string text =
        plan_.echo.empty() ? choice.whole.text : plan_.echo[i] + choice.whole.text;
    body += WholeChoice(chat, i, text, logprobs, choice.answer->finish, receipt);
  }
  body += fmt::format(R"(],"usage":{},"gonka":{}}})", UsageJson(UsageOf()),
                      ReceiptJson(0, *choices_[0].answer));
  ++context_->metrics.responses[200];
  responder_->Send({.body = std::move(body), .headers = HeadersWith(InferenceIds())});
}

// ---- Streams

void OpenAiCall::AppendChunk(const std::string& choice, const std::string& extra,
                             std::string& out) {
  if (chunk_begin_.empty()) {
    plan_.head.id += Hex(choices_[speaker_].inference);
    chunk_begin_ = "data: " + OpenObject(plan_.head, true) + R"(,"choices":[)";
  }
  out += chunk_begin_ + choice + "]";
  if (plan_.include_usage) out += R"(,"usage":null)";
  out += extra + "}\n\n";
}

void OpenAiCall::Introduce(size_t index, std::string& out) {
  Choice& choice = choices_[index];
  if (choice.introduced) return;
  choice.introduced = true;
  if (chunk_begin_.empty()) speaker_ = index;
  if (plan_.head.chat) AppendChunk(RoleChoice(index), "", out);
  if (!plan_.echo.empty())
    AppendChunk(TextChoice(false, index, plan_.echo[index], "null"), "", out);
}

void OpenAiCall::StreamPiece(size_t index, const TextPiece& piece, std::string& out) {
  Introduce(index, out);
  if (piece.text.empty() && piece.tokens.empty()) return;
  const bool chat = plan_.head.chat;
  const std::string logprobs =
      plan_.logprobs ? LogprobsJson(chat, *plan_.tokenizer, piece.tokens, plan_.top_logprobs)
                     : "null";
  AppendChunk(TextChoice(chat, index, piece.text, logprobs), "", out);
}

void OpenAiCall::StreamFinish(size_t index, std::string& out) {
  const node::Answer& answer = *choices_[index].answer;
  const std::string receipt = R"(,"gonka":)" + ReceiptJson(index, answer);
  AppendChunk(FinishChoice(plan_.head.chat, index, answer.finish), receipt, out);
  if (!AllDone()) return;
  if (plan_.include_usage) {
    out += fmt::format(R"({}],"usage":{}{}}})", chunk_begin_, UsageJson(UsageOf()),
                       choices_.size() == 1 ? receipt : "");
    out += "\n\n";
  }
  out += http::FormatSseData("[DONE]");
}

// One write an event, and the headers with the first one.
void OpenAiCall::Send(std::string out) {
  if (out.empty()) return;
  if (!writer_) {
    http::Headers headers = HeadersWith(Hex(choices_[speaker_].inference));
    headers.Add("Cache-Control", "no-cache");
    headers.Add("X-Accel-Buffering", "no");  // For proxies that would wait for more.
    writer_ = responder_->Stream({.content_type = http::kSseContentType,
                                  .body = std::move(out),
                                  .headers = std::move(headers)});
    return;
  }
  if (!writer_->Write(out)) OnHangUp();
}

}  // namespace gonka::net
