// SPDX-License-Identifier: Apache-2.0
#include "supervisor/api/verb.h"
#include "supervisor/container/create.h"

void verb_create(struct Request *request, struct Container *none, const void *arguments)
{
    _cleanup_buf_ struct Buf warnings = BUF_INIT, result = BUF_INIT;
    struct Container *container = NULL;
    struct WireWriter writer;
    struct Error error = {0};
    (void)none;
    struct CreateRequest create = {
        .arguments = arguments, .map = request->arguments, .owner_uid = (uint32_t)request->caller.uid};
    if (container_create(request->manager, &create, &container, &warnings, &error) < 0) {
        request_fail(request, &error);
        return;
    }
    wire_writer_init(&writer, &result);
    wire_map(&writer, 2);
    wire_key_str(&writer, "id", container->id);
    wire_key(&writer, "warnings");
    container_pack_lines(&writer, &warnings);
    request_answer(request, &result);
}
