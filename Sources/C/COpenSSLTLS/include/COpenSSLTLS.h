#ifndef C_OPENSSL_TLS_H
#define C_OPENSSL_TLS_H

// TLS over memory: bytes in, bytes out, no descriptor. OpenSSL's own headers, with their names and macros, stay in C.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct tls_context tls_context;
typedef struct tls_session tls_session;

/// What went wrong last on this thread, in OpenSSL's words; empty if it has none.
void tls_last_error(char *text, size_t size);

/// A server's side: a certificate chain and its key, both PEM files. NULL if they cannot be read or don't belong together.
tls_context *tls_server_context(const char *certificates, const char *key);

/// A client's side: verifies against these authorities (a PEM file), or the system's if NULL. NULL if they cannot be read.
tls_context *tls_client_context(const char *authorities);

/// Lets a client show a certificate of its own. 0 if it cannot be read.
int tls_use_certificate(tls_context *context, const char *certificates, const char *key);

void tls_free_context(tls_context *context);

tls_session *tls_accept_session(tls_context *context);

/// The name (or numeric address) is what the certificate has to be for.
tls_session *tls_connect_session(tls_context *context, const char *name, int is_address);

void tls_free_session(tls_session *session);

enum { tls_more = -1, tls_failed = -2 };

/// 1 when it is done, tls_more when bytes of the other end are needed, tls_failed.
int tls_handshake(tls_session *session);

/// How many bytes; 0 at the end, tls_more, tls_failed.
ssize_t tls_read(tls_session *session, void *bytes, size_t count);

/// How many bytes were taken (all of them, unless it failed).
ssize_t tls_write(tls_session *session, const void *bytes, size_t count);

/// Says that nothing more follows.
void tls_finish(tls_session *session);

/// Bytes that came from the other end.
int tls_feed(tls_session *session, const void *bytes, size_t count);

/// How many bytes wait to be sent to it, and the next of them.
size_t tls_waiting(tls_session *session);
ssize_t tls_take(tls_session *session, void *bytes, size_t count);

/// The SHA-1 of some bytes, in base64 with its end mark: what a WebSocket's handshake proves itself with.
void tls_sha1_base64(const uint8_t *bytes, size_t count, char text[29]);

#endif
