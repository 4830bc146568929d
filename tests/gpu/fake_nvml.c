/* A stand-in for NVIDIA's libnvidia-ml.so.1: as much of it as torc asks for, with GPUs that a test makes up.
 *
 * The file named by FAKE_NVML_STATE is read anew at every call, so a test can change it while somebody runs:
 *
 *   gpu 0 uuid=GPU-a memory=85899345920 overhead=0 util=5 temp=40 power=60000 mode=0 mig=0 hidden=0 name=NVIDIA A100
 *   mig 0 1 uuid=MIG-b memory=10737418240 gi=1 ci=0 name=NVIDIA A100 MIG 1g.10gb
 *   process 0 pid=4711 memory=1000 kind=C sm=50 mig=-1     kind: C compute, G graphics, B both; memory -1: not told
 *   link 0 1 20                                            topology level between two GPUs
 *   nvlink 0 1
 *   fail nvmlDeviceGetMemoryInfo 15 0                      NVML error code; the GPU may be left out: every GPU
 *   hang nvmlDeviceGetMemoryInfo 0                         the call does not return while this line is there
 *   mps 0 pid=77                                           a client of the MPS server on that GPU
 *   xid 0 79                                               an error that is reported once to who listens before
 *
 * Further values of a `gpu` line: reserved=BYTES (memory call v2), ecc=N (uncorrected errors since the last reset),
 * remap=1 (a row remapping failed), recovery=N (the recovery action).  A `process` line with seen=PID is listed under that pid, as in another namespace.
 *
 * Besides it, each file in the folder FAKE_NVML_STATE.d holds `process` lines of the process after which it is named;
 * files of processes that are gone do not count. In `process` lines a GPU may also be named by its id, or the id of an
 * instance.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
       DRIVER_NOT_LOADED = 9, TIMEOUT = 10 };
enum { GPUS = 16, INSTANCES = 8, PROCESSES = 512, LINKS = 128, FAILURES = 64 };

typedef unsigned long long u64;
typedef struct { int present, mode, mig, gi, ci, hidden; unsigned util, temp, power, remap, recovery; u64 memory, overhead, reserved, ecc;
                 char uuid[80], name[96]; } gpu_t;
typedef struct { int gpu, instance, mps; unsigned pid, sm; u64 memory; char kind; } process_t;
typedef struct { int one, other, level, nvlink; } link_t;
typedef struct { char function[80]; int code, gpu; } failure_t;
typedef struct { unsigned pid; u64 memory; unsigned gi, ci; } process_info_t;
typedef struct { unsigned pid; u64 stamp; unsigned sm, mem, enc, dec; } sample_t;

static gpu_t gpus[GPUS], instances[GPUS][INSTANCES];
static process_t processes[PROCESSES];
static link_t links[LINKS];
static failure_t failures[FAILURES], hangs[FAILURES], xids[FAILURES];
static int count, process_count, link_count, failure_count, hang_count, xid_count, xids_told;
static unsigned listening; /* a bit for each GPU */
static char slots[GPUS * (INSTANCES + 1)];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static u64 number(const char *line, const char *key, u64 otherwise) {
    char text[32];
    snprintf(text, sizeof text, " %s=", key);
    const char *at = strstr(line, text);
    return at ? (u64)strtoll(at + strlen(text), NULL, 10) : otherwise;
}

static void word(const char *line, const char *key, char *into, size_t size) {
    char text[32];
    snprintf(text, sizeof text, " %s=", key);
    const char *at = strstr(line, text);
    size_t length = 0;
    into[0] = 0;
    if (!at) return;
    at += strlen(text);
    length = strcspn(at, strcmp(key, "name") ? " \n" : "\n");
    if (length >= size) length = size - 1;
    memcpy(into, at, length);
    into[length] = 0;
}

static void read_gpu(gpu_t *gpu, const char *line) {
    gpu->present = 1;
    gpu->mode = (int)number(line, "mode", 0);
    gpu->mig = (int)number(line, "mig", 0);
    gpu->gi = (int)number(line, "gi", 0);
    gpu->ci = (int)number(line, "ci", 0);
    gpu->hidden = (int)number(line, "hidden", 0);
    gpu->util = (unsigned)number(line, "util", 0);
    gpu->temp = (unsigned)number(line, "temp", 40);
    gpu->power = (unsigned)number(line, "power", 60000);
    gpu->memory = number(line, "memory", 0);
    gpu->overhead = number(line, "overhead", 0);
    gpu->reserved = number(line, "reserved", 0);
    gpu->ecc = number(line, "ecc", 0);
    gpu->remap = (unsigned)number(line, "remap", 0);
    gpu->recovery = (unsigned)number(line, "recovery", 0);
    word(line, "uuid", gpu->uuid, sizeof gpu->uuid);
    word(line, "name", gpu->name, sizeof gpu->name);
}

static int find_gpu(const char *called, int *instance) {
    for (int i = 0; i < GPUS; i++) {
        if (gpus[i].present && !strcmp(gpus[i].uuid, called)) return i;
        for (int j = 0; j < INSTANCES; j++)
            if (instances[i][j].present && !strcmp(instances[i][j].uuid, called)) { *instance = j; return i; }
    }
    return atoi(called);
}

static void read_lines(FILE *file) {
    char line[512], called[80], what[80];
    int a, b, c;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "gpu %d", &a) == 1 && a >= 0 && a < GPUS) {
            read_gpu(&gpus[a], line);
            if (a >= count) count = a + 1;
        } else if (sscanf(line, "mig %d %d", &a, &b) == 2 && a >= 0 && a < GPUS && b >= 0 && b < INSTANCES) {
            read_gpu(&instances[a][b], line);
        } else if (sscanf(line, "process %79s", called) == 1 && process_count < PROCESSES) {
            process_t *process = &processes[process_count++];
            process->instance = (int)number(line, "mig", (u64)-1);
            process->gpu = find_gpu(called, &process->instance);
            process->pid = (unsigned)number(line, "seen", number(line, "pid", 0));
            process->memory = number(line, "memory", 0);
            process->sm = (unsigned)number(line, "sm", 0);
            word(line, "kind", what, sizeof what);
            process->kind = what[0] ? what[0] : 'C';
        } else if (sscanf(line, "link %d %d %d", &a, &b, &c) == 3 && link_count < LINKS) {
            links[link_count++] = (link_t){a, b, c, 0};
        } else if (sscanf(line, "nvlink %d %d", &a, &b) == 2 && link_count < LINKS) {
            links[link_count++] = (link_t){a, b, 0, 1};
        } else if (sscanf(line, "mps %d", &a) == 1 && process_count < PROCESSES) {
            process_t *process = &processes[process_count++];
            *process = (process_t){a, -1, 1, (unsigned)number(line, "pid", 0), 0, 0, 'M'};
        } else if (sscanf(line, "xid %d %d", &a, &b) == 2 && xid_count < FAILURES) {
            xids[xid_count].gpu = a;
            xids[xid_count++].code = b;
        } else if (sscanf(line, "hang %79s", what) == 1 && hang_count < FAILURES) {
            failure_t *hang = &hangs[hang_count++];
            strcpy(hang->function, what);
            hang->gpu = sscanf(line, "hang %*s %d", &c) == 1 ? c : -1;
        } else if (sscanf(line, "fail %79s %d", what, &b) == 2 && failure_count < FAILURES) {
            failure_t *failure = &failures[failure_count++];
            strcpy(failure->function, what);
            failure->code = b;
            failure->gpu = sscanf(line, "fail %*s %*d %d", &c) == 1 ? c : -1;
        }
    }
}

/* Says whether the state is as it was at the last call: the same file, and no process that could end. */
static int unchanged(const char *path) {
    static struct stat last, last_folder;
    static int known;
    struct stat now, now_folder;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s.d", path);
    if (stat(path, &now) || stat(folder, &now_folder)) return known = 0;
    int same = known && now.st_ino == last.st_ino && now.st_mtim.tv_nsec == last.st_mtim.tv_nsec &&
               now.st_mtim.tv_sec == last.st_mtim.tv_sec && now_folder.st_mtim.tv_nsec == last_folder.st_mtim.tv_nsec &&
               now_folder.st_mtim.tv_sec == last_folder.st_mtim.tv_sec;
    int empty = 1;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) empty = empty && entry->d_name[0] == '.';
    if (entries) closedir(entries);
    last = now, last_folder = now_folder, known = empty;
    return same && empty;
}

static int load(void) {
    const char *path = getenv("FAKE_NVML_STATE");
    char folder[4096], name[4400];
    if (path && unchanged(path)) return SUCCESS;
    FILE *file = path ? fopen(path, "r") : NULL;
    count = process_count = link_count = failure_count = hang_count = xid_count = 0;
    memset(gpus, 0, sizeof gpus);
    memset(instances, 0, sizeof instances);
    if (!file) return DRIVER_NOT_LOADED;
    read_lines(file);
    fclose(file);
    snprintf(folder, sizeof folder, "%s.d", path);
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        int pid = atoi(entry->d_name);
        if (pid <= 0 || (kill(pid, 0) && errno == ESRCH)) continue;
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if ((file = fopen(name, "r"))) { read_lines(file); fclose(file); }
    }
    if (entries) closedir(entries);
    return SUCCESS;
}

/* Reads the state and says whether this call is to fail; `gpu` is the device that it is about, -1 for none. */
static int begin(const char *function, void *handle, int *gpu, int *instance, gpu_t **device) {
    int code = load(), at = handle ? (int)((char *)handle - slots) : -1;
    int a = at < 0 ? -1 : at / (INSTANCES + 1), b = at < 0 ? -1 : at % (INSTANCES + 1) - 1;
    if (handle && (at < 0 || at >= (int)sizeof slots)) return INVALID_ARGUMENT;
    for (int i = 0; i < hang_count; i++)
        if (!strcmp(hangs[i].function, function) && (hangs[i].gpu < 0 || hangs[i].gpu == a)) {
            usleep(20000);
            code = load();
            i = -1;
        }
    for (int i = 0; !code && i < failure_count; i++)
        if (!strcmp(failures[i].function, function) && (failures[i].gpu < 0 || failures[i].gpu == a))
            code = failures[i].code;
    if (!code && handle) {
        gpu_t *found = b < 0 ? &gpus[a] : &instances[a][b];
        if (!found->present) code = 15; /* the GPU fell off the bus */
        if (device) *device = found;
    }
    if (gpu) *gpu = a;
    if (instance) *instance = b;
    return code;
}

#define BEGIN(handle)                                                                                                  \
    int gpu = -1, instance = -1;                                                                                       \
    gpu_t *device = NULL;                                                                                              \
    pthread_mutex_lock(&lock);                                                                                         \
    int code = begin(__func__, handle, &gpu, &instance, &device);                                                      \
    (void)gpu, (void)instance, (void)device
#define END                                                                                                            \
    pthread_mutex_unlock(&lock);                                                                                       \
    return code

static int counts(const process_t *process, int gpu, int instance) {
    return process->gpu == gpu && (instance < 0 || process->instance == instance);
}

static u64 used(int gpu, int instance, const gpu_t *device) {
    u64 sum = device->overhead + device->reserved;
    for (int i = 0; i < process_count; i++)
        if (counts(&processes[i], gpu, instance) && processes[i].memory != (u64)-1) sum += processes[i].memory;
    return sum < device->memory ? sum : device->memory;
}

int nvmlInitWithFlags(unsigned flags) { (void)flags; BEGIN(NULL); END; }
int nvmlShutdown(void) { BEGIN(NULL); if (code == DRIVER_NOT_LOADED) code = SUCCESS; END; }

const char *nvmlErrorString(int code) {
    static __thread char text[40];
    snprintf(text, sizeof text, "stand-in error %d", code);
    return text;
}

int nvmlDeviceGetCount_v2(unsigned *n) { BEGIN(NULL); if (!code) *n = (unsigned)count; END; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) {
    BEGIN(index < GPUS ? (void *)&slots[index * (INSTANCES + 1)] : NULL);
    if (!code && index >= (unsigned)count) code = INVALID_ARGUMENT;
    if (!code && device && device->hidden) code = NO_PERMISSION;
    if (!code) *handle = &slots[index * (INSTANCES + 1)];
    END;
}

int nvmlDeviceGetUUID(void *handle, char *text, unsigned size) {
    BEGIN(handle);
    if (!code) snprintf(text, size, "%s", device->uuid);
    END;
}

int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    BEGIN(handle);
    if (!code) snprintf(text, size, "%s", device->name);
    END;
}

int nvmlDeviceGetMemoryInfo(void *handle, u64 *info) {
    BEGIN(handle);
    if (!code) {
        info[0] = device->memory;
        info[2] = used(gpu, instance, device);
        info[1] = info[0] - info[2];
    }
    END;
}

int nvmlDeviceGetMemoryInfo_v2(void *handle, void *into) {
    struct { unsigned version; u64 total, reserved, free, used; } *info = into;
    BEGIN(handle);
    if (!code) {
        info->total = device->memory;
        info->reserved = device->reserved;
        info->used = used(gpu, instance, device) - device->reserved;
        info->free = info->total - info->reserved - info->used;
    }
    END;
}

int nvmlDeviceGetTotalEccErrors(void *handle, int type, int counter, u64 *errors) {
    (void)counter;
    BEGIN(handle);
    if (!code && instance >= 0) code = NOT_SUPPORTED;
    if (!code) *errors = type == 1 ? device->ecc : 0;
    END;
}

int nvmlDeviceGetRemappedRows(void *handle, unsigned *corrected, unsigned *uncorrected, unsigned *pending,
                              unsigned *failed) {
    BEGIN(handle);
    if (!code) { *corrected = *uncorrected = *pending = 0; *failed = device->remap; }
    END;
}

/* Events: those that are added while somebody listens. */
typedef struct { void *device; u64 type, data; unsigned gi, ci; } event_t;

int nvmlEventSetCreate(void **set) {
    BEGIN(NULL);
    xids_told = xid_count;
    *set = &xids_told;
    END;
}

int nvmlDeviceRegisterEvents(void *handle, u64 types, void *set) {
    (void)types, (void)set;
    BEGIN(handle);
    if (!code && instance >= 0) code = NOT_SUPPORTED;
    if (!code) listening |= 1u << gpu;
    END;
}

int nvmlEventSetWait_v2(void *set, event_t *event, unsigned milliseconds) {
    (void)set, (void)milliseconds;
    BEGIN(NULL);
    while (!code && xids_told < xid_count && !(listening >> xids[xids_told].gpu & 1)) xids_told++;
    if (!code && xids_told >= xid_count) code = TIMEOUT;
    if (!code) {
        const failure_t *xid = &xids[xids_told++];
        *event = (event_t){&slots[xid->gpu * (INSTANCES + 1)], 8, (u64)xid->code, 0, 0};
    }
    END;
}

typedef struct { unsigned field, scope; long long stamp, latency; int type, result; union { unsigned number; u64 wide; } value; } field_t;

int nvmlDeviceGetFieldValues(void *handle, int n, field_t *fields) {
    BEGIN(handle);
    for (int i = 0; !code && i < n; i++) {
        fields[i].result = fields[i].field == 230 ? SUCCESS : NOT_SUPPORTED;
        fields[i].value.wide = 0;
        fields[i].value.number = device->recovery;
    }
    END;
}

int nvmlDeviceGetUtilizationRates(void *handle, unsigned *rates) {
    BEGIN(handle);
    if (!code && instance >= 0) code = NOT_SUPPORTED;
    if (!code) { rates[0] = device->util; rates[1] = device->util / 2; }
    END;
}

int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius) {
    (void)sensor;
    BEGIN(handle);
    if (!code) *celsius = device->temp;
    END;
}

int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) {
    BEGIN(handle);
    if (!code) *milliwatts = device->power;
    END;
}

int nvmlDeviceGetComputeMode(void *handle, int *mode) {
    BEGIN(handle);
    if (!code) *mode = device->mode;
    END;
}

static int list(int gpu, int instance, char kind, unsigned *n, process_info_t *into) {
    unsigned found = 0;
    for (int i = 0; i < process_count; i++)
        if (counts(&processes[i], gpu, instance) && (processes[i].kind == kind || processes[i].kind == 'B')) {
            if (into && found < *n)
                into[found] = (process_info_t){processes[i].pid, processes[i].memory, (unsigned)-1, (unsigned)-1};
            found++;
        }
    int code = found > (into ? *n : 0) ? INSUFFICIENT_SIZE : SUCCESS;
    *n = found;
    return code;
}

#define LIST(function, kind)                                                                                           \
    int function(void *handle, unsigned *n, process_info_t *into) {                                                    \
        BEGIN(handle);                                                                                                 \
        if (!code) code = list(gpu, instance, kind, n, into);                                                          \
        END;                                                                                                           \
    }
LIST(nvmlDeviceGetMPSComputeRunningProcesses_v3, 'M')
LIST(nvmlDeviceGetComputeRunningProcesses_v2, 'C')
LIST(nvmlDeviceGetComputeRunningProcesses_v3, 'C')
LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, 'G')
LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, 'G')

/* The first version of the lists, of drivers before 470: pid and memory only. */
typedef struct { unsigned pid; u64 memory; } first_info_t;
#define FIRST_LIST(function, kind)                                                                                     \
    int function(void *handle, unsigned *n, first_info_t *into) {                                                      \
        process_info_t found[PROCESSES];                                                                               \
        unsigned size = into ? *n : 0, all = PROCESSES;                                                                \
        BEGIN(handle);                                                                                                 \
        if (!code) code = list(gpu, instance, kind, &all, found);                                                      \
        if (!code) {                                                                                                   \
            for (unsigned i = 0; i < all && i < size; i++)                                                             \
                into[i] = (first_info_t){found[i].pid, found[i].memory};                                               \
            *n = all;                                                                                                  \
            if (all > size) code = INSUFFICIENT_SIZE;                                                                  \
        }                                                                                                              \
        END;                                                                                                           \
    }
FIRST_LIST(nvmlDeviceGetComputeRunningProcesses, 'C')
FIRST_LIST(nvmlDeviceGetGraphicsRunningProcesses, 'G')

int nvmlDeviceGetProcessUtilization(void *handle, sample_t *into, unsigned *n, u64 since) {
    BEGIN(handle);
    struct timespec now;
    unsigned found = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    u64 stamp = (u64)now.tv_sec * 1000000 + (u64)now.tv_nsec / 1000;
    if (!code && instance >= 0) code = NOT_SUPPORTED;
    for (int i = 0; !code && stamp > since && i < process_count; i++)
        if (counts(&processes[i], gpu, instance)) {
            if (into && found < *n) into[found] = (sample_t){processes[i].pid, stamp, processes[i].sm, 0, 0, 0};
            found++;
        }
    if (!code) {
        code = found == 0 ? NOT_FOUND : found > (into ? *n : 0) ? INSUFFICIENT_SIZE : SUCCESS;
        *n = found;
    }
    END;
}

int nvmlDeviceGetMigMode(void *handle, unsigned *current, unsigned *pending) {
    BEGIN(handle);
    if (!code) *current = *pending = (unsigned)device->mig;
    END;
}

int nvmlDeviceGetMaxMigDeviceCount(void *handle, unsigned *n) {
    BEGIN(handle);
    if (!code) *n = INSTANCES;
    END;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned index, void **found) {
    BEGIN(handle);
    if (!code && (index >= INSTANCES || !instances[gpu][index].present)) code = NOT_FOUND;
    if (!code) *found = &slots[gpu * (INSTANCES + 1) + 1 + (int)index];
    END;
}

int nvmlDeviceGetGpuInstanceId(void *handle, unsigned *id) {
    BEGIN(handle);
    if (!code) *id = (unsigned)device->gi;
    END;
}

int nvmlDeviceGetComputeInstanceId(void *handle, unsigned *id) {
    BEGIN(handle);
    if (!code) *id = (unsigned)device->ci;
    END;
}

static const link_t *linked(int one, void *other, int nvlink) {
    int b = (int)((char *)other - slots) / (INSTANCES + 1);
    for (int i = 0; i < link_count; i++)
        if (links[i].nvlink == nvlink &&
            ((links[i].one == one && links[i].other == b) || (links[i].one == b && links[i].other == one)))
            return &links[i];
    return NULL;
}

int nvmlDeviceGetTopologyCommonAncestor(void *handle, void *other, int *level) {
    BEGIN(handle);
    const link_t *link = code ? NULL : linked(gpu, other, 0);
    if (!code && !link) code = NOT_SUPPORTED;
    if (link) *level = link->level;
    END;
}

int nvmlDeviceGetP2PStatus(void *handle, void *other, int capability, int *status) {
    BEGIN(handle);
    if (!code) *status = capability == 2 && linked(gpu, other, 1) ? 0 : 4;
    END;
}
