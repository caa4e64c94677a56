#ifndef STRATA_MPI_H
#define STRATA_MPI_H

#include <stdint.h>

// MPI as Strata uses it. Libraries differ in what a handle is, so only C that was compiled against the installed
// header may call them; this is that C. Built without MPI, every function fails and says so.
//
// All calls but the first two are made by one thread, the one that calls `strata_mpi_start`: no MPI library
// promises more than that by default, and none needs to. A function returns 0, or MPI's error code.

/// Whether the program was built with MPI.
int32_t strata_mpi_is_built(void);

/// Writes the library's name and version, `Open MPI v4.1.4, …`, and returns 0; may be called at any time.
int32_t strata_mpi_library(char *text, int32_t capacity);

/// This process among those that the launcher started.
typedef struct {
  int32_t rank;
  int32_t size;
  /// Among the processes of this host.
  int32_t local_rank;
  int32_t local_size;
} strata_mpi_place;

/// Joins the other processes.
int32_t strata_mpi_start(strata_mpi_place *place);

/// What a collective does.
enum {
  STRATA_MPI_SUM = 0,
  STRATA_MPI_MAXIMUM = 1,
  STRATA_MPI_MINIMUM = 2,
  /// Everybody's buffer becomes the root's.
  STRATA_MPI_BROADCAST = 3,
  /// The buffer has a part of `count` elements for each rank, and one's own is filled in.
  STRATA_MPI_GATHER = 4,
  STRATA_MPI_BARRIER = 5
};

/// What the elements are.
enum {
  STRATA_MPI_FLOAT32 = 0,
  STRATA_MPI_FLOAT64 = 1,
  STRATA_MPI_INT64 = 2,
  STRATA_MPI_BFLOAT16 = 3,
  STRATA_MPI_BYTE = 4
};

/// Begins a collective in place. Those of one channel (0 or 1) begin in the same order everywhere.
int32_t strata_mpi_begin(
  int32_t channel, int32_t kind, int32_t element, void *buffer, int64_t count, int32_t root, void **request);

/// Moves a collective on; sets `done`, and frees the request then.
int32_t strata_mpi_test(void *request, int32_t *done);

/// Sends a rank a sign of life, with the number of collectives begun so far, unless the last one is under way.
int32_t strata_mpi_send_pulse(int32_t rank, int64_t begun);

/// Takes one sign of life that has come; `rank` is -1 where there is none.
int32_t strata_mpi_take_pulse(int32_t *rank, int64_t *begun);

/// MPI's sentence for an error code.
void strata_mpi_message(int32_t code, char *text, int32_t capacity);

/// Ends all processes. Where MPI cannot do even that, this one ends after three seconds.
void strata_mpi_abort(int32_t status);

/// Takes leave of the other processes, who all do so.
int32_t strata_mpi_finish(void);

#endif
