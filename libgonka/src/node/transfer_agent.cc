#include "gonka/node/transfer_agent.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::node {
namespace {

absl::Status LedgerRefuses(TxCode code) {
  switch (code) {
    case TxCode::kAllowanceNotReady:
      return absl::FailedPreconditionError(
          "the allowance was funded a moment ago; it can be used in a few blocks");
    case TxCode::kNotServed:
      return absl::UnavailableError("no other participant serves this model");
    default:
      return absl::UnavailableError(
          fmt::format("the ledger draws no executor: {}", TxCodeName(code)));
  }
}

}  // namespace

TransferAgent::TransferAgent(Environment env, LedgerPort ledger, const Identity& self,
                             NetworkId network, const ServedModels& models, Recorder& recorder,
                             Keep& keep, TransferAgentOptions options)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      network_(network),
      models_(models),
      recorder_(recorder),
      keep_(keep),
      options_(options),
      alive_(std::make_shared<bool>(true)) {}

TransferAgent::~TransferAgent() {
  *alive_ = false;
  for (auto& [ticket, job] : in_flight_) {
    env_.transport.Cancel(job.call);
    env_.loop.CancelTimer(job.start_timer);
    env_.loop.CancelTimer(job.silence_timer);
  }
}

TransferAgent::Ticket TransferAgent::OnRequest(ClientRequest request, AnswerEvents events) {
  const Ticket ticket = next_ticket_++;
  if (in_flight_.size() >= options_.in_flight_max) {
    env_.loop.Post([on_done = std::move(events.on_done), count = in_flight_.size()] {
      on_done(absl::ResourceExhaustedError(
          fmt::format("{} requests are being served; try again", count)));
    });
    return ticket;
  }
  InFlight& job = in_flight_[ticket];
  job.client = std::move(request);
  job.events = std::move(events);
  absl::Status status = Prepare(job);
  if (status.ok()) status = Dispatch(ticket, job);
  if (!status.ok()) {
    env_.loop.Post([this, ticket, status, alive = alive_] {
      if (*alive) Finish(ticket, status);
    });
  }
  return ticket;
}

// Where no attempt is on the ledger or on its way there, the number is as good as new.
void TransferAgent::GiveSequenceBack(const InFlight& job) {
  if (job.start_ever_recorded || !job.sequence_taken) return;
  numbers_.GiveBack(LineOf(job.client.developer), job.assignment.request.sequence);
}

// Everything that does not depend on the attempt.
absl::Status TransferAgent::Prepare(InFlight& job) {
  const ClientRequest& client = job.client;
  const auto view = ledger_.snapshot();
  const auto model = ledger::FindModel(*view, client.model);
  const auto served = models_.find(client.model);
  if (!model || served == models_.end()) {
    return absl::NotFoundError(fmt::format("model {} is not known here", Hex(client.model)));
  }
  const auto allowance = ledger::FindAllowance(*view, self_.account, client.developer);
  if (!allowance) {
    return absl::PermissionDeniedError(
        fmt::format("account {} has no allowance for this transfer agent", Hex(client.developer)));
  }
  if (allowance->salt.IsZero()) return LedgerRefuses(TxCode::kAllowanceNotReady);

  job.prompt = std::move(job.client.prompt);
  if (job.prompt.empty()) {
    auto prompt = served->second.text->PromptTokens(client.request);
    if (!prompt.ok()) return prompt.status();
    job.prompt = *std::move(prompt);
  }
  job.assignment.prompt_tokens = static_cast<uint32_t>(job.prompt.size());
  GONKA_RETURN_IF_ERROR(CheckContext(*model, job.prompt.size(), client.request.tokens_max));
  return client.order ? TakeOrder(job, *view, *allowance) : WriteRequest(job, *view, *allowance);
}

// The request of a developer that let this node act for it, or of a sub-account.
absl::Status TransferAgent::WriteRequest(InFlight& job, const ledger::View& view,
                                         const ledger::Allowance& allowance) {
  const ClientRequest& client = job.client;
  std::optional<AccountId> signer;
  if (client.sub_account) signer = AccountOf(client.sub_account->public_key());
  GONKA_ASSIGN_OR_RETURN(RequestNumbers::Draft draft,
                         numbers_.Write(LineOf(client.developer), view, allowance, client.model,
                                        client.request, job.prompt.size(), signer, env_.entropy));
  job.sequence_taken = true;
  job.request_salt = draft.salt;
  job.assignment.request = std::move(draft.request);
  if (!signer) return absl::OkStatus();

  job.assignment.developer_signature =
      client.sub_account->Sign(RequestSigningHash(job.assignment.request));
  if (const TxCode code = ledger::CheckDeveloper(view, job.assignment); code != TxCode::kOk) {
    return absl::PermissionDeniedError(fmt::format("the sub-account {} may not order this: {}",
                                                   ShortHex(*signer), TxCodeName(code)));
  }
  return absl::OkStatus();
}

// A request that its developer signed. What the ledger would refuse is refused before anybody
// works for it.
absl::Status TransferAgent::TakeOrder(InFlight& job, const ledger::View& view,
                                      const ledger::Allowance& allowance) {
  const ClientRequest& client = job.client;
  const SignedRequest& order = *client.order;
  const Request& request = order.request;
  if (request.network != network_ || request.ta != self_.account) {
    return absl::InvalidArgumentError("the request is for another network or transfer agent");
  }
  if (request.tokens_max != client.request.tokens_max ||
      request.request_digest != RequestDigest(client.request, order.salt)) {
    return absl::InvalidArgumentError("the signed request does not cover what was sent with it");
  }
  job.request_salt = order.salt;
  job.assignment.request = request;
  job.assignment.developer_signature = order.signature;
  if (const TxCode code = ledger::CheckDeveloper(view, job.assignment); code != TxCode::kOk) {
    return absl::PermissionDeniedError(
        fmt::format("the developer has not ordered this: {}", TxCodeName(code)));
  }
  GONKA_RETURN_IF_ERROR(numbers_.TakeWritten(view, allowance, request, job.prompt.size()));
  job.sequence_taken = true;
  return absl::OkStatus();
}

std::optional<Peer> TransferAgent::PeerOf(const AccountId& id) const {
  const auto participant = ledger::FindParticipant(*ledger_.snapshot(), id);
  if (!participant) return std::nullopt;
  return Peer{.id = ledger::NodeKeyOf(id, *participant).value, .url = participant->endpoint};
}

// The epoch's table is frozen, so somebody who was removed since, or is in maintenance, may still
// be drawn: nobody is blamed for passing him over.
absl::Status TransferAgent::DrawExecutor(InFlight& job) const {
  const Request& request = job.assignment.request;
  const auto view = ledger_.snapshot();
  while (true) {
    const auto drawn = ledger::DrawExecutor(*view, request.epoch, request.model, request.developer,
                                            request.ta, request.sequence, job.assignment.attempt);
    if (const TxCode* code = std::get_if<TxCode>(&drawn)) return LedgerRefuses(*code);
    job.assignment.executor = std::get<AccountId>(drawn);
    const auto participant = ledger::FindParticipant(*view, job.assignment.executor);
    const uint64_t height = ledger::ReadChain(*view).height + 1;
    const bool serves =
        !participant || (!participant->removed && !ledger::IsAway(*participant, height));
    if (serves) return absl::OkStatus();
    if (job.assignment.attempt + 1 >= kAttemptsMax) {
      return absl::UnavailableError("every executor that was drawn is removed or in maintenance");
    }
    job.assignment.skipped.push_back(
        {.executor = job.assignment.executor, .refusal = std::nullopt});
    ++job.assignment.attempt;
  }
}

// One attempt: the input goes out first, Start follows while the executor computes.
absl::Status TransferAgent::Dispatch(Ticket ticket, InFlight& job) {
  GONKA_RETURN_IF_ERROR(DrawExecutor(job));
  const auto peer = PeerOf(job.assignment.executor);
  if (!peer) return absl::InternalError("the drawn executor is no participant");

  job.ta_signature = self_.key.Sign(AssignmentSigningHash(job.assignment));
  job.start_recorded = job.accept_recorded = false;
  job.acknowledged = 0;
  job.accept.reset();
  job.refusal.reset();
  const Execute order{
      .assignment = {.assignment = job.assignment, .ta_signature = job.ta_signature},
      .request = job.client.request,
      .request_salt = job.request_salt,
      .top_logprobs = job.client.top_logprobs};
  job.call = env_.transport.Call(
      *peer, kExecuteMethod, Encode(order),
      {.on_frame = [this, ticket](Bytes frame) { OnFrame(ticket, std::move(frame)); },
       .on_done = [this, ticket](absl::Status status) { OnCallDone(ticket, std::move(status)); }},
      {.first_frame_timeout_us = options_.accept_timeout_us,
       // A stream that falls silent is watched here, however long the whole answer takes.
       .total_timeout_us = 24 * 3'600 * int64_t{1'000'000}});
  job.start_timer = env_.loop.PostAfter(options_.start_delay_us, [this, ticket] {
    const auto found = in_flight_.find(ticket);
    if (found == in_flight_.end()) return;
    found->second.start_timer = 0;
    RecordStart(found->second);
  });
  return absl::OkStatus();
}

void TransferAgent::RecordStart(InFlight& job) {
  // Nothing was sent yet where the request failed before its first attempt.
  if (job.start_recorded || job.call == 0) return;
  job.start_recorded = job.start_ever_recorded = true;
  Start start{.assignment = job.assignment, .accept = job.accept};
  const Hash accepted = AcceptSigningHash(InferenceIdOf(job.assignment));
  if (start.accept && !IsSignedBy(job.assignment.executor, accepted, *start.accept)) {
    start.accept.reset();  // The ledger would refuse the whole Start.
  }
  job.accept_recorded = start.accept.has_value();
  recorder_.Add(std::move(start));
}

void TransferAgent::OnFrame(Ticket ticket, Bytes bytes) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  InFlight& job = found->second;
  const auto frame = Decode<ExecuteFrame>(bytes);
  if (!frame.ok()) {
    env_.transport.Cancel(job.call);
    return NextAttempt(ticket, job, Annotate(frame.status(), "the executor's answer"));
  }
  if (!job.client_gone) WatchSilence(ticket, job);
  if (const auto* accepted = std::get_if<Accepted>(&frame->frame)) {
    OnAccepted(ticket, job, *accepted);
  } else if (const auto* refused = std::get_if<Refused>(&frame->frame)) {
    const Hash signed_hash = RefusalSigningHash(InferenceIdOf(job.assignment));
    if (IsSignedBy(job.assignment.executor, signed_hash, refused->signature)) {
      job.refusal = refused->signature;
    }
    env_.transport.Cancel(job.call);
    NextAttempt(ticket, job, absl::UnavailableError(refused->reason));
  } else if (const auto* produced = std::get_if<Produced>(&frame->frame)) {
    OnProduced(ticket, job, *produced);
  } else if (job.accept) {
    OnCompleted(ticket, job, std::get<Completed>(frame->frame));
  } else {
    env_.transport.Cancel(job.call);
    NextAttempt(ticket, job, absl::DataLossError("the executor finished before Accept"));
  }
}

void TransferAgent::OnAccepted(Ticket ticket, InFlight& job, const Accepted& accepted) {
  job.accept = accepted.signature;
  if (job.events.on_accepted && !job.client_gone) {
    job.events.on_accepted(InferenceIdOf(job.assignment), job.assignment.executor,
                           job.assignment.attempt, job.assignment.prompt_tokens);
  }
  // Verifying and signing costs time that the first token should not wait for.
  env_.loop.CancelTimer(job.start_timer);
  job.start_timer = env_.loop.PostAfter(0, [this, ticket] {
    const auto found = in_flight_.find(ticket);
    if (found == in_flight_.end()) return;
    found->second.start_timer = 0;
    RecordStart(found->second);
  });
}

void TransferAgent::OnProduced(Ticket ticket, InFlight& job, const Produced& produced) {
  if (!job.accept) {
    env_.transport.Cancel(job.call);
    return NextAttempt(ticket, job, absl::DataLossError("the executor sent tokens before Accept"));
  }
  if (job.output.size() + produced.tokens.size() > job.assignment.request.tokens_max) {
    env_.transport.Cancel(job.call);
    return Finish(ticket, absl::DataLossError(fmt::format(
                              "the executor sent more than the {} tokens that were asked for",
                              job.assignment.request.tokens_max)));
  }
  for (const ProducedToken& token : produced.tokens) job.output.push_back(token.id);
  if (job.events.on_tokens && !job.client_gone) job.events.on_tokens(produced.tokens);
  Acknowledge(job);
}

// The executor can then show that this node has taken so many tokens.
void TransferAgent::Acknowledge(InFlight& job) {
  const auto whole = static_cast<uint32_t>(job.output.size() / kAckTokens * kAckTokens);
  if (whole <= job.acknowledged || job.client_gone) return;
  job.acknowledged = whole;
  Say(job, kAckMethod, whole, AckSigningHash(InferenceIdOf(job.assignment), whole));
}

void TransferAgent::Say(const InFlight& job, const char* method, uint32_t tokens,
                        const Hash& signing_hash) {
  const auto peer = PeerOf(job.assignment.executor);
  if (!peer) return;
  const AgentSays says{.inference = InferenceIdOf(job.assignment),
                       .word = {.tokens = tokens, .signature = self_.key.Sign(signing_hash)}};
  env_.transport.Call(*peer, method, Encode(says),
                      {.on_frame = [](Bytes) {}, .on_done = [](absl::Status) {}}, {});
}

void TransferAgent::OnCompleted(Ticket ticket, InFlight& job, const Completed& completed) {
  if (completed.finish == FinishCode::kCancelled) {
    if (!job.client_gone) {
      env_.transport.Cancel(job.call);
      return NextAttempt(ticket, job, absl::DataLossError("the executor cancelled by itself"));
    }
    job.output.resize(job.cancelled_at);  // What came after the cancel is no part of the answer.
  }
  job.completed = true;
  RecordStart(job);
  const InferenceId id = InferenceIdOf(job.assignment);
  const auto count = static_cast<uint32_t>(job.output.size());
  const Hash digest = OutputDigest(job.output, completed.finish, completed.output_salt);
  const auto executor_key =
      ledger::SigningKeyOf(*ledger_.snapshot(), job.assignment.executor,
                           DeliverySigningHash(id, digest, count), completed.signature);
  if (digest != completed.output_digest || !executor_key) {
    env_.log.Write(LogLevel::kWarning,
                   fmt::format("{}: executor {} signed another output than it sent", ShortHex(id),
                               ShortHex(job.assignment.executor)));
    return Finish(ticket,
                  absl::DataLossError("the executor's signature does not cover its answer"));
  }
  Deliver(job, completed);
  Finish(ticket, Answer{.inference = id,
                        .ta = self_.account,
                        .executor = job.assignment.executor,
                        .attempt = job.assignment.attempt,
                        .finish = completed.finish,
                        .prompt_tokens = job.assignment.prompt_tokens,
                        .output_tokens = count,
                        .request_digest = job.assignment.request.request_digest,
                        .output_digest = digest,
                        .output_salt = completed.output_salt,
                        .artifact_root = completed.artifact_root,
                        .executor_signature = completed.signature,
                        .executor_key = AccountId{*executor_key}});
}

bool TransferAgent::IsSignedBy(const AccountId& account, const Hash& hash,
                               const Signature& signature) const {
  return ledger::SigningKeyOf(*ledger_.snapshot(), account, hash, signature).has_value();
}

// The executor's artifact, or an empty one where it is not what its root covers: then only the
// executor can open it.
verify::Artifact TransferAgent::OpenableArtifact(const InferenceId& id, const InFlight& job,
                                                 const Completed& completed) const {
  absl::Status status = verify::CheckArtifact(completed.artifact, job.output);
  if (status.ok() &&
      verify::ArtifactRoot(completed.artifact, job.output) != completed.artifact_root) {
    status = absl::DataLossError("the root covers something else");
  }
  if (status.ok()) return completed.artifact;
  env_.log.Write(LogLevel::kWarning,
                 fmt::format("{}: executor {} handed over no artifact: {}", ShortHex(id),
                             ShortHex(job.assignment.executor), ToString(status)));
  return {};
}

// Keeps the payload, then says on the ledger what the developer was sent. The executor's signature
// goes along: should its Finish say something else, that is two signed outputs.
void TransferAgent::Deliver(const InFlight& job, const Completed& completed) {
  const InferenceId id = InferenceIdOf(job.assignment);
  const Keep::Item item{.payload = {.request = job.client.request,
                                    .request_salt = job.request_salt,
                                    .assignment = job.assignment,
                                    .output = job.output,
                                    .finish = completed.finish,
                                    .output_salt = completed.output_salt},
                        .kernel_class = completed.kernel_class,
                        .artifact = OpenableArtifact(id, job, completed)};
  const absl::Status kept = keep_.Put(id, job.assignment.request.epoch, item);
  if (!kept.ok()) {
    env_.log.Write(LogLevel::kError,
                   fmt::format("{}: the payload is not kept: {}", ShortHex(id), ToString(kept)));
  }
  recorder_.Add(Delivered{.inference = id,
                          .output_digest = completed.output_digest,
                          .output_tokens = static_cast<uint32_t>(job.output.size()),
                          .executor_signature = completed.signature});
}

void TransferAgent::OnCallDone(Ticket ticket, absl::Status status) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end() || found->second.completed) return;
  if (status.ok()) status = absl::UnavailableError("the executor ended its answer early");
  NextAttempt(ticket, found->second, status);
}

// After the first token nothing may be tried again: the developer has seen part of an answer.
void TransferAgent::NextAttempt(Ticket ticket, InFlight& job, const absl::Status& why) {
  env_.log.Write(LogLevel::kInfo,
                 fmt::format("{}: attempt {} at executor {} failed: {}",
                             ShortHex(InferenceIdOf(job.assignment)), job.assignment.attempt,
                             ShortHex(job.assignment.executor), ToString(why)));
  env_.loop.CancelTimer(job.start_timer);
  env_.loop.CancelTimer(job.silence_timer);
  job.start_timer = job.silence_timer = 0;
  // A refusal makes the attempt void; silence must be on the ledger, so that it can be blamed. With
  // the Accept, where that came after Start, all of the blame is the executor's.
  if (!job.refusal) {
    if (job.accept && !job.accept_recorded) job.start_recorded = false;
    RecordStart(job);
  }
  if (!job.output.empty()) {
    return Finish(ticket,
                  absl::UnavailableError(fmt::format("the executor broke off after {} tokens: {}",
                                                     job.output.size(), gonka::Message(why))));
  }
  if (job.assignment.attempt + 1 >= kAttemptsMax || job.client_gone) {
    return Finish(ticket, absl::UnavailableError(
                              fmt::format("no executor answered ({} attempts; the last one: {})",
                                          job.assignment.attempt + 1, gonka::Message(why))));
  }
  job.assignment.skipped.push_back({.executor = job.assignment.executor, .refusal = job.refusal});
  ++job.assignment.attempt;
  const absl::Status status = Dispatch(ticket, job);
  if (!status.ok()) Finish(ticket, status);
}

void TransferAgent::WatchSilence(Ticket ticket, InFlight& job) {
  env_.loop.CancelTimer(job.silence_timer);
  job.silence_timer = env_.loop.PostAfter(options_.silence_timeout_us, [this, ticket] {
    const auto found = in_flight_.find(ticket);
    if (found == in_flight_.end()) return;
    found->second.silence_timer = 0;
    env_.transport.Cancel(found->second.call);
    NextAttempt(ticket, found->second,
                absl::DeadlineExceededError(
                    fmt::format("silent for {} s", options_.silence_timeout_us / 1'000'000)));
  });
}

void TransferAgent::Cancel(Ticket ticket) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  InFlight& job = found->second;
  job.client_gone = true;
  if (!job.accept) {
    env_.transport.Cancel(job.call);
    RecordStart(job);  // The executor may have begun; the record shows who was asked.
    return Finish(ticket, absl::CancelledError("the client hung up"));
  }
  // The executor completes with what has come, and both are paid for that.
  job.cancelled_at = static_cast<uint32_t>(job.output.size());
  Say(job, kCancelMethod, job.cancelled_at,
      CancelSigningHash(InferenceIdOf(job.assignment), job.cancelled_at));
  WatchSilence(ticket, job);
}

void TransferAgent::Finish(Ticket ticket, absl::StatusOr<Answer> result) {
  const auto found = in_flight_.find(ticket);
  if (found == in_flight_.end()) return;
  InFlight& job = found->second;
  env_.loop.CancelTimer(job.start_timer);
  env_.loop.CancelTimer(job.silence_timer);
  GiveSequenceBack(job);
  const auto on_done = job.client_gone ? nullptr : std::move(job.events.on_done);
  in_flight_.erase(found);
  if (on_done) on_done(std::move(result));
}

}  // namespace gonka::node
