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

/// A pipe whose reading end never waits; neither end is inherited.
int system_pipe(int ends[2]);

/// A file without a place on disk, not inherited.
int system_memory_file(const char *name);

/// A descriptor of a process, readable once it has ended, and a signal to just that process.
int system_open_process(pid_t process);
int system_signal_process(int handle, int signal);

/// Returns a part of a file to the file system; it reads as zeroes, and everything else keeps its place.
int system_give_back(int file, off_t offset, off_t length);

/// Lets a file share another's content until either is written to. Fails where the file system cannot do that.
int system_clone_file(int to, int from);

/// Copies a part of a file to the same place of another, within the kernel; at most what is said, and maybe less.
ssize_t system_copy_range(int from, int to, off_t place, size_t length);

/// Whether what is written to a file goes past the page cache. Then place, memory and length are whole sectors.
int system_write_past_cache(int file, int yes);

/// Takes the calling thread into the network namespace that a descriptor stands for.
int system_enter_network(int space);

/// A thread's name, as `top -H` shows it; at most 15 bytes.
void system_name_thread(const char *name);

/// The event loop that this thread runs; null on any other thread.
void *system_current_loop(void);
void system_set_current_loop(void *loop);

#endif
