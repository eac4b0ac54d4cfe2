// SPDX-License-Identifier: Apache-2.0
/*
 * Where the hierarchies of this host are. A hierarchy may be mounted many times (in the root of
 * another container, say) and a mount may lie hidden under a later one: the first visible mount of
 * each hierarchy counts, one below /sys/fs/cgroup before any other.
 */
#include "base/fd.h"
#include "base/str.h"
#include "runtime/cgroup/cgroup.h"
#include <fcntl.h>
#include <stdlib.h>

enum {
    MOUNTINFO_LIMIT = 16 << 20,
    ANCESTOR_MAX = 32,
};

/* A piece of the text. */
struct Word {
    const char *data;
    size_t length;
};

struct MountLine {
    unsigned id, parent;
    struct Word target, type, options;
};

struct MountTable {
    struct MountLine *lines;
    size_t count;
};

static bool word_equal(const struct Word *a, const struct Word *b)
{
    return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static bool word_is(const struct Word *word, const char *text)
{
    return strlen(text) == word->length && memcmp(word->data, text, word->length) == 0;
}

static bool word_next(const char **text, struct Word *ret)
{
    *text += strspn(*text, " ");
    *ret = (struct Word){*text, strcspn(*text, " \n")};
    *text += ret->length;
    return ret->length > 0;
}

static unsigned word_number(const struct Word *word)
{
    unsigned number = 0;
    for (size_t i = 0; i < word->length && word->data[i] >= '0' && word->data[i] <= '9'; i++)
        number = number * 10 + (unsigned)(word->data[i] - '0');
    return number;
}

/* One line of `id parent major:minor root target options [tags] - type source options`; leaves
 * *text at the next line. False for one that is not understood, which then is as if not there. */
static bool mount_line_parse(const char **text, struct MountLine *ret)
{
    struct Word id, parent, skip;
    bool ok = word_next(text, &id) && word_next(text, &parent) && word_next(text, &skip) &&
              word_next(text, &skip) && word_next(text, &ret->target);
    do
        ok = ok && word_next(text, &skip);
    while (ok && !word_is(&skip, "-"));
    ok = ok && word_next(text, &ret->type) && word_next(text, &skip) && word_next(text, &ret->options);
    *text = strchrnul(*text, '\n');
    *text += **text == '\n';
    if (!ok)
        return false;
    ret->id = word_number(&id);
    ret->parent = word_number(&parent);
    return true;
}

static int mount_table_parse(const char *mountinfo, struct MountTable *ret)
{
    size_t lines = 1;
    for (const char *c = strchr(mountinfo, '\n'); c; c = strchr(c + 1, '\n'))
        lines++;
    struct MountTable table = {.lines = calloc(lines, sizeof(*table.lines))};
    if (!table.lines)
        return -ENOMEM;
    for (const char *text = mountinfo; *text;)
        if (mount_line_parse(&text, &table.lines[table.count]))
            table.count++;
    *ret = table;
    return 0;
}

/* Another mount lies on the root of this one, or of one of its ancestors. */
static bool mount_is_hidden(const struct MountTable *table, const struct MountLine *mount)
{
    const struct MountLine *node = mount, *below = NULL;
    for (unsigned depth = 0; node && depth < ANCESTOR_MAX; depth++) {
        const struct MountLine *parent = NULL;
        for (size_t i = 0; i < table->count; i++) {
            const struct MountLine *line = &table->lines[i];
            if (line->id == node->id || line == below)
                continue;
            if (line->parent == node->id && word_equal(&line->target, &node->target))
                return true;
            if (line->id == node->parent)
                parent = line;
        }
        below = node;
        node = parent;
    }
    return false;
}

/* The target with its octal escapes resolved; false when it does not fit. */
static bool mount_target(const struct MountLine *mount, char ret[CGROUP_MOUNT_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < mount->target.length; i++) {
        const char *in = mount->target.data + i;
        bool octal = mount->target.length - i >= 4 && in[0] == '\\' && in[1] >= '0' && in[1] <= '3' &&
                     in[2] >= '0' && in[2] <= '7' && in[3] >= '0' && in[3] <= '7';
        if (used + 1 >= CGROUP_MOUNT_MAX)
            return false;
        ret[used++] = octal ? (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0')) : *in;
        i += octal ? 3 : 0;
    }
    ret[used] = 0;
    return true;
}

/* The controllers among the options of a v1 mount, "name=x" included. */
static void controllers_of(const struct Word *options, char *ret, size_t size)
{
    static const char *const others[] = {
        "rw",   "ro",     "xattr", "clone_children", "noprefix",       "none",         "all",
        "sync", "nosuid", "nodev", "noexec",         "cpuset_v2_mode", "favordynmods", "seclabel",
    };
    ret[0] = 0;
    size_t used = 0;
    const char *end = options->data + options->length;
    for (const char *start = options->data; start < end;) {
        const char *comma = memchr(start, ',', (size_t)(end - start));
        struct Word word = {start, (size_t)((comma ? comma : end) - start)};
        bool known = memchr(start, '=', word.length) && (word.length < 5 || memcmp(start, "name=", 5) != 0);
        for (size_t i = 0; i < ELEMENTSOF(others) && !known; i++)
            known = word_is(&word, others[i]);
        if (!known && used + word.length + 2 <= size) {
            if (used)
                ret[used++] = ',';
            memcpy(ret + used, word.data, word.length);
            used += word.length;
            ret[used] = 0;
        }
        start = comma ? comma + 1 : end;
    }
}

static bool is_at_home(const char *mount)
{
    return str_equal(mount, "/sys/fs/cgroup") || str_starts_with(mount, "/sys/fs/cgroup/");
}

static void keep_mount(char *slot, const char *mount)
{
    if (!*slot || (!is_at_home(slot) && is_at_home(mount)))
        strcpy(slot, mount);
}

static void keep_v1(struct CgroupLayout *layout, const char *controllers, const char *mount)
{
    for (unsigned i = 0; i < layout->v1_count; i++)
        if (str_equal(layout->v1[i].controllers, controllers)) {
            keep_mount(layout->v1[i].mount, mount);
            return;
        }
    if (layout->v1_count == CGROUP_V1_MAX)
        return;
    struct CgroupHierarchy *hierarchy = &layout->v1[layout->v1_count++];
    strcpy(hierarchy->controllers, controllers);
    strcpy(hierarchy->mount, mount);
}

static enum CgroupKind kind_of(const struct CgroupLayout *layout)
{
    bool v1 = false;
    for (unsigned i = 0; i < layout->v1_count; i++)
        v1 |= !str_starts_with(layout->v1[i].controllers, "name=");
    if (layout->v2_mount[0])
        return v1 ? CGROUP_HYBRID : CGROUP_V2;
    return v1 ? CGROUP_V1 : CGROUP_NONE;
}

static int parse_mounts(struct CgroupLayout *layout, const char *mountinfo)
{
    struct MountTable table = {0};
    int r = mount_table_parse(mountinfo, &table);
    if (r < 0)
        return r;
    _cleanup_free_ struct MountLine *lines = table.lines;
    for (size_t i = 0; i < table.count; i++) {
        const struct MountLine *line = &lines[i];
        bool v2 = word_is(&line->type, "cgroup2");
        char target[CGROUP_MOUNT_MAX], controllers[CGROUP_MOUNT_MAX];
        if (!v2 && !word_is(&line->type, "cgroup"))
            continue;
        if (!mount_target(line, target) || mount_is_hidden(&table, line))
            continue;
        controllers_of(&line->options, controllers, sizeof(controllers));
        if (v2)
            keep_mount(layout->v2_mount, target);
        else if (*controllers)
            keep_v1(layout, controllers, target);
    }
    layout->kind = kind_of(layout);
    return 0;
}

static int parse_controllers(struct CgroupLayout *layout, const char *text, struct Error *error)
{
    size_t length = text ? strcspn(text, "\n") : 0;
    if (length >= sizeof(layout->v2_controllers))
        return error_set(error, ERROR_RUNTIME_FAILED, "cgroup.controllers", "a line of %zu bytes", length);
    if (length && layout->v2_mount[0])
        memcpy(layout->v2_controllers, text, length);
    return 0;
}

int cgroup_layout_parse(struct CgroupLayout *layout, const char *mountinfo, const char *v2_controllers,
                        struct Error *error)
{
    struct CgroupLayout result = {.kind = CGROUP_NONE};
    int r = parse_mounts(&result, mountinfo);
    if (r < 0)
        return error_set_errno(error, ERROR_INTERNAL, r, "/proc/self/mountinfo", "cannot parse it");
    r = parse_controllers(&result, v2_controllers, error);
    if (r < 0)
        return r;
    *layout = result;
    return 0;
}

int cgroup_layout_probe(struct CgroupLayout *layout, struct Error *error)
{
    _cleanup_free_ char *mountinfo = NULL, *controllers = NULL;
    int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, &mountinfo, NULL);
    if (r < 0)
        return error_set_errno(error, ERROR_RUNTIME_FAILED, r, "/proc/self/mountinfo", "cannot read it");
    struct CgroupLayout result = {.kind = CGROUP_NONE};
    r = cgroup_layout_parse(&result, mountinfo, NULL, error);
    if (r < 0)
        return r;
    if (result.v2_mount[0]) {
        char path[CGROUP_MOUNT_MAX + 32];
        str_format(path, sizeof(path), "%s/cgroup.controllers", result.v2_mount);
        r = file_read(AT_FDCWD, path, 4096, &controllers, NULL);
        if (r < 0)
            return error_set_errno(error, ERROR_RUNTIME_FAILED, r, path, "cannot read it");
    }
    r = parse_controllers(&result, controllers, error);
    if (r < 0)
        return r;
    *layout = result;
    return 0;
}

/* `word` is one of the words of `list`, which are set apart by this character. */
static bool list_has(const char *list, char separator, const char *word)
{
    size_t length = strlen(word);
    for (const char *item = list; *item;) {
        const char *end = strchrnul(item, separator);
        if ((size_t)(end - item) == length && memcmp(item, word, length) == 0)
            return true;
        item = *end ? end + 1 : end;
    }
    return false;
}

const struct CgroupHierarchy *cgroup_layout_v1(const struct CgroupLayout *layout, const char *controller)
{
    for (unsigned i = 0; i < layout->v1_count; i++)
        if (list_has(layout->v1[i].controllers, ',', controller))
            return &layout->v1[i];
    return NULL;
}

bool cgroup_layout_has_v2(const struct CgroupLayout *layout, const char *controller)
{
    return layout->v2_mount[0] && list_has(layout->v2_controllers, ' ', controller);
}
