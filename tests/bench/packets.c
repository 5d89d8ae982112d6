/* Nanoseconds that an exchange takes whose two ends are sockets of this one thread, so that every step of a
 * packet's way is on one processor:
 *
 *     packets CLIENT-FD SERVER-FD ADDRESS PORT SERVER-PORT COUNT
 *
 * The descriptors are of network namespaces.  Prints for each exchange its name, the first decile and the median.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in published = {.sin_family = AF_INET}, served = {.sin_family = AF_INET};
static int client_ns, server_ns, client, server, listener;
static const int on = 1;

static int must(int result, const char *what) {
    if (result < 0)
        err(1, "%s", what);
    return result;
}

/* A socket that does not wait for ever, of the namespace. */
static int made(int ns, int kind) {
    struct timeval patience = {.tv_sec = 2};
    must(setns(ns, CLONE_NEWNET), "setns");
    int fd = must(socket(AF_INET, kind | SOCK_CLOEXEC, 0), "socket");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "patience");
    must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), "patience");
    return fd;
}

static int serving(int kind) {
    int fd = made(server_ns, kind);
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "reuse");
    must(bind(fd, (void *)&served, sizeof served), "bind");
    return fd;
}

static int connected(int kind) {
    int fd = made(client_ns, kind);
    must(connect(fd, (void *)&published, sizeof published), "connect");
    return fd;
}

/* 18 bytes there, and 18 back to where they came from. */
static void datagram(void) {
    char text[18] = "";
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    must(send(client, text, sizeof text, 0), "send");
    must(recvfrom(server, text, sizeof text, 0, (void *)&from, &size), "nothing came");
    must(sendto(server, text, sizeof text, 0, (void *)&from, size), "answer");
    must(recv(client, text, sizeof text, 0), "no answer");
}

static void stream(void) {
    char text[18] = "";
    must(send(client, text, sizeof text, 0), "send");
    must(recv(server, text, sizeof text, 0), "nothing came");
    must(send(server, text, sizeof text, 0), "answer");
    must(recv(client, text, sizeof text, 0), "no answer");
}

static double nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

/* The handshake, as the client waits for it; and the whole life of a connection, which the client resets. */
static void connection(double *handshake, double *life) {
    struct linger reset = {.l_onoff = 1};
    double start = nanoseconds();
    int near = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    must(setsockopt(near, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), "linger");
    double asked = nanoseconds();
    must(connect(near, (void *)&published, sizeof published), "connect");
    *handshake = nanoseconds() - asked;
    int far = must(accept(listener, 0, 0), "accept");
    close(near);
    close(far);
    *life = nanoseconds() - start;
}

static int ascending(const void *a, const void *b) {
    double x = *(double *)a, y = *(double *)b;
    return (x > y) - (x < y);
}

static void tell(const char *name, double *took, int count) {
    qsort(took, count, sizeof *took, ascending);
    printf("%s %.0f %.0f\n", name, took[count / 10], took[count / 2]);
}

static void exchanges(const char *name, void (*exchange)(void), double *took, int count) {
    for (int warm = 0; warm < count / 10; warm++)
        exchange();
    for (int i = 0; i < count; i++) {
        double start = nanoseconds();
        exchange();
        took[i] = nanoseconds() - start;
    }
    tell(name, took, count);
}

int main(int argc, char **argv) {
    if (argc != 7)
        errx(2, "packets CLIENT-FD SERVER-FD ADDRESS PORT SERVER-PORT COUNT");
    client_ns = atoi(argv[1]), server_ns = atoi(argv[2]);
    inet_pton(AF_INET, argv[3], &published.sin_addr);
    published.sin_port = htons(atoi(argv[4])), served.sin_port = htons(atoi(argv[5]));
    int count = atoi(argv[6]);
    double *took = calloc(count, sizeof *took), *lives = calloc(count, sizeof *lives);

    server = serving(SOCK_DGRAM), client = connected(SOCK_DGRAM);
    exchanges("udp", datagram, took, count);

    listener = serving(SOCK_STREAM);
    must(listen(listener, 16), "listen");
    client = connected(SOCK_STREAM), server = must(accept(listener, 0, 0), "accept");
    must(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "nodelay");
    must(setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "nodelay");
    exchanges("tcp", stream, took, count);

    for (int i = 0; i < count; i++)
        connection(&took[i], &lives[i]);
    tell("connect", took, count);
    tell("connection", lives, count);
}
