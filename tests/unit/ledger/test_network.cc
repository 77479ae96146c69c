#include "unit/ledger/test_network.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace gonka::ledger {
namespace {

constexpr size_t kLinks = 3'000;

std::vector<KeyPair> SortedKeys(const std::string& name, size_t count) {
  std::vector<KeyPair> keys;
  for (size_t i = 0; i < count; ++i) {
    keys.push_back(TestNetwork::NewKey(name + std::to_string(i)));
  }
  std::sort(keys.begin(), keys.end(),
            [](const KeyPair& a, const KeyPair& b) { return a.public_key() < b.public_key(); });
  return keys;
}

std::vector<Hash> ChainOfLinks() {
  std::vector<Hash> links{TaggedHash("test/chain/1", uint64_t{7})};
  while (links.size() < kLinks) links.push_back(BeaconChainStep(links.back()));
  return links;
}

}  // namespace

std::optional<Bytes> MapView::Get(ByteSpan key) const {
  const auto found = values_.find(ToBytes(key));
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

void MapView::Scan(ByteSpan prefix, ByteSpan from,
                   const std::function<bool(ByteSpan, ByteSpan)>& visit) const {
  const Bytes begin = std::max(ToBytes(prefix), ToBytes(from));
  for (auto it = values_.lower_bound(begin); it != values_.end(); ++it) {
    const Bytes& key = it->first;
    const bool inside =
        key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
    if (!inside || !visit(key, it->second)) return;
  }
}

void MapView::Apply(std::span<const StateWrite> writes) {
  for (const StateWrite& write : writes) {
    if (write.value) {
      values_[write.key] = *write.value;
    } else {
      CHECK(values_.erase(write.key) == 1);
    }
  }
}

Params ShortParams() {
  Params params;
  params.time = {.epoch_blocks = 100,
                 .settle_blocks = 60,
                 .grace_blocks = 5,
                 .check_window_blocks = 3,
                 .vote_window_blocks = 4,
                 .hearing_window_blocks = 6,
                 .expiry_base_blocks = 10,
                 .expiry_tokens_per_block = 10,
                 .retained_epochs = 2};
  params.check.hearing_sample = 4;
  params.money.emission_initial = Amount(1'000'000);
  params.money.collateral_min = Amount(0);
  params.money.accusation_bond = Amount(500);
  params.money.challenge_bond = Amount(0);
  params.money.refused_event_fee = Amount(0);
  return params;
}

KeyPair TestNetwork::NewKey(const std::string& name) {
  return KeyPair::FromSeed(TaggedHash("test/key/1", Text<64>(name)));
}

TestNetwork::TestNetwork(NetworkOptions options, Witness* witness)
    : audit_(options.audit),
      witness_(witness),
      model_{TaggedHash("test/model/1", uint64_t{1})},
      participants_(SortedKeys("participant", options.participants)),
      developers_(SortedKeys("developer", options.developers)),
      links_(ChainOfLinks()) {
  genesis_.name = "test";
  genesis_.time_us = 1;
  genesis_.params = options.params;
  genesis_.models = {{.id = model_,
                      .name = std::string("tiny"),
                      .price = options.price,
                      .context = 1'000,
                      .top_k = 5,
                      .calibration = {},
                      .capacity_tokens = options.capacity_tokens}};
  for (size_t i = 0; i < participants_.size(); ++i) {
    const uint64_t weight = options.weights.empty() ? 100 : options.weights[i];
    genesis_.participants.push_back({.id = id(i),
                                     .endpoint = std::string("http://127.0.0.1"),
                                     .weight = weight,
                                     .models = {model_},
                                     .beacon_chain_end = i == 0 ? links_.back() : Hash{},
                                     .collateral = options.collateral});
    genesis_.accounts.push_back({id(i), options.balance});
  }
  for (size_t i = 0; i < developers_.size(); ++i) {
    genesis_.accounts.push_back({developer_id(i), options.balance});
  }
  std::sort(genesis_.accounts.begin(), genesis_.accounts.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  genesis_.sequencer = id(0);
  links_.pop_back();
  if (options.amend) options.amend(genesis_);
  absl::StatusOr<BlockResult> result = ApplyGenesis(genesis_);
  REQUIRE_MESSAGE(result.ok(), Message(result.status()));
  last_ = *std::move(result);
  if (witness_ != nullptr) witness_->OnGenesis(genesis_, last_);
  view_.Apply(last_.writes);
  notices_ = last_.notices;
  REQUIRE(CheckInvariants(view_).ok());
}

size_t TestNetwork::PlaceOf(const AccountId& wanted) const {
  for (size_t i = 0; i < participants_.size(); ++i) {
    if (id(i) == wanted) return i;
  }
  FAIL("no such participant");
  return 0;
}

Amount TestNetwork::balance(const AccountId& account) const {
  const std::optional<Account> found = FindAccount(view_, account);
  return found ? found->balance : Amount(0);
}

InferenceRecord TestNetwork::record(const InferenceId& inference) const {
  const std::optional<InferenceRecord> found = FindRecord(view_, inference);
  REQUIRE(found);
  return *found;
}

Standing TestNetwork::standing(uint64_t of_epoch, size_t i) const {
  return FindStanding(view_, of_epoch, id(i)).value_or(Standing{});
}

void TestNetwork::Send(const KeyPair& sender, std::vector<Event> events) {
  const uint64_t sequence = sequences_[AccountOf(sender.public_key())]++;
  SendTx(SignTx(sender, chain().network, sequence, std::move(events)));
}

void TestNetwork::SendTx(SignedTx tx) {
  const TxHash hash = HashOf(tx);
  pending_.push_back({.tx = std::move(tx), .hash = hash});
}

BlockHeader TestNetwork::NextHeader() const {
  const Chain at = chain();
  BlockHeader header;
  header.network = at.network;
  header.height = at.height + 1;
  header.time_us = at.time_us + 1'000;
  header.app_hash = last_.app_hash;
  header.proposer = id(0);
  if (DrawsPending(view_) && !links_withheld_) header.link = links_.back();
  return header;
}

Signature TestNetwork::Sign(const KeyPair& key, const Hash& message) const {
  const Signature signature = key.Sign(message);
  if (witness_ != nullptr) witness_->OnSignature(key.public_key(), message, signature);
  return signature;
}

bool TestNetwork::TryBlock(const BlockHeader& header) {
  absl::StatusOr<BlockResult> result = ApplyBlock(view_, header, pending_, state_root_);
  if (witness_ != nullptr) {
    Block block{.header = header, .txs = {}, .signature = {}};
    for (const VerifiedTx& verified : pending_) block.txs.push_back(verified.tx);
    witness_->OnBlock(block, result.ok() ? &*result : nullptr);
  }
  if (!result.ok()) return false;
  if (header.link) links_.pop_back();
  REQUIRE(!links_.empty());
  pending_.clear();
  last_ = *std::move(result);
  view_.Apply(last_.writes);
  notices_.insert(notices_.end(), last_.notices.begin(), last_.notices.end());
  if (const auto due = FindStateRootDue(view_); due && due->height == header.height) {
    state_root_ = StateRoot{.height = due->height, .root = StateRootOf(view_)};
  }
  if (!audit_) return true;
  const absl::Status invariants = CheckInvariants(view_);
  REQUIRE_MESSAGE(invariants.ok(), Message(invariants));
  return true;
}

std::vector<TxCode> TestNetwork::MakeBlock() {
  REQUIRE(TryBlock(NextHeader()));
  std::vector<TxCode> codes;
  for (const Receipt& receipt : last_.receipts) codes.push_back(receipt.code);
  return codes;
}

void TestNetwork::MakeBlocks(size_t count) {
  for (size_t i = 0; i < count; ++i) MakeBlock();
}

void TestNetwork::RunTo(uint64_t target) {
  while (height() < target) MakeBlock();
}

void TestNetwork::RunToEpoch(uint64_t target) {
  while (epoch() < target) MakeBlock();
}

void TestNetwork::RunToSettlementOf(uint64_t target) {
  while (chain().epoch_settled <= target) MakeBlock();
}

TxCode TestNetwork::Do(const KeyPair& sender, Event event) {
  Send(sender, {std::move(event)});
  return MakeBlock().back();
}

void TestNetwork::AllowAll(Amount amount, uint64_t expires_epoch) {
  for (const KeyPair& developer : developers_) {
    std::vector<Event> events;
    for (size_t i = 0; i < size(); ++i) {
      events.push_back(
          Allow{.ta = id(i), .amount = amount, .expires_epoch = expires_epoch, .key_digest = {}});
    }
    Send(developer, std::move(events));
  }
  for (const TxCode code : MakeBlock()) REQUIRE(code == TxCode::kOk);
  while (chain().draws_pending > 0) MakeBlock();
}

Job TestNetwork::NewJob(size_t developer, size_t ta, uint32_t tokens_max) {
  Job job;
  job.developer = developer;
  job.ta = ta;
  const TimeParams& time = genesis_.params.time;
  Request& request = job.assignment.request;
  request.network = chain().network;
  request.epoch = epoch();
  request.model = model_;
  request.tokens_max = tokens_max;
  request.price_cap = genesis_.models[0].price;
  request.expiry_height =
      height() + 1 + time.expiry_base_blocks + tokens_max / time.expiry_tokens_per_block;
  request.developer = developer_id(developer);
  request.sequence = request_sequences_[{developer, ta}]++;
  request.ta = id(ta);
  request.request_digest =
      TaggedHash("test/request/1", request.developer, request.ta, request.sequence);
  job.assignment.developer_signature = Sign(developers_[developer], RequestSigningHash(request));
  job.assignment.prompt_tokens = 30;
  const auto drawn = DrawExecutor(view_, request.epoch, model_, request.developer, request.ta,
                                  request.sequence, 0);
  REQUIRE(std::holds_alternative<AccountId>(drawn));
  job.assignment.executor = std::get<AccountId>(drawn);
  job.executor = PlaceOf(job.assignment.executor);
  job.id = InferenceIdOf(job.assignment);
  return job;
}

Job TestNetwork::NextAttempt(const Job& job, std::optional<Signature> refusal) {
  Job next = job;
  next.assignment.skipped.push_back({.executor = job.assignment.executor, .refusal = refusal});
  ++next.assignment.attempt;
  const Request& request = job.assignment.request;
  const auto drawn = DrawExecutor(view_, request.epoch, model_, request.developer, request.ta,
                                  request.sequence, next.assignment.attempt);
  REQUIRE(std::holds_alternative<AccountId>(drawn));
  next.assignment.executor = std::get<AccountId>(drawn);
  next.executor = PlaceOf(next.assignment.executor);
  next.id = InferenceIdOf(next.assignment);
  return next;
}

Job TestNetwork::JobFor(size_t executor, size_t developer, uint32_t tokens_max) {
  for (size_t i = 0;; ++i) {
    const size_t ta = i % size();
    if (ta == executor) continue;
    const Job job = NewJob(developer, ta, tokens_max);
    if (job.executor == executor) return job;
    REQUIRE(i < 1'000);
    Serve(job);  // Somebody else's work, which must be done for the numbers to go on.
  }
}

Start TestNetwork::StartOf(const Job& job, bool accepted) const {
  Start start{.assignment = job.assignment, .accept = {}};
  if (accepted) start.accept = Sign(participants_[job.executor], AcceptSigningHash(job.id));
  return start;
}

Hash TestNetwork::DigestOf(const Job& job) const {
  return TaggedHash("test/output/1", job.id);
}

SignedAssignment TestNetwork::Signed(const Job& job) const {
  return {.assignment = job.assignment,
          .ta_signature = Sign(participants_[job.ta], AssignmentSigningHash(job.assignment))};
}

Finish TestNetwork::FinishOf(const Job& job, uint32_t output_tokens, bool with_opening) const {
  Finish finish{.inference = job.id,
                .output_tokens = output_tokens,
                .output_digest = DigestOf(job),
                .artifact_root = TaggedHash("test/artifact/1", job.id),
                .artifact_bytes = 100,
                .finish = FinishCode::kStop,
                .opening = {},
                .word = {}};
  if (with_opening) finish.opening = Signed(job);
  return finish;
}

AgentWord TestNetwork::AckOf(const Job& job, uint32_t tokens) const {
  return {.tokens = tokens,
          .signature = participants_[job.ta].Sign(AckSigningHash(job.id, tokens))};
}

AgentWord TestNetwork::CancelOf(const Job& job, uint32_t tokens) const {
  return {.tokens = tokens,
          .signature = participants_[job.ta].Sign(CancelSigningHash(job.id, tokens))};
}

Delivered TestNetwork::DeliveredOf(const Job& job, uint32_t output_tokens) const {
  const Hash digest = DigestOf(job);
  return {.inference = job.id,
          .output_digest = digest,
          .output_tokens = output_tokens,
          .executor_signature = Sign(participants_[job.executor],
                                     DeliverySigningHash(job.id, digest, output_tokens))};
}

void TestNetwork::Serve(const Job& job, uint32_t output_tokens) {
  Send(participants_[job.ta], {StartOf(job)});
  Send(participants_[job.executor], {FinishOf(job, output_tokens)});
  Send(participants_[job.ta], {DeliveredOf(job, output_tokens)});
  for (const TxCode code : MakeBlock()) {
    REQUIRE_MESSAGE(code == TxCode::kOk, TxCodeName(code));
  }
}

void TestNetwork::AwaitCheck(const Job& job) {
  while (record(job.id).check_seed.IsZero()) MakeBlock();
}

void TestNetwork::Check(const Job& job, Verdict verdict, int32_t evidence) {
  const std::vector<AccountId> order = ValidatorOrder(view_, record(job.id));
  REQUIRE(!order.empty());
  const size_t validator = PlaceOf(order.front());
  const ValidateReveal reveal{.inference = job.id,
                              .verdict = verdict,
                              .evidence_millinats = evidence,
                              .scores_root = {},
                              .salt = TaggedHash("test/salt/1", job.id)};
  REQUIRE(Do(participants_[validator], ValidateCommit{.inference = job.id,
                                                      .commitment = VerdictCommitment(
                                                          order.front(), reveal)}) == TxCode::kOk);
  RunTo(record(job.id).verdicts.back().reveal_from - 1);
  REQUIRE(Do(participants_[validator], reveal) == TxCode::kOk);
}

void TestNetwork::AwaitCase(const CaseId& case_id) {
  while (!FindCase(view_, case_id)->drawn) MakeBlock();
}

void TestNetwork::Vote(const CaseId& case_id, Verdict verdict, int32_t evidence) {
  const std::optional<Case> open = FindCase(view_, case_id);
  REQUIRE(open);
  std::vector<std::pair<size_t, VoteReveal>> votes;
  for (const Ballot& ballot : open->ballots) {
    votes.push_back({PlaceOf(ballot.voter),
                     {.case_id = case_id,
                      .verdict = verdict,
                      .evidence_millinats = evidence,
                      .salt = TaggedHash("test/vote-salt/1", ballot.voter)}});
    const VoteReveal& reveal = votes.back().second;
    Send(participants_[votes.back().first],
         {VoteCommit{.case_id = case_id, .commitment = VoteCommitment(ballot.voter, reveal)}});
  }
  for (const TxCode code : MakeBlock()) REQUIRE(code == TxCode::kOk);
  for (const auto& [voter, reveal] : votes) Send(participants_[voter], {reveal});
  for (const TxCode code : MakeBlock()) REQUIRE(code == TxCode::kOk);
}

void TestNetwork::Disgrace(const Job& job) {
  Serve(job);
  AwaitCheck(job);
  Check(job, Verdict::kFail, 3'000);
  AwaitCase(DisputeCase(job.id));
  Vote(DisputeCase(job.id), Verdict::kFail);
}

}  // namespace gonka::ledger
