// Everybody does anything, sensible or not; after every block the whole state is audited (in
// MakeBlock), and in the end everything must have happened at least once.

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

class Chaos {
 public:
  explicit Chaos(uint64_t sim_seed) : net_(Options()), random_(sim_seed) { net_.AllowAll(); }

  void Run(size_t blocks) {
    for (size_t i = 0; i < blocks; ++i) {
      const size_t actions = Below(12);
      for (size_t k = 0; k < actions; ++k) Act();
      for (const TxCode code : net_.MakeBlock()) codes_.insert(code);
    }
  }
  const TestNetwork& net() const { return net_; }
  const std::set<TxCode>& codes() const { return codes_; }

 private:
  static NetworkOptions Options() {
    NetworkOptions options;
    options.participants = 7;
    options.params.check.rate_max = Ppm{800'000};
    options.params.check.recheck_rate = Ppm{500'000};
    options.params.money.challenge_bond = Amount(50);
    options.params.reputation.miss_sample_min = 5;
    options.params.governance.vote_blocks = 20;
    options.params.governance.notice_blocks = 5;
    options.params.governance.deposit = Amount(50);
    options.capacity_tokens = 100;
    options.price = Amount(3);
    return options;
  }

  size_t Below(size_t n) { return random_() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }
  size_t Anybody() { return Below(net_.size()); }
  const KeyPair& Key(size_t i) const { return net_.participant(i); }

  void Act() {
    switch (Below(11)) {
      case 0:
        return Account();
      case 1:
      case 2:
        return Ask();
      case 3:
      case 4:
      case 5:
        return WorkOn();
      case 6:
        return Judge();
      case 7:
        return Reveal();
      case 8:
        return Vote();
      case 9:
        return Keys();
      case 10:
        return Govern();
    }
  }

  // Few warm keys, so that they are taken, revoked and taken again.
  void Keys() {
    const KeyPair warm = TestNetwork::NewKey("warm" + std::to_string(Below(4)));
    const AccountId id = AccountOf(warm.public_key());
    const KeyPair& cold = OneIn(2) ? Key(Anybody()) : net_.developer(Below(3));
    switch (Below(4)) {
      case 0:
        return net_.Send(cold, {Revoke{id}});
      case 1: {
        // Its own number may be used already; then it is refused.
        const auto account = FindAccount(net_.view(), id);
        const uint64_t sequence = account ? account->window.base + Below(3) : 0;
        return net_.SendTx(SignTx(warm, net_.chain().network, sequence,
                                  {Transfer{.to = net_.id(0), .amount = Amount(1 + Below(60))}},
                                  AccountOf(cold.public_key())));
      }
      default:
        return net_.Send(cold, {Delegate{.key = id,
                                         .events = OneIn(5) ? 0 : EventBit<Transfer>(),
                                         .speaks = OneIn(3),
                                         .orders = OneIn(3),
                                         .cap = Amount(Below(100)),
                                         .expires_height = net_.height() + Below(60),
                                         .replaces = {}}});
    }
  }

  void Govern() {
    const uint64_t made = net_.chain().proposals;
    if (OneIn(4) || made == 0) {
      const ChangeParams change{.changes = {{.name = Text<64>("reputation.passes_min"),
                                             .value = static_cast<int64_t>(Below(5)) - 1}}};
      return net_.Send(Key(Anybody()), {Propose{.change = change,
                                                .activate_height = net_.height() + 20 + Below(40),
                                                .reason = {}}});
    }
    net_.Send(Key(Anybody()),
              {VoteProposal{.proposal = made - 1 - Below(std::min<uint64_t>(made, 3)),
                            .approve = !OneIn(6)}});
  }

  void Account() {
    const size_t who = Anybody();
    switch (Below(7)) {
      case 0:
        return net_.Send(Key(who), {Transfer{.to = net_.developer_id(Below(3)),
                                             .amount = Amount(Below(5'000'000))}});
      case 1:
        return net_.Send(Key(who), {DepositCollateral{Amount(Below(1'000))}});
      case 2:
        return net_.Send(
            net_.developer(Below(3)),
            {Allow{.ta = net_.id(who),
                   .amount = Amount(Below(3'000)),
                   .expires_epoch = net_.epoch() + Below(3),
                   .key_digest =
                       OneIn(2) ? std::optional<Hash>(ApiKeyDigest(AsBytes(OneIn(2) ? "a" : "b")))
                                : std::nullopt}});
      case 3:
        if (who == 0) return;  // The proposer, whose links the network knows.
        return net_.Send(Key(who), {CommitBeacon{TaggedHash("test/end/1", random_())}});
      case 4:
        return net_.Send(net_.developer(Below(3)),
                         {Register{.endpoint = std::string("http://d"), .models = {}}});
      case 5: {
        if (jobs_.empty()) return;
        const Job& job = jobs_[jobs_.size() - 1 - Below(std::min<size_t>(jobs_.size(), 12))];
        const size_t developer = OneIn(5) ? Below(3) : job.developer;
        return net_.Send(net_.developer(developer), {Challenge{job.id}});
      }
      case 6:
        return Membership(who);
    }
  }

  // Who leaves comes back more often than not, so that there is always somebody.
  void Membership(size_t who) {
    const Register back{.endpoint = std::string("http://back"), .models = {net_.model()}};
    switch (Below(6)) {
      case 0:
        return net_.Send(Key(who), {Leave{}});
      case 1:
        return net_.Send(Key(who), {WithdrawCollateral{Amount(Below(200'000))}});
      case 2:
        return net_.Send(Key(who), {Update{.endpoint = std::string("http://moved"),
                                           .models = OneIn(9) ? std::optional(List<ModelId, 16>{})
                                                              : std::nullopt}});
      default:
        return net_.Send(Key(who), {back});
    }
  }

  void Ask() {
    const size_t developer = Below(3);
    const size_t ta = Anybody();
    const auto allowance = FindAllowance(net_.view(), net_.id(ta), net_.developer_id(developer));
    const auto table = FindEpoch(net_.view(), net_.epoch());
    const bool member = std::any_of(table->members.begin(), table->members.end(),
                                    [&](const Member& m) { return m.id == net_.id(ta); });
    if (!allowance || allowance->salt.IsZero() || !member) return;
    // So many are removed in the end that nobody else may be left who serves the model.
    const auto first = DrawExecutor(net_.view(), net_.epoch(), net_.model(),
                                    net_.developer_id(developer), net_.id(ta), 0, 0);
    if (!std::holds_alternative<AccountId>(first)) return;
    Job job = net_.NewJob(developer, ta, static_cast<uint32_t>(1 + Below(100)));
    const Request& asked = job.assignment.request;
    const auto second = DrawExecutor(net_.view(), asked.epoch, asked.model, asked.developer,
                                     asked.ta, asked.sequence, 1);
    if (OneIn(8) && std::holds_alternative<AccountId>(second)) job = net_.NextAttempt(job);
    if (OneIn(20)) job.assignment.executor = net_.id(Anybody());
    jobs_.push_back(job);
  }

  void WorkOn() {
    if (jobs_.empty()) return;
    const size_t recent = std::min<size_t>(jobs_.size(), 12);
    const Job job = jobs_[jobs_.size() - 1 - Below(recent)];
    const auto tokens = static_cast<uint32_t>(Below(job.assignment.request.tokens_max + 1));
    switch (Below(3)) {
      case 0:
        return net_.Send(Key(job.ta), {net_.StartOf(job, OneIn(2))});
      case 1: {
        // Whoever has finished says the same again, but for the one who ends its days with it.
        const auto record = FindRecord(net_.view(), job.id);
        const bool again = record && record->finish && !record->settled && !OneIn(60);
        const uint32_t count = again ? record->finish->output_tokens : tokens;
        Finish finish = net_.FinishOf(job, count, OneIn(2));
        if (again ? record->finish->finish == FinishCode::kCancelled : OneIn(10)) {
          finish.finish = FinishCode::kCancelled;
        }
        return net_.Send(Key(job.executor), {finish});
      }
      case 2: {
        Delivered delivered = net_.DeliveredOf(job, tokens);
        const auto record = FindRecord(net_.view(), job.id);
        // Seldom proof of two outputs, often the right thing, sometimes something else.
        if (record && record->finish && !OneIn(60)) {
          delivered = net_.DeliveredOf(job, record->finish->output_tokens);
        } else if (!OneIn(30)) {
          delivered.executor_signature.reset();
        }
        return net_.Send(Key(job.ta), {delivered});
      }
    }
  }

  ValidateReveal VerdictFor(const InferenceId& id, size_t validator) {
    std::mt19937_64 random(std::hash<InferenceId>{}(id) + validator);
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

  void Judge() {
    for (const InferenceId& id : ListOpenChecks(net_.view())) {
      if (OneIn(3)) continue;
      const auto order = ValidatorOrder(net_.view(), net_.record(id));
      const size_t who = OneIn(4) || order.empty() ? Anybody() : net_.PlaceOf(order.front());
      const ValidateReveal reveal = VerdictFor(id, who);
      net_.Send(Key(who), {ValidateCommit{.inference = id,
                                          .commitment = VerdictCommitment(net_.id(who), reveal)}});
    }
  }

  void Reveal() {
    for (const InferenceId& id : ListOpenChecks(net_.view())) {
      const InferenceRecord record = net_.record(id);
      if (record.verdicts.empty()) continue;
      const size_t who = net_.PlaceOf(record.verdicts.back().validator);
      net_.Send(Key(who), {VerdictFor(id, who)});
    }
  }

  VoteReveal VoteFor(const CaseId& id, size_t voter) {
    std::mt19937_64 random(std::hash<CaseId>{}(id));
    const bool guilty = random() % 3 != 0;
    const bool dissents = voter % 5 == 4;
    return {.case_id = id,
            .verdict = guilty != dissents ? Verdict::kFail : Verdict::kPass,
            .evidence_millinats = 20'000,
            .salt = {}};
  }

  void Vote() {
    for (const auto& [id, open] : ListOpenCases(net_.view())) {
      for (const Ballot& ballot : open.ballots) {
        if (OneIn(6)) continue;
        const size_t who = net_.PlaceOf(ballot.voter);
        const VoteReveal vote = VoteFor(id, who);
        const bool committing = !ballot.commitment;
        if (committing) {
          net_.Send(Key(who),
                    {VoteCommit{.case_id = id, .commitment = VoteCommitment(ballot.voter, vote)}});
        } else {
          net_.Send(Key(who), {vote});
        }
      }
    }
  }

  TestNetwork net_;
  std::mt19937_64 random_;
  std::vector<Job> jobs_;
  std::set<TxCode> codes_;
};

}  // namespace

TEST_CASE("whatever everybody does, no coin is lost and no record is in two states") {
  std::set<size_t> kinds;
  std::set<TxCode> codes;
  std::set<DisputeOutcome> outcomes;
  std::set<RefundReason> refunds;
  size_t convictions = 0;
  for (uint64_t sim_seed = 1; sim_seed <= 5; ++sim_seed) {
    CAPTURE(sim_seed);
    Chaos chaos(sim_seed);
    chaos.Run(620);
    codes.insert(chaos.codes().begin(), chaos.codes().end());
    for (const Notice& notice : chaos.net().notices()) kinds.insert(notice.index());
    for (const auto& decided : chaos.net().Told<DisputeDecided>()) outcomes.insert(decided.outcome);
    for (const auto& refunded : chaos.net().Told<Refunded>()) refunds.insert(refunded.reason);
    convictions += chaos.net().Told<Convicted>().size();
    CHECK(chaos.net().Told<EpochSettled>().size() >= 4);
  }
  CHECK(kinds.size() == std::variant_size_v<Notice>);
  CHECK(outcomes.size() == kEnumEnd<DisputeOutcome>);
  CHECK(refunds.size() == kEnumEnd<RefundReason>);
  CHECK(convictions >= 5);
  CHECK(codes.size() >= 15);
}

}  // namespace gonka::ledger
