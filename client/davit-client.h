/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * libdavit: the client of davitd, a container supervisor.
 *
 * A davit_client is one connection. It owns no thread and no event loop: the caller watches
 * davit_get_fd() for davit_get_events() until davit_get_timeout() and then calls davit_process(), or
 * uses davit_wait() and davit_call(), which do so for it. Callbacks run inside davit_process() only.
 * An object must not be used by two threads at once; different objects are independent.
 *
 * Arguments and results are davit_values: nil, booleans, numbers, strings, bytes, arrays and maps.
 * Which method takes which is told by the method "describe" and by docs/protocol.md. Sizes are bytes,
 * durations and times are microseconds throughout.
 *
 * Functions that can fail return 0 or more, or a negative errno. Those with a `ret_error` also give a
 * davit_error for people and programs: pass NULL if it is not wanted, else free what is returned.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct davit_client davit_client;
typedef struct davit_stream davit_stream;
typedef struct davit_value davit_value;
typedef struct davit_error davit_error;

/* No limit in time. */
#define DAVIT_FOREVER UINT64_MAX

/* ---- values ------------------------------------------------------------------------------- */

enum davit_type {
    DAVIT_NIL,
    DAVIT_BOOL,
    DAVIT_UINT, /* an integer >= 0 */
    DAVIT_INT,  /* an integer < 0 */
    DAVIT_DOUBLE,
    DAVIT_STRING, /* UTF-8 */
    DAVIT_BYTES,
    DAVIT_ARRAY,
    DAVIT_MAP, /* keys are strings, in the order in which they were set */
};

/* At most so many arrays and maps inside each other. */
#define DAVIT_DEPTH_MAX 24

/* Each returns a new value that belongs to the caller, or NULL without memory. Text and bytes are
 * copied; davit_value_new_string(NULL) is nil. */
davit_value *davit_value_new_nil(void);
davit_value *davit_value_new_bool(bool value);
davit_value *davit_value_new_uint(uint64_t value);
davit_value *davit_value_new_int(int64_t value);
davit_value *davit_value_new_double(double value);
davit_value *davit_value_new_string(const char *text);
davit_value *davit_value_new_bytes(const void *data, size_t size);
davit_value *davit_value_new_array(void);
davit_value *davit_value_new_map(void);
/* A deep copy, or NULL. */
davit_value *davit_value_copy(const davit_value *value);
/* Frees the value and all that it holds. NULL is fine. */
void davit_value_free(davit_value *value);

/* Sets a key of a map, replacing what was there. `value` belongs to the map from now on, and is freed
 * when this fails, so that a constructor can stand in its place. 0; -EINVAL: not a map;
 * -ENOMEM, also when `value` is NULL; -E2BIG: deeper than DAVIT_DEPTH_MAX. */
int davit_value_set(davit_value *map, const char *key, davit_value *value);
int davit_value_set_string(davit_value *map, const char *key, const char *text);
int davit_value_set_uint(davit_value *map, const char *key, uint64_t value);
int davit_value_set_bool(davit_value *map, const char *key, bool value);
/* As davit_value_set() for a dotted path ("resources.memory"); missing maps on the way are made.
 * -EINVAL when something on the way is no map. */
int davit_value_set_path(davit_value *map, const char *path, davit_value *value);
/* Sets a key, dots and all, of the map at a dotted path of a map; made when it is missing. */
int davit_value_set_member(davit_value *map, const char *path, const char *key, davit_value *value);
/* Appends to an array; ownership and errors as davit_value_set(). */
int davit_value_append(davit_value *array, davit_value *value);
/* Appends to the array at a dotted path of a map; the array is made when it is missing. */
int davit_value_append_path(davit_value *map, const char *path, davit_value *value);

/* What is returned by these is borrowed: it lives as long as the value that it is part of, and must
 * not be changed or freed. All of them take NULL, and a value of another type, as having nothing. */
enum davit_type davit_value_type(const davit_value *value);
/* Members of an array or map, bytes of a string or of bytes; else 0. */
size_t davit_value_size(const davit_value *value);
/* The member at a position of an array or map; NULL beyond its end. */
const davit_value *davit_value_at(const davit_value *value, size_t index);
/* The key at a position of a map. */
const char *davit_value_key_at(const davit_value *map, size_t index);
/* The member with this key of a map; NULL when absent. A path may be dotted. */
const davit_value *davit_value_get(const davit_value *map, const char *key);
const davit_value *davit_value_get_path(const davit_value *map, const char *path);
/* The text of a string (with a NUL after it), or NULL. */
const char *davit_value_string(const davit_value *value);
/* The bytes of a string or bytes, or NULL; their number is davit_value_size(). */
const void *davit_value_bytes(const davit_value *value);
/* False when the value is no number that fits; *ret is then untouched. */
bool davit_value_uint(const davit_value *value, uint64_t *ret);
bool davit_value_int(const davit_value *value, int64_t *ret);
bool davit_value_double(const davit_value *value, double *ret);
/* True for the boolean true alone. */
bool davit_value_is_true(const davit_value *value);
/* Shorthands: davit_value_string(davit_value_get(map, key)) and so on. */
const char *davit_value_get_string(const davit_value *map, const char *key);
bool davit_value_get_uint(const davit_value *map, const char *key, uint64_t *ret);

/* The value as one line of JSON, to be freed with free(3), or NULL without memory. Bytes that are
 * UTF-8 become a string, others {"base64": "..."}. */
char *davit_value_to_json(const davit_value *value);

/* ---- errors ------------------------------------------------------------------------------- */

/* One of NotFound AlreadyExists WrongState InvalidArgument PermissionDenied ResourceExhausted
 * Unsupported Timeout RuntimeFailed Unavailable Internal. All texts are borrowed from the error. */
const char *davit_error_code(const davit_error *error);
/* One line for a person. */
const char *davit_error_message(const davit_error *error);
/* The argument, JSON path or step at fault; "" when there is none. */
const char *davit_error_where(const davit_error *error);
/* More facts as a map, for instance {step, errno} of a failed start; NULL when there are none. */
const davit_value *davit_error_details(const davit_error *error);
/* NULL is fine. */
void davit_error_free(davit_error *error);

/* ---- connection --------------------------------------------------------------------------- */

/* Never start a davitd. */
#define DAVIT_NO_AUTOSTART 1u

/* Connects and says hello, waiting at most 5 s for each. `path` is the socket; NULL takes
 * $DAVIT_SOCKET, else the default place: /run/davit/davit.sock for root,
 * $XDG_RUNTIME_DIR/davit/davit.sock for others. Where that default is taken and nobody listens, a davitd
 * is started in its own session, which ends by itself when it is not needed any more.
 * 0 and a client that the caller frees; -EINVAL, -ENAMETOOLONG: no usable path; else the errno of
 * what failed, with an error of code Unavailable. */
int davit_connect(const char *path, unsigned flags, davit_client **ret, davit_error **ret_error);
/* Takes a connected stream socket (also on failure) and sends hello without waiting for its answer. */
int davit_connect_fd(int fd, davit_client **ret, davit_error **ret_error);
/* Closes the connection; callbacks that are still to come never come. Streams of the client must be
 * freed before. Not to be called from a callback. NULL is fine. */
void davit_client_free(davit_client *client);
/* What davitd answered to hello: {version, api, instance, time}; NULL before that. Borrowed. */
const davit_value *davit_get_hello(const davit_client *client);

/* The descriptor to watch; it never changes during the life of the client. */
int davit_get_fd(const davit_client *client);
/* poll(2) events to watch it for. Ask again after each call of a function of this header. */
short davit_get_events(const davit_client *client);
/* When davit_process() must be called at the latest: CLOCK_MONOTONIC in microseconds, or
 * DAVIT_FOREVER. */
uint64_t davit_get_timeout(const davit_client *client);
/* Does what can be done without blocking: reads, calls callbacks, writes, ends calls whose time
 * is over. 1: there was something; 0: there was nothing; negative: the connection is lost (-ENODATA: the
 * other end closed it), all calls and streams have been told, and the client can only be freed. */
int davit_process(davit_client *client);
/* Waits until there is something to process, at most timeout_usec from now, and processes it.
 * As davit_process(); 0 when the time is over. -EDEADLK when called from a callback. */
int davit_wait(davit_client *client, uint64_t timeout_usec);

/* ---- calls -------------------------------------------------------------------------------- */

/* Exactly one of result and error is not NULL; both are borrowed and live until the callback returns. */
typedef void (*davit_answer)(davit_client *client, const davit_value *result, const davit_error *error,
                             void *userdata);

/* Sends a request. `arguments` is a map or NULL, and stays the caller's. `callback` (may be NULL) is
 * called exactly once: with the answer, with Timeout after timeout_usec, or with Unavailable when the
 * connection is lost; never before this returns. *ret_id (may be NULL) is for davit_cancel().
 * 0; -ENOTCONN: the connection is lost; -ENOBUFS: too much is unsent; -E2BIG, -ENOMEM. */
int davit_call_async(davit_client *client, const char *method, const davit_value *arguments,
                     uint64_t timeout_usec, davit_answer callback, void *userdata, uint32_t *ret_id);
/* Forgets the callback of a call. davitd carries the request out all the same. */
void davit_cancel(davit_client *client, uint32_t id);
/* Sends a request and waits for its answer, calling the callbacks of others meanwhile. *ret_result
 * (may be NULL) is the caller's to free. An error of davitd gives a negative errno that fits its code
 * and *ret_error. -EDEADLK when called from a callback. */
int davit_call(davit_client *client, const char *method, const davit_value *arguments, uint64_t timeout_usec,
               davit_value **ret_result, davit_error **ret_error);

/* ---- streams ------------------------------------------------------------------------------ */

/* Any of these may be NULL. In each of them davit_stream_free() of this stream is allowed. */
typedef struct davit_stream_callbacks {
    /* Once: with the answer of the stream method, or with an error, after which nothing comes. */
    void (*on_open)(davit_stream *stream, const davit_value *result, const davit_error *error,
                    void *userdata);
    /* Bytes of a channel ("stdout", "stderr", "log"); `offset` counts the bytes of that channel since
     * the start of the container's generation. */
    void (*on_data)(davit_stream *stream, const char *channel, uint64_t offset, const void *data, size_t size,
                    void *userdata);
    /* A value of a channel ("event"). */
    void (*on_value)(davit_stream *stream, const char *channel, const davit_value *value, void *userdata);
    /* Once, last: error is NULL after a regular end. `dropped` counts what this client did not get. */
    void (*on_end)(davit_stream *stream, uint64_t dropped, const davit_error *error, void *userdata);
} davit_stream_callbacks;

/* Calls a stream method. Credit is granted by itself: davitd has at most `window` bytes under way
 * (0: 1 MiB), and more only after the callbacks have returned. The stream is the caller's;
 * `callbacks` must outlive it. Errors as davit_call_async(). */
int davit_stream_open(davit_client *client, const char *method, const davit_value *arguments, size_t window,
                      const davit_stream_callbacks *callbacks, void *userdata, davit_stream **ret);
/* Told when the container's side took the bytes, or did not. */
typedef void (*davit_written)(davit_stream *stream, uint64_t written, const davit_error *error,
                              void *userdata);
/* Writes to the container's stdin; the bytes are copied. One write at a time: -EBUSY while another
 * is under way, -EPIPE before on_open, after an end and after closing stdin. Else as davit_call_async(). */
int davit_stream_write(davit_stream *stream, const void *data, size_t size, davit_written callback,
                       void *userdata);
/* The half-close of stdin; what was written before arrives. Errors as davit_stream_write(). */
int davit_stream_close_stdin(davit_stream *stream);
/* Ends the stream if it has not ended, and frees it; no callback comes any more. NULL is fine. */
void davit_stream_free(davit_stream *stream);

#ifdef __cplusplus
}
#endif
