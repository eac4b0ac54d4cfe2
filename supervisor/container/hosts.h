// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdbool.h>
/* Writes hostname, hosts and resolv.conf of one container into its run folder. On the host's network the
 * host's own hosts file is taken. 0 or a negative errno. */
int hosts_write(int directory, const char *hostname, bool host_network);
