#pragma once

// A small network on a ledger in memory: keys, sequence numbers and beacon links are taken care of,
// every block is followed by the audit of the invariants.

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gonka/ledger/ledger.h"
#include "gonka/ledger/queries.h"
#include "gonka/ledger/state_root.h"

namespace gonka::ledger {

class MapView : public View {
 public:
  std::optional<Bytes> Get(ByteSpan key) const override;
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan, ByteSpan)>& visit) const override;
  void Apply(std::span<const StateWrite> writes);

 private:
  std::map<Bytes, Bytes> values_;
};

// Short lengths, so that a story of several epochs takes a moment.
Params ShortParams();

struct NetworkOptions {
  size_t participants = 6;
  size_t developers = 3;
  Params params = ShortParams();
  Amount balance{10'000'000};          // Of everybody.
  Amount collateral{1'000'000};        // Of every participant.
  std::vector<uint64_t> weights = {};  // 100 each where there are none.
  Amount price{2};
  uint64_t capacity_tokens = 0;              // The price stays.
  bool audit = true;                         // After every block, of the whole state.
  std::function<void(Genesis&)> amend = {};  // The last word about genesis.
};

// Sees everything that happens to the ledger.
class Witness {
 public:
  virtual ~Witness() = default;
  virtual void OnGenesis(const Genesis& genesis, const BlockResult& result) = 0;
  virtual void OnSignature(const PublicKey& key, const Hash& message,
                           const Signature& signature) = 0;
  // result: nothing where the block was refused whole.
  virtual void OnBlock(const Block& block, const BlockResult* result) = 0;
};

// One request on its way. Numbers are places in participants() and developers().
struct Job {
  Assignment assignment;
  InferenceId id;
  size_t developer = 0;
  size_t ta = 0;
  size_t executor = 0;
};

class TestNetwork {
 public:
  explicit TestNetwork(NetworkOptions options = {}, Witness* witness = nullptr);

  const KeyPair& participant(size_t i) const { return participants_[i]; }
  const KeyPair& developer(size_t i) const { return developers_[i]; }
  AccountId id(size_t i) const { return AccountOf(participants_[i].public_key()); }
  AccountId developer_id(size_t i) const { return AccountOf(developers_[i].public_key()); }
  size_t size() const { return participants_.size(); }
  size_t PlaceOf(const AccountId& id) const;
  // A key that is not in genesis.
  static KeyPair NewKey(const std::string& name);

  const ModelId& model() const { return model_; }
  const MapView& view() const { return view_; }
  const Genesis& genesis() const { return genesis_; }
  Chain chain() const { return ReadChain(view_); }
  uint64_t height() const { return chain().height; }
  uint64_t epoch() const { return chain().epoch; }
  Amount balance(const AccountId& id) const;
  InferenceRecord record(const InferenceId& id) const;
  Participant participant_record(size_t i) const { return *FindParticipant(view_, id(i)); }
  Standing standing(uint64_t epoch, size_t i) const;

  // Into the next block.
  void Send(const KeyPair& sender, std::vector<Event> events);
  void SendTx(SignedTx tx);
  // One block with all that was sent; the codes of its receipts, in order.
  std::vector<TxCode> MakeBlock();
  // The same with this header; false where the ledger refuses it, which changes nothing.
  bool TryBlock(const BlockHeader& header);
  void MakeBlocks(size_t count);
  void RunTo(uint64_t height);
  void RunToEpoch(uint64_t epoch);
  void RunToSettlementOf(uint64_t epoch);
  // A block with this event alone (but for what was sent before); its code.
  TxCode Do(const KeyPair& sender, Event event);
  // From now on the proposer reveals no beacon links, or does so again.
  void WithholdLinks(bool withhold) { links_withheld_ = withhold; }
  BlockHeader NextHeader() const;
  const Hash& next_link() const { return links_.back(); }
  const BlockResult& last() const { return last_; }
  const std::vector<Notice>& notices() const { return notices_; }

  // Everything of one kind that the ledger has told so far.
  template <class T>
  std::vector<T> Told() const {
    std::vector<T> found;
    for (const Notice& notice : notices_) {
      if (const T* value = std::get_if<T>(&notice)) found.push_back(*value);
    }
    return found;
  }

  // Inside an event.
  Signature Sign(const KeyPair& key, const Hash& message) const;

  // An allowance of every developer for every participant, ready to use.
  void AllowAll(Amount amount = Amount(100'000), uint64_t expires_epoch = 100);
  // The next request of this developer through this transfer agent, drawn and signed.
  Job NewJob(size_t developer, size_t ta, uint32_t tokens_max = 50);
  // The attempt after job's; without a refusal.
  Job NextAttempt(const Job& job, std::optional<Signature> refusal = std::nullopt);
  // Requests are made until the draw falls on this executor; numbers that fall on others are used
  // up by records that expire.
  Job JobFor(size_t executor, size_t developer, uint32_t tokens_max = 50);

  Start StartOf(const Job& job, bool accepted = true) const;
  Finish FinishOf(const Job& job, uint32_t output_tokens = 20, bool with_opening = false) const;
  // What its transfer agent says it has taken of the answer; with a cancel, that this is all.
  AgentWord AckOf(const Job& job, uint32_t tokens) const;
  AgentWord CancelOf(const Job& job, uint32_t tokens) const;
  Delivered DeliveredOf(const Job& job, uint32_t output_tokens = 20) const;
  Hash DigestOf(const Job& job) const;
  SignedAssignment Signed(const Job& job) const;
  // Start, Finish and Delivered in one block.
  void Serve(const Job& job, uint32_t output_tokens = 20);

  // Commits and reveals the verdict of the first validator in order; the check must be drawn.
  void Check(const Job& job, Verdict verdict, int32_t evidence = 0);
  // Runs until the check is drawn.
  void AwaitCheck(const Job& job);
  // Commits and reveals these votes, one for each ballot of an open case; voters beyond vote kPass.
  void Vote(const CaseId& id, Verdict verdict, int32_t evidence = 0);
  void AwaitCase(const CaseId& id);
  // All of the above: served, failed by its validator, and upheld by the committee.
  void Disgrace(const Job& job);

 private:
  const bool audit_;
  Witness* const witness_;
  MapView view_;
  Genesis genesis_;
  ModelId model_;
  std::vector<KeyPair> participants_;  // Ascending by account.
  std::vector<KeyPair> developers_;
  std::map<AccountId, uint64_t> sequences_;
  std::map<std::pair<size_t, size_t>, uint64_t> request_sequences_;  // By developer and agent.
  std::vector<Hash> links_;                                          // Last first.
  bool links_withheld_ = false;
  std::vector<VerifiedTx> pending_;
  BlockResult last_;
  std::optional<StateRoot> state_root_;  // Of the epoch's first state.
  std::vector<Notice> notices_;
};

}  // namespace gonka::ledger
