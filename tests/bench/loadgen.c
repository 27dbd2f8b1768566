// loadgen: epoll SMTP/LMTP/IMAP/POP3 load generator. one thread, scripted per-connection state machine
// usage: loadgen -p smtp|lmtp|imap|imapf|pop3|idle -P port -c conns -n ops -k ops_per_session -F message.eml
//                [-a accounts: a file of lines "address secret"] or [-U nusers -u userfmt -w pass -d domain]
//                [-R recipients] [-x pipelined] [-f sender] [-h host] [-H hold seconds (idle)] [-T time limit]
//                [-t accounts in turn, not at random]
// imap = short session (LOGIN STATUS SELECT FETCH FETCH LOGOUT), imapf = FETCH newest in a loop, idle = hold IDLE
// connections. Prints one JSON object: rate per second, p50/p99/max latency in ms, client CPU seconds, errors.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
static double now() {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}
enum { SMTP, LMTP, IMAP, IMAPF, POP3, IDLE };
static int proto = SMTP, port = 2525, C = 20, K = 1, R = 1, U = 100, pipelined = 0, holdsecs = 10,
           in_turn = 0;
static long N = 1000, started = 0, done = 0, errs = 0, sessions = 0;
static long bytes_in = 0;
static char *file = NULL, *userfmt = "u%d", *pass = "pw", *host = "127.0.0.1", *domain = "perf.test",
            *from = "sender@example.org";
static char *msg;
static size_t msglen;
static double *lat;
static double t_end;
typedef struct {
    int fd, st, left, want, tagno, user;
    char *ob;
    size_t ol, oo, ocap;
    char *ib;
    size_t il, icap;
    size_t lit;
    double t0, ts;
    int alive;
    int multiline;
    int rcptleft;
    long nmsg;
} conn;
static char **addr = NULL, **secret = NULL;
static conn *cs;
static int ep;
static unsigned rnd = 12345;
static void out(conn *c, const char *b, size_t n) {
    if (c->ol + n > c->ocap) {
        c->ocap = (c->ol + n) * 2;
        c->ob = realloc(c->ob, c->ocap);
    }
    memcpy(c->ob + c->ol, b, n);
    c->ol += n;
}
static void outs(conn *c, const char *s) { out(c, s, strlen(s)); }
static void arm(conn *c) {
    struct epoll_event e;
    e.events = EPOLLIN | (c->oo < c->ol ? EPOLLOUT : 0);
    e.data.ptr = c;
    epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static int flush(conn *c) {
    while (c->oo < c->ol) {
        ssize_t n = write(c->fd, c->ob + c->oo, c->ol - c->oo);
        if (n < 0) {
            if (errno == EAGAIN) {
                arm(c);
                return 1;
            }
            return -1;
        }
        c->oo += n;
    }
    c->oo = c->ol = 0;
    return 0;
}
static void load_accounts(const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(1);
    }
    char a[400], p[400];
    int n = 0, cap = 0;
    while (fscanf(f, "%399s %399s", a, p) == 2) {
        if (n == cap) {
            cap = cap ? cap * 2 : 256;
            addr = realloc(addr, cap * sizeof *addr);
            secret = realloc(secret, cap * sizeof *secret);
        }
        addr[n] = strdup(a);
        secret[n] = strdup(p);
        n++;
    }
    fclose(f);
    if (!n) {
        fprintf(stderr, "%s: no accounts\n", path);
        exit(1);
    }
    U = n;
}
static void login_name(char *b, size_t n, int user) {
    if (addr)
        snprintf(b, n, "%s", addr[user]);
    else
        snprintf(b, n, userfmt, user);
}
static const char *password(int user) { return secret ? secret[user] : pass; }
static void rcpt_to(char *b, size_t n, int user) {
    char u[400];
    if (addr) {
        snprintf(b, n, "RCPT TO:<%s>\r\n", addr[user]);
        return;
    }
    snprintf(u, sizeof u, userfmt, user);
    snprintf(b, n, "RCPT TO:<%s@%s>\r\n", u, domain);
}
static int next_user(void) {
    static unsigned turn = 0;
    rnd = rnd * 1103515245 + 12345;
    return (in_turn ? turn++ : rnd >> 8) % U;
}
static void start(conn *c);
static void closec(conn *c) {
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    c->alive = 0;
}
static void die(conn *c, const char *w) {
    errs++;
    if (errs < 6) {
        fprintf(stderr, "err st=%d: %s [%.*s]\n", c->st, w, (int)(c->il > 160 ? 160 : c->il), c->ib ? c->ib : "");
    }
    if (c->st > 0 && (proto == SMTP || proto == LMTP) && c->left > 0) {
    }
    closec(c);
    if (errs > 200) {
        fprintf(stderr, "too many errors\n");
        exit(3);
    }
    start(c);
}
static void start(conn *c) {
    if (proto != IDLE && started >= N)
        return;
    int k = K;
    if (proto != IDLE) {
        if (started + k > N)
            k = N - started;
        started += k;
    }
    c->left = k;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct sockaddr_in a = {0};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    inet_pton(AF_INET, host, &a.sin_addr);
    c->st = 0;
    c->il = c->ol = c->oo = 0;
    c->lit = 0;
    c->alive = 1;
    c->multiline = 0;
    c->ts = now();
    c->user = next_user();
    if (connect(c->fd, (void *)&a, sizeof a) < 0 && errno != EINPROGRESS) {
        perror("connect");
        exit(2);
    }
    struct epoll_event e;
    e.events = EPOLLIN;
    e.data.ptr = c;
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    sessions++;
}
static void fin(conn *c, double t0) {
    double t = now();
    if (done < N)
        lat[done] = t - t0;
    done++;
    t_end = t;
}
static void envelope(conn *c) {
    char b[512];
    c->t0 = (K == 1) ? c->ts : now();
    snprintf(b, sizeof b, "MAIL FROM:<%s>\r\n", from);
    outs(c, b);
    if (pipelined) {
        for (int i = 0; i < R; i++) {
            rcpt_to(b, sizeof b, (c->user + i) % U);
            outs(c, b);
        }
        outs(c, "DATA\r\n");
        c->st = 10;
        c->want = 1 + R + 1;
    } else {
        c->st = 2;
        c->rcptleft = R;
    }
}
static void rcpt(conn *c) {
    char b[512];
    rcpt_to(b, sizeof b, (c->user + R - c->rcptleft) % U);
    outs(c, b);
    c->rcptleft--;
    c->st = 3;
}
// returns 1 if connection gone
static int smtp_line(conn *c, char *l, size_t n) {
    if (n < 4)
        return 0;
    if (l[3] == '-')
        return 0;
    int code = atoi(l);
    switch (c->st) {
    case 0:
        if (code != 220) {
            die(c, "banner");
            return 1;
        }
        {
            char b[100];
            snprintf(b, sizeof b, "%s client.example.org\r\n", proto == LMTP ? "LHLO" : "EHLO");
            outs(c, b);
        }
        c->st = 1;
        break;
    case 1:
        if (code != 250) {
            die(c, "ehlo");
            return 1;
        }
        envelope(c);
        break;
    case 2:
        if (code != 250) {
            die(c, "mail");
            return 1;
        }
        rcpt(c);
        break;
    case 3:
        if (code / 100 != 2) {
            die(c, "rcpt");
            return 1;
        }
        if (c->rcptleft > 0)
            rcpt(c);
        else {
            outs(c, "DATA\r\n");
            c->st = 4;
        }
        break;
    case 10:
        if (--c->want > 0) {
            if (code / 100 != 2) {
                die(c, "pipe");
                return 1;
            }
            break;
        }
    case 4:
        if (code != 354) {
            die(c, "data");
            return 1;
        }
        out(c, msg, msglen);
        c->st = 5;
        c->want = proto == LMTP ? R : 1;
        break;
    case 5:
        if (code != 250) {
            die(c, "dot");
            return 1;
        }
        if (--c->want > 0)
            break;
        fin(c, c->t0);
        if (--c->left > 0) {
            c->user = next_user();
            envelope(c);
        } else {
            outs(c, "QUIT\r\n");
            c->st = 6;
        }
        break;
    case 6:
        closec(c);
        start(c);
        return 1;
    }
    return 0;
}
static void imapcmd(conn *c, const char *s) {
    char b[1100];
    int n = snprintf(b, sizeof b, "a%d %s\r\n", ++c->tagno, s);
    out(c, b, n);
}
static int imap_line(conn *c, char *l, size_t n) {
    char b[1000];
    if (c->st == 0) {
        if (strncmp(l, "* OK", 4)) {
            die(c, "greet");
            return 1;
        }
        c->tagno = 0;
        char u[400];
        login_name(u, sizeof u, c->user);
        snprintf(b, sizeof b, "LOGIN \"%s\" \"%s\"", u, password(c->user));
        imapcmd(c, b);
        c->st = 1;
        return 0;
    }
    if (l[0] == '+' && c->st == 20) {
        c->st = 21;
        done++;
        return 0;
    }
    if (l[0] != 'a')
        return 0;
    int tag = atoi(l + 1);
    if (tag != c->tagno)
        return 0;
    char *sp = memchr(l, ' ', n);
    if (!sp || strncmp(sp + 1, "OK", 2)) {
        die(c, "tagged");
        return 1;
    }
    switch (c->st) {
    case 1:
        if (proto == IDLE) {
            imapcmd(c, "SELECT INBOX");
            c->st = 19;
            break;
        }
        if (proto == IMAPF) {
            imapcmd(c, "SELECT INBOX");
            c->st = 3;
            break;
        }
        imapcmd(c, "STATUS INBOX (MESSAGES UIDNEXT UNSEEN)");
        c->st = 2;
        break;
    case 19:
        imapcmd(c, "IDLE");
        c->st = 20;
        break;
    case 2:
        imapcmd(c, "SELECT INBOX");
        c->st = 3;
        break;
    case 3:
        c->t0 = now();
        if (proto == IMAPF) {
            imapcmd(c, "FETCH * (UID FLAGS ENVELOPE BODY.PEEK[])");
            c->st = 6;
            break;
        }
        imapcmd(c, "FETCH * (UID FLAGS ENVELOPE RFC822.SIZE)");
        c->st = 4;
        break;
    case 4:
        imapcmd(c, "FETCH * BODY.PEEK[]");
        c->st = 5;
        break;
    case 5:
        imapcmd(c, "LOGOUT");
        c->st = 7;
        break;
    case 6:
        fin(c, c->t0);
        if (--c->left > 0) {
            c->t0 = now();
            imapcmd(c, "FETCH * (UID FLAGS ENVELOPE BODY.PEEK[])");
        } else {
            imapcmd(c, "LOGOUT");
            c->st = 8;
        }
        break;
    case 7:
        fin(c, c->ts);
        closec(c);
        start(c);
        return 1;
    case 8:
        closec(c);
        start(c);
        return 1;
    }
    return 0;
}
static int pop_line(conn *c, char *l, size_t n) {
    char b[500];
    if (c->multiline) {
        if (n >= 1 && l[0] == '.' && (n == 1 || l[1] == '\r' || l[1] == '\n')) {
            c->multiline = 0;
            outs(c, "QUIT\r\n");
            c->st = 6;
        }
        return 0;
    }
    if (l[0] != '+') {
        die(c, "pop");
        return 1;
    }
    switch (c->st) {
    case 0:
        outs(c, "USER ");
        login_name(b, sizeof b, c->user);
        outs(c, b);
        outs(c, "\r\n");
        c->st = 1;
        break;
    case 1:
        snprintf(b, sizeof b, "PASS %s\r\n", password(c->user));
        outs(c, b);
        c->st = 2;
        break;
    case 2:
        outs(c, "STAT\r\n");
        c->st = 3;
        break;
    case 3: {
        int cnt = atoi(l + 4);
        if (cnt < 1) {
            die(c, "empty");
            return 1;
        }
        snprintf(b, sizeof b, "RETR %d\r\n", cnt);
        outs(c, b);
        c->st = 4;
    } break;
    case 4:
        c->multiline = 1;
        break;
    case 6:
        fin(c, c->ts);
        closec(c);
        start(c);
        return 1;
    }
    return 0;
}
static void onread(conn *c) {
    for (;;) {
        if (c->icap - c->il < 262144) {
            c->icap = c->il + 524288;
            c->ib = realloc(c->ib, c->icap);
        }
        ssize_t n = read(c->fd, c->ib + c->il, c->icap - c->il - 1);
        if (n < 0) {
            if (errno == EAGAIN)
                return;
            die(c, "read");
            return;
        }
        if (n == 0) {
            if ((proto == SMTP && c->st == 6) || ((proto == POP3) && c->st == 6)) {
                if (proto == POP3)
                    fin(c, c->ts);
                closec(c);
                start(c);
                return;
            }
            die(c, "eof");
            return;
        }
        bytes_in += n;
        c->il += n;
        c->ib[c->il] = 0;
        size_t p = 0;
        while (p < c->il) {
            if (c->lit) {
                size_t k = c->il - p;
                if (k > c->lit)
                    k = c->lit;
                p += k;
                c->lit -= k;
                continue;
            }
            char *e = memchr(c->ib + p, '\n', c->il - p);
            if (!e)
                break;
            size_t ln = e - (c->ib + p) + 1;
            char *l = c->ib + p;
            int islit = 0;
            if ((proto == IMAP || proto == IMAPF || proto == IDLE) && ln >= 4 && l[ln - 2] == '\r' &&
                l[ln - 3] == '}') {
                char *q = l + ln - 3;
                while (q > l && *q != '{')
                    q--;
                if (*q == '{') {
                    c->lit = strtoul(q + 1, 0, 10);
                    islit = 1;
                }
            }
            p += ln;
            if (islit)
                continue;
            int g = 0;
            if (proto <= LMTP)
                g = smtp_line(c, l, ln);
            else if (proto == POP3)
                g = pop_line(c, l, ln);
            else
                g = imap_line(c, l, ln);
            if (g)
                return;
        }
        memmove(c->ib, c->ib + p, c->il - p);
        c->il -= p;
        if (c->ol > c->oo) {
            if (flush(c) < 0) {
                die(c, "write");
                return;
            }
        }
        if (n < 200000)
            return;
    }
}
static int cmp(const void *a, const void *b) {
    double x = *(double *)a, y = *(double *)b;
    return x < y ? -1 : x > y;
}
int main(int ac, char **av) {
    int o;
    double limit = 120;
    while ((o = getopt(ac, av, "p:P:c:n:k:F:R:U:u:w:a:xtT:H:d:f:h:")) != -1)
        switch (o) {
        case 'p':
            proto = !strcmp(optarg, "smtp")    ? SMTP
                    : !strcmp(optarg, "lmtp")  ? LMTP
                    : !strcmp(optarg, "imap")  ? IMAP
                    : !strcmp(optarg, "imapf") ? IMAPF
                    : !strcmp(optarg, "pop3")  ? POP3
                                               : IDLE;
            break;
        case 'P':
            port = atoi(optarg);
            break;
        case 'c':
            C = atoi(optarg);
            break;
        case 'n':
            N = atol(optarg);
            break;
        case 'k':
            K = atoi(optarg);
            break;
        case 'F':
            file = optarg;
            break;
        case 'R':
            R = atoi(optarg);
            break;
        case 'U':
            U = atoi(optarg);
            break;
        case 'u':
            userfmt = optarg;
            break;
        case 'w':
            pass = optarg;
            break;
        case 'x':
            pipelined = 1;
            break;
        case 't':
            in_turn = 1;
            break;
        case 'a':
            load_accounts(optarg);
            break;
        case 'T':
            limit = atof(optarg);
            break;
        case 'H':
            holdsecs = atoi(optarg);
            break;
        case 'd':
            domain = optarg;
            break;
        case 'f':
            from = optarg;
            break;
        case 'h':
            host = optarg;
            break;
        }
    if (proto <= LMTP) {
        if (!file) {
            fprintf(stderr, "-F\n");
            return 1;
        }
        FILE *f = fopen(file, "rb");
        fseek(f, 0, SEEK_END);
        long sz = ftell(f);
        rewind(f);
        msg = malloc(sz * 2 + 10);
        char *raw = malloc(sz);
        fread(raw, 1, sz, f);
        size_t j = 0;
        int bol = 1;
        for (long i = 0; i < sz; i++) {
            if (bol && raw[i] == '.')
                msg[j++] = '.';
            msg[j++] = raw[i];
            bol = raw[i] == '\n';
        }
        memcpy(msg + j, ".\r\n", 3);
        msglen = j + 3;
    }
    lat = calloc(N + C + 10, sizeof(double));
    ep = epoll_create1(0);
    cs = calloc(C, sizeof(conn));
    double t0 = now();
    t_end = t0;
    if (proto == IDLE) { // open gradually then hold
        int opened = 0;
        while (done < C && now() - t0 < limit) {
            while (opened < C && opened - done < 50) {
                cs[opened].fd = -1;
                start(&cs[opened]);
                opened++;
            }
            struct epoll_event ev[256];
            int n = epoll_wait(ep, ev, 256, 100);
            for (int i = 0; i < n; i++) {
                conn *c = ev[i].data.ptr;
                if (c->fd < 0)
                    continue;
                if (ev[i].events & EPOLLOUT) {
                    flush(c);
                    arm(c);
                }
                if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                    onread(c);
            }
        }
        printf("{\"idle\":%ld,\"setup_s\":%.2f,\"errs\":%ld}\n", done, now() - t0, errs);
        fflush(stdout);
        double e = now() + holdsecs;
        while (now() < e) {
            struct epoll_event ev[256];
            int n = epoll_wait(ep, ev, 256, 200);
            for (int i = 0; i < n; i++) {
                conn *c = ev[i].data.ptr;
                if (c->fd >= 0)
                    onread(c);
            }
        }
        return 0;
    }
    for (int i = 0; i < C; i++) {
        cs[i].fd = -1;
        start(&cs[i]);
    }
    while (done < N) {
        struct epoll_event ev[512];
        int n = epoll_wait(ep, ev, 512, 1000);
        if (now() - t0 > limit) {
            fprintf(stderr, "time limit, done=%ld\n", done);
            break;
        }
        int alive = 0;
        for (int i = 0; i < n; i++) {
            conn *c = ev[i].data.ptr;
            if (c->fd < 0)
                continue;
            if (ev[i].events & EPOLLOUT) {
                if (flush(c) < 0) {
                    die(c, "w");
                    continue;
                }
                arm(c);
            }
            if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                onread(c);
        }
        if (n == 0) {
            for (int i = 0; i < C; i++)
                alive |= cs[i].alive;
            if (!alive)
                break;
        }
    }
    double dt = t_end - t0;
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    double cpu = ru.ru_utime.tv_sec + ru.ru_utime.tv_usec * 1e-6 + ru.ru_stime.tv_sec + ru.ru_stime.tv_usec * 1e-6;
    long m = done < N ? done : N;
    qsort(lat, m, sizeof(double), cmp);
    printf("{\"ops\":%ld,\"secs\":%.4f,\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"client_cpu\":%."
           "3f,\"errs\":%ld,\"sessions\":%ld,\"mb_in\":%.1f}\n",
           done, dt, done / dt, m ? lat[m / 2] * 1e3 : 0, m ? lat[(long)(m * 0.99)] * 1e3 : 0, m ? lat[m - 1] * 1e3 : 0,
           cpu, errs, sessions, bytes_in / 1e6);
    return 0;
}
