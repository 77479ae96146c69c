#pragma once

// State keys: one letter, then ids or big-endian numbers. doc/protocol.md lists them.

#include <array>
#include <bit>
#include <compare>
#include <cstring>

#include "gonka/ledger/state.h"

namespace gonka::ledger {

// Bytes without an allocation; ordered as the store orders them.
class Key {
 public:
  static constexpr size_t kMax = 80;

  explicit Key(char letter) { bytes_[size_++] = static_cast<uint8_t>(letter); }
  static Key FromBytes(ByteSpan bytes);

  Key& Add(ByteSpan part);
  Key& Add(const Hash& hash) { return Add(hash.span()); }
  template <class Tag>
  Key& Add(const Strong<Tag, Hash>& id) {
    return Add(id.value.span());
  }
  Key& AddByte(uint8_t value) { return Add(ByteSpan(&value, 1)); }
  Key& AddNumber(uint64_t value);  // Eight bytes, big-endian.
  Key& AddShort(uint16_t value);   // Two bytes, big-endian.

  ByteSpan span() const { return {bytes_.data(), size_}; }
  // Word by word: maps of keys spend their time here. The unused end is zero, so that the length
  // decides last, as it does bytewise.
  std::strong_ordering operator<=>(const Key& other) const {
    for (size_t i = 0; i < kMax; i += sizeof(uint64_t)) {
      const uint64_t own = Word(i);
      const uint64_t others = other.Word(i);
      if (own != others) return own <=> others;
    }
    return size_ <=> other.size_;
  }
  bool operator==(const Key& other) const { return (*this <=> other) == 0; }
  bool StartsWith(const Key& prefix) const;

 private:
  Key() = default;
  uint64_t Word(size_t at) const {
    uint64_t word;
    std::memcpy(&word, bytes_.data() + at, sizeof(word));
    if constexpr (std::endian::native == std::endian::little) word = __builtin_bswap64(word);
    return word;
  }

  alignas(8) std::array<uint8_t, kMax> bytes_{};
  uint8_t size_ = 0;
};

// Reads the parts of a key back, after its letter.
class KeyReader {
 public:
  explicit KeyReader(ByteSpan key) : rest_(key.subspan(1)) {}
  Hash NextHash();
  uint64_t NextNumber();
  uint16_t NextShort();
  uint8_t NextByte();
  ByteSpan rest() const { return rest_; }

 private:
  ByteSpan rest_;
};

// What is drawn once the beacon has come far enough. The numbers are in keys.
enum class DrawKind : uint8_t {
  kAllowance,
  kCheck,
  kCommittee,
  kSample,
  kRecheck,
  kSprint,
  kSprintSamples
};

namespace keys {

// Values.
inline Key OfChain() {
  return Key('c');
}
inline Key OfParams() {
  return Key('g');
}
inline Key Of(const AccountId& id) {
  return Key('a').Add(id);
}
inline Key OfParticipant(const AccountId& id) {
  return Key('p').Add(id);
}
inline Key Of(const ModelId& id) {
  return Key('m').Add(id);
}
inline Key OfEpoch(uint64_t epoch) {
  return Key('e').AddNumber(epoch);
}
inline Key OfStanding(uint64_t epoch, const AccountId& id) {
  return Key('s').AddNumber(epoch).Add(id);
}
inline Key OfBlame(uint64_t epoch, const AccountId& executor, const AccountId& ta) {
  return Key('b').AddNumber(epoch).Add(executor).Add(ta);
}
inline Key OfEvidence(uint64_t epoch, const AccountId& id) {
  return Key('v').AddNumber(epoch).Add(id);
}
inline Key OfTraffic(uint64_t epoch, const ModelId& id) {
  return Key('n').AddNumber(epoch).Add(id);
}
inline Key OfAllowance(const AccountId& ta, const AccountId& developer) {
  return Key('l').Add(ta).Add(developer);
}
inline Key OfApiKey(const AccountId& ta, const Hash& digest) {
  return Key('k').Add(ta).Add(digest);
}
inline Key Of(const InferenceId& id) {
  return Key('r').Add(id);
}
inline Key Of(const CaseId& id) {
  return Key('d').Add(id);
}
inline Key OfDelegation(const AccountId& key) {
  return Key('y').Add(key);
}
inline Key OfVesting(const AccountId& id) {
  return Key('V').Add(id);
}
inline Key OfPricing(const ModelId& id) {
  return Key('f').Add(id);
}
inline Key OfProposal(uint64_t number) {
  return Key('i').AddNumber(number);
}
inline Key OfVote(uint64_t proposal, const AccountId& voter) {
  return Key('j').AddNumber(proposal).Add(voter);
}
inline Key OfSprint(uint64_t epoch) {
  return Key('S').AddNumber(epoch);
}
inline Key OfSprintEntry(uint64_t epoch, const AccountId& participant, const ModelId& model) {
  return Key('E').AddNumber(epoch).Add(participant).Add(model);
}
inline Key OfStateRoot(uint64_t epoch) {
  return Key('R').AddNumber(epoch);
}

// Indexes, with empty values.
inline Key OfAllowanceExpiry(uint64_t epoch, const AccountId& ta, const AccountId& developer) {
  return Key('w').AddNumber(epoch).Add(ta).Add(developer);
}
// executor is its place in the epoch's table.
inline Key OfWork(uint64_t epoch, uint16_t executor, const InferenceId& id) {
  return Key('x').AddNumber(epoch).AddShort(executor).Add(id);
}
inline Key OfExpiry(uint64_t height, const InferenceId& id) {
  return Key('h').AddNumber(height).Add(id);
}
inline Key OfOpenCheck(const InferenceId& id) {
  return Key('o').Add(id);
}
inline Key OfTimer(uint64_t height, const CaseId& id) {
  return Key('t').AddNumber(height).Add(id);
}
inline Key OfEpochCase(uint64_t epoch, const CaseId& id) {
  return Key('u').AddNumber(epoch).Add(id);
}
inline Key OfVoteEnd(uint64_t height, uint64_t proposal) {
  return Key('P').AddNumber(height).AddNumber(proposal);
}
inline Key OfDelegationEnd(uint64_t height, const AccountId& key) {
  return Key('z').AddNumber(height).Add(key);
}
// due counts beacon links.
inline Key OfDraw(uint64_t due, DrawKind kind) {
  return Key('q').AddNumber(due).AddByte(static_cast<uint8_t>(kind));
}

}  // namespace keys
}  // namespace gonka::ledger
