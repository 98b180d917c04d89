/* SPDX-License-Identifier: MIT */
#include "cli/bridge/kafka/brokers.h"

#include <stdlib.h>
#include <string.h>

#include "base/loopback.h"

enum { MAX_PORT = 65535 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

static enum tyto_err refuse(struct tyto_fault *ret_fault, const char *text)
{
    return tyto_fault_set(ret_fault, TYTO_ERR_INVALID, NULL, 0, "URL", "%s", text);
}

static bool is_port(const char *text)
{
    const size_t num = strlen(text);
    const long port =
        num > 0 && num <= 5 && strspn(text, "0123456789") == num ? strtol(text, NULL, 10) : 0;
    return port > 0 && port <= MAX_PORT;
}

/* One HOST[:PORT], which is changed. */
static bool take_broker(char *text, bool *ret_is_this_machine)
{
    char *end = text + strcspn(text, ":");
    if (text[0] == '[') {
        end = strchr(text, ']');
        if (!end || strspn(text + 1, "0123456789abcdefABCDEF:.") != (size_t)(end - text - 1))
            return false;
        end++;
    } else if (strspn(text, letters) != (size_t)(end - text)) {
        return false;
    }
    const bool has_port = *end != '\0';
    if (end == text || (has_port && (*end != ':' || !is_port(end + 1))))
        return false;
    *end = '\0';
    *ret_is_this_machine = tyto_host_is_loopback(text);
    return true;
}

enum tyto_err tyto_kafka_brokers_parse(const char *url, struct tyto_kafka_brokers *ret_brokers,
                                       struct tyto_fault *ret_fault)
{
    static const char wrong[] =
        "is no cluster's address: kafka:// or kafkas://, then its hosts, each with a "
        "colon and its port if need be, with commas between";
    struct tyto_kafka_brokers brokers = {.is_this_machine = true};
    char text[TYTO_KAFKA_BROKERS_BYTES], *rest = NULL;
    brokers.is_secure = strncmp(url, "kafkas://", 9) == 0;
    if (!brokers.is_secure && strncmp(url, "kafka://", 8) != 0)
        return refuse(ret_fault, wrong);
    const char *list = strstr(url, "://") + 3;
    if (strchr(list, '@'))
        return refuse(ret_fault, "must not hold a user or password: see --user, --password-file");
    const size_t num = strlen(list);
    if (num >= sizeof(text))
        return refuse(ret_fault, "is too long");
    memcpy(brokers.text, list, num + 1);
    memcpy(text, list, num + 1);
    if (num == 0 || list[0] == ',' || list[num - 1] == ',' || strstr(list, ",,"))
        return refuse(ret_fault, wrong);
    for (char *word = strtok_r(text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        bool is_this_machine = false;
        if (!take_broker(word, &is_this_machine))
            return refuse(ret_fault, wrong);
        brokers.is_this_machine &= is_this_machine;
    }
    *ret_brokers = brokers;
    return TYTO_OK;
}

bool tyto_kafka_topic_is_valid(const char *topic)
{
    const size_t num = strlen(topic);
    return num > 0 && num <= TYTO_KAFKA_TOPIC_MAX && strspn(topic, letters) == num &&
           strcmp(topic, ".") != 0 && strcmp(topic, "..") != 0;
}
