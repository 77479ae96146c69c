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

Hash HashTensor(const TensorInfo& info, ByteSpan bytes, Progress& progress) {
  Writer head;
  WriteTag(head, "gonka/model/tensor/1");
  WriteText(head, info.name);
  head.Int(static_cast<uint32_t>(info.shape.size()));
  for (const uint64_t length : info.shape) head.Int(length);
  head.Int(static_cast<uint32_t>(info.type));
  head.Int(static_cast<uint64_t>(bytes.size()));
  Blake2bHasher hasher;
  hasher.Update(head.Take());
  for (size_t at = 0; at < bytes.size(); at += kChunkBytes) {
    const ByteSpan chunk = bytes.subspan(at, std::min(kChunkBytes, bytes.size() - at));
    hasher.Update(chunk);
    progress.Add(chunk.size());
  }
  return hasher.Finish();
}

Hash HashTensors(const Checkpoint& checkpoint, const ManifestOptions& options) {
  const std::vector<TensorInfo>& tensors = checkpoint.tensors();
  std::vector<ByteSpan> bytes;
  uint64_t total = 0;
  for (const TensorInfo& tensor : tensors) {
    bytes.push_back(checkpoint.RawBytes(tensor.name).value());
    total += bytes.back().size();
  }
  Progress progress(options.progress, total);
  std::vector<Hash> hashes(tensors.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < tensors.size(); i = next++) {
      hashes[i] = HashTensor(tensors[i], bytes[i], progress);
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
  for (const Hash& hash : hashes) out.Raw(hash.span());
  return Blake2b(out.Take());
}

}  // namespace

Hash HashConfig(const ModelConfig& config) {
  return TaggedHash("gonka/model/config/1", Text<64>(config.architecture), config.layers,
                    config.hidden, config.heads, config.kv_heads, config.head_dim, config.ffn,
                    config.vocab, config.context, std::bit_cast<uint32_t>(config.rms_eps),
                    std::bit_cast<uint32_t>(config.rope_theta),
                    static_cast<uint8_t>(config.rope_style), config.tied_embeddings);
}

Hash HashTokenizer(const TokenizerSpec& spec) {
  Writer out;
  WriteTag(out, "gonka/model/tokenizer/1");
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
  const ManifestCache cache(options.cache_directory, checkpoint.path());
  if (const std::optional<Manifest> remembered = cache.Find()) return *remembered;
  GONKA_ASSIGN_OR_RETURN(const TokenizerSpec spec, checkpoint.ReadTokenizerSpec());
  const Manifest manifest{.config = HashConfig(checkpoint.config()),
                          .tokenizer = HashTokenizer(spec),
                          .chat_template = HashChatTemplate(checkpoint.chat_template()),
                          .tensors = HashTensors(checkpoint, options)};
  GONKA_RETURN_IF_ERROR(cache.Put(manifest));
  return manifest;
}

absl::StatusOr<Hash> ManifestHash(const Checkpoint& checkpoint, const ManifestOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const Manifest manifest, ComputeManifest(checkpoint, options));
  return ManifestHash(manifest);
}

}  // namespace gonka::model
