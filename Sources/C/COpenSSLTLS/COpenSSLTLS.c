#include "COpenSSLTLS.h"

#include <openssl/evp.h>

void tls_sha1_base64(const uint8_t *bytes, size_t count, char text[29]) {
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_Digest(bytes, count, digest, &length, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)text, digest, 20);
}
