// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Ownership at a glance. Every owned local carries one of these attributes and an initialiser;
 * on success the value is moved out with TAKE_PTR or TAKE_FD. There is no goto in this project.
 */
#include <stdio.h>
#include <stdlib.h>

#define _cleanup_(function)   __attribute__((cleanup(function)))
#define _printf_(text, first) __attribute__((__format__(__printf__, text, first)))

/* The value of the pointer; the variable itself becomes NULL. */
#define TAKE_PTR(pointer)                                                                                    \
    ({                                                                                                       \
        __typeof__(&(pointer)) take_address_ = &(pointer);                                                   \
        __typeof__(pointer) take_value_ = *take_address_;                                                    \
        *take_address_ = NULL;                                                                               \
        take_value_;                                                                                         \
    })

/* The value of the descriptor; the variable itself becomes -1. */
#define TAKE_FD(fd)                                                                                          \
    ({                                                                                                       \
        int *take_address_ = &(fd);                                                                          \
        int take_value_ = *take_address_;                                                                    \
        *take_address_ = -1;                                                                                 \
        take_value_;                                                                                         \
    })

/* Defines function##_pointer(T *), to be named in _cleanup_() for a local of type T. */
#define DEFINE_CLEANUP(type, function)                                                                       \
    static inline void function##_pointer(type *value)                                                       \
    {                                                                                                        \
        if (*value)                                                                                          \
            function(*value);                                                                                \
    }

static inline void free_pointer(void *pointer)
{
    free(*(void **)pointer);
}

DEFINE_CLEANUP(FILE *, fclose)

#define _cleanup_free_   _cleanup_(free_pointer)
#define _cleanup_fclose_ _cleanup_(fclose_pointer)

#define ELEMENTSOF(array)                   (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define MIN(a, b)                           ((a) < (b) ? (a) : (b))
#define MAX(a, b)                           ((a) > (b) ? (a) : (b))
