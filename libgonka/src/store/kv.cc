#include "store/kv.h"

#include <fmt/format.h>

namespace gonka::store {

absl::Status CheckMutations(std::span<const Mutation> mutations) {
  for (const Mutation& mutation : mutations) {
    if (mutation.key.empty() || mutation.key.size() > kKeyMax) {
      return absl::InvalidArgumentError(
          fmt::format("a key of {} bytes cannot be stored: 1 to {} are possible",
                      mutation.key.size(), kKeyMax));
    }
  }
  return absl::OkStatus();
}

bool StartsWith(ByteSpan key, ByteSpan prefix) {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

}  // namespace gonka::store
