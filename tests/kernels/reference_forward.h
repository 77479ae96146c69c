#pragma once

// A whole forward pass of cpu-exact/1 from doc/kernels.md, token by token, on reference.h: no
// batch, no pages, no panels, no threads. Of the product it uses the checkpoint reader alone.

#include <algorithm>
#include <numbers>
#include <numeric>
#include <string>

#include "gonka/model/checkpoint.h"
#include "kernels/reference.h"

namespace gonka::reference {

// ---- rotary positions -------------------------------------------------------------------------

// doc/sampler.md.
inline double Log(double x) {
  int k = 0;
  double m = std::frexp(x, &k) * 2;  // 1 <= m < 2
  k -= 1;
  if (m > 0x1.6a09e667f3bcdp+0) m = m / 2, k += 1;
  const double f = m - 1, s = f / (2 + f), z = s * s;
  double p = 2.0 / 25;
  for (int n = 23; n >= 3; n -= 2) p = p * z + 2.0 / n;
  const double tail = (s * z) * p + k * 0x1.ef35793c7673p-45;
  return k * 0x1.62e42fefa38p-1 + (2 * s + tail);
}
inline double ExpDouble(double x) {
  const int k = static_cast<int>(x * 0x1.71547652b82fep+0 - 0.5);
  const double r = (x - k * 0x1.62e42fefa38p-1) - k * 0x1.ef35793c7673p-45;
  double p = 0;
  for (int n = 13; n >= 0; --n) {
    double factorial = 1;
    for (int i = 2; i <= n; ++i) factorial *= i;
    p = n == 13 ? 1 / factorial : p * r + 1 / factorial;
  }
  return std::ldexp(p, k);
}

inline double Frequency(const model::ModelConfig& config, uint32_t i, const Row& divisors) {
  const model::RopeScaling& s = config.rope_scaling;
  const double dim = config.head_dim;
  const double theta = static_cast<double>(config.rope_theta);
  const double f = ExpDouble(-((2.0 * i / dim) * Log(theta)));
  const double factor = static_cast<double>(s.factor);
  if (s.type == model::RopeScalingType::kLinear) return f / factor;
  if (s.type == model::RopeScalingType::kTensor) return f / static_cast<double>(divisors[i]);
  if (s.type == model::RopeScalingType::kLlama3) {
    const double low = static_cast<double>(s.low_freq_factor);
    const double high = static_cast<double>(s.high_freq_factor);
    const double turns = s.original_context * f / (2 * std::numbers::pi);
    if (turns > high) return f;
    if (turns < low) return f / factor;
    const double kept = (turns - low) / (high - low);
    return (1 - kept) * f / factor + kept * f;
  }
  if (s.type == model::RopeScalingType::kYarn) {
    const auto pair_of = [&](float turns) {
      const double ratio = s.original_context / (static_cast<double>(turns) * 2 * std::numbers::pi);
      return dim * Log(ratio) / (2 * Log(theta));
    };
    double low = pair_of(s.beta_fast), high = pair_of(s.beta_slow);
    if (s.truncate) low = std::floor(low), high = std::ceil(high);
    low = std::max(low, 0.0);
    high = std::min(high, dim - 1);
    if (low == high) high += 0.001;
    const double stretched = std::clamp((i - low) / (high - low), 0.0, 1.0);
    return stretched * f / factor + (1 - stretched) * f;
  }
  return f;
}

struct Turn {
  float cos;
  float sin;
};
inline Turn TurnBy(double angle, float factor) {
  const double q = std::floor(angle * 0x1.45f306dc9c883p-1 + 0.5);
  const double r =
      ((angle - q * 0x1.921fb544p+0) - q * 0x1.0b4611a6p-34) - q * 0x1.3198a2e037073p-69;
  const double z = r * r;
  double s = 0, c = 0;
  for (int n = 17; n >= 3; n -= 2) s = ((1 - s) * z) / (n * (n - 1));
  for (int n = 16; n >= 2; n -= 2) c = ((1 - c) * z) / (n * (n - 1));
  double sin = (1 - s) * r, cos = 1 - c;
  for (int i = 0; i < static_cast<int64_t>(q) % 4; ++i) {
    const double turned = cos;
    cos = -sin, sin = turned;
  }
  const double by = static_cast<double>(factor);
  return {static_cast<float>(cos * by), static_cast<float>(sin * by)};
}

// ---- weights ----------------------------------------------------------------------------------

enum class As { kFile, kF32, kBf16, kInt8 };

// A tensor in two dimensions: rows of plain numbers, of groups, or of int8.
class Table {
 public:
  Table() = default;
  Table(const model::Checkpoint& checkpoint, const std::string& name, As as) {
    const model::TensorInfo& info = *checkpoint.Find(name);
    inputs_ = info.Columns();
    const std::vector<std::pair<model::TensorType, Kind>> kinds = {
        {model::TensorType::kQ8_0, Kind::kQ8_0},
        {model::TensorType::kQ4_0, Kind::kQ4_0},
        {model::TensorType::kQ4_1, Kind::kQ4_1},
        {model::TensorType::kQ4_K, Kind::kQ4_K}};
    for (const auto& [type, kind] : kinds) {
      if (as != As::kFile || info.type != type) continue;
      minimum_ = kind == Kind::kQ4_1 || kind == Kind::kQ4_K;
      const uint64_t bytes = checkpoint.RawSize(info) / info.Rows();
      std::vector<uint8_t> raw(bytes);
      for (uint64_t r = 0; r < info.Rows(); ++r) {
        if (!checkpoint.ReadRawRows(name, r, 1, raw).ok()) std::abort();
        groups_.push_back(Groups(kind, raw.data(), inputs_));
      }
      return;
    }
    for (uint64_t r = 0; r < info.Rows(); ++r) {
      Row row(inputs_);
      if (!checkpoint.ReadRows(name, r, 1, row).ok()) std::abort();
      if (as == As::kBf16) {
        for (float& w : row) w = NearestBf16(w);
      }
      if (as == As::kInt8) {
        int8_.push_back(ToInt8(row));
      } else {
        rows_.push_back(row);
      }
    }
  }

  size_t outputs() const { return std::max({rows_.size(), groups_.size(), int8_.size()}); }

  float Output(size_t n, const Row& x) const {
    if (!groups_.empty()) return DotGroups(groups_[n], minimum_, x.data());
    const Row& w = int8_.empty() ? rows_[n] : int8_[n].q;
    const float dot = Dot(
        inputs_, [&](size_t k) { return w[k]; }, x.data());
    return int8_.empty() ? dot : dot * int8_[n].scale;
  }
  Row Outputs(const Row& x, size_t begin, size_t end) const {
    Row y;
    for (size_t n = begin; n < end; ++n) y.push_back(Output(n, x));
    return y;
  }
  Row Outputs(const Row& x) const { return Outputs(x, 0, outputs()); }

  Row Weights(size_t n) const {
    if (!rows_.empty()) return rows_[n];
    Row row(inputs_);
    for (size_t k = 0; k < inputs_; ++k) {
      if (!int8_.empty()) {
        row[k] = int8_[n].q[k] * int8_[n].scale;
        continue;
      }
      const Group& group = groups_[n][k / 32];
      const float value = group.q[k % 32] * group.d;
      row[k] = minimum_ ? value + group.m : value;
    }
    return row;
  }

 private:
  size_t inputs_ = 0;
  bool minimum_ = false;
  std::vector<Row> rows_;
  std::vector<std::vector<Group>> groups_;
  std::vector<Int8Row> int8_;
};

// ---- the model --------------------------------------------------------------------------------

class Model {
 public:
  Model(const model::Checkpoint& checkpoint, As as) : config_(checkpoint.config()) {
    const auto vector = [&](const std::string& name) {
      return checkpoint.ReadTensor(name).value();
    };
    if (config_.rope_scaling.type == model::RopeScalingType::kTensor) {
      divisors_ = vector("rope_freqs.weight");
    }
    embedding_ = Table(checkpoint, "token_embd.weight", as);
    output_norm_ = vector("output_norm.weight");
    if (!config_.tied_embeddings) output_ = Table(checkpoint, "output.weight", as);
    for (uint32_t l = 0; l < config_.layers; ++l) {
      const std::string blk = "blk." + std::to_string(l) + ".";
      Layer& layer = layers_.emplace_back();
      layer.attn_norm = vector(blk + "attn_norm.weight");
      layer.ffn_norm = vector(blk + "ffn_norm.weight");
      for (const char* part : {"q", "k", "v"}) {
        layer.qkv.emplace_back(checkpoint, blk + "attn_" + part + ".weight", as);
        layer.bias.push_back(config_.qkv_bias ? vector(blk + "attn_" + part + ".bias") : Row());
      }
      layer.out = Table(checkpoint, blk + "attn_output.weight", as);
      if (config_.qk_norm) {
        layer.q_norm = vector(blk + "attn_q_norm.weight");
        layer.k_norm = vector(blk + "attn_k_norm.weight");
      }
      const std::string experts = config_.experts.count > 0 ? "_exps" : "";
      if (!experts.empty()) layer.router = Table(checkpoint, blk + "ffn_gate_inp.weight", as);
      layer.gate = Table(checkpoint, blk + "ffn_gate" + experts + ".weight", as);
      layer.up = Table(checkpoint, blk + "ffn_up" + experts + ".weight", as);
      layer.down = Table(checkpoint, blk + "ffn_down" + experts + ".weight", as);
    }
  }

  // Those that follow each token.
  std::vector<Row> Logits(const std::vector<uint32_t>& tokens) {
    for (Layer& layer : layers_) layer.keys = layer.values = {};
    std::vector<Row> logits;
    for (size_t t = 0; t < tokens.size(); ++t) {
      Row x = embedding_.Weights(tokens[t]);
      for (size_t l = 0; l < layers_.size(); ++l) {
        Layer& layer = layers_[l];
        Add(x, layer.out.Outputs(Attention(layer, l, t, Norm(x, layer.attn_norm))));
        AddFeedForward(layer, Norm(x, layer.ffn_norm), x);
      }
      const Table& head = config_.tied_embeddings ? embedding_ : output_;
      logits.push_back(head.Outputs(Norm(x, output_norm_)));
    }
    return logits;
  }

 private:
  struct Layer {
    Row attn_norm, ffn_norm, q_norm, k_norm;
    std::vector<Table> qkv;
    std::vector<Row> bias;
    Table out, router, gate, up, down;
    std::vector<std::vector<Row>> keys, values;  // [head][token][D]
  };

  Row Norm(const Row& x, const Row& weight) const { return RmsNorm(x, weight, config_.rms_eps); }
  static void Add(Row& x, const Row& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = x[i] + y[i];
  }

  // Head h of a row of heads: normalised where the model does, and turned to position t.
  Row Head(const Row& heads, size_t h, const Row& norm, size_t t) const {
    const size_t dim = config_.head_dim;
    Row head(&heads[h * dim], &heads[h * dim] + dim);
    if (!norm.empty()) head = Norm(head, norm);
    for (uint32_t i = 0; i < dim / 2; ++i) {
      const bool pairs = config_.rope_style == model::RopeStyle::kInterleavedPairs;
      float& a = head[pairs ? 2 * i : i];
      float& b = head[pairs ? 2 * i + 1 : i + dim / 2];
      const Turn turn = TurnBy(static_cast<double>(t) * Frequency(config_, i, divisors_),
                               config_.rope_scaling.attention_factor);
      const float turned = a * turn.cos - b * turn.sin;
      b = a * turn.sin + b * turn.cos;
      a = turned;
    }
    return head;
  }

  Row Attention(Layer& layer, size_t l, size_t t, const Row& x) const {
    const size_t dim = config_.head_dim;
    std::vector<Row> qkv;
    for (size_t i = 0; i < 3; ++i) {
      qkv.push_back(layer.qkv[i].Outputs(x));
      if (config_.qkv_bias) Add(qkv[i], layer.bias[i]);
    }
    layer.keys.resize(config_.kv_heads);
    layer.values.resize(config_.kv_heads);
    for (size_t h = 0; h < config_.kv_heads; ++h) {
      layer.keys[h].push_back(Head(qkv[1], h, layer.k_norm, t));
      layer.values[h].emplace_back(&qkv[2][h * dim], &qkv[2][h * dim] + dim);
    }
    const size_t window = config_.WindowOf(static_cast<uint32_t>(l));
    const Window seen{window == 0 || t + 1 < window ? 0 : t + 1 - window, t + 1};
    const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
    Row mixed;
    for (size_t h = 0; h < config_.heads; ++h) {
      const size_t kv = h / (config_.heads / config_.kv_heads);
      const Row q = Head(qkv[0], h, layer.q_norm, t);
      const Row out = Attend(q.data(), layer.keys[kv], layer.values[kv], seen, scale);
      mixed.insert(mixed.end(), out.begin(), out.end());
    }
    return mixed;
  }

  // Expert e, or the only network.
  Row FeedForward(const Layer& layer, const Row& x, size_t e) const {
    const size_t ffn = config_.ffn, hidden = config_.hidden;
    Row gate = layer.gate.Outputs(x, e * ffn, (e + 1) * ffn);
    const Row up = layer.up.Outputs(x, e * ffn, (e + 1) * ffn);
    for (size_t i = 0; i < ffn; ++i) gate[i] = Silu(gate[i]) * up[i];
    return layer.down.Outputs(gate, e * hidden, (e + 1) * hidden);
  }

  void AddFeedForward(const Layer& layer, const Row& normed, Row& x) const {
    const model::Experts& experts = config_.experts;
    if (experts.count == 0) return Add(x, FeedForward(layer, normed, 0));
    Row p = layer.router.Outputs(normed);
    float sum = Softmax(p);
    std::vector<size_t> best(experts.count);
    std::iota(best.begin(), best.end(), 0);
    std::stable_sort(best.begin(), best.end(), [&](size_t a, size_t b) { return p[a] > p[b]; });
    best.resize(experts.used);
    if (experts.normalized) {
      sum = 0;
      for (const size_t e : best) sum = sum + p[e];
    }
    std::sort(best.begin(), best.end());
    for (const size_t e : best) {
      const float weight = p[e] / sum;
      const Row y = FeedForward(layer, normed, e);
      for (size_t i = 0; i < x.size(); ++i) x[i] = x[i] + weight * y[i];
    }
  }

  const model::ModelConfig config_;
  Row divisors_;
  Table embedding_, output_;
  Row output_norm_;
  std::vector<Layer> layers_;
};

}  // namespace gonka::reference
