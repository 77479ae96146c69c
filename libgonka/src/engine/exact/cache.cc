#include "engine/exact/cache.h"

#include <fmt/format.h>

#include <utility>

#include "gonka/base/check.h"

namespace gonka::engine::exact {

using kernels::kPageTokens;
using kernels::kPanel;

absl::Status PagedCache::MakeRoom(size_t tokens) {
  GONKA_CHECK(length_ + tokens <= capacity_);
  while (pages_.size() * kPageTokens < length_ + tokens) {
    kernels::Aligned<float> page = kernels::AllocateFloats(shape_.floats());
    if (page == nullptr) {
      return absl::ResourceExhaustedError(fmt::format(
          "no memory for a page of {} bytes of keys and values", shape_.floats() * sizeof(float)));
    }
    pages_.push_back(std::move(page));
  }
  return absl::OkStatus();
}

void PagedCache::Store(size_t layer, size_t head, size_t position, const float* key,
                       const float* value) {
  const size_t at = position % kPageTokens;
  float* keys = pages_[position / kPageTokens].get() + At(layer, head);
  float* values = keys + shape_.key_floats();
  for (size_t d = 0; d < shape_.head_dim; ++d) {
    keys[(at / kPanel * shape_.head_dim + d) * kPanel + at % kPanel] = key[d];
    values[(d / kPanel * kPageTokens + at) * kPanel + d % kPanel] = value[d];
  }
}

void PagedCache::KeyPages(size_t layer, size_t head, std::vector<const float*>& out) const {
  out.clear();
  for (const auto& page : pages_) out.push_back(page.get() + At(layer, head));
}

void PagedCache::ValuePages(size_t layer, size_t head, std::vector<const float*>& out) const {
  KeyPages(layer, head, out);
  for (const float*& page : out) page += shape_.key_floats();
}

}  // namespace gonka::engine::exact
