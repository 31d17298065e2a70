#define _GNU_SOURCE
#include "CSystem.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int system_accept(int listener, struct sockaddr *address, socklen_t *length) {
    return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

ssize_t system_send(int socket, const void *bytes, size_t count, int more_follows) {
    return send(socket, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT | (more_follows ? MSG_MORE : 0));
}

ssize_t system_receive(int socket, void *bytes, size_t count) {
    return recv(socket, bytes, count, MSG_DONTWAIT);
}

int64_t system_peer_user(int socket) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return -1;
    return credentials.uid;
}

int system_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

int system_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int system_open_process(pid_t process) { return syscall(SYS_pidfd_open, process, 0); }

int system_signal_process(int handle, int signal) { return syscall(SYS_pidfd_send_signal, handle, signal, 0, 0); }

int system_give_back(int file, off_t offset, off_t length) {
    return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
}

int system_clone_file(int to, int from) { return ioctl(to, FICLONE, from); }

ssize_t system_copy_range(int from, int to, off_t place, size_t length) {
    off_t source = place, target = place;
    return copy_file_range(from, &source, to, &target, length, 0);
}

int system_write_past_cache(int file, int yes) {
    int flags = fcntl(file, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(file, F_SETFL, yes ? flags | O_DIRECT : flags & ~O_DIRECT);
}

int system_enter_network(int space) { return setns(space, CLONE_NEWNET); }

void system_name_thread(const char *name) {
    char short_name[16] = {0};
    strncpy(short_name, name, sizeof short_name - 1);
    pthread_setname_np(pthread_self(), short_name);
}

static _Thread_local void *current_loop;

void *system_current_loop(void) { return current_loop; }

void system_set_current_loop(void *loop) { current_loop = loop; }
