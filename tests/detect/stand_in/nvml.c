/* A stand-in for libnvidia-ml.so.1 that answers from a recorded machine.
 *
 * The file named by ENVFIT_RECORDED_MACHINE is read in the format of envfit/detect/record.py.
 * Only what envfit asks for is here, with the signatures of NVIDIA's NVML API reference.
 * UUIDs are not recorded; they are made from the index: GPU-00000001-0000-0000-0000-000000000000,
 * and for the third MIG instance of GPU 1 MIG-00000001-0000-0000-0000-000000000002.
 * ENVFIT_STAND_IN_LOG names a file that gets a line for each init and shutdown.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NO_PERMISSION = 4,
    NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, DRIVER_NOT_LOADED = 9, LIBRARY_NOT_FOUND = 12,
    MISMATCH = 18, UNKNOWN = 999
};
enum { MAX_GPUS = 16, MAX_INSTANCES = 8, TEXT = 96 };

struct gpu;

struct device { /* what a handle points to: a GPU, or one MIG instance of it */
    struct gpu *gpu;
    int instance; /* -1: the GPU itself */
};

struct gpu {
    int index, error, major, minor, mig_on, instances;
    long long memory; /* -1: not recorded */
    char name[TEXT];
    char profile[MAX_INSTANCES][TEXT];
    struct device self, instance[MAX_INSTANCES];
};

typedef struct { unsigned long long total, free, used; } memory_t;

static struct gpu gpus[MAX_GPUS];
static int count, initialized, init_result;
static char driver[TEXT];
static int cuda; /* 0: not recorded */

static void note(const char *what) {
    const char *path = getenv("ENVFIT_STAND_IN_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (log) {
        fprintf(log, "%s\n", what);
        fclose(log);
    }
}

static void set_status(const char *status) {
    init_result = !strcmp(status, "no-driver")       ? DRIVER_NOT_LOADED
                  : !strcmp(status, "mismatch")      ? MISMATCH
                  : !strcmp(status, "no-permission") ? NO_PERMISSION
                  : !strcmp(status, "failed")        ? UNKNOWN
                                                     : SUCCESS;
}

static void begin_gpu(int index) {
    struct gpu *gpu = &gpus[count++];
    memset(gpu, 0, sizeof *gpu);
    gpu->index = index;
    gpu->memory = -1;
    gpu->self.gpu = gpu;
    gpu->self.instance = -1;
}

static void add_instance(struct gpu *gpu, const char *profile) {
    struct device *device = &gpu->instance[gpu->instances];
    device->gpu = gpu;
    device->instance = gpu->instances;
    snprintf(gpu->profile[gpu->instances++], TEXT, "%s", profile);
}

static int read_machine(void) {
    const char *path = getenv("ENVFIT_RECORDED_MACHINE");
    FILE *file = path ? fopen(path, "r") : NULL;
    char line[256];
    if (!file) return UNKNOWN;
    count = cuda = init_result = 0;
    driver[0] = '\0';
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\r\n")] = '\0';
        char *space = strchr(line, ' ');
        if (!space || line[0] == '#') continue;
        *space = '\0';
        const char *key = line, *value = space + 1;
        struct gpu *gpu = count ? &gpus[count - 1] : NULL;
        int major, minor;
        if (!strcmp(key, "nvml")) set_status(value);
        else if (!strcmp(key, "driver")) snprintf(driver, sizeof driver, "%s", value);
        else if (!strcmp(key, "cuda") && sscanf(value, "%d.%d", &major, &minor) == 2)
            cuda = major * 1000 + minor * 10;
        else if (!strcmp(key, "gpu") && count < MAX_GPUS) begin_gpu(atoi(value));
        else if (!gpu) continue;
        else if (!strcmp(key, "name")) snprintf(gpu->name, TEXT, "%s", value);
        else if (!strcmp(key, "capability")) sscanf(value, "%d.%d", &gpu->major, &gpu->minor);
        else if (!strcmp(key, "memory")) gpu->memory = atoll(value);
        else if (!strcmp(key, "mig")) gpu->mig_on = !strcmp(value, "on");
        else if (!strcmp(key, "instance") && gpu->instances < MAX_INSTANCES) add_instance(gpu, value);
        else if (!strcmp(key, "error")) gpu->error = atoi(value);
    }
    fclose(file);
    return init_result;
}

static int give(char *buffer, unsigned int length, const char *text) {
    if (strlen(text) >= length) return INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return SUCCESS;
}

int nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    int result = read_machine();
    if (result == SUCCESS) {
        initialized++;
        note("init");
    }
    return result;
}

int nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

int nvmlShutdown(void) {
    if (!initialized) return UNINITIALIZED;
    initialized--;
    note("shutdown");
    return SUCCESS;
}

const char *nvmlErrorString(int result) {
    switch (result) {
    case SUCCESS: return "Success";
    case NO_PERMISSION: return "Insufficient Permissions";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    case MISMATCH: return "Driver/library version mismatch";
    default: return "Unknown Error";
    }
}

int nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    return initialized ? give(version, length, driver) : UNINITIALIZED;
}

int nvmlSystemGetCudaDriverVersion_v2(int *version) {
    *version = cuda;
    return cuda ? SUCCESS : LIBRARY_NOT_FOUND; /* NVML asks libcuda */
}

int nvmlDeviceGetCount_v2(unsigned int *number) {
    *number = (unsigned int)count;
    return initialized ? SUCCESS : UNINITIALIZED;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, struct device **device) {
    if (index >= (unsigned int)count) return INVALID_ARGUMENT;
    *device = &gpus[index].self;
    return gpus[index].error;
}

int nvmlDeviceGetName(struct device *device, char *name, unsigned int length) {
    char text[2 * TEXT + 8];
    if (device->instance < 0) return give(name, length, device->gpu->name);
    snprintf(text, sizeof text, "%s MIG %s", device->gpu->name, device->gpu->profile[device->instance]);
    return give(name, length, text);
}

int nvmlDeviceGetUUID(struct device *device, char *uuid, unsigned int length) {
    char text[TEXT];
    int mig = device->instance >= 0;
    snprintf(text, sizeof text, "%s-%08d-0000-0000-0000-%012d", mig ? "MIG" : "GPU", device->gpu->index,
             mig ? device->instance : 0);
    return give(uuid, length, text);
}

int nvmlDeviceGetCudaComputeCapability(struct device *device, int *major, int *minor) {
    *major = device->gpu->major;
    *minor = device->gpu->minor;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(struct device *device, memory_t *memory) {
    if (device->gpu->memory < 0) return NOT_SUPPORTED;
    memory->total = memory->free = (unsigned long long)device->gpu->memory;
    memory->used = 0;
    return SUCCESS;
}

int nvmlDeviceGetMigMode(struct device *device, unsigned int *current, unsigned int *pending) {
    if (device->gpu->major < 8) return NOT_SUPPORTED;
    *current = *pending = (unsigned int)device->gpu->mig_on;
    return SUCCESS;
}

int nvmlDeviceGetMaxMigDeviceCount(struct device *device, unsigned int *number) {
    *number = device->gpu->mig_on ? MAX_INSTANCES : 0;
    return SUCCESS;
}

int nvmlDeviceGetMigDeviceHandleByIndex(struct device *device, unsigned int index, struct device **instance) {
    if (index >= (unsigned int)device->gpu->instances) return NOT_FOUND;
    *instance = &device->gpu->instance[index];
    return SUCCESS;
}
