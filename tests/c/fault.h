/* Faults on demand: seccomp sends each memory call to a handler, which makes the call or refuses it.
 *
 *   brk mmap mremap munmap madvise mprotect ──SECCOMP_RET_TRAP──> on_refusal ──> fault_call (exempt), or -errno
 *
 * `fault_refuse(calls, errno)` is the plain form: from now on the kernel itself refuses those calls, for good.
 * x86-64 only, as the register names below.
 */
#ifndef HEAPMM_TESTS_FAULT_H
#define HEAPMM_TESTS_FAULT_H

#include "check.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

enum { CALL_BRK = 1, CALL_MMAP = 2, CALL_MREMAP = 4, CALL_MUNMAP = 8, CALL_MADVISE = 16, CALL_MPROTECT = 32, EVERY_CALL = 63 };
enum { CALL_YIELD = 64, CALL_CLOCK = 128, CALLS = 8 };
static const int call_numbers[CALLS] = {SYS_brk, SYS_mmap, SYS_mremap, SYS_munmap, SYS_madvise, SYS_mprotect, SYS_sched_yield, SYS_clock_gettime};

/* The plan: calls of the mask are counted, and refused from the first to the last number. */
static volatile int fault_calls, fault_first, fault_last, fault_errno;
static volatile int fault_count, fault_refusals;

/* long fault_call(number, six arguments): a system call that the filter lets through, told by its address. */
__asm__(".text\n"
        ".balign 16\n"
        "fault_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %rdi\n"
        "  mov %rdx, %rsi\n"
        "  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n"
        "  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n"
        "  syscall\n"
        "fault_call_end:\n"
        "  ret\n");
extern long fault_call(long, long, long, long, long, long, long);
extern char fault_call_end[];

static int is_refused(int number)
{
    for (int i = 0; i < CALLS; i++)
        if (call_numbers[i] == number && (fault_calls >> i & 1)) {
            int count = ++fault_count;
            return count >= fault_first && count <= fault_last;
        }
    return 0;
}

static void on_refusal(int signal, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)signal;
    if (is_refused(info->si_syscall)) {
        fault_refusals++;
        registers[REG_RAX] = -fault_errno;
        return;
    }
    registers[REG_RAX] = fault_call(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                                    registers[REG_R10], registers[REG_R8], registers[REG_R9]);
}

/* Installs a filter that answers the calls of the mask with `action`. */
static void filter(int calls, unsigned action)
{
    struct sock_filter code[32];
    unsigned short length = 0;
    uint64_t exempt = (uint64_t)(uintptr_t)fault_call_end;
    int wanted = 0;
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++)
        wanted += calls >> i & 1;
    for (int i = 0, left = wanted; i < CALLS; i++)
        if (calls >> i & 1)
            code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call_numbers[i],
                                                          (unsigned char)left--, 0);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    unsigned at = offsetof(struct seccomp_data, instruction_pointer);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)exempt, 0, 3);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at + 4);
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(exempt >> 32), 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    struct sock_fprog program = {length, code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0);
}

static void fault_refuse(int calls, int error) { filter(calls, SECCOMP_RET_ERRNO | (unsigned)error); }

/* From now on those calls end the process. */
static void fault_forbid(int calls) { filter(calls, SECCOMP_RET_KILL_PROCESS); }

static void fault_install(void)
{
    struct sigaction action = {0};
    action.sa_sigaction = on_refusal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    CHECK(sigaction(SIGSYS, &action, NULL) == 0);
    filter(EVERY_CALL, SECCOMP_RET_TRAP);
}

static void fault_plan(int calls, int error, int first, int last)
{
    fault_calls = 0;
    fault_errno = error;
    fault_first = first;
    fault_last = last;
    fault_count = fault_refusals = 0;
    fault_calls = calls;
}

static void fault_none(void) { fault_calls = 0; }

#endif
