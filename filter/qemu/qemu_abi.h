// SPDX-License-Identifier: GPL-2.0-or-later
// What is used of a QEMU that exports its internals, declared by hand: no header of QEMU's is needed, and one
// object file serves all versions. All is opaque but TypeInfo, whose layout has not changed from 7.2 to 11.1.
//
// Imports are weak: what is missing is found out, and told, instead of a loader's error (qemu_imports.h).
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

extern "C" {

struct Error;
struct NetClientState;
struct QomObject;
struct QomClass;
struct QomProperty;
struct QDict;
struct QObject;
struct QmpCommandList;
struct VMChangeStateEntry;
struct Visitor;
struct _GString;

using NetPacketSent = void(NetClientState*, ssize_t);
using PropertyAccessor = void(QomObject*, Visitor*, const char* name, void* opaque, Error**);
using PropertyRelease = void(QomObject*, const char* name, void* opaque);

struct TypeInfo {
    const char* name;
    const char* parent;
    size_t instance_size;  ///< 0: the parent's, as the other sizes
    size_t instance_align;
    void (*instance_init)(QomObject*);
    void (*instance_post_init)(QomObject*);
    void (*instance_finalize)(QomObject*);
    bool abstract;
    size_t class_size;
    void (*class_init)(QomClass*, void* data);
    void (*class_base_init)(QomClass*, void* data);
    void* class_data;
    const void* interfaces;
};

/// QEMU's Notifier, which QEMU puts into a list of its own.
struct QemuNotifier {
    void (*notify)(QemuNotifier*, void* data);
    void* links[2];
};

#define COLO_QEMU_IMPORT extern __attribute__((weak))

COLO_QEMU_IMPORT QomProperty* object_class_property_add_str(QomClass*, const char* name,
                                                               char* (*get)(QomObject*, Error**),
                                                               void (*set)(QomObject*, const char*, Error**));
COLO_QEMU_IMPORT QomClass* object_class_by_name(const char*);
COLO_QEMU_IMPORT QomObject* object_get_objects_root();
COLO_QEMU_IMPORT QomObject* object_new_with_props(const char* type, QomObject* parent, const char* id, Error**, ...);
COLO_QEMU_IMPORT QomProperty* object_property_add(QomObject*, const char* name, const char* type,
                                                     PropertyAccessor* get, PropertyAccessor* set,
                                                     PropertyRelease*, void* opaque);
COLO_QEMU_IMPORT QomProperty* object_property_find(QomObject*, const char* name);
COLO_QEMU_IMPORT char* object_property_get_str(QomObject*, const char* name, Error**);
COLO_QEMU_IMPORT bool object_property_set_str(QomObject*, const char* name, const char* value, Error**);
COLO_QEMU_IMPORT void* type_register_static(const TypeInfo*);
COLO_QEMU_IMPORT void device_class_set_parent_realize(QomClass*, void (*realize)(QomObject*, Error**),
                                                      void (**parent_realize)(QomObject*, Error**));

COLO_QEMU_IMPORT void qdev_add_unplug_blocker(QomObject* device, Error* reason);

COLO_QEMU_IMPORT bool visit_type_bool(Visitor*, const char* name, bool*, Error**);
COLO_QEMU_IMPORT bool visit_type_str(Visitor*, const char* name, char**, Error**);
COLO_QEMU_IMPORT bool visit_type_uint64(Visitor*, const char* name, uint64_t*, Error**);

COLO_QEMU_IMPORT bool qemu_can_send_packet(NetClientState* sender);
COLO_QEMU_IMPORT NetClientState* qemu_find_netdev(const char* id);
COLO_QEMU_IMPORT NetClientState* qemu_get_peer(NetClientState*, int queue);
COLO_QEMU_IMPORT ssize_t qemu_netfilter_pass_to_next(NetClientState* sender, unsigned flags, const iovec*, int,
                                                     void* filter);
COLO_QEMU_IMPORT bool qemu_has_vnet_hdr(NetClientState*);
COLO_QEMU_IMPORT void qmp_set_link(const char* name, bool up, Error**);
COLO_QEMU_IMPORT void qemu_set_vnet_hdr_len(NetClientState*, int);
/// Not in 7.2.
COLO_QEMU_IMPORT int qemu_get_vnet_hdr_len(NetClientState*);

COLO_QEMU_IMPORT VMChangeStateEntry* qemu_add_vm_change_state_handler(void (*changed)(void*, bool running, int),
                                                                      void*);
COLO_QEMU_IMPORT void qemu_del_vm_change_state_handler(VMChangeStateEntry*);
COLO_QEMU_IMPORT void qemu_register_shutdown_notifier(QemuNotifier*);
COLO_QEMU_IMPORT bool runstate_is_running();

COLO_QEMU_IMPORT void error_free(Error*);
COLO_QEMU_IMPORT const char* error_get_pretty(const Error*);
COLO_QEMU_IMPORT void error_setg_internal(Error**, const char* file, int line, const char* function,
                                          const char* format, ...) __attribute__((format(printf, 5, 6)));

COLO_QEMU_IMPORT QmpCommandList qmp_commands;
COLO_QEMU_IMPORT QDict* qmp_dispatch(const QmpCommandList*, QObject* request, bool allow_oob, void* monitor);
COLO_QEMU_IMPORT void qdict_destroy_obj(QObject*);
COLO_QEMU_IMPORT QObject* qobject_from_json(const char*, Error**);
COLO_QEMU_IMPORT _GString* qobject_to_json(const QObject*);

/// From 9.0 on; never called.
COLO_QEMU_IMPORT void bql_lock_impl(const char*, int);
/// From 11.0 on. Only asked whether it is there.
COLO_QEMU_IMPORT void qemu_plugin_set_pc(uint64_t);

#undef COLO_QEMU_IMPORT

}  // extern "C"
