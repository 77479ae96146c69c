#pragma once

// The forward pass of cpu-exact/1: forward.cc reads as one explains a transformer, layers.cc has
// the steps it consists of. All activations are fp32, one row a token.

#include <span>
#include <vector>

#include "engine/exact/cache.h"
#include "engine/exact/team.h"
#include "engine/exact/weights.h"
#include "engine/forward_pass.h"
#include "engine/kernels/kernels.h"

namespace gonka::engine::exact {

// Some rows of numbers, `width` apart. Grows, and keeps its memory for the next time. What is in
// it after Resize is anything.
class Rows {
 public:
  void Resize(size_t count, size_t width);
  size_t count() const { return count_; }
  size_t width() const { return width_; }
  float* operator[](size_t row) { return data_.get() + row * width_; }
  const float* operator[](size_t row) const { return data_.get() + row * width_; }

 private:
  kernels::Aligned<float> data_;
  size_t capacity_ = 0;
  size_t count_ = 0;
  size_t width_ = 0;
};

// The rows of all pieces under one another.
struct Batch {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> positions;
  std::vector<uint32_t> piece_of;   // Of each row.
  std::vector<size_t> row_begin;    // Of each piece.
  std::vector<PagedCache*> caches;  // Of each piece.
};

class ExactPass final : public ForwardPass {
 public:
  struct Options {
    uint32_t context = 0;  // Tokens, for the tables of positions.
    const kernels::Kernels* kernels = nullptr;
  };
  static absl::StatusOr<std::unique_ptr<ForwardPass>> Load(const model::Checkpoint& checkpoint,
                                                           const LocalOptions& local,
                                                           const Options& options);

  uint64_t KvBytes(size_t tokens) const override;
  absl::StatusOr<std::unique_ptr<KvCache>> NewCache(size_t tokens) override;
  absl::Status Forward(std::span<const Piece> pieces, const OnLogits& on_logits) override;

 private:
  // Some query rows that share one head of keys and values.
  struct AttentionJob {
    size_t piece;
    size_t kv_head;
    size_t first;  // Of the piece's tokens times heads a group, in that order.
    size_t rows;
  };
  struct AttentionScratch {
    std::vector<const float*> key_pages;
    std::vector<const float*> value_pages;
    Rows queries;
    Rows out;
    Rows scores;
  };

  ExactPass(const Options& options, std::unique_ptr<Team> team, Weights weights);

  void HiddenStates(const Batch& batch);
  void Logits(std::span<const Piece> pieces, const Batch& batch, const OnLogits& on_logits);

  // The steps, in layers.cc.
  void Embed(std::span<const uint32_t> ids, Rows& x);
  void Norm(const Rows& x, std::span<const float> weight, Rows& out);
  void Multiply(const Rows& x, const Stack& stack, Rows& y);
  void Add(Rows& x, const Rows& y);
  void PrepareHeads(const Layer& layer, const Batch& batch, Rows& qkv);
  void StoreHeads(size_t layer, const Batch& batch, const Stack& stack, const Rows& qkv);
  void Attend(size_t layer, const Batch& batch, const Rows& qkv, Rows& mixed);
  void AttendJob(size_t layer, const Batch& batch, const Rows& qkv, const AttentionJob& job,
                 AttentionScratch& scratch, Rows& mixed);
  void RunFeedForward(const FeedForward& ffn, const Rows& x, Rows& out);
  void AddExperts(const Layer& layer, const Rows& normed, Rows& x);
  // work(row) for all rows, shared out where that pays.
  template <class Work>
  void EachRow(size_t rows, const Work& work) {
    constexpr size_t kRows = 8;
    team_->Run(rows, kRows, [&](size_t, size_t begin, size_t end) {
      for (size_t r = begin; r < end; ++r) work(r);
    });
  }

  const kernels::Kernels& kernels_;
  const std::unique_ptr<Team> team_;
  const Weights weights_;
  const PageShape pages_;

  // Activations, kept from one pass to the next.
  Rows x_, normed_, qkv_, mixed_, projected_, gate_up_, gated_, group_sums_;
  Rows router_, expert_rows_, expert_out_;
  Rows last_, logits_;
  std::vector<AttentionScratch> attention_;  // Of each thread.
};

}  // namespace gonka::engine::exact
