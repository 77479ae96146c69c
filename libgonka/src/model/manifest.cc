#include "gonka/model/manifest.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <mutex>
#include <thread>

#include "gonka/crypto/hash.h"
#include "manifest_cache.h"

namespace gonka::model {
namespace {

constexpr unsigned kThreadsMax = 64;
constexpr size_t kChunkBytes = 4 << 20;  // Between two calls of progress.

// What TaggedHash puts in front of its parts.
void WriteTag(Writer& out, std::string_view tag) {
  out.U8(static_cast<uint8_t>(tag.size()));
  out.Raw(AsBytes(tag));
}

void WriteText(Writer& out, std::string_view text) {
  out.Int(static_cast<uint32_t>(text.size()));
  out.Raw(AsBytes(text));
}

void WriteTexts(Writer& out, const std::vector<std::string>& texts) {
  out.Int(static_cast<uint32_t>(texts.size()));
  for (const std::string& text : texts) WriteText(out, text);
}

// Counts bytes over all threads and tells whoever asked.
class Progress {
 public:
  Progress(const std::function<void(uint64_t, uint64_t)>& listener, uint64_t total)
      : listener_(listener), total_(total) {}

  void Add(uint64_t bytes) {
    if (!listener_) return;
    const std::lock_guard lock(mutex_);
    done_ += bytes;
    listener_(done_, total_);
  }

 private:
  const std::function<void(uint64_t, uint64_t)>& listener_;
  const uint64_t total_;
  std::mutex mutex_;
  uint64_t done_ = 0;
};

absl::StatusOr<Hash> HashTensor(const Checkpoint& checkpoint, const TensorInfo& info,
                                Progress& progress) {
  const uint64_t size = checkpoint.RawSize(info);
  Writer head;
  WriteTag(head, "gonka/model/tensor/1");
  WriteText(head, info.name);
  head.Int(static_cast<uint32_t>(info.shape.size()));
  for (const uint64_t length : info.shape) head.Int(length);
  head.Int(static_cast<uint32_t>(info.type));
  head.Int(size);
  Blake2bHasher hasher;
  hasher.Update(head.Take());
  const uint64_t row_bytes = size / info.Rows();
  const uint64_t step = std::max<uint64_t>(kChunkBytes / row_bytes, 1);
  std::vector<uint8_t> chunk;
  for (uint64_t row = 0; row < info.Rows();) {
    const uint64_t count = std::min(step, info.Rows() - row);
    chunk.resize(count * row_bytes);
    GONKA_RETURN_IF_ERROR(checkpoint.ReadRawRows(info.name, row, count, chunk));
    hasher.Update(chunk);
    progress.Add(chunk.size());
    row += count;
  }
  return hasher.Finish();
}

absl::StatusOr<Hash> HashTensors(const Checkpoint& checkpoint, const ManifestOptions& options) {
  const std::vector<TensorInfo>& tensors = checkpoint.tensors();
  uint64_t total = 0;
  for (const TensorInfo& tensor : tensors) total += checkpoint.RawSize(tensor);
  Progress progress(options.progress, total);
  std::vector<absl::StatusOr<Hash>> hashes(tensors.size(), absl::UnknownError("not hashed"));
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < tensors.size(); i = next++) {
      hashes[i] = HashTensor(checkpoint, tensors[i], progress);
    }
  };
  std::vector<std::jthread> helpers;
  const unsigned threads = std::clamp(options.threads, 1u, kThreadsMax);
  for (unsigned i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
  helpers.clear();  // Joins.
  Writer out;
  WriteTag(out, "gonka/model/tensors/1");
  out.Int(static_cast<uint32_t>(hashes.size()));
  for (const absl::StatusOr<Hash>& hash : hashes) {
    if (!hash.ok()) return hash.status();
    out.Raw(hash->span());
  }
  return Blake2b(out.Take());
}

}  // namespace

Hash HashConfig(const ModelConfig& config) {
  ModelConfig plain = config;
  plain.rope_scaling = {};
  plain.qkv_bias = plain.qk_norm = false;
  plain.sliding_window = plain.full_attention_layers = 0;
  plain.experts = {};
  Writer out;
  // Version 1 is a model that has nothing of what version 2 says.
  WriteTag(out, plain == config ? "gonka/model/config/1" : "gonka/model/config/2");
  WriteText(out, config.architecture);
  for (const uint32_t number : {config.layers, config.hidden, config.heads, config.kv_heads,
                                config.head_dim, config.ffn, config.vocab, config.context}) {
    out.Int(number);
  }
  const auto write_float = [&](float value) { out.Int(std::bit_cast<uint32_t>(value)); };
  write_float(config.rms_eps);
  write_float(config.rope_theta);
  out.U8(static_cast<uint8_t>(config.rope_style));
  out.U8(config.tied_embeddings ? 1 : 0);
  if (plain == config) return Blake2b(out.Take());
  const RopeScaling& scaling = config.rope_scaling;
  out.U8(static_cast<uint8_t>(scaling.type));
  write_float(scaling.factor);
  out.Int(scaling.original_context);
  for (const float value : {scaling.low_freq_factor, scaling.high_freq_factor, scaling.beta_fast,
                            scaling.beta_slow, scaling.attention_factor}) {
    write_float(value);
  }
  out.U8(scaling.truncate ? 1 : 0);
  out.U8(config.qkv_bias ? 1 : 0);
  out.U8(config.qk_norm ? 1 : 0);
  out.Int(config.sliding_window);
  out.Int(config.full_attention_layers);
  out.Int(config.experts.count);
  out.Int(config.experts.used);
  out.U8(config.experts.normalized ? 1 : 0);
  return Blake2b(out.Take());
}

Hash HashTokenizer(const TokenizerSpec& spec) {
  // Version 1 is a tokenizer that has nothing of what version 2 says.
  const bool is_plain = spec.model == TokenizerModel::kBytePairs && !spec.is_nfc &&
                        spec.scores.empty() && spec.rules == PieceRules() &&
                        spec.added_flags.empty();
  Writer out;
  WriteTag(out, is_plain ? "gonka/model/tokenizer/1" : "gonka/model/tokenizer/2");
  out.U8(static_cast<uint8_t>(spec.pre_tokenizer));
  WriteTexts(out, spec.tokens);
  out.Int(static_cast<uint32_t>(spec.kinds.size()));
  for (const TokenKind kind : spec.kinds) out.U8(static_cast<uint8_t>(kind));
  WriteTexts(out, spec.merges);
  codec::Write(out, spec.bos);
  codec::Write(out, spec.eos);
  out.Int(static_cast<uint32_t>(spec.end_ids.size()));
  for (const uint32_t id : spec.end_ids) out.Int(id);
  out.U8(spec.add_bos ? 1 : 0);
  if (is_plain) return Blake2b(out.Take());
  out.U8(static_cast<uint8_t>(spec.model));
  out.U8(spec.is_nfc ? 1 : 0);
  out.Int(static_cast<uint32_t>(spec.scores.size()));
  for (const float score : spec.scores) out.Int(std::bit_cast<uint32_t>(score));
  const PieceRules& rules = spec.rules;
  out.U8(static_cast<uint8_t>(rules.prefix));
  for (const bool rule :
       {rules.prefix_unless_space, rules.trim_spaces, rules.byte_fallback, rules.fuse_unknown}) {
    out.U8(rule ? 1 : 0);
  }
  codec::Write(out, rules.unknown);
  WriteText(out, rules.charsmap);
  out.Int(static_cast<uint32_t>(spec.added_flags.size()));
  for (const AddedFlags& flags : spec.added_flags) {
    out.Int(flags.id);
    for (const bool flag : {flags.strip_left, flags.strip_right, flags.normalized}) {
      out.U8(flag ? 1 : 0);
    }
  }
  return Blake2b(out.Take());
}

Hash HashChatTemplate(std::string_view chat_template) {
  Writer out;
  WriteTag(out, "gonka/model/chat-template/1");
  WriteText(out, chat_template);
  return Blake2b(out.Take());
}

Hash ManifestHash(const Manifest& manifest) {
  return TaggedHash("gonka/model/manifest/1", manifest);
}

absl::StatusOr<Manifest> ComputeManifest(const Checkpoint& checkpoint,
                                         const ManifestOptions& options) {
  const ManifestCache cache(options.cache_directory, checkpoint.path(), checkpoint.files());
  if (const std::optional<Manifest> remembered = cache.Find()) return *remembered;
  GONKA_ASSIGN_OR_RETURN(const TokenizerSpec spec, checkpoint.ReadTokenizerSpec());
  GONKA_ASSIGN_OR_RETURN(const Hash tensors, HashTensors(checkpoint, options));
  const Manifest manifest{.config = HashConfig(checkpoint.config()),
                          .tokenizer = HashTokenizer(spec),
                          .chat_template = HashChatTemplate(checkpoint.chat_template()),
                          .tensors = tensors};
  GONKA_RETURN_IF_ERROR(cache.Put(manifest));
  return manifest;
}

absl::StatusOr<Hash> ManifestHash(const Checkpoint& checkpoint, const ManifestOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const Manifest manifest, ComputeManifest(checkpoint, options));
  return ManifestHash(manifest);
}

}  // namespace gonka::model
