// SPDX-License-Identifier: Apache-2.0
/* Every mount option that is not the filesystem's own, as one table. */
#include "runtime/plan/mount-options.h"
#include "base/str.h"
#include <linux/mount.h>
#include <sys/mount.h>

enum OptionKind {
    OPTION_NOTHING,   /* already so */
    OPTION_SET,       /* attribute on */
    OPTION_CLEAR,     /* attribute off */
    OPTION_RECURSIVE, /* attribute on, everywhere below too */
    OPTION_PROPAGATION,
    OPTION_BIND,
    OPTION_REFUSED,
};

struct Option {
    const char *name;
    enum OptionKind kind;
    uint64_t value;
};

static const struct Option options_table[] = {
    {"defaults", OPTION_NOTHING, 0},
    {"silent", OPTION_NOTHING, 0},
    {"loud", OPTION_NOTHING, 0},
    {"ro", OPTION_SET, MOUNT_ATTR_RDONLY},
    {"rw", OPTION_CLEAR, MOUNT_ATTR_RDONLY},
    {"nosuid", OPTION_SET, MOUNT_ATTR_NOSUID},
    {"suid", OPTION_CLEAR, MOUNT_ATTR_NOSUID},
    {"nodev", OPTION_SET, MOUNT_ATTR_NODEV},
    {"dev", OPTION_CLEAR, MOUNT_ATTR_NODEV},
    {"noexec", OPTION_SET, MOUNT_ATTR_NOEXEC},
    {"exec", OPTION_CLEAR, MOUNT_ATTR_NOEXEC},
    {"nodiratime", OPTION_SET, MOUNT_ATTR_NODIRATIME},
    {"diratime", OPTION_CLEAR, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", OPTION_SET, MOUNT_ATTR_NOSYMFOLLOW},
    {"symfollow", OPTION_CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
    {"noatime", OPTION_SET, MOUNT_ATTR_NOATIME},
    {"strictatime", OPTION_SET, MOUNT_ATTR_STRICTATIME},
    {"relatime", OPTION_CLEAR, MOUNT_ATTR__ATIME},
    {"atime", OPTION_CLEAR, MOUNT_ATTR__ATIME},
    {"nostrictatime", OPTION_CLEAR, MOUNT_ATTR__ATIME},
    {"norelatime", OPTION_NOTHING, 0},
    {"rro", OPTION_RECURSIVE, MOUNT_ATTR_RDONLY},
    {"rnosuid", OPTION_RECURSIVE, MOUNT_ATTR_NOSUID},
    {"rnodev", OPTION_RECURSIVE, MOUNT_ATTR_NODEV},
    {"rnoexec", OPTION_RECURSIVE, MOUNT_ATTR_NOEXEC},
    {"rnodiratime", OPTION_RECURSIVE, MOUNT_ATTR_NODIRATIME},
    {"rnosymfollow", OPTION_RECURSIVE, MOUNT_ATTR_NOSYMFOLLOW},
    {"rnoatime", OPTION_RECURSIVE, MOUNT_ATTR_NOATIME},
    {"rstrictatime", OPTION_RECURSIVE, MOUNT_ATTR_STRICTATIME},
    {"private", OPTION_PROPAGATION, MS_PRIVATE},
    {"rprivate", OPTION_PROPAGATION, MS_PRIVATE | MS_REC},
    {"slave", OPTION_PROPAGATION, MS_SLAVE},
    {"rslave", OPTION_PROPAGATION, MS_SLAVE | MS_REC},
    {"shared", OPTION_PROPAGATION, MS_SHARED},
    {"rshared", OPTION_PROPAGATION, MS_SHARED | MS_REC},
    {"unbindable", OPTION_PROPAGATION, MS_UNBINDABLE},
    {"runbindable", OPTION_PROPAGATION, MS_UNBINDABLE | MS_REC},
    {"bind", OPTION_BIND, 0},
    {"rbind", OPTION_BIND, 1},
    {"rrw", OPTION_REFUSED, 0},
    {"rsuid", OPTION_REFUSED, 0},
    {"rdev", OPTION_REFUSED, 0},
    {"rexec", OPTION_REFUSED, 0},
    {"rdiratime", OPTION_REFUSED, 0},
    {"rsymfollow", OPTION_REFUSED, 0},
    {"ratime", OPTION_REFUSED, 0},
    {"rrelatime", OPTION_REFUSED, 0},
    {"rnorelatime", OPTION_REFUSED, 0},
    {"rnostrictatime", OPTION_REFUSED, 0},
    {"remount", OPTION_REFUSED, 0},
    {"move", OPTION_REFUSED, 0},
    {"tmpcopyup", OPTION_REFUSED, 0},
    {"idmap", OPTION_REFUSED, 0},
    {"ridmap", OPTION_REFUSED, 0},
};

static const struct Option *find(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(options_table); i++)
        if (str_equal(options_table[i].name, name))
            return &options_table[i];
    return NULL;
}

/* Access times are one field of several bits: a new value replaces the whole of it. */
static uint64_t field_of(uint64_t attribute)
{
    return attribute & MOUNT_ATTR__ATIME ? MOUNT_ATTR__ATIME : attribute;
}

static void apply(struct MountOptions *options, const struct Option *option)
{
    uint64_t field = field_of(option->value);
    switch (option->kind) {
    case OPTION_SET:
        options->set = (options->set & ~field) | option->value;
        options->clear &= ~field;
        break;
    case OPTION_CLEAR:
        options->set &= ~field;
        options->clear |= field;
        break;
    case OPTION_RECURSIVE:
        options->recursive_set = (options->recursive_set & ~field) | option->value;
        break;
    case OPTION_PROPAGATION:
        options->propagation = option->value;
        break;
    case OPTION_BIND:
        options->bind = true;
        options->recursive_bind = option->value;
        break;
    case OPTION_NOTHING:
    case OPTION_REFUSED:
        break;
    }
}

void mount_options_deinit(struct MountOptions *options)
{
    free(options->data);
    options->data = NULL;
}

int mount_options_parse(struct Planner *planner, size_t index, struct MountOptions *ret)
{
    const struct SpecMount *mount = &planner->spec->mounts[index];
    struct MountOptions options = {0};
    size_t count = 0;
    _cleanup_free_ const char **data = calloc(mount->options.count + 1, sizeof(*data));
    if (!data)
        return planner_fail(planner, ERROR_INTERNAL, "mounts", "out of memory");
    for (size_t i = 0; i < mount->options.count; i++) {
        const char *name = mount->options.items[i];
        const struct Option *option = find(name);
        if (option && option->kind == OPTION_REFUSED) {
            char where[ERROR_WHERE_SIZE];
            str_format(where, sizeof(where), "mounts[%zu].options[%zu]", index, i);
            return planner_fail(planner, ERROR_UNSUPPORTED, where, "%s is not carried out by this version",
                                name);
        }
        if (option)
            apply(&options, option);
        else if (*name) {
            if (!count)
                options.first_data = i;
            data[count++] = name;
        }
    }
    options.data = TAKE_PTR(data);
    *ret = options;
    return 0;
}
