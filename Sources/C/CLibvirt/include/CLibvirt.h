#ifndef C_LIBVIRT_H
#define C_LIBVIRT_H

// libvirt under its own names, found when the program runs and not when it is started: one binary serves machines with
// it and machines without. Where it is missing, every call fails.

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/// Whether libvirt is installed.
int libvirt_is_here(void);

/// Registers for what guests come to; the macro that this takes is none that Swift sees.
int libvirt_watch(virConnectPtr node, virConnectDomainEventCallback told, void *listener, virFreeCallback forget);

#endif
