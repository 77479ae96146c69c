#include "gonka/node/developer_agent.h"

#include <fmt/format.h>

namespace gonka::node {
namespace {

// What another transfer agent would say as well.
bool IsFinal(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status);
}

}  // namespace

DeveloperAgent::DeveloperAgent(Environment env, LedgerPort ledger, const Identity& self,
                               std::map<ModelId, std::shared_ptr<const TextModel>> texts,
                               DeveloperAgentOptions options)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      texts_(std::move(texts)),
      options_(options) {}

DeveloperAgent::~DeveloperAgent() {
  *alive_ = false;
  for (auto& [ticket, job] : in_flight_) {
    env_.transport.Cancel(job.call);
    env_.loop.CancelTimer(job.silence_timer);
  }
}

Agent::Ticket DeveloperAgent::OnRequest(ClientRequest request, AnswerEvents events) {
  const Ticket ticket = next_ticket_++;
  InFlight& job = in_flight_[ticket];
  job.client = std::move(request);
  job.events = std::move(events);
  absl::Status status = Begin(job);
  if (status.ok()) status = Dispatch(ticket, job);
  if (!status.ok()) {
    env_.loop.Post([this, ticket, status, alive = alive_] {
      if (*alive) Finish(ticket, status);
    });
  }
  return ticket;
}

absl::Status DeveloperAgent::Begin(InFlight& job) {
  if (in_flight_.size() > options_.in_flight_max) {
    return absl::ResourceExhaustedError(
        fmt::format("{} requests are on their way; try again", options_.in_flight_max));
  }
  const auto view = ledger_.snapshot();
  const auto model = ledger::FindModel(*view, job.client.model);
  const auto text = texts_.find(job.client.model);
  if (!model || text == texts_.end()) {
    return absl::NotFoundError(fmt::format("model {} is not known here", Hex(job.client.model)));
  }
  if (job.client.prompt.empty()) {
    GONKA_ASSIGN_OR_RETURN(job.client.prompt, text->second->PromptTokens(job.client.request));
  }
  return CheckContext(*model, job.client.prompt.size(), job.client.request.tokens_max);
}

// Any of those that this developer has an allowance with, the executor being somebody else again.
absl::StatusOr<AccountId> DeveloperAgent::DrawTransferAgent(const InFlight& job,
                                                            const ledger::View& view) const {
  const uint64_t epoch = ledger::ReadChain(view).epoch;
  std::vector<AccountId> ready;
  size_t allowed = 0;
  for (const auto& [id, participant] : ledger::ListParticipants(view)) {
    const auto allowance = ledger::FindAllowance(view, id, self_.account);
    if (participant.removed || !allowance || allowance->expires_epoch < epoch) continue;
    ++allowed;
    if (!allowance->salt.IsZero() && !job.tried.contains(id)) ready.push_back(id);
  }
  if (allowed == 0) {
    return absl::PermissionDeniedError(
        fmt::format("account {} has no allowance with any transfer agent", Hex(self_.account)));
  }
  if (ready.empty()) {
    return job.tried.empty() ? absl::FailedPreconditionError(
                                   "the allowances are too fresh; a beacon must come first")
                             : job.last;
  }
  uint64_t dice = 0;
  env_.entropy.Fill({reinterpret_cast<uint8_t*>(&dice), sizeof dice});
  return ready[dice % ready.size()];
}

// To the first drawn transfer agent whose allowance covers it and has a number left.
absl::StatusOr<RequestNumbers::Draft> DeveloperAgent::WriteRequest(InFlight& job,
                                                                   const ledger::View& view) {
  std::optional<AccountId> signer;
  if (self_.IsWarm()) signer = AccountOf(self_.key.public_key());
  while (true) {
    GONKA_ASSIGN_OR_RETURN(const AccountId ta, DrawTransferAgent(job, view));
    job.tried.insert(ta);
    auto draft = numbers_.Write({.developer = self_.account, .ta = ta}, view,
                                *ledger::FindAllowance(view, ta, self_.account), job.client.model,
                                job.client.request, job.client.prompt.size(), signer, env_.entropy);
    if (draft.ok()) return draft;
    job.last = draft.status();
  }
}

absl::Status DeveloperAgent::Dispatch(Ticket ticket, InFlight& job) {
  const auto view = ledger_.snapshot();
  GONKA_ASSIGN_OR_RETURN(const RequestNumbers::Draft draft, WriteRequest(job, *view));
  job.request = draft.request;
  job.salt = draft.salt;
  job.ordered.reset();
  ++job.asked;
  Send(ticket, job, *view);
  return absl::OkStatus();
}

void DeveloperAgent::Send(Ticket ticket, InFlight& job, const ledger::View& view) {
  const AccountId& ta = job.request.ta;
  const auto participant = ledger::FindParticipant(view, ta);
  const Order order{.order = {.request = job.request,
                              .signature = self_.key.Sign(RequestSigningHash(job.request)),
                              .salt = job.salt},
                    .request = job.client.request,
                    .top_logprobs = job.client.top_logprobs};
  job.call = env_.transport.Call(
      {.id = ledger::NodeKeyOf(ta, *participant).value, .url = participant->endpoint}, kOrderMethod,
      Encode(order),
      {.on_frame = [this, ticket](const Bytes& frame) { OnFrame(ticket, frame); },
       .on_done = [this, ticket](absl::Status status) { OnCallDone(ticket, std::move(status)); }},
      {.first_frame_timeout_us = options_.accept_timeout_us,
       .total_timeout_us = options_.answer_timeout_us});
}

void DeveloperAgent::OnFrame(Ticket ticket, const Bytes& bytes) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  InFlight& job = found->second;
  const auto frame = Decode<OrderFrame>(bytes);
  absl::Status status = frame.status();
  if (status.ok()) {
    WatchSilence(ticket, job);
    if (const auto* ordered = std::get_if<Ordered>(&frame->frame)) {
      status = OnOrdered(job, *ordered);
    } else if (const auto* produced = std::get_if<Produced>(&frame->frame)) {
      status = OnProduced(job, *produced);
    } else {
      env_.transport.Cancel(job.call);
      return Finish(ticket, OnAnswered(job, std::get<Answered>(frame->frame)));
    }
  }
  if (status.ok()) return;
  env_.transport.Cancel(job.call);
  TryNext(ticket, job, status);
}

// The transfer agent must have taken the executor that the ledger draws.
absl::Status DeveloperAgent::OnOrdered(InFlight& job, const Ordered& ordered) {
  if (!job.output.empty() || ordered.attempt >= kAttemptsMax) {
    return absl::DataLossError("the transfer agent changes the executor amid its answer");
  }
  const Request& request = job.request;
  const auto drawn =
      ledger::DrawExecutor(*ledger_.snapshot(), request.epoch, request.model, request.developer,
                           request.ta, request.sequence, ordered.attempt);
  const AccountId* executor = std::get_if<AccountId>(&drawn);
  if (executor == nullptr || *executor != ordered.executor) {
    return absl::DataLossError(fmt::format(
        "transfer agent {} took executor {}, the ledger draws {}", ShortHex(request.ta),
        ShortHex(ordered.executor),
        executor == nullptr ? TxCodeName(std::get<TxCode>(drawn)) : ShortHex(*executor)));
  }
  if (ordered.prompt_tokens != job.client.prompt.size()) {
    return absl::DataLossError(fmt::format("the prompt has {} tokens, the transfer agent says {}",
                                           job.client.prompt.size(), ordered.prompt_tokens));
  }
  job.ordered = ordered;
  if (job.events.on_accepted) {
    job.events.on_accepted(InferenceIdOf(request, ordered.attempt), ordered.executor,
                           ordered.attempt, ordered.prompt_tokens);
  }
  return absl::OkStatus();
}

absl::Status DeveloperAgent::OnProduced(InFlight& job, const Produced& produced) {
  if (!job.ordered) return absl::DataLossError("tokens came before an executor had accepted");
  if (job.output.size() + produced.tokens.size() > job.request.tokens_max) {
    return absl::DataLossError(
        fmt::format("more than the {} tokens that were asked for", job.request.tokens_max));
  }
  for (const ProducedToken& token : produced.tokens) job.output.push_back(token.id);
  if (job.events.on_tokens) job.events.on_tokens(produced.tokens);
  return absl::OkStatus();
}

// Only what the executor has signed is an answer.
absl::StatusOr<Answer> DeveloperAgent::OnAnswered(const InFlight& job,
                                                  const Answered& answered) const {
  if (!job.ordered) return absl::DataLossError("an answer came before an executor had accepted");
  const InferenceId id = InferenceIdOf(job.request, job.ordered->attempt);
  const auto count = static_cast<uint32_t>(job.output.size());
  const Hash digest = OutputDigest(job.output, answered.finish, answered.output_salt);
  const auto key =
      ledger::SigningKeyOf(*ledger_.snapshot(), job.ordered->executor,
                           DeliverySigningHash(id, digest, count), answered.executor_signature);
  if (!key) {
    return absl::DataLossError(
        fmt::format("{}: executor {} has not signed what transfer agent {} delivered", ShortHex(id),
                    ShortHex(job.ordered->executor), ShortHex(job.request.ta)));
  }
  return Answer{.inference = id,
                .ta = job.request.ta,
                .executor = job.ordered->executor,
                .attempt = job.ordered->attempt,
                .finish = answered.finish,
                .prompt_tokens = job.ordered->prompt_tokens,
                .output_tokens = count,
                .request_digest = job.request.request_digest,
                .output_digest = digest,
                .output_salt = answered.output_salt,
                .artifact_root = answered.artifact_root,
                .executor_signature = answered.executor_signature,
                .executor_key = AccountId{*key}};
}

void DeveloperAgent::OnCallDone(Ticket ticket, absl::Status status) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  if (status.ok()) status = absl::UnavailableError("the transfer agent ended its answer early");
  TryNext(ticket, found->second, status);
}

void DeveloperAgent::TryNext(Ticket ticket, InFlight& job, const absl::Status& why) {
  env_.log.Write(LogLevel::kInfo,
                 fmt::format("transfer agent {}: {}", ShortHex(job.request.ta), ToString(why)));
  env_.loop.CancelTimer(job.silence_timer);
  job.silence_timer = 0;
  job.last = why;
  if (absl::IsAlreadyExists(why)) {
    // Taken by a request of ours before a restart, which this copy of the ledger has not seen yet:
    // the next number will do. There are not more than the window has.
    job.tried.erase(job.request.ta);
    --job.asked;
  }
  if (!job.output.empty() || IsFinal(why) || job.asked >= options_.transfer_agents_max) {
    return Finish(ticket, why);
  }
  const absl::Status status = Dispatch(ticket, job);
  if (!status.ok()) Finish(ticket, status);
}

void DeveloperAgent::WatchSilence(Ticket ticket, InFlight& job) {
  env_.loop.CancelTimer(job.silence_timer);
  job.silence_timer = env_.loop.PostAfter(options_.silence_timeout_us, [this, ticket] {
    const auto found = in_flight_.find(ticket);
    if (found == in_flight_.end()) return;
    found->second.silence_timer = 0;
    env_.transport.Cancel(found->second.call);
    TryNext(ticket, found->second,
            absl::DeadlineExceededError(
                fmt::format("silent for {} s", options_.silence_timeout_us / 1'000'000)));
  });
}

void DeveloperAgent::Cancel(Ticket ticket) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  found->second.events = {};
  env_.transport.Cancel(found->second.call);
  Finish(ticket, absl::CancelledError("the client hung up"));
}

void DeveloperAgent::Finish(Ticket ticket, absl::StatusOr<Answer> result) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  env_.loop.CancelTimer(found->second.silence_timer);
  const auto on_done = std::move(found->second.events.on_done);
  in_flight_.erase(found);
  if (on_done) on_done(std::move(result));
}

}  // namespace gonka::node
