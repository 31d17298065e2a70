#ifndef C_OPENSSL_TLS_H
#define C_OPENSSL_TLS_H

// TLS and the one hash of the WebSocket handshake, without OpenSSL's own headers, whose names and macros stay in C.

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// The SHA-1 of some bytes, in base64 with its end mark.
void tls_sha1_base64(const uint8_t *bytes, size_t count, char text[29]);

#endif
