#pragma once

// Keys and values of one sequence, in pages of 64 tokens as the attention kernel reads them. A page
// holds all layers and heads; it is allocated when the sequence comes to it.

#include <vector>

#include "engine/forward_pass.h"
#include "engine/kernels/kernels.h"

namespace gonka::engine::exact {

// For each layer and head a page has the keys of its tokens, [64 / 16][D][16], then their values,
// [ceil(D / 16)][64][16].
struct PageShape {
  size_t layers = 0;
  size_t kv_heads = 0;
  size_t head_dim = 0;

  size_t key_floats() const { return kernels::kPageTokens * head_dim; }
  size_t value_floats() const {
    return kernels::kPageTokens * ((head_dim + kernels::kPanel - 1) / kernels::kPanel) *
           kernels::kPanel;
  }
  size_t head_floats() const { return key_floats() + value_floats(); }
  size_t floats() const { return layers * kv_heads * head_floats(); }
  size_t PagesFor(size_t tokens) const {
    return (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
  }
};

class PagedCache final : public KvCache {
 public:
  PagedCache(const PageShape& shape, size_t capacity) : shape_(shape), capacity_(capacity) {}

  size_t length() const { return length_; }  // Tokens held.
  size_t capacity() const { return capacity_; }
  // ResourceExhausted where there is no memory for the pages of so many more tokens.
  absl::Status MakeRoom(size_t tokens);
  void Advance(size_t tokens) { length_ += tokens; }

  // Keys and values of one head at one position, D numbers each.
  void Store(size_t layer, size_t head, size_t position, const float* key, const float* value);
  // Of one head, page by page.
  void KeyPages(size_t layer, size_t head, std::vector<const float*>& out) const;
  void ValuePages(size_t layer, size_t head, std::vector<const float*>& out) const;

 private:
  size_t At(size_t layer, size_t head) const {
    return (layer * shape_.kv_heads + head) * shape_.head_floats();
  }

  const PageShape shape_;
  const size_t capacity_;
  size_t length_ = 0;
  std::vector<kernels::Aligned<float>> pages_;
};

}  // namespace gonka::engine::exact
