/* A pool: sessions whose mutex and buffer are dear to set up, and are set up once for each.
 *
 *     cc example_pool.c -lheapmm -pthread
 */
#include <heapmm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct session {
    pthread_mutex_t lock;
    char *buffer;
    int user;
};

static int created, destroyed;

/* The constructor may call malloc, and the pool too: no lock of the library is held. */
static void create(void *object, size_t size)
{
    struct session *session = (struct session *)object;
    (void)size;
    pthread_mutex_init(&session->lock, NULL);
    session->buffer = (char *)malloc(4096);
    created++;
}

static void destroy(void *object, size_t size)
{
    struct session *session = (struct session *)object;
    (void)size;
    free(session->buffer);
    pthread_mutex_destroy(&session->lock);
    destroyed++;
}

int main(void)
{
    heapmm_pool_t *pool = heapmm_pool_create("session", sizeof(struct session), 0, create, destroy);
    if (pool == NULL)
        return 1;

    for (int user = 0; user < 1000; user++) {
        struct session *session = (struct session *)heapmm_pool_alloc(pool);
        if (session == NULL)
            return 1;
        pthread_mutex_lock(&session->lock);
        session->user = user;
        pthread_mutex_unlock(&session->lock);
        /* It goes back as it is: the next one to get it finds mutex and buffer ready. */
        heapmm_pool_free(pool, session);
    }

    heapmm_slabinfo(1);
    if (heapmm_pool_destroy(pool) != 0)
        return 1;
    printf("1000 sessions, %d created, %d destroyed\n", created, destroyed);
    return created == 1 && destroyed == 1 ? 0 : 1;
}
