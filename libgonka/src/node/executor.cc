#include "gonka/node/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "node/sampling.h"

namespace gonka::node {
namespace {

absl::Status Refusal(std::string reason) {
  return absl::FailedPreconditionError(std::move(reason));
}

ProducedToken Wire(const engine::TokenFacts& facts, size_t top_count) {
  ProducedToken token{
      .id = facts.id, .logprob_bits = std::bit_cast<uint32_t>(facts.logprob), .top = {}};
  for (const engine::TopEntry& entry :
       std::span(facts.top).first(std::min(facts.top.size(), top_count))) {
    token.top.push_back({.id = entry.id, .logprob_bits = std::bit_cast<uint32_t>(entry.logprob)});
  }
  return token;
}

void SendFrame(Reply& reply, ExecuteFrame frame) {
  reply.Send(Encode(frame));
}

// What the assignment says of itself and of its author, before the ledger is asked.
absl::Status CheckAuthor(const ledger::View& view, const Hash& caller, const AccountId& self,
                         const Execute& order) {
  const Assignment& assignment = order.assignment.assignment;
  const Request& request = assignment.request;
  if (request.ta.value != caller) {
    return Refusal(fmt::format("the caller is not the transfer agent {}", ShortHex(request.ta)));
  }
  if (assignment.executor != self) return Refusal("the assignment names another executor");
  if (!ledger::SigningKeyOf(view, request.ta, AssignmentSigningHash(assignment),
                            order.assignment.ta_signature)) {
    return Refusal("the assignment's signature is not the transfer agent's");
  }
  if (RequestDigest(order.request, order.request_salt) != request.request_digest) {
    return Refusal("the request does not match the digest in the assignment");
  }
  if (order.request.tokens_max != request.tokens_max) {
    return Refusal(fmt::format("the request asks for {} tokens, the assignment for {}",
                               order.request.tokens_max, request.tokens_max));
  }
  return absl::OkStatus();
}

// How much later than the transfer agent this node may have read the price.
constexpr uint32_t kPriceLagBlocks = 4;

// An escrow that this request has locked already, by this attempt or by one that was abandoned,
// serves this attempt too.
bool IsCovered(const ledger::View& view, const Assignment& assignment, Amount escrow) {
  for (int attempt = assignment.attempt; attempt >= 0; --attempt) {
    const InferenceId id = InferenceIdOf(assignment.request, static_cast<uint8_t>(attempt));
    const auto record = ledger::FindRecord(view, id);
    if (record && record->status == ledger::InferenceStatus::kStarted) return true;
  }
  const auto allowance =
      ledger::FindAllowance(view, assignment.request.ta, assignment.request.developer);
  if (!allowance || allowance->available < escrow) return false;
  if (!assignment.request.signer) return true;
  const auto sub_account = ledger::FindDelegation(view, *assignment.request.signer);
  return sub_account && sub_account->cap >= escrow;
}

// Whether the ledger will let this node be paid for the work.
absl::Status CheckLedger(const ledger::View& view, const AccountId& self,
                         const Assignment& assignment) {
  const Request& request = assignment.request;
  const ledger::Chain chain = ledger::ReadChain(view);
  if (request.network != chain.network) return Refusal("the request is for another network");
  if (request.expiry_height <= chain.height) {
    return Refusal(fmt::format("the request expired at height {}, this is {}",
                               request.expiry_height, chain.height));
  }
  const auto participant = ledger::FindParticipant(view, self);
  if (!participant || participant->removed) return Refusal("this participant was removed");
  if (ledger::IsAway(*participant, chain.height + 1)) return Refusal("in maintenance");
  const auto model = ledger::FindModel(view, request.model);
  if (!model) return Refusal(fmt::format("the ledger knows no model {}", Hex(request.model)));
  const auto price = ledger::FindPrice(view, request.model);
  GONKA_CHECK(price.has_value());  // Every model has one.
  // The transfer agent may have read it some blocks ago.
  const PricingParams pricing = ledger::ReadParams(view).pricing;
  const Amount lag(
      MulDivFloor(price->now.units(), pricing.step_max.value * kPriceLagBlocks, Ppm::kOne));
  if (request.price_cap + lag < price->now) {
    return Refusal(fmt::format("price cap {} is below the price {}", request.price_cap.units(),
                               price->now.units()));
  }
  if (const TxCode code = ledger::CheckDeveloper(view, assignment); code != TxCode::kOk) {
    return Refusal(fmt::format("the developer has not ordered this: {}", TxCodeName(code)));
  }
  if (uint64_t{assignment.prompt_tokens} + request.tokens_max > model->context) {
    return Refusal(fmt::format("{} prompt and {} output tokens exceed the context of {}",
                               assignment.prompt_tokens, request.tokens_max, model->context));
  }
  const auto drawn = ledger::DrawExecutor(view, request.epoch, request.model, request.developer,
                                          request.ta, request.sequence, assignment.attempt);
  if (const TxCode* code = std::get_if<TxCode>(&drawn)) {
    return Refusal(fmt::format("the ledger draws no executor: {}", TxCodeName(*code)));
  }
  if (std::get<AccountId>(drawn) != self) return Refusal("the ledger draws another executor");
  const auto escrow = ledger::EscrowOf(assignment.prompt_tokens, request.tokens_max,
                                       std::min(price->now, request.price_cap));
  if (!escrow || !IsCovered(view, assignment, *escrow)) {
    return Refusal("the developer's allowance does not cover the request");
  }
  return absl::OkStatus();
}

bool IsOpen(const ledger::View& view, const InferenceId& id) {
  const auto record = ledger::FindRecord(view, id);
  return record && record->status == ledger::InferenceStatus::kStarted;
}

// By then what a transfer agent has sent is on the ledger.
int64_t PatienceUs(const ledger::View& view) {
  constexpr int64_t kBlocks = 3;
  return kBlocks * ledger::ReadParams(view).block_interval_ms * 1'000;
}

}  // namespace

Executor::Executor(Environment env, LedgerPort ledger, const Identity& self,
                   const ServedModels& models, Recorder& recorder, Keep& keep,
                   ExecutorOptions options)
    : env_(env),
      ledger_(std::move(ledger)),
      self_(self),
      models_(models),
      recorder_(recorder),
      keep_(keep),
      options_(options),
      alive_(std::make_shared<bool>(true)) {}

Executor::~Executor() {
  *alive_ = false;
  for (auto& [id, job] : in_flight_) job.engine->Cancel(job.request);
}

void Executor::OnExecute(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply) {
  auto order = Decode<Execute>(request);
  if (!order.ok()) return reply->Finish(order.status());
  const InferenceId id = InferenceIdOf(order->assignment.assignment);
  auto prompt = CheckOrder(caller, *order);
  if (!prompt.ok()) {
    const std::string reason = gonka::Message(prompt.status()).substr(0, 512);
    env_.log.Write(LogLevel::kInfo, fmt::format("refused {}: {}", ShortHex(id), reason));
    SendFrame(*reply, {Refused{.signature = self_.key.Sign(RefusalSigningHash(id)),
                               .reason = Text<512>(reason)}});
    return reply->Finish(absl::OkStatus());
  }
  SendFrame(*reply, {Accepted{.signature = self_.key.Sign(AcceptSigningHash(id))}});
  Run(id, *std::move(order), *std::move(prompt), std::move(reply));
}

absl::StatusOr<std::vector<uint32_t>> Executor::CheckOrder(const Hash& caller,
                                                           const Execute& order) const {
  const Assignment& assignment = order.assignment.assignment;
  const AccountId self = self_.account;
  const InferenceId id = InferenceIdOf(assignment);
  if (in_flight_.size() >= options_.in_flight_max) {
    return Refusal(fmt::format("busy: {} answers are running", in_flight_.size()));
  }
  if (in_flight_.contains(id) || keep_.Get(id))
    return Refusal("this inference was executed already");
  const auto served = models_.find(assignment.request.model);
  if (served == models_.end() || served->second.engines.empty()) {
    return Refusal(fmt::format("model {} is not served here", Hex(assignment.request.model)));
  }
  const auto view = ledger_.snapshot();
  GONKA_RETURN_IF_ERROR(CheckAuthor(*view, caller, self, order));
  GONKA_RETURN_IF_ERROR(CheckLedger(*view, self, assignment));
  auto prompt = served->second.text->PromptTokens(order.request);
  if (!prompt.ok()) return prompt.status();
  if (prompt->size() != assignment.prompt_tokens) {
    return Refusal(fmt::format("the prompt has {} tokens, the assignment says {}", prompt->size(),
                               assignment.prompt_tokens));
  }
  return prompt;
}

engine::Engine* Executor::PickEngine(const ServedModel& model) {
  engine::Engine* best = model.engines.front().get();
  for (const auto& engine : model.engines) {
    if (load_[engine.get()] < load_[best]) best = engine.get();
  }
  ++load_[best];
  return best;
}

void Executor::Run(const InferenceId& id, Execute order, std::vector<uint32_t> prompt,
                   std::shared_ptr<Reply> reply) {
  const Assignment& assignment = order.assignment.assignment;
  const ServedModel& model = models_.at(assignment.request.model);
  const auto info = ledger::FindModel(*ledger_.snapshot(), assignment.request.model);
  const uint32_t artifact_k = info ? info->top_k : verify::kTopKDefault;

  InFlight& job = in_flight_[id];
  job.reply = std::move(reply);
  job.engine = PickEngine(model);
  const std::vector<std::string> stop(order.request.stop.begin(), order.request.stop.end());
  job.stops = model.text->WatchStops(stop);

  engine::GenerateRequest request{
      .prompt = std::move(prompt),
      .tokens_max = order.request.tokens_max,
      .top_k_facts = std::max<uint32_t>(artifact_k, order.top_logprobs),
      .sampler = SamplerOf(order.request.sampling),
      .sampling_seed = SamplingSeed(order.request, id, assignment.attempt),
      .stop_ids = model.text->StopIds()};
  job.order = std::move(order);
  // Engine events come from the engine's thread; everything of ours happens on the loop.
  job.request = job.engine->Generate(
      std::move(request),
      {.on_token =
           [this, id, alive = alive_](const engine::TokenFacts& facts) {
             env_.loop.Post([this, id, alive, facts] {
               if (*alive) OnToken(id, facts);
             });
           },
       .on_done =
           [this, id, alive = alive_](absl::StatusOr<engine::FinishReason> reason) {
             env_.loop.Post([this, id, alive, reason = std::move(reason)] {
               if (*alive) OnDone(id, reason);
             });
           }});
}

Executor::InFlight* Executor::AnswerFor(const Hash& caller, const AgentSays& says,
                                        const Hash& signing_hash) {
  const auto found = in_flight_.find(says.inference);
  if (found == in_flight_.end()) return nullptr;
  InFlight& job = found->second;
  const AccountId& ta = job.order.assignment.assignment.request.ta;
  const bool fits = ta.value == caller && !job.cancelled && says.word.tokens <= job.facts.size();
  if (!fits) return nullptr;
  const auto key = ledger::SigningKeyOf(*ledger_.snapshot(), ta, signing_hash, says.word.signature);
  return key ? &job : nullptr;
}

// What the transfer agent has not taken is no part of the answer.
void Executor::StopAt(InFlight& job, size_t tokens) {
  job.cancelled = true;
  job.facts.resize(tokens);
  job.engine->Cancel(job.request);
}

void Executor::OnCancel(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply) {
  const auto says = Decode<AgentSays>(request);
  if (!says.ok()) return reply->Finish(says.status());
  InFlight* job = AnswerFor(caller, *says, CancelSigningHash(says->inference, says->word.tokens));
  if (job != nullptr && !job->stopped) {
    job->word = says->word;
    StopAt(*job, says->word.tokens);
  }
  reply->Send({});
  reply->Finish(absl::OkStatus());
}

void Executor::OnAck(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply) {
  const auto says = Decode<AgentSays>(request);
  if (!says.ok()) return reply->Finish(says.status());
  InFlight* job = AnswerFor(caller, *says, AckSigningHash(says->inference, says->word.tokens));
  const bool is_new = job != nullptr && (!job->word || job->word->tokens < says->word.tokens);
  if (is_new) job->word = says->word;
  reply->Send({});
  reply->Finish(absl::OkStatus());
}

// With an acknowledgement this node is paid for what it covers, whatever the transfer agent does.
// Without one only the whole answer counts: it is finished where a record turns up that would
// otherwise expire at this node's cost.
void Executor::OnAbandoned(const InferenceId& id, InFlight& job) {
  job.abandoned = true;
  if (job.word) return StopAt(job, job.word->tokens);
  env_.loop.PostAfter(PatienceUs(*ledger_.snapshot()), [this, id, alive = alive_] {
    if (!*alive || IsOpen(*ledger_.snapshot(), id)) return;
    const auto found = in_flight_.find(id);
    if (found == in_flight_.end()) return;
    found->second.cancelled = true;
    found->second.engine->Cancel(found->second.request);
  });
}

void Executor::OnToken(const InferenceId& id, engine::TokenFacts facts) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  InFlight& job = found->second;
  if (job.stopped || job.cancelled) return;
  if (!job.abandoned && job.reply->Cancelled()) {
    OnAbandoned(id, job);
    if (job.cancelled) return;
  }
  if (!job.abandoned) {
    SendFrame(*job.reply, {Produced{.tokens = {{Wire(facts, job.order.top_logprobs)}}}});
  }
  if (job.stops != nullptr && job.stops->OnToken(facts.id)) {
    job.stopped = true;
    job.engine->Cancel(job.request);
  }
  job.facts.push_back(std::move(facts));
}

// Tokens that came after a stop string or a cancel were dropped, so the engine's own reason does
// not fit what is left.
FinishCode Executor::FinishOf(const InFlight& job, engine::FinishReason reason) {
  if (job.stopped) return FinishCode::kStop;
  if (job.cancelled) return FinishCode::kCancelled;
  switch (reason) {
    case engine::FinishReason::kStop:
      return FinishCode::kStop;
    case engine::FinishReason::kLength:
      return FinishCode::kLength;
    case engine::FinishReason::kCancelled:
      return FinishCode::kCancelled;
  }
  return FinishCode::kCancelled;
}

void Executor::OnDone(const InferenceId& id, absl::StatusOr<engine::FinishReason> reason) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  InFlight& job = found->second;
  --load_[job.engine];
  if (!reason.ok()) {
    env_.log.Write(LogLevel::kError, fmt::format("{}: the engine failed: {}", ShortHex(id),
                                                 ToString(reason.status())));
    job.reply->Finish(Annotate(reason.status(), "the executor's engine failed"));
  } else if (job.abandoned && job.cancelled && !job.word) {
    job.reply->Finish(absl::CancelledError("the transfer agent broke off"));
  } else {
    Complete(id, job, FinishOf(job, *reason));
  }
  in_flight_.erase(found);
}

void Executor::Complete(const InferenceId& id, InFlight& job, FinishCode finish) {
  const Assignment& assignment = job.order.assignment.assignment;
  OutputTokens output;
  for (const engine::TokenFacts& facts : job.facts) output.push_back(facts.id);

  const engine::EngineInfo engine = job.engine->Info();
  const auto model = ledger::FindModel(*ledger_.snapshot(), assignment.request.model);
  auto artifact = verify::BuildArtifact(
      job.facts,
      {.k = model ? model->top_k : verify::kTopKDefault, .vocabulary = engine.vocabulary});
  if (!artifact.ok()) {
    env_.log.Write(LogLevel::kError, fmt::format("{}: the engine's facts make no artifact: {}",
                                                 ShortHex(id), ToString(artifact.status())));
    return job.reply->Finish(artifact.status());
  }
  const Hash salt = OutputSalt(id);
  const Hash digest = OutputDigest(output, finish, salt);
  const Hash root = verify::ArtifactRoot(*artifact, output);
  const auto count = static_cast<uint32_t>(output.size());
  const Text<64> kernel_class(engine.kernel_class);
  const Keep::Item item{.payload = {.request = job.order.request,
                                    .request_salt = job.order.request_salt,
                                    .assignment = assignment,
                                    .output = std::move(output),
                                    .finish = finish,
                                    .output_salt = salt},
                        .kernel_class = kernel_class,
                        .artifact = *artifact};
  // Kept before anything is signed: two different answers under one signature convict, so an order
  // that comes again must find that it was executed.
  const absl::Status kept = keep_.Put(id, assignment.request.epoch, item);
  if (!kept.ok()) {
    env_.log.Write(LogLevel::kError,
                   fmt::format("{}: the payload cannot be kept: {}", ShortHex(id), ToString(kept)));
    return job.reply->Finish(Annotate(kept, "the executor cannot keep its answer"));
  }

  SendFrame(*job.reply,
            {Completed{.finish = finish,
                       .output_salt = salt,
                       .output_digest = digest,
                       .signature = self_.key.Sign(DeliverySigningHash(id, digest, count)),
                       .kernel_class = kernel_class,
                       .artifact_root = root,
                       .artifact = *artifact}});
  job.reply->Finish(absl::OkStatus());

  Finish event{.inference = id,
               .output_tokens = count,
               .output_digest = digest,
               .artifact_root = root,
               .artifact_bytes = verify::ArtifactBytes(*artifact),
               .finish = finish,
               .opening = std::nullopt,
               .word = job.word};
  if (job.abandoned && !job.word) {
    // The transfer agent may have turned to the next executor, whose work must not conflict with
    // this: where its Start is to come, it comes first.
    env_.loop.PostAfter(PatienceUs(*ledger_.snapshot()),
                        [this, id, event = std::move(event), alive = alive_] {
                          if (*alive && IsOpen(*ledger_.snapshot(), id)) recorder_.Add(event);
                        });
    return;
  }
  // The Start may be on its way, or lost with the transfer agent: then this opens the record.
  if (!ledger::FindRecord(*ledger_.snapshot(), id)) event.opening = job.order.assignment;
  recorder_.Add(std::move(event));
}

// Nobody else can tell it before it is shown, and it is the same should a crash make this node
// answer the same order twice.
Hash Executor::OutputSalt(const InferenceId& id) const {
  return TaggedHash("gonka/output-salt/1",
                    self_.key.Sign(TaggedHash("gonka/output-salt-key/1", id)));
}

}  // namespace gonka::node
