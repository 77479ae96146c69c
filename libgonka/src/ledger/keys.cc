#include "ledger/keys.h"

#include <algorithm>
#include <cstring>

namespace gonka::ledger {

Key Key::FromBytes(ByteSpan bytes) {
  Key key;
  key.Add(bytes);
  return key;
}

Key& Key::Add(ByteSpan part) {
  GONKA_CHECK(size_ + part.size() <= kMax);
  std::copy(part.begin(), part.end(), bytes_.begin() + size_);
  size_ = static_cast<uint8_t>(size_ + part.size());
  return *this;
}

Key& Key::AddNumber(uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) AddByte(static_cast<uint8_t>(value >> shift));
  return *this;
}

Key& Key::AddShort(uint16_t value) {
  return AddByte(static_cast<uint8_t>(value >> 8)).AddByte(static_cast<uint8_t>(value));
}

bool Key::StartsWith(const Key& prefix) const {
  return size_ >= prefix.size_ &&
         std::memcmp(bytes_.data(), prefix.bytes_.data(), prefix.size_) == 0;
}

Hash KeyReader::NextHash() {
  GONKA_CHECK(rest_.size() >= Hash::kSize);
  Hash hash;
  std::copy_n(rest_.begin(), Hash::kSize, hash.bytes.begin());
  rest_ = rest_.subspan(Hash::kSize);
  return hash;
}

uint8_t KeyReader::NextByte() {
  GONKA_CHECK(!rest_.empty());
  const uint8_t value = rest_.front();
  rest_ = rest_.subspan(1);
  return value;
}

uint16_t KeyReader::NextShort() {
  const uint16_t high = NextByte();
  return static_cast<uint16_t>(high << 8 | NextByte());
}

uint64_t KeyReader::NextNumber() {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | NextByte();
  return value;
}

}  // namespace gonka::ledger
