#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>

// What is defined here under libvirt's names is for this program alone: libvirt itself goes on calling its own.
#pragma GCC visibility push(hidden)
#include "CLibvirt.h"
#pragma GCC visibility pop

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static void *library;

static void open_library(void) { library = dlopen("libvirt.so.0", RTLD_NOW | RTLD_LOCAL); }

int libvirt_is_here(void) {
    pthread_once(&opened, open_library);
    return library != NULL;
}

static void *find(const char *name) { return libvirt_is_here() ? dlsym(library, name) : NULL; }

#define FORWARD(result, failure, name, parameters, arguments)                     \
    result name parameters {                                                      \
        static __typeof__(&name) known;                                           \
        __typeof__(&name) real = __atomic_load_n(&known, __ATOMIC_RELAXED);       \
        if (!real) {                                                              \
            real = (__typeof__(&name))find(#name);                                \
            __atomic_store_n(&known, real, __ATOMIC_RELAXED);                     \
        }                                                                         \
        return real ? real arguments : failure;                                   \
    }
#define CALL(name, parameters, arguments) FORWARD(int, -1, name, parameters, arguments)

CALL(virEventRegisterDefaultImpl, (void), ())
CALL(virEventRunDefaultImpl, (void), ())
CALL(virGetLastErrorCode, (void), ())
FORWARD(const char *, "libvirt is not installed, or too old", virGetLastErrorMessage, (void), ())
FORWARD(void, (void)0, virSetErrorFunc, (void *data, virErrorFunc told), (data, told))

FORWARD(virConnectPtr, NULL, virConnectOpen, (const char *uri), (uri))
CALL(virConnectClose, (virConnectPtr node), (node))
CALL(virConnectIsAlive, (virConnectPtr node), (node))
CALL(virConnectSetKeepAlive, (virConnectPtr node, int interval, unsigned int count), (node, interval, count))
CALL(virConnectGetVersion, (virConnectPtr node, unsigned long *version), (node, version))
FORWARD(char *, NULL, virConnectGetCapabilities, (virConnectPtr node), (node))
CALL(virConnectRegisterCloseCallback,
     (virConnectPtr node, virConnectCloseFunc told, void *listener, virFreeCallback forget),
     (node, told, listener, forget))
CALL(virConnectUnregisterCloseCallback, (virConnectPtr node, virConnectCloseFunc told), (node, told))
CALL(virConnectDomainEventRegisterAny,
     (virConnectPtr node, virDomainPtr guest, int event, virConnectDomainEventGenericCallback told, void *listener,
      virFreeCallback forget),
     (node, guest, event, told, listener, forget))
CALL(virConnectDomainEventDeregisterAny, (virConnectPtr node, int watch), (node, watch))

FORWARD(virDomainPtr, NULL, virDomainLookupByUUIDString, (virConnectPtr node, const char *uuid), (node, uuid))
FORWARD(virDomainPtr, NULL, virDomainDefineXML, (virConnectPtr node, const char *xml), (node, xml))
CALL(virDomainFree, (virDomainPtr guest), (guest))
CALL(virDomainUndefineFlags, (virDomainPtr guest, unsigned int flags), (guest, flags))
CALL(virDomainGetUUIDString, (virDomainPtr guest, char *text), (guest, text))
CALL(virDomainGetState, (virDomainPtr guest, int *state, int *reason, unsigned int flags),
     (guest, state, reason, flags))
FORWARD(char *, NULL, virDomainGetXMLDesc, (virDomainPtr guest, unsigned int flags), (guest, flags))

CALL(virDomainCreate, (virDomainPtr guest), (guest))
CALL(virDomainDestroy, (virDomainPtr guest), (guest))
CALL(virDomainShutdownFlags, (virDomainPtr guest, unsigned int flags), (guest, flags))
CALL(virDomainSuspend, (virDomainPtr guest), (guest))
CALL(virDomainResume, (virDomainPtr guest), (guest))
CALL(virDomainManagedSave, (virDomainPtr guest, unsigned int flags), (guest, flags))
CALL(virDomainHasManagedSaveImage, (virDomainPtr guest, unsigned int flags), (guest, flags))
CALL(virDomainManagedSaveRemove, (virDomainPtr guest, unsigned int flags), (guest, flags))

CALL(virDomainAttachDeviceFlags, (virDomainPtr guest, const char *xml, unsigned int flags), (guest, xml, flags))
CALL(virDomainDetachDeviceAlias, (virDomainPtr guest, const char *alias, unsigned int flags), (guest, alias, flags))
CALL(virDomainBlockResize, (virDomainPtr guest, const char *disk, unsigned long long size, unsigned int flags),
     (guest, disk, size, flags))
CALL(virDomainBackupBegin, (virDomainPtr guest, const char *xml, const char *checkpoint, unsigned int flags),
     (guest, xml, checkpoint, flags))
CALL(virDomainAbortJob, (virDomainPtr guest), (guest))
CALL(virDomainGetJobStats,
     (virDomainPtr guest, int *type, virTypedParameterPtr *values, int *count, unsigned int flags),
     (guest, type, values, count, flags))
FORWARD(void, (void)0, virTypedParamsFree, (virTypedParameterPtr values, int count), (values, count))

int libvirt_watch(virConnectPtr node, virConnectDomainEventCallback told, void *listener, virFreeCallback forget) {
    return virConnectDomainEventRegisterAny(
        node, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE, (virConnectDomainEventGenericCallback)(void (*)(void))told, listener,
        forget);
}
