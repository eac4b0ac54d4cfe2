// SPDX-License-Identifier: Apache-2.0
/* The table as a whole: every cell, every state reachable, every state left but the last. */
#include "base/test.h"
#include "supervisor/container/container.h"

#define NONE (-1)
static const int EXPECTED[CONTAINER_STATE_COUNT][INPUT_COUNT] = {
    /* START, STARTED, STOP, KILL, EXIT, DELETE, REMOVED, ATTACH, RENAME */
    [CONTAINER_CREATED] = {CONTAINER_STARTING, NONE, NONE, NONE, NONE, CONTAINER_REMOVING, NONE,
                           CONTAINER_CREATED, CONTAINER_CREATED},
    [CONTAINER_STARTING] = {NONE, CONTAINER_RUNNING, CONTAINER_STOPPING, NONE, CONTAINER_EXITED, NONE, NONE,
                            CONTAINER_STARTING, CONTAINER_STARTING},
    [CONTAINER_RUNNING] = {NONE, NONE, CONTAINER_STOPPING, CONTAINER_RUNNING, CONTAINER_EXITED, NONE, NONE,
                           CONTAINER_RUNNING, CONTAINER_RUNNING},
    [CONTAINER_STOPPING] = {NONE, CONTAINER_STOPPING, CONTAINER_STOPPING, CONTAINER_STOPPING,
                            CONTAINER_EXITED, NONE, NONE, CONTAINER_STOPPING, CONTAINER_STOPPING},
    [CONTAINER_EXITED] = {CONTAINER_STARTING, NONE, NONE, NONE, NONE, CONTAINER_REMOVING, NONE,
                          CONTAINER_EXITED, CONTAINER_EXITED},
    [CONTAINER_REMOVING] = {NONE, NONE, NONE, NONE, NONE, NONE, CONTAINER_GONE, NONE, NONE},
    [CONTAINER_GONE] = {NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE},
};

static void test_every_cell(void)
{
    for (int state = 0; state < CONTAINER_STATE_COUNT; state++)
        for (int input = 0; input < INPUT_COUNT; input++) {
            test_row(container_state_name(state));
            CHECK_EQ(container_state_next(state, input), EXPECTED[state][input]);
        }
}

static void test_every_state_is_reached_and_left(void)
{
    bool reached[CONTAINER_STATE_COUNT] = {[CONTAINER_CREATED] = true};
    for (int round = 0; round < CONTAINER_STATE_COUNT; round++)
        for (int state = 0; state < CONTAINER_STATE_COUNT; state++)
            for (int input = 0; input < INPUT_COUNT; input++) {
                int next = container_state_next(state, input);
                if (reached[state] && next >= 0)
                    reached[next] = true;
            }
    for (int state = 0; state < CONTAINER_STATE_COUNT; state++) {
        bool left = state == CONTAINER_GONE;
        test_row(container_state_name(state));
        CHECK(reached[state]);
        for (int input = 0; input < INPUT_COUNT; input++) {
            int next = container_state_next(state, input);
            left = left || (next >= 0 && next != state);
        }
        CHECK(left);
    }
}

static void test_whatever_has_a_shim_can_exit(void)
{
    for (int state = CONTAINER_STARTING; state <= CONTAINER_STOPPING; state++) {
        test_row(container_state_name(state));
        CHECK_EQ(container_state_next(state, INPUT_EXIT), CONTAINER_EXITED);
        CHECK_EQ(container_state_next(state, INPUT_STOP), CONTAINER_STOPPING);
    }
}

static void test_names(void)
{
    for (int state = 0; state < CONTAINER_STATE_COUNT; state++)
        CHECK_EQ(container_state_from_name(container_state_name(state)), state);
    CHECK_EQ(container_state_from_name("dead"), -1);
}

static const struct Test tests[] = {
    TEST(test_every_cell),
    TEST(test_every_state_is_reached_and_left),
    TEST(test_whatever_has_a_shim_can_exit),
    TEST(test_names),
};
TEST_MAIN(tests)
