// What a call through RabbitMQ costs a bare client: a question to a queue like those of the bus, an answer to a queue of
// the asker's own. One process asks, a second one answers.
// usage: rabbit_call PORT COUNT ROUNDS       prints microseconds a call, the middle of the rounds

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *questions = "bench.questions", *answers = "bench.answers";

static void check(int good, const char *what) {
    if (good) return;
    fprintf(stderr, "rabbit_call: %s\n", what);
    exit(1);
}

static amqp_connection_state_t join(int port) {
    amqp_connection_state_t line = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(line);
    check(amqp_socket_open(socket, "127.0.0.1", port) == 0, "cannot connect");
    amqp_rpc_reply_t in = amqp_login(line, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest");
    check(in.reply_type == AMQP_RESPONSE_NORMAL, "cannot log in");
    amqp_channel_open(line, 1);
    check(amqp_get_rpc_reply(line).reply_type == AMQP_RESPONSE_NORMAL, "no channel");
    return line;
}

static void declare(amqp_connection_state_t line, const char *name, int is_quorum) {
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes("x-queue-type")};
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = amqp_cstring_bytes("quorum");
    amqp_table_t arguments = {.num_entries = is_quorum, .entries = &entry};
    amqp_queue_declare(line, 1, amqp_cstring_bytes(name), 0, is_quorum, !is_quorum, !is_quorum, arguments);
    check(amqp_get_rpc_reply(line).reply_type == AMQP_RESPONSE_NORMAL, "no queue");
}

static void consume(amqp_connection_state_t line, const char *name, int needs_no_ack) {
    amqp_basic_qos(line, 1, 0, 256, 0);
    amqp_basic_consume(line, 1, amqp_cstring_bytes(name), amqp_empty_bytes, 0, needs_no_ack, 0, amqp_empty_table);
    check(amqp_get_rpc_reply(line).reply_type == AMQP_RESPONSE_NORMAL, "cannot consume");
}

static void say(amqp_connection_state_t line, const char *queue, amqp_bytes_t body) {
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG};
    properties.content_type = amqp_cstring_bytes("application/json");
    int status = amqp_basic_publish(line, 1, amqp_empty_bytes, amqp_cstring_bytes(queue), 0, 0, &properties, body);
    check(status == AMQP_STATUS_OK, "cannot publish");
}

static void hear(amqp_connection_state_t line, amqp_envelope_t *envelope) {
    amqp_maybe_release_buffers(line);
    amqp_rpc_reply_t heard = amqp_consume_message(line, envelope, NULL, 0);
    check(heard.reply_type == AMQP_RESPONSE_NORMAL, "nothing heard");
}

static void answer(int port) {
    amqp_connection_state_t line = join(port);
    consume(line, questions, 0);
    for (;;) {
        amqp_envelope_t envelope;
        hear(line, &envelope);
        say(line, answers, envelope.message.body);
        amqp_basic_ack(line, 1, envelope.delivery_tag, 0);
        amqp_destroy_envelope(&envelope);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int ascending(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    check(count == 4, "usage: rabbit_call PORT COUNT ROUNDS");
    int port = atoi(words[1]), calls = atoi(words[2]), rounds = atoi(words[3]);
    amqp_connection_state_t line = join(port);
    declare(line, questions, 1);
    declare(line, answers, 0);
    consume(line, answers, 1);
    pid_t other = fork();
    if (other == 0) answer(port);
    double *taken = calloc(rounds, sizeof *taken);
    for (int round = 0; round < rounds; round++) {
        double begun = now();
        for (int call = 0; call < calls; call++) {
            amqp_envelope_t envelope;
            say(line, questions, amqp_cstring_bytes("{\"request\":42}"));
            hear(line, &envelope);
            amqp_destroy_envelope(&envelope);
        }
        taken[round] = (now() - begun) / calls;
    }
    qsort(taken, rounds, sizeof *taken, ascending);
    printf("%.1f\n", taken[rounds / 2]);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    amqp_queue_delete(line, 1, amqp_cstring_bytes(questions), 0, 0);
    return 0;
}
