#include "engine/exact/forward.h"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "gonka/base/check.h"

namespace gonka::engine::exact {
namespace {

// Logits of this many rows exist at a time: 12 MB for a vocabulary of 49,152.
constexpr size_t kLogitRows = 64;

PageShape PageShapeOf(const Weights& weights) {
  return {.layers = weights.layers.size(),
          .kv_heads = weights.config.kv_heads,
          .head_dim = weights.config.head_dim};
}

PagedCache& CacheOf(const Piece& piece) {
  return static_cast<PagedCache&>(*piece.cache);
}

Batch BatchOf(std::span<const Piece> pieces) {
  Batch batch;
  for (const Piece& piece : pieces) {
    GONKA_CHECK(!piece.tokens.empty());
    batch.row_begin.push_back(batch.ids.size());
    batch.caches.push_back(&CacheOf(piece));
    for (const uint32_t id : piece.tokens) {
      const size_t before = batch.ids.size() - batch.row_begin.back();
      batch.positions.push_back(static_cast<uint32_t>(CacheOf(piece).length() + before));
      batch.piece_of.push_back(static_cast<uint32_t>(batch.caches.size() - 1));
      batch.ids.push_back(id);
    }
  }
  return batch;
}

}  // namespace

// R rows, one for each token of all pieces; H heads, K key heads, D numbers each.
void ExactPass::HiddenStates(const Batch& batch) {
  Embed(batch.ids, x_);  // [R, hidden]
  for (size_t l = 0; l < weights_.layers.size(); ++l) {
    const Layer& layer = weights_.layers[l];
    Norm(x_, layer.attn_norm, normed_);
    Multiply(normed_, layer.qkv, qkv_);  // [R, (H + 2 K) D]
    PrepareHeads(layer, batch, qkv_);
    StoreHeads(l, batch, layer.qkv, qkv_);
    Attend(l, batch, qkv_, mixed_);                   // [R, H D]
    Multiply(mixed_, layer.attn_output, projected_);  // [R, hidden]
    Add(x_, projected_);

    Norm(x_, layer.ffn_norm, normed_);
    if (layer.router.empty()) {
      RunFeedForward(layer.ffn[0], normed_, projected_);  // [R, hidden]
      Add(x_, projected_);
    } else {
      AddExperts(layer, normed_, x_);
    }
  }
}

void ExactPass::RunFeedForward(const FeedForward& ffn, const Rows& x, Rows& out) {
  Multiply(x, ffn.gate_up, gate_up_);  // [R, 2 ffn]
  const size_t width = ffn.gate_up[0].outputs();
  const size_t up = OffsetOf(ffn.gate_up, 1);
  gated_.Resize(x.count(), width);  // [R, ffn]
  EachRow(x.count(),
          [&](size_t r) { kernels_.swiglu(gate_up_[r], gate_up_[r] + up, width, gated_[r]); });
  Multiply(gated_, ffn.down, out);  // [R, hidden]
}

void ExactPass::Logits(std::span<const Piece> pieces, const Batch& batch,
                       const OnLogits& on_logits) {
  struct Wanted {
    size_t piece;
    size_t row;  // Of the piece.
  };
  std::vector<Wanted> wanted;
  for (size_t p = 0; p < pieces.size(); ++p) {
    for (size_t r = pieces[p].logits_begin; r < pieces[p].tokens.size(); ++r) {
      wanted.push_back({p, r});
    }
  }
  const size_t hidden = weights_.config.hidden;
  for (size_t begin = 0; begin < wanted.size(); begin += kLogitRows) {
    const std::span<const Wanted> some =
        std::span(wanted).subspan(begin, std::min(kLogitRows, wanted.size() - begin));
    last_.Resize(some.size(), hidden);
    for (size_t i = 0; i < some.size(); ++i) {
      std::copy_n(x_[batch.row_begin[some[i].piece] + some[i].row], hidden, last_[i]);
    }
    Norm(last_, weights_.output_norm, normed_);
    Multiply(normed_, weights_.Output(), logits_);  // [some, vocab]
    for (size_t i = 0; i < some.size(); ++i) {
      on_logits(some[i].piece, some[i].row, {logits_[i], weights_.config.vocab});
    }
  }
}

ExactPass::ExactPass(const Options& options, std::unique_ptr<Team> team, Weights weights)
    : kernels_(*options.kernels),
      team_(std::move(team)),
      weights_(std::move(weights)),
      pages_(PageShapeOf(weights_)),
      attention_(team_->threads()) {}

absl::StatusOr<std::unique_ptr<ForwardPass>> ExactPass::Load(const model::Checkpoint& checkpoint,
                                                             const LocalOptions& local,
                                                             const Options& options) {
  try {
    auto team = std::make_unique<Team>(local.threads);
    GONKA_ASSIGN_OR_RETURN(Weights weights, LoadWeights(checkpoint, local, options.context, *team));
    return std::unique_ptr<ForwardPass>(
        new ExactPass(options, std::move(team), std::move(weights)));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for the weights");
  }
}

uint64_t ExactPass::KvBytes(size_t tokens) const {
  return uint64_t{pages_.PagesFor(tokens)} * pages_.floats() * sizeof(float);
}

absl::StatusOr<std::unique_ptr<KvCache>> ExactPass::NewCache(size_t tokens) {
  return std::make_unique<PagedCache>(pages_, tokens);
}

absl::Status ExactPass::Forward(std::span<const Piece> pieces, const OnLogits& on_logits) {
  // A library that this thread has called may have changed how it computes.
  if (!kernels::SoundArithmetic()) {
    return absl::InternalError("this thread flushes denormals or does not round to nearest");
  }
  try {
    for (const Piece& piece : pieces) {
      GONKA_RETURN_IF_ERROR(CacheOf(piece).MakeRoom(piece.tokens.size()));
    }
    const Batch batch = BatchOf(pieces);
    HiddenStates(batch);
    for (const Piece& piece : pieces) CacheOf(piece).Advance(piece.tokens.size());
    Logits(pieces, batch, on_logits);
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("no memory for a forward pass");
  }
}

}  // namespace gonka::engine::exact
