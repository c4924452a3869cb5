/*
 * The Node-API side of the native backend: attach(bytes, instructionSet) once per thread, then
 * run(kernel, argsOffset). The heap is found by its base address; a reference keeps it alive.
 */
#if defined(__linux__)
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <node_api.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#if defined(__x86_64__)
#include <cpuid.h>
enum { HAS_FMA = 1, HAS_AVX2 = 2, HAS_AVX512 = 4, HAS_AMX = 8 };
#endif

#define CACHE_LINE 64

#if defined(__x86_64__)
#define FOR_EACH_SET(X) X(avx512) X(avx2) X(fma128) X(baseline)
#elif defined(__aarch64__)
#define FOR_EACH_SET(X) X(neon)
#else
#error "the native backend knows x86-64 and Arm64"
#endif

#define DECLARE_ONE(name, set) void lockstep_##name##_##set(char *base, const double *args);
#if defined(__x86_64__)
#define DECLARE(name) DECLARE_ONE(name, avx512) DECLARE_ONE(name, avx2) DECLARE_ONE(name, fma128) DECLARE_ONE(name, baseline)
#else
#define DECLARE(name) DECLARE_ONE(name, neon)
#endif
FOR_EACH_KERNEL(DECLARE)

#define ENTRY_avx512(name) lockstep_##name##_avx512,
#define ENTRY_avx2(name) lockstep_##name##_avx2,
#define ENTRY_fma128(name) lockstep_##name##_fma128,
#define ENTRY_baseline(name) lockstep_##name##_baseline,
#define ENTRY_neon(name) lockstep_##name##_neon,
#define TABLE(set) static const kernel_function kernels_##set[] = {FOR_EACH_KERNEL(ENTRY_##set)};
FOR_EACH_SET(TABLE)

/* Whether products of bfloat16 go through tiles on this thread, and how these are configured, if they are: see product_amx.c. */
_Thread_local int lockstep_uses_amx, lockstep_tiles;
#if defined(__x86_64__)
extern const int lockstep_has_tiles_avx512;
void lockstep_release_tiles_avx512(void);
#endif

typedef struct {
  const char *name;
  const kernel_function *kernels;
  int fused;      /* multiply-adds round once: the numeric profile */
  uint32_t lanes; /* floats of a vector */
  int uses_amx;
} instruction_set;

static const instruction_set sets[] = {
#if defined(__x86_64__)
    {"amx", kernels_avx512, 1, 16, 1},
    {"avx512", kernels_avx512, 1, 16, 0},
    {"avx2", kernels_avx2, 1, 8, 0},
    {"fma128", kernels_fma128, 1, 4, 0},
    {"baseline", kernels_baseline, 0, 4, 0},
#else
    {"neon", kernels_neon, 1, 4, 0},
#endif
};
#define SET_COUNT (sizeof sets / sizeof sets[0])

#if defined(__x86_64__)
/* Linux saves the registers of tiles for processes that have asked for it: once, for all threads. Older ones know of none. */
static int may_use_tiles(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
  return 0;
#endif
}

/*
 * What the processor has and the system saves of its registers. Asked of the processor itself: the library that
 * __builtin_cpu_supports reads from answers only where its constructor runs, which not every linker sees to.
 */
static unsigned supported_extensions(void) {
  enum { OSXSAVE = 1 << 27, AVX = 1 << 28, AMX = 5 << 22, SAVED_AVX = 0x6, SAVED_AVX512 = 0xe6, SAVED_AMX = 3 << 17 };
  unsigned a, b, c, d, saved, saved_high, has = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE) || !(c & AVX)) return 0;
  __asm__("xgetbv" : "=a"(saved), "=d"(saved_high) : "c"(0));
  if ((saved & SAVED_AVX) != SAVED_AVX) return 0;
  if (c & bit_FMA) has |= HAS_FMA;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return has;
  if (b & bit_AVX2) has |= HAS_AVX2;
#if defined(__APPLE__)
  saved |= SAVED_AVX512; /* enabled when a thread first uses it */
#endif
  if ((b & bit_AVX512F) && (saved & SAVED_AVX512) == SAVED_AVX512) has |= HAS_AVX512;
  if (lockstep_has_tiles_avx512 && (d & AMX) == AMX && (saved & SAVED_AMX) == SAVED_AMX && may_use_tiles()) has |= HAS_AMX;
  return has;
}

static int is_supported(size_t set) {
  static const unsigned needed[SET_COUNT] = {
      HAS_AMX | HAS_AVX512 | HAS_FMA, HAS_AVX512 | HAS_FMA, HAS_AVX2 | HAS_FMA, HAS_FMA, 0,
  };
  return (needed[set] & ~supported_extensions()) == 0;
}
#else
static int is_supported(size_t set) {
  (void)set;
  return 1;
}
#endif

typedef struct {
  char *base;
  size_t length;
  const kernel_function *kernels;
  napi_ref heap;
} instance;

#define KERNEL_COUNT_ONE(name) +1
enum { KERNEL_COUNT = 0 FOR_EACH_KERNEL(KERNEL_COUNT_ONE) };

static napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, NULL, message);
  return NULL;
}

/* attach(heap: Uint8Array, set: number): void */
static napi_value attach(napi_env env, napi_callback_info info) {
  size_t argc = 2, length;
  napi_value argv[2];
  instance *self;
  napi_typedarray_type type;
  void *data;
  uint32_t set;
  napi_get_cb_info(env, info, &argc, argv, NULL, (void **)&self);
  if (napi_get_typedarray_info(env, argv[0], &type, &length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array)
    return fail(env, "attach: expected a Uint8Array on the heap");
  if (napi_get_value_uint32(env, argv[1], &set) != napi_ok || set >= SET_COUNT || !is_supported(set))
    return fail(env, "attach: this processor does not have that instruction set");
  if (self->heap != NULL) napi_delete_reference(env, self->heap);
  if (napi_create_reference(env, argv[0], 1, &self->heap) != napi_ok) return fail(env, "attach: out of memory");
  self->base = data;
  self->length = length;
  self->kernels = sets[set].kernels;
  lockstep_uses_amx = sets[set].uses_amx;
  return NULL;
}

/*
 * prepareMemory(memory: Uint8Array): number. Asks for pages of 2 MiB, best before the memory is first touched: the
 * recurrence visits thousands of pages of 4 KiB in every step, more than the processor's page cache (TLB) has room for.
 * Returns the offset of the first cache line: V8's shared memory begins in the middle of one, and with every vector
 * across two lines all kernels would be slower.
 */
static napi_value prepare_memory(napi_env env, napi_callback_info info) {
  size_t argc = 1, length;
  napi_value argv[1];
  napi_typedarray_type type;
  void *data;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  if (napi_get_typedarray_info(env, argv[0], &type, &length, &data, NULL, NULL) != napi_ok || type != napi_uint8_array)
    return fail(env, "prepareMemory: expected a Uint8Array on the heap");
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  /* Only whole pages of our own; a system that refuses has none to give, and all works as before. */
  const uintptr_t page = 2u << 20, begin = ((uintptr_t)data + page - 1) / page * page, end = (uintptr_t)data + length;
  if (end > begin + page) madvise((void *)begin, (end - begin) / page * page, MADV_HUGEPAGE);
#endif
  napi_value offset;
  napi_create_uint32(env, (uint32_t)(-(uintptr_t)data % CACHE_LINE), &offset);
  return offset;
}

/* run(kernel: number, argsOffset: number): void */
static napi_value run(napi_env env, napi_callback_info info) {
  size_t argc = 2;
  napi_value argv[2];
  instance *self;
  uint32_t kernel;
  double args;
  napi_get_cb_info(env, info, &argc, argv, NULL, (void **)&self);
  if (napi_get_value_uint32(env, argv[0], &kernel) != napi_ok || kernel >= KERNEL_COUNT ||
      napi_get_value_double(env, argv[1], &args) != napi_ok || !(args >= 0 && args < (double)self->length))
    return fail(env, "run: expected the number of a kernel and the offset of its arguments");
  self->kernels[kernel](self->base, (const double *)(self->base + (size_t)args));
#if defined(__x86_64__)
  if (lockstep_tiles != 0) lockstep_release_tiles_avx512();
#endif
  return NULL;
}

/* instructionSets: { name, supported, fused, lanes }[] */
static napi_value describe_sets(napi_env env) {
  napi_value list;
  napi_create_array(env, &list);
  for (size_t i = 0; i < SET_COUNT; i++) {
    napi_value entry, name, supported, fused, lanes;
    napi_create_object(env, &entry);
    napi_create_string_utf8(env, sets[i].name, NAPI_AUTO_LENGTH, &name);
    napi_get_boolean(env, is_supported(i), &supported);
    napi_get_boolean(env, sets[i].fused, &fused);
    napi_create_uint32(env, sets[i].lanes, &lanes);
    napi_set_named_property(env, entry, "lanes", lanes);
    napi_set_named_property(env, entry, "name", name);
    napi_set_named_property(env, entry, "supported", supported);
    napi_set_named_property(env, entry, "fused", fused);
    napi_set_element(env, list, (uint32_t)i, entry);
  }
  return list;
}

static void release(void *data) { free(data); }

NAPI_MODULE_INIT() {
  instance *self = calloc(1, sizeof *self);
  napi_value function;
  if (self == NULL) return fail(env, "out of memory");
  napi_add_env_cleanup_hook(env, release, self);
  napi_create_function(env, "attach", NAPI_AUTO_LENGTH, attach, self, &function);
  napi_set_named_property(env, exports, "attach", function);
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, self, &function);
  napi_set_named_property(env, exports, "run", function);
  napi_create_function(env, "prepareMemory", NAPI_AUTO_LENGTH, prepare_memory, NULL, &function);
  napi_set_named_property(env, exports, "prepareMemory", function);
  napi_set_named_property(env, exports, "instructionSets", describe_sets(env));
  return exports;
}
