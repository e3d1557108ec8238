/* `page_faults LIBRARY COMMAND...` runs the command 15 times with the library preloaded and 15 times without, in turn,
 * and prints the medians of the minor page faults: "with without". */
#include "check.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { RUNS = 15 };

static int by_size(const void *a, const void *b)
{
    long left = *(const long *)a, right = *(const long *)b;
    return (left > right) - (left < right);
}

static long faults_of(char *preload, char **command)
{
    char *environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", preload, NULL};
    struct rusage usage;
    int status;
    pid_t child = fork();
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), 1);
        execve(command[0], command, environment);
        _exit(127);
    }
    CHECK(wait4(child, &status, 0, &usage) == child);
    CHECK_THAT(status, ==, 0);
    return usage.ru_minflt;
}

int main(int argc, char **argv)
{
    static char preload[4200];
    long with[RUNS], without[RUNS];
    CHECK_THAT(argc, >=, 3);
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", argv[1]);
    for (int i = 0; i < RUNS; i++) {
        with[i] = faults_of(preload, argv + 2);
        without[i] = faults_of(NULL, argv + 2);
    }
    qsort(with, RUNS, sizeof *with, by_size);
    qsort(without, RUNS, sizeof *without, by_size);
    say(1, "%ld %ld\n", with[RUNS / 2], without[RUNS / 2]);
    return 0;
}
