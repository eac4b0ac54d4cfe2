// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

static const struct davit_error without_memory = {
    .error = {.code = ERROR_INTERNAL, .errnum = ENOMEM, .what = "out of memory"},
};

int client_error(davit_error **ret_error, int r, const struct Error *error, const davit_value *details)
{
    if (!ret_error)
        return r;
    davit_error *made = calloc(1, sizeof(*made));
    if (made) {
        made->error = *error;
        made->details = details ? davit_value_copy(details) : NULL;
    }
    *ret_error = made ? made : (davit_error *)&without_memory;
    return r;
}

davit_value *client_error_details(const msgpack_object *object)
{
    const msgpack_object *details = wire_get(object, "details");
    return details && details->type == MSGPACK_OBJECT_MAP ? value_from_object(details) : NULL;
}

const char *davit_error_code(const davit_error *error)
{
    return error_code_name(error->error.code);
}

const char *davit_error_message(const davit_error *error)
{
    return error->error.what;
}

const char *davit_error_where(const davit_error *error)
{
    return error->error.where;
}

const davit_value *davit_error_details(const davit_error *error)
{
    return error->details;
}

void davit_error_free(davit_error *error)
{
    if (!error || error == &without_memory)
        return;
    davit_value_free(error->details);
    free(error);
}
