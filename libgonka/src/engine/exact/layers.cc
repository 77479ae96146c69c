#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>

#include "engine/exact/forward.h"

namespace gonka::engine::exact {

using kernels::kAttentionRows;
using kernels::kPanel;

void Rows::Resize(size_t count, size_t width) {
  if (count * width > capacity_) {
    data_ = kernels::AllocateFloats(count * width);
    capacity_ = data_ == nullptr ? 0 : count * width;
    if (data_ == nullptr) throw std::bad_alloc();
  }
  count_ = count;
  width_ = width;
}

void ExactPass::Embed(std::span<const uint32_t> ids, Rows& x) {
  const size_t hidden = weights_.config.hidden;
  x.Resize(ids.size(), hidden);
  EachRow(ids.size(), [&](size_t r) { weights_.embedding[0].ReadRow(ids[r], {x[r], hidden}); });
}

void ExactPass::Norm(const Rows& x, std::span<const float> weight, Rows& out) {
  out.Resize(x.count(), x.width());
  EachRow(x.count(), [&](size_t r) {
    kernels_.rms_norm(x[r], weight.data(), x.width(), weights_.config.rms_eps, out[r]);
  });
}

void ExactPass::Add(Rows& x, const Rows& y) {
  EachRow(x.count(), [&](size_t r) {
    for (size_t i = 0; i < x.width(); ++i) x[r][i] = x[r][i] + y[r][i];
  });
}

void ExactPass::Multiply(const Rows& x, const Stack& stack, Rows& y) {
  y.Resize(x.count(), WidthOf(stack));
  const bool sums = std::any_of(stack.begin(), stack.end(),
                                [](const Matrix& m) { return HasMinimum(m.format()); });
  if (sums) {
    group_sums_.Resize(x.count(), x.width() / kernels::kGroup);
    EachRow(x.count(), [&](size_t r) { kernels_.group_sums(x[r], x.width(), group_sums_[r]); });
  }
  // Pairs of panels of all matrices, one after the other; in parts that are long enough to stream
  // and short enough to end together.
  const size_t pairs = WidthOf(stack) / (2 * kPanel);
  const size_t parts = 8 * team_->threads();
  const size_t grain = std::max<size_t>(2, (pairs + parts - 1) / parts);
  team_->Run(pairs, grain, [&](size_t, size_t begin, size_t end) {
    size_t before = 0;
    for (const Matrix& matrix : stack) {
      const size_t here = matrix.panels() / 2;
      const size_t from = std::max(begin, before);
      const size_t to = std::min(end, before + here);
      if (from < to) {
        kernels_.linear({.weight = &matrix,
                         .x = x[0],
                         .x_stride = x.width(),
                         .rows = x.count(),
                         .group_sums = sums ? group_sums_[0] : nullptr,
                         .y = y[0] + before * 2 * kPanel,
                         .y_stride = y.width()},
                        from - before, to - before);
      }
      before += here;
    }
  });
}

// Biases, norms of heads, then the turn by the position.
void ExactPass::PrepareHeads(const Layer& layer, const Batch& batch, Rows& qkv) {
  const model::ModelConfig& config = weights_.config;
  const size_t dim = config.head_dim;
  const bool interleaved = config.rope_style == model::RopeStyle::kInterleavedPairs;
  const auto add = [](std::span<const float> bias, float* to) {
    for (size_t i = 0; i < bias.size(); ++i) to[i] = to[i] + bias[i];
  };
  const auto turn = [&](float* head, const std::vector<float>& norm, uint32_t position) {
    if (!norm.empty()) kernels_.rms_norm(head, norm.data(), dim, config.rms_eps, head);
    kernels::RotateHead(weights_.rotary, position, interleaved, head);
  };
  EachRow(qkv.count(), [&](size_t r) {
    float* q = qkv[r];
    float* k = q + OffsetOf(layer.qkv, 1);
    add(layer.q_bias, q);
    add(layer.k_bias, k);
    add(layer.v_bias, q + OffsetOf(layer.qkv, 2));
    for (size_t h = 0; h < config.heads; ++h) {
      turn(q + h * dim, layer.q_norm, batch.positions[r]);
    }
    for (size_t h = 0; h < config.kv_heads; ++h) {
      turn(k + h * dim, layer.k_norm, batch.positions[r]);
    }
  });
}

void ExactPass::StoreHeads(size_t layer, const Batch& batch, const Stack& stack, const Rows& qkv) {
  const size_t dim = weights_.config.head_dim;
  EachRow(qkv.count(), [&](size_t r) {
    const float* k = qkv[r] + OffsetOf(stack, 1);
    const float* v = qkv[r] + OffsetOf(stack, 2);
    for (size_t h = 0; h < weights_.config.kv_heads; ++h) {
      batch.caches[batch.piece_of[r]]->Store(layer, h, batch.positions[r], k + h * dim,
                                             v + h * dim);
    }
  });
}

// Query heads that share a head of keys, and queries of neighbouring tokens, run together: some
// rows that read the same pages.
void ExactPass::Attend(size_t layer, const Batch& batch, const Rows& qkv, Rows& mixed) {
  const model::ModelConfig& config = weights_.config;
  const size_t group = config.heads / config.kv_heads;
  std::vector<AttentionJob> jobs;
  size_t longest = 0;
  for (size_t p = 0; p < batch.caches.size(); ++p) {
    const size_t next = p + 1 < batch.caches.size() ? batch.row_begin[p + 1] : batch.ids.size();
    const size_t rows = (next - batch.row_begin[p]) * group;
    const size_t parts = (rows + kAttentionRows - 1) / kAttentionRows;
    for (size_t h = 0; h < config.kv_heads; ++h) {
      for (size_t i = 0; i < parts; ++i) {
        const size_t first = i * rows / parts;
        jobs.push_back({p, h, first, (i + 1) * rows / parts - first});
      }
    }
    longest = std::max<size_t>(longest, batch.positions[next - 1] + 1);
  }
  for (AttentionScratch& scratch : attention_) {
    scratch.queries.Resize(kAttentionRows, config.head_dim);
    scratch.out.Resize(kAttentionRows, (config.head_dim + kPanel - 1) / kPanel * kPanel);
    // In steps, so that it does not grow with every token.
    scratch.scores.Resize(1, kernels::AttentionScratch(config.head_dim, longest | 1023));
  }
  mixed.Resize(qkv.count(), size_t{config.heads} * config.head_dim);
  team_->Run(jobs.size(), 1, [&](size_t thread, size_t begin, size_t end) {
    for (size_t j = begin; j < end; ++j) {
      AttendJob(layer, batch, qkv, jobs[j], attention_[thread], mixed);
    }
  });
}

void ExactPass::AttendJob(size_t layer, const Batch& batch, const Rows& qkv,
                          const AttentionJob& job, AttentionScratch& scratch, Rows& mixed) {
  const model::ModelConfig& config = weights_.config;
  const size_t dim = config.head_dim;
  const size_t group = config.heads / config.kv_heads;
  const size_t window = weights_.layers[layer].window;
  const auto row_of = [&](size_t i) {
    return batch.row_begin[job.piece] + (job.first + i) / group;
  };
  const auto head_of = [&](size_t i) { return job.kv_head * group + (job.first + i) % group; };
  size_t begins[kAttentionRows];
  size_t ends[kAttentionRows];
  for (size_t i = 0; i < job.rows; ++i) {
    std::copy_n(qkv[row_of(i)] + head_of(i) * dim, dim, scratch.queries[i]);
    ends[i] = batch.positions[row_of(i)] + 1;
    begins[i] = window == 0 || ends[i] < window ? 0 : ends[i] - window;
  }
  const PagedCache& cache = *batch.caches[job.piece];
  cache.KeyPages(layer, job.kv_head, scratch.key_pages);
  cache.ValuePages(layer, job.kv_head, scratch.value_pages);
  kernels_.attend({.head_dim = dim,
                   .key_pages = scratch.key_pages.data(),
                   .value_pages = scratch.value_pages.data(),
                   .rows = job.rows,
                   .queries = scratch.queries[0],
                   .begins = window == 0 ? nullptr : begins,
                   .ends = ends,
                   .scale = 1.0f / std::sqrt(static_cast<float>(dim)),
                   .out = scratch.out[0],
                   .scratch = scratch.scores[0]});
  for (size_t i = 0; i < job.rows; ++i) {
    std::copy_n(scratch.out[i], dim, mixed[row_of(i)] + head_of(i) * dim);
  }
}

// Each token passes the experts that its router likes best, in the order of their numbers. n of the
// R rows come to one of them.
void ExactPass::AddExperts(const Layer& layer, const Rows& normed, Rows& x) {
  const model::Experts& experts = weights_.config.experts;
  struct Chosen {
    std::vector<size_t> rows;
    std::vector<float> weights;
  };
  std::vector<Chosen> chosen(experts.count);
  std::vector<uint32_t> order(experts.count);
  Multiply(normed, layer.router, router_);  // [R, E]
  for (size_t r = 0; r < normed.count(); ++r) {
    float* p = router_[r];
    float sum = 0;
    kernels_.softmax(p, experts.count, &sum);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + experts.used, order.end(),
                      [&](uint32_t a, uint32_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
    if (experts.normalized) {
      sum = 0;
      for (uint32_t i = 0; i < experts.used; ++i) sum = sum + p[order[i]];
    }
    for (uint32_t i = 0; i < experts.used; ++i) {
      chosen[order[i]].rows.push_back(r);
      chosen[order[i]].weights.push_back(p[order[i]] / sum);
    }
  }
  for (size_t e = 0; e < chosen.size(); ++e) {
    const std::vector<size_t>& rows = chosen[e].rows;
    if (rows.empty()) continue;
    expert_rows_.Resize(rows.size(), normed.width());  // [n, hidden]
    for (size_t i = 0; i < rows.size(); ++i) {
      std::copy_n(normed[rows[i]], normed.width(), expert_rows_[i]);
    }
    RunFeedForward(layer.ffn[e], expert_rows_, expert_out_);  // [n, hidden]
    for (size_t i = 0; i < rows.size(); ++i) {
      for (size_t c = 0; c < x.width(); ++c) {
        x[rows[i]][c] = x[rows[i]][c] + chosen[e].weights[i] * expert_out_[i][c];
      }
    }
  }
}

}  // namespace gonka::engine::exact
