/* The wall clock of a process, set forward or back by the seconds that stand in the file CLOCK_SHIFT; its monotonic
 * clock goes on as it does when somebody sets the clock of a machine. For LD_PRELOAD.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long shift(void) {
    const char *path = getenv("CLOCK_SHIFT");
    char text[16] = {0};
    int file = path ? open(path, O_RDONLY) : -1;
    if (file < 0) return 0;
    if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*of_the_system)(clockid_t, struct timespec *);
    if (!of_the_system) of_the_system = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = of_the_system(clock, now);
    if (!failed && clock == CLOCK_REALTIME) now->tv_sec += shift();
    return failed;
}
