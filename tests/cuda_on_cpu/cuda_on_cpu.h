// Runs CUDA code on the CPU, thread by thread, for tests on machines without a GPU: the memory of the
// device is that of the host, the threads of a block are coroutines that meet at __syncthreads, those of
// a warp at __syncwarp, and warps and blocks run one after the other. With CUDA_ON_CPU_ORDER=reverse all run in the opposite order, so
// that results which depend on a race differ.
#pragma once
#undef _FORTIFY_SOURCE  // it refuses jumps between stacks
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

struct dim3 { unsigned x, y, z; };
inline dim3 threadIdx{}, blockIdx{}, blockDim{1, 1, 1}, gridDim{1, 1, 1};

using std::max;
using std::min;

namespace cuda_on_cpu {
constexpr size_t STACK = 256 * 1024;
// A coroutine that runs one kernel after the other. Contexts start it; later switches are jumps,
// which unlike swapcontext don't call the kernel of the operating system.
struct Thread { ucontext_t context; jmp_buf state; std::vector<char> stack; bool done, waits; };
inline std::vector<Thread> threads(1024);
inline jmp_buf scheduler;
inline std::function<void()> kernel;
inline int current = 0;
inline const char* order = std::getenv("CUDA_ON_CPU_ORDER");
inline const bool reversed = order && std::string(order) == "reverse";

// leaves a thread that waits for its block, or for its warp alone
inline void leave(bool for_block)
{
    threads[current].waits = for_block;
    if (!_setjmp(threads[current].state)) _longjmp(scheduler, 1);
}

inline void body()
{
    for (;;)
    {
        kernel();
        threads[current].done = true;
        leave(true);
    }
}

inline void enter(Thread& thread)
{
    if (_setjmp(scheduler)) return;  // the thread has left
    if (!thread.stack.empty()) _longjmp(thread.state, 1);
    thread.stack.resize(STACK);
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.data();
    thread.context.uc_stack.ss_size = STACK;
    makecontext(&thread.context, body, 0);
    setcontext(&thread.context);
}

// Warps run one after the other, each until all of its threads wait for the block.
inline void run_block(int n)
{
    for (int i = 0; i < n; i++) threads[i].done = threads[i].waits = false;
    for (bool any = true; any;)
    {
        any = false;
        const int warps = (n + 31) / 32;
        for (int w = 0; w < warps; w++)
        {
            const int first = 32 * (reversed ? warps - 1 - w : w), size = min(32, n - first);
            for (bool goes_on = true; goes_on;)
            {
                goes_on = false;
                for (int k = 0; k < size; k++)
                {
                    current = first + (reversed ? size - 1 - k : k);
                    if (threads[current].done || threads[current].waits) continue;
                    threadIdx.x = current;
                    enter(threads[current]);
                    goes_on |= !threads[current].waits;
                }
            }
        }
        for (int i = 0; i < n; i++)
        {
            any |= !threads[i].done;
            threads[i].waits = false;
        }
    }
}

// a graph is the launches that were captured, in their order
typedef std::vector<std::function<void()>> Graph;
inline Graph* capturing = nullptr;
inline void not_while_capturing(const char* what)
{
    if (capturing) { std::fprintf(stderr, "%s while a stream is captured\n", what); std::exit(1); }
}

template <class F>
struct Launch
{
    F function;
    unsigned blocks, n;
    void* stream;
    template <class... A>
    void operator()(A... arguments)
    {
        if (stream)
        {
            // a graph keeps what it launches, and the arguments as they are now
            if (!capturing) { std::fprintf(stderr, "launch in a stream that isn't captured\n"); std::exit(1); }
            const F function = this->function;
            const unsigned blocks = this->blocks, n = this->n;
            capturing->push_back([=] { Launch<F>{function, blocks, n, nullptr}(arguments...); });
            return;
        }
        not_while_capturing("a launch in the default stream");
        if (blocks == 0 || n == 0 || n > 1024) { std::fprintf(stderr, "invalid launch of %u blocks of %u threads\n", blocks, n); std::exit(1); }
        kernel = [=] { function(arguments...); };
        gridDim.x = blocks;
        blockDim.x = n;
        for (unsigned b = 0; b < blocks; b++)
        {
            blockIdx.x = reversed ? blocks - 1 - b : b;
            run_block(n);
        }
    }
};
template <class F>
Launch<F> launch(F function, unsigned blocks, unsigned n, size_t = 0, void* stream = nullptr) { return {function, blocks, n, stream}; }
}  // namespace cuda_on_cpu

inline void __syncthreads() { cuda_on_cpu::leave(true); }
inline void __syncwarp() { cuda_on_cpu::leave(false); }

template <class T> T atomicAdd(T* address, T value) { const T old = *address; *address += value; return old; }
template <class T> T atomicMin(T* address, T value) { const T old = *address; *address = std::min(old, value); return old; }
inline void __threadfence() {}
template <class T, class U, class V> T atomicCAS(T* address, U compare, V value) { const T old = *address; if (old == (T) compare) *address = (T) value; return old; }
template <class To, class From> To reinterpreted(From value) { To to; std::memcpy(&to, &value, sizeof to); return to; }
inline int __float_as_int(float value) { return reinterpreted<int>(value); }
inline float __int_as_float(int value) { return reinterpreted<float>(value); }
inline long long __double_as_longlong(double value) { return reinterpreted<long long>(value); }
inline double __longlong_as_double(long long value) { return reinterpreted<double>(value); }

// --- runtime --------------------------------------------------------------------------------
enum cudaError { cudaSuccess, cudaErrorNotSupported };
typedef cudaError cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaLimit { cudaLimitMallocHeapSize };
struct cudaDeviceProp
{
    char name[256] = "CPU";
    int multiProcessorCount = 4, maxThreadsPerBlock = 1024, maxThreadsPerMultiProcessor = 2048, warpSize = 32, major = 9, minor = 0;
    size_t sharedMemPerBlock = 48 << 10, totalGlobalMem = size_t(4) << 30;
};
struct cudaFuncAttributes { int maxThreadsPerBlock = 1024, numRegs = 0; size_t sharedSizeBytes = 0, localSizeBytes = 0, constSizeBytes = 0; };
inline const char* cudaGetErrorString(cudaError) { return "no error"; }
inline cudaError cudaGetLastError() { return cudaSuccess; }
inline cudaError cudaDeviceSynchronize() { return cudaSuccess; }
inline cudaError cudaSetDevice(int) { return cudaSuccess; }
inline cudaError cudaDeviceSetLimit(cudaLimit, size_t) { return cudaSuccess; }
inline cudaError cudaProfilerStop() { return cudaSuccess; }
inline cudaError cudaGetDeviceProperties(cudaDeviceProp* properties, int) { *properties = {}; return cudaSuccess; }
inline cudaError cudaMemGetInfo(size_t* free, size_t* total) { *free = *total = size_t(4) << 30; return cudaSuccess; }
typedef void* cudaStream_t;
typedef cuda_on_cpu::Graph *cudaGraph_t, *cudaGraphExec_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
inline cudaError cudaStreamCreate(cudaStream_t* stream) { *stream = new char; return cudaSuccess; }
inline cudaError cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) { cuda_on_cpu::capturing = new cuda_on_cpu::Graph; return cudaSuccess; }
inline cudaError cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) { *graph = cuda_on_cpu::capturing; cuda_on_cpu::capturing = nullptr; return cudaSuccess; }
inline cudaError cudaGraphInstantiateWithFlags(cudaGraphExec_t* launched, cudaGraph_t graph, unsigned long long)
{
    if (std::getenv("CUDA_ON_CPU_WITHOUT_GRAPHS")) return cudaErrorNotSupported;
    *launched = new cuda_on_cpu::Graph(*graph);
    return cudaSuccess;
}
inline cudaError cudaGraphDestroy(cudaGraph_t graph) { delete graph; return cudaSuccess; }
inline cudaError cudaGraphLaunch(cudaGraphExec_t launched, cudaStream_t)
{
    static const char* const told = std::getenv("CUDA_ON_CPU_GRAPHS");  // a file that counts kernels of graphs
    if (told) { std::FILE* file = std::fopen(told, "a"); std::fprintf(file, "%zu\n", launched->size()); std::fclose(file); }
    for (auto& run : *launched) run();
    return cudaSuccess;
}
template <class T> cudaError cudaMalloc(T** pointer, size_t size)
{
    cuda_on_cpu::not_while_capturing("cudaMalloc");
    *pointer = (T*) std::malloc(size ? size : 1);
    std::memset(*pointer, 0xA5, size);  // as on a device, nothing is 0 by itself
    return cudaSuccess;
}
inline cudaError cudaFree(void* pointer) { std::free(pointer); return cudaSuccess; }
inline cudaError cudaMemset(void* pointer, int value, size_t size) { cuda_on_cpu::not_while_capturing("cudaMemset"); std::memset(pointer, value, size); return cudaSuccess; }
inline cudaError cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind) { cuda_on_cpu::not_while_capturing("cudaMemcpy"); std::memcpy(to, from, size); return cudaSuccess; }
template <class T> cudaError cudaMemcpyToSymbol(T& symbol, const void* from, size_t size) { std::memcpy(&symbol, from, size); return cudaSuccess; }
template <class F> cudaError cudaFuncGetAttributes(cudaFuncAttributes* attributes, F) { *attributes = {}; return cudaSuccess; }
template <class F> cudaError cudaOccupancyMaxPotentialBlockSize(int* grid, int* block, F, size_t, int) { *grid = 4; *block = 64; return cudaSuccess; }
template <class F> cudaError cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, F, int, size_t) { *blocks = 1; return cudaSuccess; }

// --- random numbers -------------------------------------------------------------------------
#define CURAND_H_
enum curandStatus_t
{
    CURAND_STATUS_SUCCESS, CURAND_STATUS_VERSION_MISMATCH, CURAND_STATUS_NOT_INITIALIZED, CURAND_STATUS_ALLOCATION_FAILED,
    CURAND_STATUS_TYPE_ERROR, CURAND_STATUS_OUT_OF_RANGE, CURAND_STATUS_LENGTH_NOT_MULTIPLE, CURAND_STATUS_DOUBLE_PRECISION_REQUIRED,
    CURAND_STATUS_LAUNCH_FAILURE, CURAND_STATUS_PREEXISTING_FAILURE, CURAND_STATUS_INITIALIZATION_FAILED,
    CURAND_STATUS_ARCH_MISMATCH, CURAND_STATUS_INTERNAL_ERROR
};
enum curandRngType { CURAND_RNG_PSEUDO_DEFAULT };
typedef std::mt19937_64* curandGenerator_t;
struct curandStateXORWOW { unsigned long long seed; };
typedef struct curandStateXORWOW curandState;
inline curandStatus_t curandCreateGenerator(curandGenerator_t* generator, curandRngType) { *generator = new std::mt19937_64; return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandDestroyGenerator(curandGenerator_t generator) { delete generator; return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t generator, unsigned long long seed) { generator->seed(seed); return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetGeneratorOffset(curandGenerator_t, unsigned long long) { return CURAND_STATUS_SUCCESS; }
template <class T> curandStatus_t uniform(curandGenerator_t generator, T* to, size_t n)
{
    std::uniform_real_distribution<T> distribution;
    for (size_t i = 0; i < n; i++) to[i] = distribution(*generator);
    return CURAND_STATUS_SUCCESS;
}
template <class T> curandStatus_t normal(curandGenerator_t generator, T* to, size_t n, T mean, T deviation)
{
    std::normal_distribution<T> distribution(mean, deviation);
    for (size_t i = 0; i < n; i++) to[i] = distribution(*generator);
    return CURAND_STATUS_SUCCESS;
}
inline curandStatus_t curandGenerateUniform(curandGenerator_t g, float* to, size_t n) { return uniform(g, to, n); }
inline curandStatus_t curandGenerateUniformDouble(curandGenerator_t g, double* to, size_t n) { return uniform(g, to, n); }
inline curandStatus_t curandGenerateNormal(curandGenerator_t g, float* to, size_t n, float mean, float deviation) { return normal(g, to, n, mean, deviation); }
inline curandStatus_t curandGenerateNormalDouble(curandGenerator_t g, double* to, size_t n, double mean, double deviation) { return normal(g, to, n, mean, deviation); }
inline curandStatus_t curandGeneratePoisson(curandGenerator_t g, unsigned* to, size_t n, double lambda)
{
    std::poisson_distribution<unsigned> distribution(lambda);
    for (size_t i = 0; i < n; i++) to[i] = distribution(*g);
    return CURAND_STATUS_SUCCESS;
}
inline void curand_init(unsigned long long seed, unsigned long long sequence, unsigned long long, curandState* state) { state->seed = seed + sequence; }
inline unsigned curand_poisson(curandState* state, double lambda)
{
    std::mt19937_64 generator(state->seed++);
    return std::poisson_distribution<unsigned>(lambda)(generator);
}

// --- thrust ---------------------------------------------------------------------------------
namespace thrust {
template <class T> using host_vector = std::vector<T>;
template <class T> using device_vector = std::vector<T>;
template <class T> T* raw_pointer_cast(T* pointer) { return pointer; }
template <class T> struct device_ptr { T* pointer; device_ptr(T* p) : pointer(p) {} };
struct system_error : std::exception {};
template <class A, class B> void copy(A first, A last, B to) { std::copy(first, last, to); }
template <class A> void sequence(A first, A last) { int n = 0; for (; first != last; ++first) *first = n++; }
}  // namespace thrust
