// Tensor cores on the CPU: each thread of a warp holds whole fragments and computes whole products, so
// that what it holds is right if what the warp reads from memory is. Factors must be TF32 numbers.
#pragma once
#include "cuda_on_cpu.h"

namespace nvcuda::wmma {
struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major;
struct col_major;
namespace precision { struct tf32; }
enum layout_t { mem_row_major, mem_col_major };

template <class Use, int M, int N, int K> struct Size;
template <int M, int N, int K> struct Size<matrix_a, M, N, K> { static constexpr int rows = M, cols = K; };
template <int M, int N, int K> struct Size<matrix_b, M, N, K> { static constexpr int rows = K, cols = N; };
template <int M, int N, int K> struct Size<accumulator, M, N, K> { static constexpr int rows = M, cols = N; };

template <class Use, int M, int N, int K, class T, class Layout = void>
struct fragment : Size<Use, M, N, K>
{
    static_assert(M == 16 && N == 16 && K == 8, "the only shape of TF32");
    static constexpr int num_elements = fragment::rows * fragment::cols;
    float x[num_elements];
};

inline void check(const void* address, unsigned ld)
{
    if ((size_t) address % 32 || ld % 4) { std::fprintf(stderr, "fragment not aligned\n"); std::exit(1); }
}

template <class F> void fill_fragment(F& to, float value) { for (float& x : to.x) x = value; }

template <class Use, int M, int N, int K, class T, class Layout>
void load_matrix_sync(fragment<Use, M, N, K, T, Layout>& to, const float* from, unsigned ld)
{
    check(from, ld);
    constexpr bool by_rows = std::is_same_v<Layout, row_major>;
    for (int r = 0; r < to.rows; r++)
        for (int c = 0; c < to.cols; c++) to.x[r * to.cols + c] = from[by_rows ? r * ld + c : c * ld + r];
}

template <class F>
void store_matrix_sync(float* to, const F& from, unsigned ld, layout_t layout)
{
    check(to, ld);
    for (int r = 0; r < from.rows; r++)
        for (int c = 0; c < from.cols; c++) to[layout == mem_row_major ? r * ld + c : c * ld + r] = from.x[r * from.cols + c];
}

inline float __float_to_tf32(float number)
{
    if (!std::isfinite(number)) return number;
    const unsigned rounded = reinterpreted<unsigned>(number) + 0x1000;  // to nearest, ties away from zero
    return reinterpreted<float>(rounded | 0x155);  // what the last digits are is not defined
}

inline double factor(float number)
{
    if (reinterpreted<unsigned>(number) & 0x1fff && !std::isnan(number)) { std::fprintf(stderr, "%a is no TF32 number\n", number); std::exit(1); }
    return number;
}

template <class A, class B, class C>
void mma_sync(C& to, const A& a, const B& b, const C& c)
{
    for (int m = 0; m < to.rows; m++)
        for (int n = 0; n < to.cols; n++)
        {
            double sum = c.x[m * to.cols + n];
            for (int k = 0; k < a.cols; k++) sum += factor(a.x[m * a.cols + k]) * factor(b.x[k * b.cols + n]);
            const float rounded = sum;  // a GPU cuts
            to.x[m * to.cols + n] = std::fabs(rounded) > std::fabs(sum) ? std::nextafter(rounded, 0.0f) : rounded;
        }
}
}  // namespace nvcuda::wmma
