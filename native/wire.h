/* Frames between launcher and agent; src/agent/wire.ts is the other end and says what every field means.
 * A frame is u32 length of what follows, u8 type, payload. Integers are little-endian, strings are u32 length + bytes. */
#ifndef HG_WIRE_H
#define HG_WIRE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WIRE_VERSION 3
#define FRAME_LIMIT (64u << 20)

enum { FROM_LAUNCHER_COMPILE = 'C', FROM_LAUNCHER_MISMATCH = 'M', FROM_LAUNCHER_BAD_BLOB = 'B', FROM_LAUNCHER_DONE = 'D',
       FROM_LAUNCHER_ENDED = 'E' };
enum { TO_LAUNCHER_RUN = 'R', TO_LAUNCHER_REPORT = 'X', TO_LAUNCHER_HIT = 'H', TO_LAUNCHER_WAIT = 'W',
       TO_LAUNCHER_FAIL = 'F' };
enum { CHECK_FILE = 1, CHECK_DIRECTORY = 2, CHECK_ABSENT = 3, CHECK_PRESENT = 4, CHECK_IDENTITY = 5, CHECK_LINK = 6,
       CHECK_NO_LINK = 7, CHECK_UNREACHABLE = 8 };
enum { CAPTURED = 0, CAPTURE_ABSENT = 1, CAPTURE_FAILED = 2, CAPTURE_SPECIAL = 3 };

/* A growing output buffer. Out of memory sets `broken`; the caller then simply runs the compiler. */
typedef struct {
  char *data;
  size_t size, capacity;
  int broken;
} buffer;

static char *buffer_room(buffer *b, size_t more) {
  if (b->size + more > b->capacity) {
    size_t capacity = b->capacity ? b->capacity * 2 : 16384;
    while (capacity < b->size + more) capacity *= 2;
    char *data = realloc(b->data, capacity);
    if (!data) {
      b->broken = 1;
      return NULL;
    }
    b->data = data;
    b->capacity = capacity;
  }
  return b->data + b->size;
}

static void put_bytes(buffer *b, const void *bytes, size_t size) {
  char *room = b->broken ? NULL : buffer_room(b, size);
  if (!room) return;
  memcpy(room, bytes, size);
  b->size += size;
}

static void put_u8(buffer *b, unsigned value) {
  unsigned char byte = (unsigned char)value;
  put_bytes(b, &byte, 1);
}

static void put_u32(buffer *b, uint32_t value) {
  unsigned char bytes[4] = {value & 255, (value >> 8) & 255, (value >> 16) & 255, value >> 24};
  put_bytes(b, bytes, 4);
}

static void put_u64(buffer *b, uint64_t value) {
  put_u32(b, (uint32_t)value);
  put_u32(b, (uint32_t)(value >> 32));
}

static void put_string(buffer *b, const char *text, size_t size) {
  put_u32(b, (uint32_t)size);
  put_bytes(b, text, size);
}

static void begin_frame(buffer *b, int type) {
  b->size = 0;
  put_u32(b, 0);
  put_u8(b, (unsigned)type);
}

static void end_frame(buffer *b) {
  if (b->broken) return;
  uint32_t length = (uint32_t)(b->size - 4);
  for (int i = 0; i < 4; i++) b->data[i] = (char)(length >> (8 * i));
}

/* A reader over a received frame. Reading past the end sets `broken` and yields zeros: a damaged frame never crashes. */
typedef struct {
  char *at, *end;
  int broken;
} reader;

static uint32_t take_u32(reader *r) {
  if (r->end - r->at < 4) {
    r->broken = 1;
    return 0;
  }
  unsigned char *p = (unsigned char *)r->at;
  r->at += 4;
  return p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static uint64_t take_u64(reader *r) {
  uint64_t low = take_u32(r);
  return low | ((uint64_t)take_u32(r) << 32);
}

static unsigned take_u8(reader *r) {
  if (r->at >= r->end) {
    r->broken = 1;
    return 0;
  }
  return (unsigned char)*r->at++;
}

static char *take_string(reader *r, uint32_t *size) {
  *size = take_u32(r);
  if (r->broken || (size_t)(r->end - r->at) < *size) {
    r->broken = 1;
    *size = 0;
    return r->end;
  }
  char *text = r->at;
  r->at += *size;
  return text;
}

/* A string that the agent terminated with NUL (part of its length), so that it can be used in place as a path. */
static char *take_path(reader *r) {
  uint32_t size;
  char *text = take_string(r, &size);
  if (r->broken || size == 0 || text[size - 1] != 0) {
    r->broken = 1;
    return "";
  }
  return text;
}

#endif
