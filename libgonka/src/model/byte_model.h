#pragma once

// Byte-level BPE: text is cut into pieces, and within each the bytes are merged.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpe.h"
#include "gonka/model/tokenizer.h"
#include "spec_check.h"
#include "splitter.h"

namespace gonka::model {

class ByteModel {
 public:
  // spec is not kept.
  static absl::StatusOr<std::unique_ptr<const ByteModel>> Create(const TokenizerSpec& spec);

  // text is UTF-8.
  absl::Status Encode(std::string_view text, BytePairs::Scratch& scratch,
                      std::vector<uint32_t>& out) const;
  const std::vector<std::string>& bytes() const { return bytes_; }  // By id.

 private:
  ByteModel() = default;
  void EncodePiece(std::string_view piece, BytePairs::Scratch& scratch,
                   std::vector<uint32_t>& out) const;

  std::unique_ptr<const Splitter> splitter_;
  BytePairs pairs_;
  std::vector<std::string> bytes_;
  // Pieces that are a token as a whole are not merged (Llama 3). Empty otherwise. Keys lie in
  // bytes_.
  IdByText whole_pieces_;
};

}  // namespace gonka::model
