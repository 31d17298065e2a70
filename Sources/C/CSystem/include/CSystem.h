#ifndef C_SYSTEM_H
#define C_SYSTEM_H

// What Glibc's own module leaves out: the kernel's event interfaces, and the calls that hide behind _GNU_SOURCE
// (which a header that Swift sees must not define).

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>

static const uint32_t system_readable = EPOLLIN;
static const uint32_t system_writable = EPOLLOUT;
static const uint32_t system_failed = EPOLLERR | EPOLLHUP;
static const uint32_t system_peer_closed = EPOLLRDHUP;
static const uint32_t system_edge_triggered = EPOLLET;

/// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC.
int system_accept(int listener, struct sockaddr *address, socklen_t *length);

/// send and recv that never raise SIGPIPE and never wait.
ssize_t system_send(int socket, const void *bytes, size_t count, int more_follows);
ssize_t system_receive(int socket, void *bytes, size_t count);

/// The uid of the process at the other end of a Unix socket; -1 if it is not known.
int64_t system_peer_user(int socket);

/// A thread's name, as `top -H` shows it; at most 15 bytes.
void system_name_thread(const char *name);

/// The event loop that this thread runs; null on any other thread.
void *system_current_loop(void);
void system_set_current_loop(void *loop);

#endif
