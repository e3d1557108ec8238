// Runs one command and reports what it cost.
//
//     launch REPORT SECONDS PRELOAD COMMAND [ARGUMENT...]
//
// REPORT gets one line: status, wall seconds, processor seconds, peak resident KiB,
// minor faults. PRELOAD is a library or "-". The command is killed after SECONDS.
//
// This is a small static program of its own for one reason: the kernel lets a
// child's peak memory begin at its parent's, and the harness is larger than most
// of what it measures.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec * 1e-6; }

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    unsigned limit = (unsigned)atoi(argv[2]);
    if (strcmp(argv[3], "-") != 0) setenv("LD_PRELOAD", argv[3], 1);

    double start = now();
    pid_t child = vfork();
    if (child < 0) return 3;
    if (child == 0) {
        alarm(limit);
        execvp(argv[4], argv + 4);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (wait4(child, &status, 0, &used) != child) return 3;
    double wall = now() - start;

    FILE *report = fopen(argv[1], "w");
    if (report == NULL) return 3;
    fprintf(report, "%d %.6f %.6f %ld %ld\n",
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), wall,
            seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss, used.ru_minflt);
    return fclose(report) == 0 ? 0 : 3;
}
