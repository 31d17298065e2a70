#ifndef MARTLET_CCRYPT_H
#define MARTLET_CCRYPT_H

#include <crypt.h>

#endif
