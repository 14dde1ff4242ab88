// A C program that loads every_form() and calls it: HOW is "open", "global" or "namespace".
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int count, char** words) {
  void (*every_form)(void);
  void* library = NULL;
  if (count != 3) return 2;
  if (strcmp(words[1], "open") == 0) library = dlopen(words[2], RTLD_NOW);
  if (strcmp(words[1], "global") == 0) library = dlopen(words[2], RTLD_NOW | RTLD_GLOBAL);
  if (strcmp(words[1], "namespace") == 0) library = dlmopen(LM_ID_NEWLM, words[2], RTLD_NOW);
  if (library == NULL) return puts(dlerror()), 1;
  *(void**)&every_form = dlsym(library, "every_form");
  every_form();
  return 0;
}
