// SPDX-License-Identifier: Apache-2.0
/* docker's compound options: one text that becomes a map. */
#include "base/fd.h"
#include "base/str.h"
#include "client/option.h"
#include "client/value.h"

static int refuse(const struct Option *option, const char *text, const char *form, struct Error *error)
{
    char where[ERROR_WHERE_SIZE];
    str_format(where, sizeof(where), "--%s", option->name);
    return error_set(error, ERROR_INVALID_ARGUMENT, where, "expected %s, not %s", form, text);
}

static davit_value *new_slice(const char *text, size_t size)
{
    _cleanup_free_ char *copy = strndup(text, size);
    return copy ? davit_value_new_string(copy) : NULL;
}

/* The parts of a list with commas; empty ones are left out. */
static davit_value *new_list(const char *text)
{
    _cleanup_value_ davit_value *list = davit_value_new_array();
    for (const char *end = NULL; *text; text = *end ? end + 1 : end) {
        end = strchrnul(text, ',');
        if (end > text && davit_value_append(list, new_slice(text, (size_t)(end - text))) < 0)
            return NULL;
    }
    return TAKE_PTR(list);
}

static davit_value *new_absolute(const char *text, size_t size)
{
    _cleanup_free_ char *copy = strndup(text, size);
    _cleanup_free_ char *path = copy ? option_absolute_path(copy) : NULL;
    return path ? davit_value_new_string(path) : NULL;
}

/* Up to three parts at colons; returns their number, 0 when there are more or one is empty. */
static unsigned split(const char *text, const char *parts[3], size_t sizes[3])
{
    unsigned count = 0;
    for (;; text++) {
        const char *end = strchrnul(text, ':');
        if (count == 3 || end == text)
            return 0;
        parts[count] = text;
        sizes[count++] = (size_t)(end - text);
        text = end;
        if (!*end)
            return count;
    }
}

static int apply_pair(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    const char *equals = strchrnul(text, '=');
    _cleanup_free_ char *key = strndup(text, (size_t)(equals - text));
    if (equals == text || !key)
        return refuse(option, text, "KEY=VALUE", error);
    return davit_value_set_member(map, option->path, key, davit_value_new_string(*equals ? equals + 1 : ""));
}

static int apply_env(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    char pair[16384];
    if (*text == '=' || !*text)
        return refuse(option, text, "KEY=VALUE or KEY", error);
    if (strchr(text, '='))
        return davit_value_append_path(map, option->path, davit_value_new_string(text));
    const char *own = getenv(text);
    if (!own)
        return 0;
    if (!str_format(pair, sizeof(pair), "%s=%s", text, own))
        return refuse(option, text, "a variable of at most 16 KiB", error);
    return davit_value_append_path(map, option->path, davit_value_new_string(pair));
}

static int apply_volume(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    const char *parts[3];
    size_t sizes[3];
    unsigned count = split(text, parts, sizes);
    if (count < 2)
        return refuse(option, text, "SOURCE:TARGET[:OPTION,...]", error);
    _cleanup_value_ davit_value *mount = davit_value_new_map();
    int r = davit_value_set(mount, "source", new_absolute(parts[0], sizes[0]));
    if (r == 0)
        r = davit_value_set(mount, "target", new_slice(parts[1], sizes[1]));
    if (r == 0)
        r = davit_value_set_string(mount, "type", "bind");
    if (r == 0 && count == 3)
        r = davit_value_set(mount, "options", new_list(parts[2]));
    return r < 0 ? r : davit_value_append_path(map, option->path, TAKE_PTR(mount));
}

static const struct {
    const char *key, *member;
} mount_keys[] = {
    {"type", "type"},     {"source", "source"}, {"src", "source"},
    {"target", "target"}, {"dst", "target"},    {"destination", "target"},
};

/* One "key=value" or flag of --mount: a member, or a mount option. */
static int mount_part(davit_value *mount, const char *key, size_t key_size, const char *value,
                      size_t value_size)
{
    for (size_t i = 0; i < ELEMENTSOF(mount_keys); i++) {
        if (strncmp(mount_keys[i].key, key, key_size) != 0 || mount_keys[i].key[key_size] || !value)
            continue;
        bool source = str_equal(mount_keys[i].member, "source");
        return davit_value_set(mount, mount_keys[i].member,
                               source ? new_absolute(value, value_size) : new_slice(value, value_size));
    }
    if (key_size == 8 && memcmp(key, "readonly", 8) == 0)
        return davit_value_append_path(mount, "options", davit_value_new_string("ro"));
    return davit_value_append_path(mount, "options", new_slice(key, key_size + (value ? value_size + 1 : 0)));
}

static int apply_mount(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    _cleanup_value_ davit_value *mount = davit_value_new_map();
    const char *at = text;
    for (const char *end = NULL; *at; at = *end ? end + 1 : end) {
        end = strchrnul(at, ',');
        const char *equals = memchr(at, '=', (size_t)(end - at));
        const char *key_end = equals ? equals : end;
        if (key_end == at)
            return refuse(option, text, "type=bind,source=SOURCE,target=TARGET[,readonly]", error);
        int r = mount_part(mount, at, (size_t)(key_end - at), equals ? equals + 1 : NULL,
                           equals ? (size_t)(end - equals - 1) : 0);
        if (r < 0)
            return r;
    }
    if (!davit_value_get(mount, "target"))
        return refuse(option, text, "target=TARGET among its parts", error);
    if (!davit_value_get(mount, "type"))
        davit_value_set_string(mount, "type", "bind");
    return davit_value_append_path(map, option->path, TAKE_PTR(mount));
}

static int apply_tmpfs(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    const char *colon = strchrnul(text, ':');
    if (colon == text)
        return refuse(option, text, "TARGET[:OPTION,...]", error);
    _cleanup_value_ davit_value *tmpfs = davit_value_new_map();
    int r = davit_value_set(tmpfs, "target", new_slice(text, (size_t)(colon - text)));
    if (r == 0 && *colon)
        r = davit_value_set(tmpfs, "options", new_list(colon + 1));
    return r < 0 ? r : davit_value_append_path(map, option->path, TAKE_PTR(tmpfs));
}

static int apply_device(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    const char *parts[3];
    size_t sizes[3];
    unsigned count = split(text, parts, sizes);
    if (count == 0)
        return refuse(option, text, "PATH[:TARGET[:rwm]]", error);
    /* docker takes PATH:rwm too */
    bool short_form = count == 2 && parts[1][0] != '/' && strspn(parts[1], "rwm") == sizes[1];
    _cleanup_value_ davit_value *device = davit_value_new_map();
    int r = davit_value_set(device, "path", new_absolute(parts[0], sizes[0]));
    if (r == 0 && count > 1 && !short_form)
        r = davit_value_set(device, "target", new_slice(parts[1], sizes[1]));
    if (r == 0 && (count == 3 || short_form))
        r = davit_value_set(device, "access", new_slice(parts[count - 1], sizes[count - 1]));
    return r < 0 ? r : davit_value_append_path(map, option->path, TAKE_PTR(device));
}

static int parse_limit(const char *text, size_t size, uint64_t *ret)
{
    char number[32];
    if (!str_format(number, sizeof(number), "%.*s", (int)size, text))
        return -EINVAL;
    if (str_equal(number, "unlimited") || str_equal(number, "-1")) {
        *ret = UINT64_MAX;
        return 0;
    }
    return str_parse_u64(number, ret);
}

static int apply_ulimit(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    const char *equals = strchr(text, '=');
    uint64_t soft = 0, hard = 0;
    const char *colon = equals ? strchr(equals, ':') : NULL;
    const char *soft_end = colon ? colon : text + strlen(text);
    if (!equals || equals == text || parse_limit(equals + 1, (size_t)(soft_end - equals - 1), &soft) < 0 ||
        (colon && parse_limit(colon + 1, strlen(colon + 1), &hard) < 0))
        return refuse(option, text, "NAME=SOFT[:HARD]", error);
    _cleanup_value_ davit_value *limit = davit_value_new_map();
    int r = davit_value_set(limit, "name", new_slice(text, (size_t)(equals - text)));
    if (r == 0)
        r = davit_value_set_uint(limit, "soft", soft);
    if (r == 0)
        r = davit_value_set_uint(limit, "hard", colon ? hard : soft);
    return r < 0 ? r : davit_value_append_path(map, option->path, TAKE_PTR(limit));
}

static int apply_security(const struct Option *option, const char *text, davit_value *map,
                          struct Error *error)
{
    static const char privileges[] = "no-new-privileges", seccomp[] = "seccomp=";
    if (str_starts_with(text, seccomp)) {
        const char *profile = text + sizeof(seccomp) - 1;
        bool word = str_equal(profile, "unconfined") || str_equal(profile, "default");
        return davit_value_set(
            map, "seccomp", word ? davit_value_new_string(profile) : new_absolute(profile, strlen(profile)));
    }
    const char *value = str_starts_with(text, privileges) ? text + sizeof(privileges) - 1 : "?";
    if (str_equal(value, "") || str_equal(value, "=true") || str_equal(value, ":true"))
        return davit_value_set_bool(map, "no_new_privileges", true);
    if (str_equal(value, "=false") || str_equal(value, ":false"))
        return davit_value_set_bool(map, "no_new_privileges", false);
    return refuse(option, text, "no-new-privileges[=false] or seccomp=PROFILE", error);
}

static int apply_restart(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    const char *colon = strchrnul(text, ':');
    uint64_t most = 0;
    if (colon == text || (*colon && str_parse_u64(colon + 1, &most) < 0))
        return refuse(option, text, "POLICY[:MAX]", error);
    int r = davit_value_set_member(map, option->path, "policy", new_slice(text, (size_t)(colon - text)));
    if (r == 0 && *colon)
        r = davit_value_set_member(map, option->path, "max", davit_value_new_uint(most));
    return r;
}

static int apply_swap(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    uint64_t total = 0;
    if (str_parse_size(text, &total) < 0)
        return refuse(option, text, "a size", error);
    return davit_value_set_path(map, option->path + 1, davit_value_new_uint(total)); /* of the verb */
}

static int apply_file(const struct Option *option, const char *text, davit_value *map, struct Error *error)
{
    (void)option;
    return option_apply_file(text, map, error);
}

int option_apply_compound(const struct Option *option, const char *text, davit_value *map,
                          struct Error *error)
{
    static int (*const table[OPTION_KIND_COUNT])(const struct Option *, const char *, davit_value *,
                                                 struct Error *) = {
        [OPTION_PAIR] = apply_pair,     [OPTION_ENV] = apply_env,           [OPTION_VOLUME] = apply_volume,
        [OPTION_MOUNT] = apply_mount,   [OPTION_TMPFS] = apply_tmpfs,       [OPTION_DEVICE] = apply_device,
        [OPTION_ULIMIT] = apply_ulimit, [OPTION_SECURITY] = apply_security, [OPTION_RESTART] = apply_restart,
        [OPTION_SWAP] = apply_swap,     [OPTION_FILE] = apply_file,
    };
    int r = table[option->kind](option, text, map, error);
    if (r < 0 && error && !error->code)
        return error_set_errno(error, ERROR_INTERNAL, r, option->name, "cannot keep the value");
    return r;
}
