// The two synthetic floors: what an allocator would cost that keeps freed blocks
// per class and does nothing else. No checks, no sharing between threads, no
// memory is ever returned.
//
//     cc -DSTACK   each class keeps an array of pointers
//     cc           each class keeps a list through the freed blocks
//
// One reserved region is cut into spans; a byte per span names the class, which
// is all that free has to look up.
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { SPAN_BITS = 16, CLASSES = 256, EXACT = 64 };
static const size_t REGION = (size_t)1 << 36;

typedef struct {
    char *fresh, *end; // what is left of the span being carved
#ifdef STACK
    void **top, **bottom;
#else
    void *head;
#endif
} class_t;

static _Thread_local class_t classes[CLASSES] __attribute__((tls_model("initial-exec")));
static char *region, *region_end;
static char *next_span; // shared: moved with an atomic addition
static uint8_t class_of_span[(size_t)1 << (36 - SPAN_BITS)];

static void *map(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

// Multiples of 16 up to 1008, then four classes a doubling.
static inline unsigned class_of(size_t size) {
    if (size <= 16 * (EXACT - 1)) return size ? (unsigned)((size + 15) / 16) : 1;
    unsigned log = 63 - (unsigned)__builtin_clzl(size - 1);
    return EXACT + (log - 9) * 4 + (unsigned)(((size - 1) >> (log - 2)) & 3);
}

static inline size_t size_of(unsigned class) {
    if (class < EXACT) return class * 16;
    unsigned log = 9 + (class - EXACT) / 4;
    return ((size_t)1 << log) + (((size_t)(class - EXACT) % 4 + 1) << (log - 2));
}

static __attribute__((noinline)) void *refill(class_t *c, unsigned class) {
    size_t size = size_of(class);
    if (region == NULL) {
        char *at = map(REGION);
        if (at == NULL) return NULL;
        region_end = at + REGION;
        next_span = region = at;
    }
#ifdef STACK
    // Room for every pointer that this class can ever hold: untouched pages are free.
    if (c->bottom == NULL) c->top = c->bottom = map((size_t)64 << 20);
#endif
    size_t span = size > ((size_t)1 << SPAN_BITS) ? size : (size_t)1 << SPAN_BITS;
    span = (span + (1 << SPAN_BITS) - 1) >> SPAN_BITS << SPAN_BITS;
    char *at = __atomic_fetch_add(&next_span, span, __ATOMIC_RELAXED);
    if (at + span > region_end) return NULL;
    memset(&class_of_span[(size_t)(at - region) >> SPAN_BITS], (int)class, span >> SPAN_BITS);
    c->fresh = at + size;
    c->end = at + span;
    return at;
}

void *malloc(size_t size) {
    unsigned class = class_of(size);
    class_t *c = &classes[class];
#ifdef STACK
    if (c->top != c->bottom) return *--c->top;
#else
    void *head = c->head;
    if (head != NULL) {
        c->head = *(void **)head;
        return head;
    }
#endif
    char *at = c->fresh;
    size_t step = size_of(class);
    if (at == NULL || at + step > c->end) return refill(c, class);
    c->fresh = at + step;
    return at;
}

void free(void *p) {
    if (p == NULL) return;
    class_t *c = &classes[class_of_span[(size_t)((char *)p - region) >> SPAN_BITS]];
#ifdef STACK
    if (c->bottom == NULL) c->top = c->bottom = map((size_t)64 << 20);
    *c->top++ = p;
#else
    *(void **)p = c->head;
    c->head = p;
#endif
}

size_t malloc_usable_size(void *p) {
    return p == NULL ? 0 : size_of(class_of_span[(size_t)((char *)p - region) >> SPAN_BITS]);
}

void *calloc(size_t n, size_t size) {
    void *p = malloc(n * size);
    return p == NULL ? NULL : memset(p, 0, n * size);
}

void *realloc(void *old, size_t size) {
    size_t had = malloc_usable_size(old);
    if (old != NULL && size <= had) return old;
    void *p = malloc(size);
    if (p != NULL && old != NULL) {
        memcpy(p, old, had);
        free(old);
    }
    return p;
}

// A block of a class whose spans start on page boundaries and whose size is a
// multiple of the alignment is aligned; larger alignments are not served.
void *aligned_alloc(size_t align, size_t size) {
    if (align > 4096) return NULL;
    size_t rounded = (size + align - 1) & ~(align - 1);
    size_t power = align;
    while (power < rounded) power *= 2;
    return malloc(power);
}

void *memalign(size_t align, size_t size) { return aligned_alloc(align, size); }

int posix_memalign(void **out, size_t align, size_t size) {
    *out = aligned_alloc(align, size);
    return *out == NULL ? ENOMEM : 0;
}
