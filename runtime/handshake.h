// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What monitor and init say to each other: packets of struct RuntimeMessage from init, one word
 * (go) from the monitor. Init uses write(2) alone, the call that a seccomp filter forbids last.
 */
#include "runtime/runtime.h"
#include <stdbool.h>

/* Name of a process that was cloned and has not executed a program yet. */
extern const char INIT_COMM[16];

/* Init's side; error may be NULL. A negative errno when the monitor is gone. */
int handshake_report(int fd, enum RuntimeMessageKind kind, const struct Error *error);
/* Waits for the go: 0, or -EPIPE at the end of file. */
int handshake_wait(int fd);
/* The go is there already. */
bool handshake_is_released(int fd);
/* Waits for somebody who connects and says go; the connection or a negative errno. */
int handshake_accept(int listen_fd);

/* The monitor's side. */
int handshake_go(int fd);
/* 1 a message, 0 end of file, -EAGAIN, or another negative errno. */
int handshake_receive(int fd, struct RuntimeMessage *ret);
/* A connected socket or a negative errno; -EAGAIN when there is a queue and `wait` is false. */
int handshake_connect(int dir_fd, const char *name, bool wait);
/* Has this child, which is not reaped yet, executed a program? Also of one that has ended. */
bool handshake_has_executed(pid_t pid);
