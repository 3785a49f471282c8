// SPDX-License-Identifier: GPL-2.0-or-later
// Preloaded into QEMU 7.2 so that COLO works under TCG, where there is no KVM to test with.
//
// At a checkpoint the primary waits on a condition for its CPU threads, with the big lock that it does not
// hold; the wait returns holding it, and nobody ever lets go. Here whoever waits with a mutex of somebody
// else waits for a short time with the mutex, and comes back without it. All of QEMU's waiters look again,
// so that coming back early does no harm.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef int wait_function(pthread_cond_t *, pthread_mutex_t *);

static int wait_a_little(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_nsec += 200000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        ++end.tv_sec;
    }
    pthread_mutex_lock(mutex);
    pthread_cond_timedwait(condition, mutex, &end);
    pthread_mutex_unlock(mutex);
    return 0;
}

int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    static wait_function *real;
    static __thread int self;
    if (!real) real = (wait_function *)dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
    if (!self) self = (int)syscall(SYS_gettid);
    if (__atomic_load_n(&mutex->__data.__owner, __ATOMIC_RELAXED) != self) {
        return wait_a_little(condition, mutex);
    }
    return real(condition, mutex);
}
