/* Story 14: a program that forbids itself the call by which the system tells the time, on pain of death. The C library's
 * malloc never makes it; and what a burst leaves goes back in time nevertheless.
 */
#include "proc.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { BLOCKS = 200000, SIZE = 300, MOST = 24 << 20 };

static char *blocks[BLOCKS];

static void forbid(int number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static double seconds(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(void)
{
    /* Where the system lends no code for it there is no other way to know the time. */
    if (getauxval(AT_SYSINFO_EHDR) == 0)
        return 0;
    forbid(SYS_clock_gettime);

    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = hide(malloc(SIZE));
        CHECK(blocks[i] != NULL);
        blocks[i][0] = 1;
    }
    CHECK_THAT(resident(), >, MOST);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    for (double end = seconds() + 1.5; seconds() < end;)
        free(hide(malloc(100)));

    CHECK_THAT(resident(), <=, MOST);
    return 0;
}
