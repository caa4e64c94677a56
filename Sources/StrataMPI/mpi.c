#include "StrataMPI.h"

#include <stdio.h>
#include <string.h>

#ifdef STRATA_HAS_MPI

#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

// Collectives of the graph, collectives of gradients, and signs of life do not wait for each other.
static MPI_Comm channels[2];
static MPI_Comm pulses;
static MPI_Op bfloat16_sum, bfloat16_maximum, bfloat16_minimum;
static int32_t process_count;

// The last sign of life sent to each rank.
static MPI_Request *sent;
static int64_t *sent_pulses;

int32_t strata_mpi_is_built(void) { return 1; }

int32_t strata_mpi_library(char *text, int32_t capacity) {
  char name[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  int status = MPI_Get_library_version(name, &length);
  if (status == MPI_SUCCESS) snprintf(text, (size_t)capacity, "%s", name);
  return status;
}

static float widened(uint16_t bits) {
  uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

// Rounds to the nearest, ties to even; what is not a number stays none.
static uint16_t narrowed(float value) {
  uint32_t wide;
  memcpy(&wide, &value, sizeof wide);
  if ((wide & 0x7fffffff) > 0x7f800000) return (uint16_t)((wide >> 16) | 0x40);
  return (uint16_t)((wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
}

#define COMBINE(name, expression)                                      \
  static void name(void *from, void *to, int *count, MPI_Datatype *type) { \
    (void)type;                                                        \
    const uint16_t *a = from;                                          \
    uint16_t *b = to;                                                  \
    for (int i = 0; i < *count; i++) {                                 \
      float x = widened(a[i]), y = widened(b[i]);                      \
      b[i] = narrowed(expression);                                     \
    }                                                                  \
  }
COMBINE(add_bfloat16, x + y)
COMBINE(maximum_bfloat16, x > y ? x : y)
COMBINE(minimum_bfloat16, x < y ? x : y)

static MPI_Datatype type_of(int32_t element) {
  switch (element) {
  case STRATA_MPI_FLOAT32: return MPI_FLOAT;
  case STRATA_MPI_FLOAT64: return MPI_DOUBLE;
  case STRATA_MPI_INT64: return MPI_INT64_T;
  case STRATA_MPI_BFLOAT16: return MPI_UINT16_T;
  default: return MPI_BYTE;
  }
}

static MPI_Op operation_of(int32_t kind, int32_t element) {
  int is_bfloat16 = element == STRATA_MPI_BFLOAT16;
  switch (kind) {
  case STRATA_MPI_MAXIMUM: return is_bfloat16 ? bfloat16_maximum : MPI_MAX;
  case STRATA_MPI_MINIMUM: return is_bfloat16 ? bfloat16_minimum : MPI_MIN;
  default: return is_bfloat16 ? bfloat16_sum : MPI_SUM;
  }
}

#define TRY(call)                                \
  do {                                           \
    int outcome = (call);                        \
    if (outcome != MPI_SUCCESS) return outcome;  \
  } while (0)

int32_t strata_mpi_start(strata_mpi_place *place) {
  int provided, rank, size, local_rank, local_size;
  // The thread sleeps between its looks at what is under way. Where Open MPI yields as well, as it does when there
  // are more processes than cores, each look would cost a whole slice of the scheduler's time.
  setenv("OMPI_MCA_mpi_yield_when_idle", "0", 1);
#ifdef __linux__
  // A sleep of 10 µs is one of 10 µs and not of 60.
  prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
#endif
  TRY(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided));
  TRY(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  TRY(MPI_Comm_rank(MPI_COMM_WORLD, &rank));
  TRY(MPI_Comm_size(MPI_COMM_WORLD, &size));
  MPI_Comm host;
  TRY(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &host));
  TRY(MPI_Comm_rank(host, &local_rank));
  TRY(MPI_Comm_size(host, &local_size));
  TRY(MPI_Comm_free(&host));
  MPI_Comm *copies[3] = {&channels[0], &channels[1], &pulses};
  for (int i = 0; i < 3; i++) {
    TRY(MPI_Comm_dup(MPI_COMM_WORLD, copies[i]));
    TRY(MPI_Comm_set_errhandler(*copies[i], MPI_ERRORS_RETURN));
  }
  TRY(MPI_Op_create(add_bfloat16, 1, &bfloat16_sum));
  TRY(MPI_Op_create(maximum_bfloat16, 1, &bfloat16_maximum));
  TRY(MPI_Op_create(minimum_bfloat16, 1, &bfloat16_minimum));
  sent = malloc(sizeof *sent * (size_t)size);
  sent_pulses = malloc(sizeof *sent_pulses * (size_t)size);
  if (!sent || !sent_pulses) return MPI_ERR_NO_MEM;
  for (int i = 0; i < size; i++) sent[i] = MPI_REQUEST_NULL;
  process_count = size;
  *place = (strata_mpi_place){rank, size, local_rank, local_size};
  return MPI_SUCCESS;
}

int32_t strata_mpi_begin(
  int32_t channel, int32_t kind, int32_t element, void *buffer, int64_t count, int32_t root, void **request) {
  MPI_Request *made = malloc(sizeof *made);
  if (!made) return MPI_ERR_NO_MEM;
  MPI_Comm comm = channels[channel];
  MPI_Datatype type = type_of(element);
  int status = count > INT_MAX ? MPI_ERR_COUNT : MPI_SUCCESS;
  int length = (int)count;
  if (status == MPI_SUCCESS) {
    switch (kind) {
    case STRATA_MPI_BARRIER: status = MPI_Ibarrier(comm, made); break;
    case STRATA_MPI_BROADCAST: status = MPI_Ibcast(buffer, length, type, root, comm, made); break;
    case STRATA_MPI_GATHER:
      status = MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, buffer, length, type, comm, made);
      break;
    default:
      status = MPI_Iallreduce(MPI_IN_PLACE, buffer, length, type, operation_of(kind, element), comm, made);
    }
  }
  if (status != MPI_SUCCESS) {
    free(made);
    return status;
  }
  *request = made;
  return MPI_SUCCESS;
}

int32_t strata_mpi_test(void *request, int32_t *done) {
  int flag = 0;
  TRY(MPI_Test(request, &flag, MPI_STATUS_IGNORE));
  *done = flag;
  if (flag) free(request);
  return MPI_SUCCESS;
}

int32_t strata_mpi_send_pulse(int32_t rank, int64_t begun) {
  int flag = 1;
  TRY(MPI_Test(&sent[rank], &flag, MPI_STATUS_IGNORE));
  if (!flag) return MPI_SUCCESS;
  sent_pulses[rank] = begun;
  return MPI_Isend(&sent_pulses[rank], 1, MPI_INT64_T, rank, 0, pulses, &sent[rank]);
}

int32_t strata_mpi_take_pulse(int32_t *rank, int64_t *begun) {
  int flag = 0;
  MPI_Status status;
  *rank = -1;
  TRY(MPI_Iprobe(MPI_ANY_SOURCE, 0, pulses, &flag, &status));
  if (!flag) return MPI_SUCCESS;
  TRY(MPI_Recv(begun, 1, MPI_INT64_T, status.MPI_SOURCE, 0, pulses, MPI_STATUS_IGNORE));
  *rank = status.MPI_SOURCE;
  return MPI_SUCCESS;
}

void strata_mpi_message(int32_t code, char *text, int32_t capacity) {
  char sentence[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (MPI_Error_string(code, sentence, &length) != MPI_SUCCESS) snprintf(sentence, sizeof sentence, "error %d", code);
  snprintf(text, (size_t)capacity, "%s", sentence);
}

void strata_mpi_abort(int32_t status) {
  // The default action ends the process even while MPI waits for a launcher that nobody can reach.
  signal(SIGALRM, SIG_DFL);
  alarm(3);
  MPI_Abort(MPI_COMM_WORLD, status);
  _exit(status);
}

int32_t strata_mpi_finish(void) {
  for (int i = 0; i < process_count; i++) {
    if (sent[i] != MPI_REQUEST_NULL) MPI_Wait(&sent[i], MPI_STATUS_IGNORE);
  }
  return MPI_Finalize();
}

#else

#include <stdlib.h>

int32_t strata_mpi_is_built(void) { return 0; }

static int32_t nothing(void) { return -1; }

int32_t strata_mpi_library(char *text, int32_t capacity) {
  if (capacity > 0) text[0] = 0;
  return nothing();
}

int32_t strata_mpi_start(strata_mpi_place *place) {
  *place = (strata_mpi_place){0, 1, 0, 1};
  return nothing();
}

int32_t strata_mpi_begin(
  int32_t channel, int32_t kind, int32_t element, void *buffer, int64_t count, int32_t root, void **request) {
  (void)channel, (void)kind, (void)element, (void)buffer, (void)count, (void)root;
  *request = NULL;
  return nothing();
}

int32_t strata_mpi_test(void *request, int32_t *done) {
  (void)request;
  *done = 0;
  return nothing();
}

int32_t strata_mpi_send_pulse(int32_t rank, int64_t begun) {
  (void)rank, (void)begun;
  return nothing();
}

int32_t strata_mpi_take_pulse(int32_t *rank, int64_t *begun) {
  (void)begun;
  *rank = -1;
  return nothing();
}

void strata_mpi_message(int32_t code, char *text, int32_t capacity) {
  (void)code;
  snprintf(text, (size_t)capacity, "this program was built without MPI");
}

void strata_mpi_abort(int32_t status) { _Exit(status); }

int32_t strata_mpi_finish(void) { return nothing(); }

#endif
