// Requests, answers, checks and votes.

#include <algorithm>

#include "unit/ledger/chaos.h"

namespace gonka::ledger {
namespace {

constexpr size_t kOrdersMax = 40;

}  // namespace

std::optional<Signature> Chaos::Signed(const AccountId& id, const Hash& hash,
                                       size_t missing_one_in) {
  if (OneIn(missing_one_in)) return std::nullopt;
  return net_.Sign(SignerFor(id), hash);
}

Request Chaos::NewRequest(const AccountId& ta, const AccountId& developer) {
  const TimeParams time = ReadParams(net_.view()).time;
  Request request;
  request.network = net_.chain().network;
  if (OneIn(200)) request.network = NetworkId{};
  request.epoch = OneIn(4) ? AnyEpoch() : net_.epoch();
  request.model = AnyModel();
  request.tokens_max = static_cast<uint32_t>(OneIn(30) ? Below(2) * 971 : 1 + Below(100));
  const auto price = FindPrice(net_.view(), request.model);
  request.price_cap = price ? price->now : Amount(3);
  if (price && OneIn(4)) request.price_cap = OneIn(2) ? price->low : price->last_low;
  if (OneIn(20)) request.price_cap = Amount(OneIn(2) ? Below(6) : Amount::kMax);
  request.expiry_height = net_.height() + 1 + time.expiry_base_blocks +
                          request.tokens_max / time.expiry_tokens_per_block;
  if (OneIn(15)) request.expiry_height += Below(3);
  if (OneIn(15)) request.expiry_height -= std::min<uint64_t>(request.expiry_height, Below(40));
  request.developer = developer;
  const auto allowance = FindAllowance(net_.view(), ta, developer);
  request.sequence = (allowance ? allowance->sequence_base : 0) + Below(OneIn(30) ? 70 : 4);
  if (OneIn(40)) request.sequence -= std::min<uint64_t>(request.sequence, Below(4));
  request.ta = ta;
  if (OneIn(5)) request.signer = AccountOf(WarmOf(developer, /*orders=*/true).public_key());
  request.request_digest = TaggedHash("test/request/1", request.sequence, net_.height());
  return request;
}

// The executors that the ledger draws, as far as it draws any.
void Chaos::DrawInto(Assignment& assignment) {
  const Request& asked = assignment.request;
  assignment.skipped.clear();
  for (uint8_t attempt = 0; attempt <= assignment.attempt; ++attempt) {
    const auto drawn = DrawExecutor(net_.view(), asked.epoch, asked.model, asked.developer,
                                    asked.ta, asked.sequence, attempt);
    const AccountId* id = std::get_if<AccountId>(&drawn);
    const AccountId executor = id != nullptr && !OneIn(40) ? *id : AnyParticipant();
    if (attempt == assignment.attempt) {
      assignment.executor = executor;
    } else if (assignment.skipped.size() < assignment.skipped.kMax) {
      const Hash hash = RefusalSigningHash(InferenceIdOf(asked, attempt));
      assignment.skipped.push_back({executor, Signed(executor, hash, 2)});
    }
  }
  if (OneIn(80)) assignment.skipped.clear();
}

std::optional<Chaos::Order> Chaos::NewOrder() {
  Order order;
  order.made_height = net_.height();
  Assignment& assignment = order.assignment;
  AccountId ta = AnyParticipant();
  AccountId developer = AnyDeveloper();
  for (size_t tries = 0; tries < 6; ++tries) {
    const auto allowance = FindAllowance(net_.view(), ta, developer);
    if (allowance && allowance->available > Amount(100)) break;
    ta = AnyParticipant();
    developer = AnyDeveloper();
  }
  assignment.request = NewRequest(ta, developer);
  const Request& request = assignment.request;
  const AccountId author = request.signer.value_or(request.developer);
  if (!OneIn(9)) {
    const KeyPair& key = OneIn(60) ? Anybody() : KeyOf(author);
    assignment.developer_signature = net_.Sign(key, RequestSigningHash(request));
  }
  assignment.prompt_tokens = static_cast<uint32_t>(OneIn(40) ? 0 : OneIn(40) ? 30 : 1 + Below(60));
  assignment.attempt = static_cast<uint8_t>(OneIn(6) ? Below(4) : 0);
  DrawInto(assignment);
  order.id = InferenceIdOf(assignment);
  return order;
}

void Chaos::Ask() {
  if (const std::optional<Order> order = NewOrder()) {
    orders_.push_back(*order);
    if (orders_.size() > kOrdersMax) orders_.pop_front();
    // The common beginning; everything else is WorkOn's.
    if (OneIn(3)) Say(KeyOf(order->assignment.request.ta), StartOf(*order));
  }
}

// The next attempt of a request, whose executor may have answered after all; or other words under
// the same number.
void Chaos::AskAgain() {
  const Order* before = RecentOrder();
  if (before == nullptr) return;
  Order next = *before;
  next.made_height = net_.height();
  if (OneIn(4)) {
    next.assignment.request.tokens_max += static_cast<uint32_t>(Below(3));
  } else {
    ++next.assignment.attempt;
  }
  DrawInto(next.assignment);
  next.id = InferenceIdOf(next.assignment);
  orders_.push_back(next);
  if (orders_.size() > kOrdersMax) orders_.pop_front();
}

const Chaos::Order* Chaos::RecentOrder() {
  if (orders_.empty()) return nullptr;
  const size_t recent = OneIn(6) ? orders_.size() : std::min<size_t>(orders_.size(), 14);
  return &orders_[orders_.size() - 1 - Below(recent)];
}

// What its record waits for.
Chaos::Step Chaos::NextStepOf(const Order& order) {
  const auto record = FindRecord(net_.view(), order.id);
  if (!record && net_.height() > order.made_height + 4) return Step::kNone;  // Refused for ever.
  if (!record) return OneIn(3) ? Step::kFinish : Step::kStart;
  // An attempt that was given up may have been taken all the same.
  if (record->status == InferenceStatus::kExpired && OneIn(2)) return Step::kFinish;
  if (record->status == InferenceStatus::kExpired || record->settled) return Step::kNone;
  if (!record->finish) return Step::kFinish;
  if (!record->delivered) return Step::kDelivered;
  return record->started ? Step::kNone : Step::kStart;
}

Start Chaos::StartOf(const Order& order) {
  return {.assignment = order.assignment,
          .accept = Signed(order.assignment.executor, AcceptSigningHash(order.id), 2)};
}

// Now and then the transfer agent has signed another assignment than the one that it shows.
SignedAssignment Chaos::OpeningOf(const Order& order) {
  SignedAssignment opening{.assignment = order.assignment, .ta_signature = {}};
  if (OneIn(25)) ++opening.assignment.prompt_tokens;
  opening.ta_signature =
      net_.Sign(SignerFor(order.assignment.request.ta), AssignmentSigningHash(opening.assignment));
  return opening;
}

// What the transfer agent says it has taken, mostly where that is needed.
std::optional<AgentWord> Chaos::WordFor(const Order& order, const Finish& finish) {
  const bool cancelled = finish.finish == FinishCode::kCancelled;
  if (cancelled ? OneIn(8) : OneIn(2)) return std::nullopt;
  uint32_t tokens = finish.output_tokens;
  if (!cancelled || OneIn(20)) tokens = static_cast<uint32_t>(Below(tokens + 2));
  const Hash hash =
      OneIn(2) ? AckSigningHash(order.id, tokens) : CancelSigningHash(order.id, tokens);
  return AgentWord{.tokens = tokens,
                   .signature = net_.Sign(SignerFor(order.assignment.request.ta), hash)};
}

// Everybody gives the same answer each time, but for those who end their days with another one.
Finish Chaos::FinishOf(const Order& order) {
  const uint64_t roll = std::hash<InferenceId>{}(order.id);
  const uint64_t tokens_max = order.assignment.request.tokens_max;
  Finish finish{.inference = order.id,
                .output_tokens = static_cast<uint32_t>(roll % (tokens_max + 1)),
                .output_digest = TaggedHash("test/output/1", order.id),
                .artifact_root = TaggedHash("test/artifact/1", order.id),
                .artifact_bytes = 100,
                .finish = roll % 9 == 0 ? FinishCode::kCancelled : FinishCode::kStop,
                .opening = {},
                .word = {}};
  const auto record = FindRecord(net_.view(), order.id);
  const bool again = record && record->finish && !record->settled;
  if (again) finish.output_tokens = record->finish->output_tokens;
  if (!again && roll % 50 == 0) finish.output_tokens = static_cast<uint32_t>(tokens_max + 1);
  if (OneIn(1'500)) finish.output_tokens = static_cast<uint32_t>(tokens_max);
  if (!record || OneIn(3)) finish.opening = OpeningOf(order);
  if (OneIn(80) && RecentOrder() != nullptr) finish.opening = OpeningOf(*RecentOrder());
  finish.word = WordFor(order, finish);
  return finish;
}

// Seldom proof of two outputs, often the right thing, sometimes something else.
Delivered Chaos::DeliveredOf(const Order& order) {
  const Finish finish = FinishOf(order);
  Delivered delivered{.inference = order.id,
                      .output_digest = finish.output_digest,
                      .output_tokens = finish.output_tokens,
                      .executor_signature = {}};
  const bool other = OneIn(15);
  if (other) ++delivered.output_tokens;
  if (!other || OneIn(60)) {
    const Hash hash =
        DeliverySigningHash(order.id, delivered.output_digest, delivered.output_tokens);
    delivered.executor_signature = Signed(order.assignment.executor, hash, 3);
  }
  return delivered;
}

void Chaos::WorkOn() {
  const Order* found = RecentOrder();
  if (found == nullptr) return;
  Step step = NextStepOf(*found);
  for (size_t tries = 0; tries < 3 && step == Step::kNone; ++tries) {
    found = RecentOrder();
    step = NextStepOf(*found);
  }
  if (OneIn(6)) step = static_cast<Step>(Below(3));
  const Order order = *found;
  const Assignment& assignment = order.assignment;
  switch (step) {
    case Step::kStart:
      return Say(KeyOf(assignment.request.ta), StartOf(order));
    case Step::kFinish:
      return Say(KeyOf(assignment.executor), FinishOf(order));
    case Step::kDelivered:
      return Say(KeyOf(assignment.request.ta), DeliveredOf(order));
    case Step::kNone:
      return;
  }
}

// A function of record and validator, so that what was committed can be revealed.
ValidateReveal Chaos::VerdictFor(const InferenceId& id, const AccountId& validator) {
  std::mt19937_64 random(std::hash<InferenceId>{}(id) + std::hash<AccountId>{}(validator));
  const uint64_t roll = random() % 10;
  return {.inference = id,
          .verdict = roll < 5   ? Verdict::kPass
                     : roll < 8 ? Verdict::kFail
                     : roll < 9 ? Verdict::kInconclusive
                                : Verdict::kUnavailable,
          .evidence_millinats = static_cast<int32_t>(random() % 8'000) - 2'000,
          .scores_root = {},
          .salt = {}};
}

void Chaos::Judge() {
  for (const InferenceId& id : ListOpenChecks(net_.view())) {
    const InferenceRecord record = net_.record(id);
    const bool committed = !record.verdicts.empty() && !record.verdicts.back().reveal;
    if (OneIn(committed ? 10 : 3) != committed) continue;
    const auto order = ValidatorOrder(net_.view(), record);
    const bool next = !OneIn(4) && !order.empty();
    const AccountId who = next ? order[OneIn(3) ? Below(order.size()) : 0] : AnyParticipant();
    if (!keys_.contains(who)) continue;
    const ValidateReveal reveal = VerdictFor(id, who);
    Say(KeyOf(who), ValidateCommit{.inference = id, .commitment = VerdictCommitment(who, reveal)});
  }
}

void Chaos::Reveal() {
  for (const InferenceId& id : ListOpenChecks(net_.view())) {
    const InferenceRecord record = net_.record(id);
    if (record.verdicts.empty() || OneIn(8)) continue;
    const VerdictCommit& last = record.verdicts.back();
    const bool in_time = !last.reveal && net_.height() + 1 >= last.reveal_from &&
                         net_.height() + 1 < last.reveal_from + 3;
    if (!in_time && !OneIn(15)) continue;
    const AccountId who = OneIn(20) ? AnyParticipant() : last.validator;
    ValidateReveal reveal = VerdictFor(id, who);
    if (OneIn(30)) ++reveal.evidence_millinats;
    Say(KeyOf(who), reveal);
  }
}

VoteReveal Chaos::VoteFor(const CaseId& id, const AccountId& voter) {
  std::mt19937_64 of_case(std::hash<CaseId>{}(id));
  std::mt19937_64 of_voter(std::hash<CaseId>{}(id) + std::hash<AccountId>{}(voter));
  const uint64_t common = of_case() % 10;
  const uint64_t roll = of_voter() % 9;
  Verdict verdict = common < 5   ? Verdict::kFail
                    : common < 9 ? Verdict::kPass
                                 : Verdict::kUnavailable;
  if (roll == 0) verdict = Verdict::kPass;
  if (roll == 1) verdict = Verdict::kInconclusive;
  if (roll == 2) verdict = Verdict::kFail;
  return {.case_id = id,
          .verdict = verdict,
          .evidence_millinats = roll == 3 ? 100 : 20'000,
          .salt = {}};
}

void Chaos::Vote() {
  for (const auto& [id, open] : ListOpenCases(net_.view())) {
    if (OneIn(20)) {
      Say(KeyOf(AnyParticipant()), VoteCommit{.case_id = id, .commitment = {}});
    }
    for (const Ballot& ballot : open.ballots) {
      if (OneIn(5) || ballot.reveal) continue;
      VoteReveal vote = VoteFor(id, ballot.voter);
      if (OneIn(60)) ++vote.evidence_millinats;
      if (!ballot.commitment || OneIn(30)) {
        const Hash commitment = VoteCommitment(ballot.voter, vote);
        Say(KeyOf(ballot.voter), VoteCommit{.case_id = id, .commitment = commitment});
      } else {
        Say(KeyOf(ballot.voter), vote);
      }
    }
  }
}

void Chaos::Dispute() {
  const Order* order = RecentOrder();
  if (order == nullptr) return;
  if (NextStepOf(*order) != Step::kNone && !OneIn(6)) return;
  const AccountId developer = OneIn(9) ? AnyDeveloper() : order->assignment.request.developer;
  Say(KeyOf(developer), Challenge{order->id});
}

}  // namespace gonka::ledger
