#pragma once

// SentencePiece's compiled replacements of characters ("precompiled_charsmap"): a double array of
// the texts that are replaced, and their replacements one after another, each ended by a zero.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"

namespace gonka::model {

class Charsmap {
 public:
  struct Match {
    size_t length;                 // Of what is replaced.
    std::string_view replacement;  // Lives as long as the Charsmap.
  };

  // InvalidArgument where blob is none, or replaces by what is not UTF-8.
  static absl::StatusOr<Charsmap> Parse(std::string_view blob);
  // The longest text at the start of another that is replaced.
  std::optional<Match> MatchAt(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace gonka::model
