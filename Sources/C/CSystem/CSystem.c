#define _GNU_SOURCE
#include "CSystem.h"

#include <pthread.h>
#include <string.h>

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

void system_name_thread(const char *name) {
    char short_name[16] = {0};
    strncpy(short_name, name, sizeof short_name - 1);
    pthread_setname_np(pthread_self(), short_name);
}

static _Thread_local void *current_loop;

void *system_current_loop(void) { return current_loop; }

void system_set_current_loop(void *loop) { current_loop = loop; }
