/* The line protocol of the tray helpers (see protocol.md), for both systems. No library is needed. */
#ifndef DRAWBRIDGE_LINES_H
#define DRAWBRIDGE_LINES_H

enum { MAX_FIELDS = 6, MAX_LINE = 8192 };

/* Cuts a line into its fields, in place, and puts back what was escaped. Answers how many there are. */
static int split_line(char *line, char *fields[MAX_FIELDS]) {
  int count = 0;
  char *write = line;
  fields[count++] = write;
  for (const char *read = line; *read; read++) {
    if (*read == '\t') {
      *write++ = 0;
      if (count == MAX_FIELDS) return count;
      fields[count++] = write;
    } else if (*read == '\\' && read[1]) {
      read++;
      *write++ = *read == 't' ? '\t' : *read == 'n' ? '\n' : *read;
    } else {
      *write++ = *read;
    }
  }
  *write = 0;
  return count;
}

static int has_flag(const char *flags, char wanted) {
  for (; *flags; flags++)
    if (*flags == wanted) return 1;
  return 0;
}

static int same(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static int is_plain(char c) {
  const int word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  return word || c == '/' || c == '#' || c == '-' || c == '_' || c == '=' || c == '.' || c == '?' || c == '&';
}

/* What follows the prefix, or null where the address begins otherwise. */
static const char *after(const char *prefix, const char *address) {
  for (; *prefix; prefix++, address++)
    if (*prefix != *address) return 0;
  return address;
}

/* The page of this computer's own tray, and panes of the system's settings: nothing else that an address could start. */
static int is_known_address(const char *address) {
  static const char *const prefixes[] = {"http://127.0.0.1:", "ms-settings:", "windowsdefender://",
                                         "x-apple.systempreferences:"};
  const char *rest = 0;
  for (int i = 0; i < 4 && !rest; i++) rest = after(prefixes[i], address);
  if (!rest || !*rest) return 0;
  for (; *rest; rest++)
    if (!is_plain(*rest)) return 0;
  return 1;
}

/* Cuts what comes in into lines. A line that is too long is left out whole. */
struct reader {
  char line[MAX_LINE];
  int length;
  int skipping;
};

/* Takes one byte; answers whether `line` holds a whole line now. */
static int take_byte(struct reader *reader, char byte) {
  if (byte != '\n') {
    if (reader->length == MAX_LINE - 1) reader->skipping = 1;
    else reader->line[reader->length++] = byte;
    return 0;
  }
  const int whole = !reader->skipping;
  reader->line[reader->length] = 0;
  reader->length = 0;
  reader->skipping = 0;
  return whole;
}

#endif
