// Full attention in 16-bit integers: against the integers that kernels.h documents in plain loops,
// against softmax in double precision, and against itself row by row.
#include "kernels/full_attention.h"

#include "tests/kernels/support.h"

namespace oc::kernels {
namespace {

class FullAttentionTest : public KernelTest {
 protected:
  // One head among others: q, k and v side by side in rows of `stride`, which end at a page.
  struct Head {
    int d = 0;
    std::int64_t keys = 0, stride = 0;
    float scale = 1;
    std::vector<float> q, k, v;  // [keys, d]
  };
  Head random_head(int d, std::int64_t keys) {
    return {d,
            keys,
            3 * d + 1,
            1 / std::sqrt(static_cast<float>(d)),
            normals(keys * d),
            normals(keys * d),
            normals(keys * d)};
  }

  // Rows [begin, end) of the output, d each; everything else must stay as it is.
  std::vector<float> run(const Head& head, std::int64_t begin, std::int64_t end) const {
    constexpr float kUntouched = -12345.0f;
    const std::int64_t d = head.d, out_stride = d + 2;
    const Guarded<float> rows(index(head.keys * head.stride - 1));
    for (std::int64_t i = 0; i < head.keys; ++i) {
      float* row = rows.data() + i * head.stride;
      std::copy_n(head.q.data() + i * d, d, row);
      std::copy_n(head.k.data() + i * d, d, row + d);
      std::copy_n(head.v.data() + i * d, d, row + 2 * d);
    }
    const Guarded<float> out(index(head.keys * out_stride - 2));
    std::fill_n(out.data(), out.size(), kUntouched);
    const Scratch scratch(full_attention_scratch_bytes(head.keys, head.d));
    table_.full_attention({.q = rows.data(),
                           .k = rows.data() + d,
                           .v = rows.data() + 2 * d,
                           .stride = head.stride,
                           .out = out.data(),
                           .out_stride = out_stride,
                           .head_dim = head.d,
                           .keys = head.keys,
                           .begin = begin,
                           .end = end,
                           .scale = head.scale},
                          scratch.data());
    std::vector<float> got;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(out.size()); ++i) {
      const bool written = i / out_stride >= begin && i / out_stride < end && i % out_stride < d;
      if (written) {
        got.push_back(out[index(i)]);
      } else {
        EXPECT_EQ(out[index(i)], kUntouched) << i;
      }
    }
    return got;
  }
  std::vector<float> run(const Head& head) const { return run(head, 0, head.keys); }

  // `count` numbers `step` apart as integers within ±limit; returns their scale.
  static double integers(const float* x, std::int64_t count, std::int64_t step, int limit,
                         std::vector<std::int64_t>& out) {
    float largest = 0;
    for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i * step]));
    const float inverse = largest < 0x1p-100f ? 0 : static_cast<float>(limit) / largest;
    out.clear();
    for (std::int64_t i = 0; i < count; ++i)
      out.push_back(static_cast<std::int64_t>(std::nearbyint(product(x[i * step], inverse))));
    return largest < 0x1p-100f ? 0 : double{largest} / limit;
  }

  // The arithmetic of kernels.h, in exact integers and double precision.
  static std::vector<double> documented(const Head& head) {
    const std::int64_t d = head.d, keys = head.keys;
    const int limit = score_limit(head.d);
    std::vector<std::int64_t> k, q, column;
    const double k_scale = integers(head.k.data(), keys * d, 1, limit, k);
    std::vector<std::vector<std::int64_t>> v;
    std::vector<double> v_scale;
    for (std::int64_t c = 0; c < d; ++c) {
      v_scale.push_back(integers(head.v.data() + c, keys, d, kValueLimit, column));
      v.push_back(column);
    }
    std::vector<double> out;
    for (std::int64_t i = 0; i < keys; ++i) {
      const double q_scale = integers(head.q.data() + i * d, d, 1, limit, q);
      std::vector<std::int64_t> scores;
      for (std::int64_t j = 0; j < keys; ++j) {
        std::int64_t sum = 0;
        for (std::int64_t c = 0; c < d; ++c) sum += q[index(c)] * k[index(j * d + c)];
        scores.push_back(sum);
      }
      const std::int64_t largest = *std::ranges::max_element(scores);
      std::vector<double> weights;
      double total = 0;
      for (const std::int64_t score : scores) {
        const double below =
            static_cast<double>(score - largest) * q_scale * k_scale * double{head.scale};
        weights.push_back(std::nearbyint(kWeightLimit * std::exp(below)));
        total += weights.back();
      }
      for (std::int64_t c = 0; c < d; ++c) {
        double sum = 0;
        for (std::int64_t j = 0; j < keys; ++j)
          sum += weights[index(j)] * static_cast<double>(v[index(c)][index(j)]);
        out.push_back(sum * v_scale[index(c)] / total);
      }
    }
    return out;
  }

  static std::vector<double> softmax(const Head& head) {
    const std::int64_t d = head.d;
    std::vector<double> out(index(head.keys * d)), weights(index(head.keys));
    for (std::int64_t i = 0; i < head.keys; ++i) {
      double largest = -1e300, total = 0;
      for (std::int64_t j = 0; j < head.keys; ++j) {
        double score = 0;
        for (std::int64_t c = 0; c < d; ++c)
          score += double{head.q[index(i * d + c)]} * head.k[index(j * d + c)];
        weights[index(j)] = score * head.scale;
        largest = std::max(largest, weights[index(j)]);
      }
      for (double& weight : weights) total += weight = std::exp(weight - largest);
      for (std::int64_t j = 0; j < head.keys; ++j)
        for (std::int64_t c = 0; c < d; ++c)
          out[index(i * d + c)] += weights[index(j)] / total * head.v[index(j * d + c)];
    }
    return out;
  }

  void check(const Head& head, double documented_slack, double slack) const {
    const std::vector<float> got = run(head);
    const std::vector<double> plain = documented(head), exact = softmax(head);
    double largest_value = 0;
    for (const float value : head.v)
      largest_value = std::max(largest_value, std::abs(double{value}));
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], plain[i], documented_slack * largest_value)
          << "d " << head.d << ", keys " << head.keys << ", at " << i;
      ASSERT_NEAR(got[i], exact[i],
                  slack * largest_value + 1e-30)  // what is smaller becomes nothing
          << "d " << head.d << ", keys " << head.keys << ", at " << i;
    }
  }
};

// A weight may round to the neighbour of the documented one: 1 / 16383 of the largest, which is at
// most all there is. Against double precision the numbers' own 12 bits show.
constexpr double kPlainSlack = 1e-4, kExactSlack = 2e-3;

TEST_P(FullAttentionTest, HeadsOfEverySize) {
  for (const int d : {1, 2, 5, 15, 16, 17, 31, 32, 33, 64, 72, 80, 96, 100})
    check(random_head(d, 61), kPlainSlack, kExactSlack);
}

TEST_P(FullAttentionTest, EveryNumberOfKeys) {
  for (const std::int64_t keys : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 63, 64, 65, 129, 200})
    check(random_head(32, keys), kPlainSlack, kExactSlack);
}

TEST_P(FullAttentionTest, ATowersHead) { check(random_head(64, 577), kPlainSlack, kExactSlack); }

// Scores between −30 and 30: one key has nearly everything.
TEST_P(FullAttentionTest, PeakedSoftmax) {
  Head head = random_head(64, 100);
  for (float& value : head.q) value *= 8;
  check(head, kPlainSlack, 0.02);
}

TEST_P(FullAttentionTest, NumbersAtTheirLimitsDoNotOverflow) {
  for (const int d : {1, 2, 64, 96, 256}) {
    Head head = random_head(d, 130);
    for (std::int64_t i = 0; i < head.keys * d; ++i) {
      const float sign = i / d % 2 == 0 ? 1.0f : -1.0f;  // scores of all d products, + and −
      head.q[index(i)] = 3 * sign;
      head.k[index(i)] = 2 * sign;
      head.v[index(i)] = 5;
    }
    for (const float value : run(head)) ASSERT_NEAR(value, 5, 1e-5) << d;
    head.scale = 1e-6f;  // all weights at their limit
    for (const float value : run(head)) ASSERT_NEAR(value, 5, 1e-5) << d;
  }
}

TEST_P(FullAttentionTest, EqualKeysGiveTheMean) {
  Head head = random_head(32, 577);
  for (std::int64_t i = 0; i < head.keys * head.d; ++i) head.k[index(i)] = head.k[index(i % 32)];
  check(head, 1e-5, 5e-4);
  std::ranges::fill(head.k, 0.0f);
  check(head, 1e-5, 5e-4);
}

TEST_P(FullAttentionTest, NumbersOfEverySize) {
  for (const float size : {0.0f, 1e-45f, 1e-38f, 1e-30f, 1e30f}) {
    Head head = random_head(32, 20);
    for (float& value : head.v) value *= size;
    check(head, kPlainSlack, kExactSlack);
  }
  Head head = random_head(32, 20);
  for (float& value : head.k) value *= 1e-25f;
  for (float& value : head.q) value *= 1e25f;
  check(head, kPlainSlack, kExactSlack);
}

TEST_P(FullAttentionTest, ARowIsTheSameBytesInEveryCompany) {
  const Head head = random_head(64, 83);
  const std::vector<float> all = run(head);
  for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, 1},
                                   {5, 6},
                                   {7, 9},
                                   {1, 4},
                                   {3, 40},
                                   {40, 83},
                                   {82, 83},
                                   {20, 20}}) {
    const std::vector<float> want(all.begin() + begin * 64, all.begin() + end * 64);
    ASSERT_TRUE(same_bytes(run(head, begin, end), want)) << begin << " to " << end;
  }
}

OC_ON_EVERY_TARGET(FullAttentionTest);

}  // namespace
}  // namespace oc::kernels
