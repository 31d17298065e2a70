#include "COpenSSLTLS.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

void tls_last_error(char *text, size_t size) {
    unsigned long code = ERR_peek_last_error();
    if (size > 0) text[0] = 0;
    if (code != 0) ERR_error_string_n(code, text, size);
    ERR_clear_error();
}

static SSL_CTX *new_context(const SSL_METHOD *method) {
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL) return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return context;
}

int tls_use_certificate(tls_context *context, const char *certificates, const char *key) {
    SSL_CTX *raw = (SSL_CTX *)context;
    return SSL_CTX_use_certificate_chain_file(raw, certificates) == 1 &&
           SSL_CTX_use_PrivateKey_file(raw, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(raw) == 1;
}

/// HTTP/1.1 is all that is spoken here, whatever else a client offers.
static int choose_protocol(SSL *session, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                           unsigned int offered_length, void *unused) {
    static const unsigned char ours[] = "\x08http/1.1";
    (void)session;
    (void)unused;
    if (SSL_select_next_proto((unsigned char **)chosen, length, ours, sizeof ours - 1, offered, offered_length) ==
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_NOACK;
}

tls_context *tls_server_context(const char *certificates, const char *key) {
    ERR_clear_error();
    SSL_CTX *context = new_context(TLS_server_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    if (tls_use_certificate((tls_context *)context, certificates, key)) return (tls_context *)context;
    SSL_CTX_free(context);
    return NULL;
}

tls_context *tls_client_context(const char *authorities) {
    ERR_clear_error();
    SSL_CTX *context = new_context(TLS_client_method());
    if (context == NULL) return NULL;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    int read = authorities == NULL ? SSL_CTX_set_default_verify_paths(context)
                                   : SSL_CTX_load_verify_file(context, authorities);
    if (read == 1) return (tls_context *)context;
    SSL_CTX_free(context);
    return NULL;
}

void tls_free_context(tls_context *context) { SSL_CTX_free((SSL_CTX *)context); }

static SSL *new_session(tls_context *context) {
    SSL *session = SSL_new((SSL_CTX *)context);
    if (session == NULL) return NULL;
    BIO *input = BIO_new(BIO_s_mem());
    BIO *output = BIO_new(BIO_s_mem());
    if (input == NULL || output == NULL) {
        BIO_free(input);
        BIO_free(output);
        SSL_free(session);
        return NULL;
    }
    // An empty input means "not yet", not "the end".
    BIO_set_mem_eof_return(input, -1);
    BIO_set_mem_eof_return(output, -1);
    SSL_set_bio(session, input, output);
    return session;
}

tls_session *tls_accept_session(tls_context *context) {
    SSL *session = new_session(context);
    if (session != NULL) SSL_set_accept_state(session);
    return (tls_session *)session;
}

tls_session *tls_connect_session(tls_context *context, const char *name, int is_address) {
    SSL *session = new_session(context);
    if (session == NULL) return NULL;
    X509_VERIFY_PARAM *wanted = SSL_get0_param(session);
    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    int set = is_address ? X509_VERIFY_PARAM_set1_ip_asc(wanted, name)
                         : X509_VERIFY_PARAM_set1_host(wanted, name, 0) && SSL_set_tlsext_host_name(session, name);
    if (!set) {
        SSL_free(session);
        return NULL;
    }
    SSL_set_connect_state(session);
    return (tls_session *)session;
}

void tls_free_session(tls_session *session) { SSL_free((SSL *)session); }

static int problem(SSL *session, int result) {
    switch (SSL_get_error(session, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return tls_more;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return tls_failed;
    }
}

int tls_handshake(tls_session *session) {
    ERR_clear_error();
    int result = SSL_do_handshake((SSL *)session);
    if (result == 1) return 1;
    int what = problem((SSL *)session, result);
    return what == tls_more ? tls_more : tls_failed;
}

static int bounded(size_t count) { return count > INT_MAX ? INT_MAX : (int)count; }

ssize_t tls_read(tls_session *session, void *bytes, size_t count) {
    ERR_clear_error();
    int result = SSL_read((SSL *)session, bytes, bounded(count));
    return result > 0 ? result : problem((SSL *)session, result);
}

ssize_t tls_write(tls_session *session, const void *bytes, size_t count) {
    ERR_clear_error();
    int result = SSL_write((SSL *)session, bytes, bounded(count));
    return result > 0 ? result : tls_failed;
}

void tls_finish(tls_session *session) {
    ERR_clear_error();
    if (SSL_is_init_finished((SSL *)session)) SSL_shutdown((SSL *)session);
    ERR_clear_error();
}

int tls_feed(tls_session *session, const void *bytes, size_t count) {
    return BIO_write(SSL_get_rbio((SSL *)session), bytes, bounded(count)) == bounded(count);
}

size_t tls_waiting(tls_session *session) { return BIO_ctrl_pending(SSL_get_wbio((SSL *)session)); }

ssize_t tls_take(tls_session *session, void *bytes, size_t count) {
    return BIO_read(SSL_get_wbio((SSL *)session), bytes, bounded(count));
}

void tls_sha1_base64(const uint8_t *bytes, size_t count, char text[29]) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(bytes, count, digest, &length, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)text, digest, 20);
}
