#pragma once

// Between text and token ids, as the libraries do with which the models were trained: byte-level
// BPE, and SentencePiece's BPE and unigram. Known difference: characters younger than the Unicode
// version of the linked PCRE2 and utf8proc are cut as symbols and not composed.
//
// Ordinary text never yields a special token, whatever it says. Special tokens are recognised only
// where the caller allows it: in the whole text, or in the trusted bytes of a MarkedText.
//
// A Tokenizer is immutable: any number of threads may use one.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/gguf.h"
#include "gonka/model/marked_text.h"

namespace gonka::model {

// How text is cut before merging; the names are GGUF's "gpt-2", "smollm", "llama-bpe", "qwen2".
// Pieces are not cut at all, or before each "\u2581". The numbers stand in manifest hashes.
enum class PreTokenizer : uint8_t {
  kGpt2 = 0,
  kSmollm = 1,
  kLlamaBpe = 2,
  kQwen2 = 3,
  kWhole = 4,
  kWords = 5
};

// Which tokens a text becomes. All but the first speak SentencePiece's alphabet, in which a space
// is "\u2581". The numbers stand in manifest hashes.
enum class TokenizerModel : uint8_t {
  kBytePairs = 0,     // Bytes, merged by rank.
  kMergedPieces = 1,  // Characters, merged by rank.
  kScoredPieces = 2,  // Characters, merged into the token of the highest score.
  kUnigram = 3        // The tokens whose scores sum to the most.
};

// Before which texts a space is thought: none, the start of everything, or whatever stands between
// two special tokens, too.
enum class SpacePrefix : uint8_t { kNone = 0, kFirst = 1, kEach = 2 };

// SentencePiece's alphabet.
struct PieceRules {
  SpacePrefix prefix = SpacePrefix::kNone;
  bool prefix_unless_space = false;  // Not where the text has a space there itself.
  bool trim_spaces = false;          // None at the ends, one where there are several.
  bool byte_fallback = false;        // What has no token becomes bytes, not `unknown`.
  bool fuse_unknown = false;         // Several unknown characters are one `unknown`.
  std::optional<uint32_t> unknown = {};
  std::string charsmap = {};  // SentencePiece's compiled replacements; empty for none.

  bool operator==(const PieceRules&) const = default;
};

// Tokens that swallow the spaces around them, or that are found after text has been normalised:
// those that SentencePiece's own files define (and leaves as they are), and those of tokenizer.json
// that ask for it (and are normalised as well).
struct AddedFlags {
  uint32_t id = 0;
  bool strip_left = false;
  bool strip_right = false;
  bool normalized = false;

  bool operator==(const AddedFlags&) const = default;
};

// GGUF's numbers. Control tokens steer the model; user-defined ones are matched in trusted text,
// too; unused ones are never produced from text.
enum class TokenKind : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6  // "<0x0A>", of pieces.
};

// All that a tokenizer is made of: what the manifest hashes.
struct TokenizerSpec {
  PreTokenizer pre_tokenizer = PreTokenizer::kGpt2;
  // Normal tokens in GPT-2's byte alphabet ("Ġthe") or SentencePiece's ("\u2581the"), all others as
  // plain text ("<|im_end|>").
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;
  std::vector<std::string> merges;  // "Ġ t", by rank.
  std::optional<uint32_t> bos;
  std::optional<uint32_t> eos;
  std::vector<uint32_t> end_ids;  // Drawing one of these ends an answer; ascending, eos included.
  bool add_bos = false;           // Plain prompts start with bos. (A chat template writes its own.)
  TokenizerModel model = TokenizerModel::kBytePairs;
  std::vector<float> scores = {};            // By id, where the model has scores.
  PieceRules rules = {};                     // Where the model has pieces.
  bool is_nfc = false;                       // Text is composed (Unicode's NFC) first.
  std::vector<AddedFlags> added_flags = {};  // Ascending by id; only those that have any.
};

absl::StatusOr<TokenizerSpec> TokenizerSpecFromGguf(const Gguf& gguf);

struct DecodeOptions {
  bool special_as_text = false;  // Otherwise control tokens decode to nothing.
  // The ids begin a text: the space that SentencePiece thinks before it is left out. Otherwise they
  // go on from others, as an answer does, and every space counts.
  bool at_start = false;
};

class Tokenizer {
 public:
  static constexpr size_t kTextBytesMax = 16 << 20;
  static constexpr size_t kTokensMax = 1 << 20;

  // Refuses what would not be a function: tokens or merges that stand twice, merges of or into
  // unknown tokens, characters outside the byte alphabet, merges that could spell a control token,
  // scores that are no numbers.
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> Create(const TokenizerSpec& spec);
  ~Tokenizer();

  // InvalidArgument where text is not UTF-8 or is longer than kTextBytesMax. Adds no bos. Bytes for
  // which the vocabulary has no token (some lack rare control characters) are left out, as the
  // reference implementations do.
  absl::StatusOr<std::vector<uint32_t>> Encode(std::string_view text, bool allow_special) const;
  absl::StatusOr<std::vector<uint32_t>> Encode(const MarkedText& text) const;

  // Always UTF-8: what is not becomes U+FFFD. OutOfRange for ids beyond the vocabulary.
  absl::StatusOr<std::string> Decode(std::span<const uint32_t> ids,
                                     DecodeOptions options = {}) const;
  // The bytes that one token stands for, special or not; often not UTF-8 by themselves.
  absl::StatusOr<std::string_view> TokenBytes(uint32_t id) const;

  uint32_t vocab() const;
  std::optional<uint32_t> bos() const;
  std::optional<uint32_t> eos() const;
  bool add_bos() const;
  const std::vector<uint32_t>& end_ids() const;
  bool IsSpecial(uint32_t id) const;  // Control or unknown token.
  // A space stands for the start of a text: see DecodeOptions.
  bool has_space_prefix() const;
  // The id of a control or user-defined token by its text, such as "<|im_end|>".
  std::optional<uint32_t> FindSpecial(std::string_view text) const;

 private:
  struct Tables;
  explicit Tokenizer(std::unique_ptr<const Tables> tables);
  std::unique_ptr<const Tables> tables_;
};

// Turns ids that come one by one into text that comes piece by piece: never half a character, and
// together exactly what Decode gives for all ids. For one thread.
class StreamDecoder {
 public:
  explicit StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, DecodeOptions options = {});
  // What is complete so far; often empty, at most three bytes are held back.
  absl::StatusOr<std::string> Push(uint32_t id);
  // What was held back, as U+FFFD. The decoder is then new again.
  std::string Finish();

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  DecodeOptions options_;
  std::string held_;
  bool is_first_ = true;  // Nothing has come out yet.
};

}  // namespace gonka::model
