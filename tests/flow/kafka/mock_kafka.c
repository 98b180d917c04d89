/* SPDX-License-Identifier: MIT */
/* librdkafka's mock cluster of three brokers, as a process: mock_kafka TOPIC prints its address,
 * and then each message of the topic as "KEY EVENT REV VALUE", read by a consumer of its own. Lines
 * on the standard input: "down N", "up N" (a broker, from 1), "refuse N" (the next N requests to
 * produce fail, as when a replica lags behind). It ends with its input. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NUM_BROKERS = 3, NUM_PARTITIONS = 4, PRODUCE = 0 };

static rd_kafka_t *make(rd_kafka_type_t type, const char *const (*settings)[2], size_t num)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < num; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why)))
            fprintf(stderr, "mock_kafka: %s\n", why);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
    if (!client)
        fprintf(stderr, "mock_kafka: %s\n", why);
    return client;
}

static void print_message(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers = NULL;
    const void *event = "-", *rev = "-";
    size_t event_bytes = 1, rev_bytes = 1;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_header_get_last(headers, "tyto-event", &event, &event_bytes);
        rd_kafka_header_get_last(headers, "tyto-rev", &rev, &rev_bytes);
    }
    printf("%.*s %.*s %.*s %.*s\n", (int)message->key_len, (const char *)message->key,
           (int)event_bytes, (const char *)event, (int)rev_bytes, (const char *)rev,
           (int)message->len, (const char *)message->payload);
    fflush(stdout);
}

static void obey(rd_kafka_mock_cluster_t *cluster, const char *line)
{
    const int number = (int)strtol(line + strcspn(line, " "), NULL, 10);
    if (strncmp(line, "down ", 5) == 0)
        rd_kafka_mock_broker_set_down(cluster, number);
    else if (strncmp(line, "up ", 3) == 0)
        rd_kafka_mock_broker_set_up(cluster, number);
    for (int i = 0; strncmp(line, "refuse ", 7) == 0 && i < number; i++)
        rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1,
                                          RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
}

/* False: the input has ended. */
static bool take_commands(rd_kafka_mock_cluster_t *cluster)
{
    char line[64];
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, 0) > 0) {
        size_t num = 0;
        char c = 0;
        while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && num + 1 < sizeof(line))
            line[num++] = c;
        line[num] = '\0';
        if (c != '\n')
            return false;
        obey(cluster, line);
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    /* Only its threads are of use here. */
    rd_kafka_t *home = make(RD_KAFKA_PRODUCER, NULL, 0);
    rd_kafka_mock_cluster_t *cluster = home ? rd_kafka_mock_cluster_new(home, NUM_BROKERS) : NULL;
    if (!cluster || rd_kafka_mock_topic_create(cluster, argv[1], NUM_PARTITIONS, NUM_BROKERS))
        return 1;
    const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster);
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"reconnect.backoff.ms", "50"},
                                       {"reconnect.backoff.max.ms", "200"},
                                       {"fetch.wait.max.ms", "50"},
                                       {"log_level", "2"}};
    rd_kafka_t *consumer =
        make(RD_KAFKA_CONSUMER, settings, sizeof(settings) / sizeof(settings[0]));
    rd_kafka_topic_t *topic = consumer ? rd_kafka_topic_new(consumer, argv[1], NULL) : NULL;
    rd_kafka_queue_t *queue = consumer ? rd_kafka_queue_new(consumer) : NULL;
    for (int i = 0; topic && i < NUM_PARTITIONS; i++) {
        if (rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, queue) != 0)
            return 1;
    }
    printf("%s\n", brokers);
    fflush(stdout);
    while (queue && take_commands(cluster)) {
        rd_kafka_poll(consumer, 0);
        rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 50);
        if (message && !message->err)
            print_message(message);
        if (message)
            rd_kafka_message_destroy(message);
    }
    /* Nothing of it is to be kept: the process ends with its threads. */
    _exit(0);
}
