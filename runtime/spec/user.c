// SPDX-License-Identifier: Apache-2.0
/*
 * The user of a container, given as text. What begins like a number is a number or an error, never
 * a name: an image could otherwise say which user "4294967296" is. The two files belong to whoever
 * made the rootfs: regular, at most USER_FILE_LIMIT bytes, and every line may be nonsense.
 */
#include "base/buf.h"
#include "base/fd.h"
#include "base/resolve.h"
#include "base/str.h"
#include "runtime/spec/spec.h"
#include <fcntl.h>
#include <sys/stat.h>

enum {
    USER_FILE_LIMIT = 10 << 20,
    USER_NAME_LIMIT = 256,
    USER_ID_MAX = INT32_MAX,
    USER_GROUPS_LIMIT = 65536 /* NGROUPS_MAX */
};

/* A piece of a file or of the argument. */
struct Text {
    const char *at;
    size_t size;
};

enum { PASSWD_FIELDS = 7, GROUP_FIELDS = 4, FIELDS_MAX = PASSWD_FIELDS };

struct Database {
    char *data;
    size_t size;
};

static void database_deinit(struct Database *database)
{
    free(database->data);
}
#define _cleanup_database_ _cleanup_(database_deinit)

static bool text_equal(struct Text a, struct Text b)
{
    return a.size == b.size && memcmp(a.at, b.at, a.size) == 0;
}

/* The text up to `separator`; *rest is what follows it, at == NULL when nothing does. */
static struct Text text_cut(struct Text *rest, char separator)
{
    const char *found = memchr(rest->at, separator, rest->size);
    struct Text piece = {rest->at, found ? (size_t)(found - rest->at) : rest->size};
    if (found)
        *rest = (struct Text){found + 1, rest->size - piece.size - 1};
    else
        *rest = (struct Text){0};
    return piece;
}

/* 0, -EINVAL for what is no strict decimal, -ERANGE for one that is no id. */
static int text_id(struct Text text, uint32_t *ret)
{
    enum { DIGITS_MAX = 20 };
    char digits[DIGITS_MAX + 1];
    uint32_t id = 0;
    if (text.size > DIGITS_MAX || memchr(text.at, 0, text.size))
        return -EINVAL;
    memcpy(digits, text.at, text.size);
    digits[text.size] = 0;
    int r = str_parse_u32(digits, &id);
    if (r < 0)
        return r;
    if (id > USER_ID_MAX)
        return -ERANGE;
    *ret = id;
    return 0;
}

static bool is_numeric(struct Text text)
{
    return text.size > 0 && strchr("0123456789+-", text.at[0]);
}

static const char *name_complaint(struct Text text)
{
    if (text.size == 0)
        return "the name of a user or group is empty";
    if (text.size >= USER_NAME_LIMIT)
        return "the name of a user or group is too long";
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] <= ' ' || text.at[i] == 0x7f || strchr(":,/", text.at[i]))
            return "the name of a user or group holds a byte that no name has";
    return NULL;
}

static int fail(struct Error *error, const char *what)
{
    return error_set(error, ERROR_INVALID_ARGUMENT, "user", "%s", what);
}

/* The fields of one line; how many there are, at most FIELDS_MAX. */
static size_t split_line(struct Text line, struct Text fields[FIELDS_MAX])
{
    size_t count = 0;
    while (line.at && count < FIELDS_MAX)
        fields[count++] = text_cut(&line, ':');
    return count;
}

static int open_database(int root_fd, const char *path, int *ret_fd, struct stat *ret_st)
{
    /* Looked at before it is opened: opening a FIFO or a device is an act. */
    _cleanup_close_ int path_fd = resolve_open(root_fd, path, O_PATH);
    if (path_fd < 0)
        return path_fd;
    if (fstat(path_fd, ret_st) < 0)
        return -errno;
    if (!S_ISREG(ret_st->st_mode))
        return -EMEDIUMTYPE;
    _cleanup_close_ int fd = resolve_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;
    if (fstat(fd, ret_st) < 0)
        return -errno;
    if (!S_ISREG(ret_st->st_mode))
        return -EMEDIUMTYPE;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* A file that is not there is an empty one. */
static int database_load(struct Database *database, int root_fd, const char *path, struct Error *error)
{
    _cleanup_close_ int fd = -1;
    struct stat st;
    int r = open_database(root_fd, path, &fd, &st);
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r == -EMEDIUMTYPE)
        return error_set(error, ERROR_INVALID_ARGUMENT, "user", "%s in the container is not a regular file",
                         path);
    if (r < 0)
        return error_set_errno(error, ERROR_INVALID_ARGUMENT, r, "user", "opening %s in the container", path);
    if (st.st_size > USER_FILE_LIMIT)
        return error_set(error, ERROR_INVALID_ARGUMENT, "user", "%s in the container is longer than %d bytes",
                         path, USER_FILE_LIMIT);
    database->data = malloc((size_t)st.st_size + 1);
    if (!database->data)
        return error_set_errno(error, ERROR_RESOURCE_EXHAUSTED, ENOMEM, "user", "reading %s", path);
    ssize_t size = fd_read_all(fd, database->data, (size_t)st.st_size);
    if (size < 0)
        return error_set_errno(error, ERROR_INTERNAL, (int)size, "user", "reading %s in the container", path);
    database->size = (size_t)size;
    return 0;
}

static struct Text database_text(const struct Database *database)
{
    return (struct Text){database->data ? database->data : "", database->size};
}

/* The user as far as it is known. */
struct User {
    uint32_t uid, gid;
    struct Text name; /* of the user in the container; size 0: unknown */
};

/* The first line that has this name, or (name.size == 0) this uid. 1: found. */
static int find_user(const struct Database *passwd, struct User *user, struct Error *error)
{
    struct Text rest = database_text(passwd), wanted = user->name;
    while (rest.at) {
        struct Text fields[FIELDS_MAX], line = text_cut(&rest, '\n');
        uint32_t uid = 0, gid = 0;
        if (split_line(line, fields) < 4 || fields[0].size == 0)
            continue;
        bool good = text_id(fields[2], &uid) == 0 && text_id(fields[3], &gid) == 0;
        if (wanted.size > 0 ? !text_equal(fields[0], wanted) : !good || uid != user->uid)
            continue;
        if (!good)
            return fail(error, "the user's line in /etc/passwd has no good numbers");
        *user = (struct User){.uid = uid, .gid = gid, .name = fields[0]};
        return 1;
    }
    return 0;
}

/* The first line of this name. */
static int find_group(const struct Database *groups, struct Text name, uint32_t *ret_gid, struct Error *error)
{
    struct Text rest = database_text(groups);
    while (rest.at) {
        struct Text fields[FIELDS_MAX], line = text_cut(&rest, '\n');
        if (split_line(line, fields) < 3 || !text_equal(fields[0], name))
            continue;
        if (text_id(fields[2], ret_gid) < 0)
            return fail(error, "the group's line in /etc/group has no good number");
        return 0;
    }
    return error_set(error, ERROR_NOT_FOUND, "user", "no such group in the container's /etc/group");
}

static bool is_member(struct Text members, struct Text name)
{
    while (members.at)
        if (text_equal(text_cut(&members, ','), name))
            return true;
    return false;
}

/* The ids of those that list the user. */
static int collect_groups(const struct Database *database, struct Text name, struct Buf *gids)
{
    struct Text rest = database_text(database);
    while (rest.at && gids->error == 0) {
        struct Text fields[FIELDS_MAX], line = text_cut(&rest, '\n');
        uint32_t gid = 0;
        if (split_line(line, fields) < GROUP_FIELDS || !is_member(fields[3], name))
            continue;
        if (text_id(fields[2], &gid) == 0)
            buf_append(gids, &gid, sizeof(gid));
    }
    return gids->error;
}

static int compare_ids(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Sorted and without duplicates; a file of another's making may list many. */
static int store_groups(struct Spec *spec, const struct Buf *gids, struct Error *error)
{
    size_t count = gids->size / sizeof(uint32_t), kept = 0;
    uint32_t *ids = arena_alloc(&spec->arena, count, sizeof(*ids));
    if (!ids)
        return error_set(error, ERROR_RESOURCE_EXHAUSTED, "user", "no memory for its groups");
    memcpy(ids, gids->data, count * sizeof(*ids));
    qsort(ids, count, sizeof(*ids), compare_ids);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || ids[i] != ids[kept - 1])
            ids[kept++] = ids[i];
    spec->additional_gids = ids;
    spec->additional_gid_count = kept;
    return 0;
}

/* The argument taken apart. */
struct Request {
    struct Text user, group; /* group.at NULL: not given */
};

static int check_piece(struct Text piece, struct Error *error)
{
    uint32_t id = 0;
    const char *complaint = NULL;
    if (is_numeric(piece)) {
        int r = text_id(piece, &id);
        complaint = r == -ERANGE ? "an id must not be above 2147483647"
                    : r < 0      ? "an id must be a plain number"
                                 : NULL;
    } else
        complaint = name_complaint(piece);
    return complaint ? fail(error, complaint) : 0;
}

static int request_parse(struct Request *request, const char *text, struct Error *error)
{
    if (!text || !*text)
        return fail(error, "is empty");
    if (strlen(text) > (size_t)2 * USER_NAME_LIMIT)
        return fail(error, "is too long");
    struct Text rest = {text, strlen(text)};
    request->user = text_cut(&rest, ':');
    request->group = rest;
    int r = check_piece(request->user, error);
    return r < 0 || !request->group.at ? r : check_piece(request->group, error);
}

/* The uid, and the gid and name that /etc/passwd has for it. A number needs no entry there: its
 * group is then 0, as docker has it. */
static int resolve_user(const struct Request *request, int root_fd, struct Database *passwd,
                        struct User *user, struct Error *error)
{
    if (is_numeric(request->user)) {
        text_id(request->user, &user->uid);
        if (request->group.at)
            return 0;
    } else
        user->name = request->user;
    int r = database_load(passwd, root_fd, "/etc/passwd", error);
    if (r < 0)
        return r;
    r = find_user(passwd, user, error);
    if (r == 0 && user->name.size > 0)
        return error_set(error, ERROR_NOT_FOUND, "user", "no such user in the container's /etc/passwd");
    return r < 0 ? r : 0;
}

/* The group that was asked for, alone; else those that list the user. */
static int resolve_groups(const struct Request *request, int root_fd, struct User *user, struct Buf *gids,
                          struct Error *error)
{
    _cleanup_database_ struct Database groups = {0};
    bool numeric = request->group.at && is_numeric(request->group);
    int r = 0;
    if (!numeric && (request->group.at || user->name.size > 0))
        r = database_load(&groups, root_fd, "/etc/group", error);
    if (r < 0)
        return r;
    if (numeric)
        text_id(request->group, &user->gid);
    else if (request->group.at)
        r = find_group(&groups, request->group, &user->gid, error);
    else if (user->name.size > 0 && collect_groups(&groups, user->name, gids) < 0)
        r = fail(error, "the user is in too many groups");
    return r;
}

int spec_resolve_user(struct Spec *spec, int root_fd, const char *text, struct Error *error)
{
    _cleanup_database_ struct Database passwd = {0};
    _cleanup_buf_ struct Buf gids = {.limit = (size_t)USER_GROUPS_LIMIT * sizeof(uint32_t)};
    struct Request request = {0};
    struct User user = {0};
    int r = request_parse(&request, text, error);
    if (r >= 0)
        r = resolve_user(&request, root_fd, &passwd, &user, error);
    if (r >= 0)
        r = resolve_groups(&request, root_fd, &user, &gids, error);
    if (r < 0)
        return r;
    /* A group that is only the primary one would be lost by the first change of it, and with it
     * every permission that is denied to that group. */
    buf_append(&gids, &user.gid, sizeof(user.gid));
    if (gids.error < 0)
        return fail(error, "the user is in too many groups");
    r = store_groups(spec, &gids, error);
    if (r < 0)
        return r;
    spec->uid = user.uid;
    spec->gid = user.gid;
    return 0;
}
